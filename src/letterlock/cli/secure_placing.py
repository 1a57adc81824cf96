"""Whether `secure`'s certificate becomes the default or stands beside it, and for which names."""

from __future__ import annotations

from dataclasses import dataclass

from letterlock.certs.bundle import Bundle
from letterlock.certs.names import ascii_name, covers, spoken_for
from letterlock.cli.secure_options import Placing, SecureOptions
from letterlock.install.default_certificate import (
    belongs_beside,
    default_certificates,
    kept_names,
    replaced_notices,
)
from letterlock.install.draft_dovecot import DovecotDraft
from letterlock.install.draft_postfix import PostfixDraft
from letterlock.install.names import KeyAndChain, ServedName
from letterlock.install.plan import Configurations
from letterlock.install.plan_names_dovecot import names_in_blocks, own_file
from letterlock.install.plan_names_postfix import names_in_tables
from letterlock.model.errors import InputError
from letterlock.servers.sni_tables import SniTables
from letterlock.servers.tools import Tools


@dataclass(frozen=True, slots=True)
class Placed:
    """The answer, and what is there now: Postfix's tables, and our file of names for Dovecot."""

    sni: bool
    hosts: tuple[str, ...]
    tables: SniTables | None
    own_file: bytes | None
    notices: tuple[str, ...]
    kept: tuple[ServedName, ...] = ()

    def names(self, pairs: tuple[KeyAndChain, ...]) -> tuple[ServedName, ...]:
        return tuple(ServedName(host, pairs) for host in self.hosts)


def place(
    host: str,
    options: SecureOptions,
    bundles: tuple[Bundle, ...],
    tools: Tools,
    configurations: Configurations,
) -> Placed:
    """Look at what is served now and decide (docs/how-to/names.md has the rule)."""
    tables = sni_tables(tools, configurations)
    defaults = default_certificates(configurations.postfix, configurations.dovecot, options.root)
    kept: tuple[ServedName, ...] = ()
    match options.placing:
        case Placing.DEFAULT:
            sni = False
            kept = kept_names(host, defaults, options.root)
        case Placing.SNI:
            sni = True
        case Placing.AS_FOUND:
            present = names_present(configurations, tables)
            sni = belongs_beside(host, defaults, present)
    hosts = (host, *(_also(name, bundles) for name in options.also))
    notices = _sni_notices(hosts, bundles[0]) if sni else replaced_notices(host, defaults)
    if options.placing is Placing.DEFAULT:
        notices = tuple(
            f"{served.name} goes on being served its own certificate by its name (SNI)"
            for served in kept
        )
    own = own_names_file(tools, configurations)
    return Placed(sni, tuple(dict.fromkeys(hosts)), tables, own, notices, kept)


def sni_tables(tools: Tools, configurations: Configurations) -> SniTables | None:
    postfix = configurations.postfix
    return SniTables(tools, postfix.folder) if postfix else None


def names_present(
    configurations: Configurations, tables: SniTables | None
) -> dict[str, tuple[str, ...]]:
    """Every name with an entry or block of its own, and the files it is served."""
    found: dict[str, tuple[str, ...]] = {}
    if configurations.dovecot:
        found |= names_in_blocks(DovecotDraft(configurations.dovecot))
    if configurations.postfix and tables:
        found |= names_in_tables(PostfixDraft(configurations.postfix), tables)
    return found


def own_names_file(tools: Tools, configurations: Configurations) -> bytes | None:
    if configurations.dovecot is None:
        return None
    path = tools.outside(own_file(configurations.dovecot.tree.main_path))
    return path.read_bytes() if path.is_file() else None


def _also(name: str, bundles: tuple[Bundle, ...]) -> str:
    host = ascii_name(name)
    for bundle in bundles:
        if not covers(bundle.leaf, host):
            raise InputError(
                f"--also {host}: the certificate does not speak for it, but for "
                f"{spoken_for(bundle.leaf)}",
                remedy="leave it out, or order a certificate with that name",
            )
    return host


def _sni_notices(hosts: tuple[str, ...], bundle: Bundle) -> tuple[str, ...]:
    said = [
        f"{' and '.join(hosts)} is added by its name (SNI); the default certificate stays "
        "(--default would replace it)"
    ]
    others = [name for name in bundle.leaf.dns_names if name.lower() not in hosts]
    if others:
        shown = ", ".join(others[:6]) + (f" and {len(others) - 6} more" if others[6:] else "")
        said.append(f"the certificate is also for {shown}: --also serves it to clients of those")
    return tuple(said)
