"""From a table or a folder of certificates to the plan that serves them all."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from letterlock.certs.bundle import Bundle, CertificateFiles
from letterlock.certs.bundle import prepare as prepare_bundle
from letterlock.certs.errors import CertificateError
from letterlock.certs.names import covers, spoken_for
from letterlock.certs.store import Layout, plan_store
from letterlock.certs.trust import TrustStore
from letterlock.cli.secure_placing import own_names_file, sni_tables
from letterlock.install.draft_dovecot import DovecotDraft
from letterlock.install.draft_postfix import PostfixDraft
from letterlock.install.intent import Surroundings
from letterlock.install.names import KeyAndChain, ServedName
from letterlock.install.names_source import Source
from letterlock.install.plan import Configurations
from letterlock.install.plan_names import plan_many
from letterlock.model.errors import InputError
from letterlock.model.plan import Change, Plan
from letterlock.servers.dovecot import Dovecot
from letterlock.servers.find import find_servers
from letterlock.servers.interface import MailServer
from letterlock.servers.postfix import Postfix
from letterlock.servers.tools import Tools

#: So many of the certificates refused are told of by name.
_TOLD = 10
#: A step of the progress is so many certificates.
_STEP = 50

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Accepted:
    """A certificate fit to be installed, for these names; the first is its folder in the store."""

    names: tuple[str, ...]
    bundle: Bundle
    source: Source


def accept(
    sources: Iterable[Source], trust: TrustStore, tell: Tell, *, skip_refused: bool
) -> tuple[tuple[Accepted, ...], tuple[str, ...]]:
    """Every certificate judged, and notices. Raises InputError for those that must not be
    installed, all of them told of; with `skip_refused` they are left out instead."""
    found: list[Accepted] = []
    refused: list[str] = []
    listed = tuple(sources)
    at = datetime.now(UTC)
    for number, source in enumerate(listed):
        if number % _STEP == 0:
            tell(f"reading certificates: {number} of {len(listed)}")
        try:
            found.append(_accepted(source, trust, at))
        except (CertificateError, InputError) as error:
            refused.append(str(error))
    if refused and not (skip_refused and found):
        raise _all_refused(refused, len(listed))
    notices = tuple(f"left out: {line}" for line in refused)
    return _each_name_once(found, notices)


def _all_refused(refused: list[str], of: int) -> InputError:
    shown = "; ".join(refused[:_TOLD])
    more = f"; and {len(refused) - _TOLD} more" if len(refused) > _TOLD else ""
    return InputError(
        f"{len(refused)} of {of} certificates must not be installed: {shown}{more}",
        remedy="mend them, or leave them out with --skip-refused",
    )


def _accepted(source: Source, trust: TrustStore, at: datetime) -> Accepted:
    key = str(source.key) if source.key else None
    files = CertificateFiles(str(source.certificate), key)
    bundle = prepare_bundle(files, None, trust, at)
    names = source.names or tuple(dict.fromkeys(n.lower() for n in bundle.leaf.dns_names))
    if not names:
        raise InputError("its certificate has no DNS name", where=source.where)
    for name in names:
        if not covers(bundle.leaf, name):
            raise InputError(
                f"the certificate does not speak for {name}, but for {spoken_for(bundle.leaf)}",
                where=source.where,
            )
    folder = source.certificate.parent.name
    first = folder if not source.names and folder in names else names[0]
    return Accepted(tuple(dict.fromkeys((first, *names))), bundle, source)


def _each_name_once(
    found: list[Accepted], notices: tuple[str, ...]
) -> tuple[tuple[Accepted, ...], tuple[str, ...]]:
    """Of several certificates for a name the one that is valid longest is taken."""
    best: dict[str, Accepted] = {}
    for each in found:
        for name in each.names:
            other = best.setdefault(name, each)
            if other.bundle.leaf.not_after < each.bundle.leaf.not_after:
                best[name] = each
    kept: list[Accepted] = []
    said = list(notices)
    for each in found:
        names = tuple(name for name in each.names if best[name] is each)
        for name in each.names:
            if best[name] is not each:
                said.append(
                    f"{name}: {best[name].source.where} is valid longer than {each.source.where}"
                )
        if names:
            kept.append(Accepted(names, each.bundle, each.source))
    return tuple(kept), tuple(said)


@dataclass(frozen=True, slots=True)
class System:
    """The servers of one system with their configurations as read."""

    tools: Tools
    servers: tuple[MailServer, ...]
    configurations: Configurations
    surroundings: Surroundings

    @classmethod
    def read(cls, root: Path) -> System:
        """Raises InputError where there is no server, or one that refuses its configuration."""
        tools = Tools.for_root(root)
        servers = find_servers(tools)
        postfix = next((each for each in servers if isinstance(each, Postfix)), None)
        dovecot = next((each for each in servers if isinstance(each, Dovecot)), None)
        configurations = Configurations(
            postfix.read() if postfix else None, dovecot.read() if dovecot else None
        )
        surroundings = Surroundings(
            expand_ciphers=lambda _text: None,
            knows_group=lambda _group: False,
            sasl=None,
            sni_tables=sni_tables(tools, configurations),
            own_names_file=own_names_file(tools, configurations),
        )
        return cls(tools, servers, configurations, surroundings)

    def drafts(self) -> tuple[PostfixDraft | None, DovecotDraft | None]:
        postfix, dovecot = self.configurations.postfix, self.configurations.dovecot
        return (
            PostfixDraft(postfix) if postfix else None,
            DovecotDraft(dovecot) if dovecot else None,
        )


def plan(
    accepted: Iterable[Accepted],
    notices: tuple[str, ...],
    system: System,
    root: Path,
) -> Plan:
    """The plan for all of them. Raises InputError and RefusedError."""
    changes: dict[Path, Change] = {}
    names: list[ServedName] = []
    at = datetime.now(UTC)
    for each in accepted:
        stored = plan_store(each.names[0], (each.bundle,), Layout.SEPARATE, at, root)
        for change in stored.changes:
            changes.setdefault(change.path, change)
        pairs = KeyAndChain.of(stored, (each.bundle,))
        names += [ServedName(name, pairs) for name in each.names]
    postfix, dovecot = system.drafts()
    planned = plan_many(names, changes.values(), postfix, dovecot, system.surroundings)
    return replace(planned, notices=(*notices, *planned.notices))
