"""Where certificates are served, one file and one name at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from letterlock.model.errors import Location
from letterlock.model.service import Endpoint
from letterlock.model.status import Reference
from letterlock.servers.sni_source import sni_name

_NOWHERE = Location("")


@dataclass(frozen=True, slots=True)
class Slot:
    """One certificate file as a configuration names it, with the key before it, at the endpoints
    where it is served. `name` is the only server name (SNI) that it is for, a `*.` pattern maybe;
    None: every one without its own. `table` is the SNI table that it stands in, in whose entry it
    may be nameless (`certificate` empty: only the built index has it)."""

    server: str
    certificate: str
    key: str
    endpoints: tuple[Endpoint, ...]
    name: str | None = None
    table: str | None = None
    where: Location = _NOWHERE

    def answers(self, name: str) -> bool:
        """Whether it is for that name, and not for every one. A table's pattern covers all that is
        below it (postconf(5), tls_server_sni_maps); a `local_name`'s one label (Dovecot's
        src/lib/dns-util.h)."""
        if self.name is None:
            return False
        own, name = self.name.lower(), name.lower()
        if not self.is_pattern:
            return own == name
        label = name.removesuffix(own[1:])
        return label != name and (self.table is not None or "." not in label)

    @property
    def is_pattern(self) -> bool:
        return self.name is not None and self.name.startswith("*.")


def slots(references: Iterable[Reference]) -> tuple[Slot, ...]:
    """Each file of each reference, for each of its names: a key comes before its certificate, or
    is in the same file (postconf(5) smtpd_tls_chain_files), so that of a key's own file comes a
    slot that holds no certificate."""
    return tuple(slot for reference in references for slot in _slots(reference))


def _slots(reference: Reference) -> Iterator[Slot]:
    files = reference.files or ("",)
    for name in reference.names or (None,):
        for certificate, key in zip(files, (files[0], *files), strict=False):
            yield Slot(
                reference.server,
                certificate,
                key,
                reference.endpoints,
                None if name is None else sni_name(name),
                reference.table,
                reference.where,
            )
