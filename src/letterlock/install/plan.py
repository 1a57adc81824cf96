"""`secure` as a plan: certificate files, Postfix's and Dovecot's configuration, what to expect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from letterlock.install.draft_dovecot import DovecotDraft
from letterlock.install.draft_postfix import PostfixDraft
from letterlock.install.intent import Intent, Surroundings
from letterlock.install.names import KeyAndChain, ServedName, expected
from letterlock.install.plan_dovecot import plan_dovecot
from letterlock.install.plan_names import plan_names, without_sni
from letterlock.install.plan_postfix import plan_postfix
from letterlock.install.version_notices import version_notices
from letterlock.model.errors import InputError
from letterlock.model.plan import Change, Expectation, Plan
from letterlock.model.service import Endpoint
from letterlock.servers.dovecot_configuration import DovecotConfiguration
from letterlock.servers.postfix_configuration import PostfixConfiguration
from letterlock.servers.sasl import Sasl
from letterlock.servers.sni_tables import SniTables


@dataclass(frozen=True, slots=True)
class FurtherInstance:
    """A Postfix instance beside the first: its server's name, its configuration, who answers AUTH
    for it, and what reads and builds its SNI tables."""

    name: str
    configuration: PostfixConfiguration
    sasl: Sasl | None = None
    sni_tables: SniTables | None = None


@dataclass(frozen=True, slots=True)
class Configurations:
    """What is installed, as read; None for the server that is not there. `postfix` is the default
    instance, or the one chosen, and takes on the ports that none of `instances` serves;
    `postfix_name` is its server's name. `other_ports` are those of instances that are left
    alone."""

    postfix: PostfixConfiguration | None
    dovecot: DovecotConfiguration | None
    instances: tuple[FurtherInstance, ...] = ()
    postfix_name: str = "Postfix"
    other_ports: frozenset[int] = frozenset()

    def ports(self) -> frozenset[int]:
        """Every port that one of the servers has to open as they are configured now."""
        read = (self.postfix, self.dovecot, *(each.configuration for each in self.instances))
        ends = (endpoint for each in read if each for endpoint in each.endpoints())
        return self.other_ports.union(endpoint.port for endpoint in ends)


def plan_secure(
    intent: Intent,
    configurations: Configurations,
    surroundings: Surroundings,
    further_changes: tuple[Change, ...] = (),
) -> Plan:
    """The whole plan. Pure: the same arguments give the same plan.

    `further_changes` are files the intent refers to beside the certificate's, such as
    Diffie-Hellman parameters. Raises InputError and RefusedError with the reason."""
    surroundings = _with_socket(intent, configurations, surroundings)
    if configurations.dovecot:
        ports = frozenset(endpoint.port for endpoint in configurations.dovecot.endpoints())
        surroundings = replace(surroundings, dovecot_ports=ports)
    postfix = _plan_postfix(intent, configurations, surroundings)
    drafts = {configurations.postfix_name: postfix} if postfix else {}
    drafts |= _plan_instances(intent, configurations, surroundings)
    dovecot = (
        plan_dovecot(intent, configurations.dovecot, surroundings)
        if configurations.dovecot
        else None
    )
    _plan_names(intent, configurations, surroundings, drafts, dovecot)
    changes = (
        *intent.stored.changes,
        *further_changes,
        *(change for draft in drafts.values() for change in draft.changes()),
        *(dovecot.changes() if dovecot else ()),
    )
    return Plan(
        verb="secure",
        subject=intent.host,
        changes=changes,
        servers=_servers(intent, drafts, dovecot),
        expectations=_expectations(intent, drafts, dovecot),
        notices=(
            *version_notices(configurations.postfix, configurations.dovecot),
            *(_told(name, notice) for name, draft in drafts.items() for notice in draft.notices),
            *(dovecot.notices if dovecot else ()),
        ),
    )


def _with_socket(
    intent: Intent, configurations: Configurations, surroundings: Surroundings
) -> Surroundings:
    """Where `--sasl dovecot` puts the socket that Postfix asks: below its queue folder, so that
    a chrooted smtpd reaches it."""
    if intent.sasl is None:
        return surroundings
    if configurations.postfix is None or configurations.dovecot is None:
        missing = "Postfix" if configurations.postfix is None else "Dovecot"
        raise InputError(f"--sasl dovecot needs both servers, and {missing} is not installed")
    present = surroundings.sasl
    socket = present.socket if present and present.kind == "dovecot" and present.socket else ""
    if not socket:
        socket = f"{configurations.postfix.value('queue_directory')}/private/auth"
    kind = present.kind if present else "cyrus"
    return replace(surroundings, sasl=Sasl(kind, socket, answered=True, dovecot_can=True))


def _plan_postfix(
    intent: Intent, configurations: Configurations, surroundings: Surroundings
) -> PostfixDraft | None:
    if configurations.postfix is None:
        if intent.wrapper_ports:
            raise InputError("--wrapper-port is for Postfix, which is not installed")
        return None
    others = (each.configuration.endpoints() for each in configurations.instances)
    ports = {endpoint.port for endpoints in others for endpoint in endpoints}
    return plan_postfix(
        intent,
        configurations.postfix,
        replace(surroundings, other_ports=configurations.other_ports | ports),
    )


def _plan_instances(
    intent: Intent, configurations: Configurations, surroundings: Surroundings
) -> dict[str, PostfixDraft]:
    """Every further instance as it stands: no port is opened, no SASL is set up in it."""
    own = replace(intent, sasl=None, wrapper_ports=())
    return {
        each.name: plan_postfix(
            own,
            each.configuration,
            replace(surroundings, sasl=each.sasl, opens_ports=False),
        )
        for each in configurations.instances
    }


def _plan_names(
    intent: Intent,
    configurations: Configurations,
    surroundings: Surroundings,
    drafts: Mapping[str, PostfixDraft],
    dovecot: DovecotDraft | None,
) -> None:
    only_present = () if intent.sni else [served.name for served in intent.names]
    names = (*intent.names, *intent.kept)
    plan_names(names, drafts.get(configurations.postfix_name), dovecot, surroundings, only_present)
    for each in configurations.instances:
        tables = replace(surroundings, sni_tables=each.sni_tables)
        plan_names(names, drafts[each.name], None, tables, only_present)


def _told(name: str, notice: str) -> str:
    return notice if name == "Postfix" else f"{name}: {notice}"


def _servers(
    intent: Intent, drafts: Mapping[str, PostfixDraft], dovecot: DovecotDraft | None
) -> tuple[str, ...]:
    """Those that read something this plan changes: the certificate is read by all. One that is
    only on paper is told nothing."""
    found = [
        name
        for name, draft in drafts.items()
        if not draft.before.on_paper and (intent.stored.changes or draft.changes())
    ]
    if dovecot and not dovecot.before.on_paper and (intent.stored.changes or dovecot.changes()):
        found.append("Dovecot")
    return tuple(found)


def _expectations(
    intent: Intent, drafts: Mapping[str, PostfixDraft], dovecot: DovecotDraft | None
) -> tuple[Expectation, ...]:
    endpoints: dict[tuple[str, int], Endpoint] = {}
    by_name = intent.sni or intent.kept
    without = {end for draft in drafts.values() if by_name for end in without_sni(draft)}
    for endpoint in (
        *(endpoint for draft in drafts.values() for endpoint in draft.served_endpoints()),
        *(dovecot.before.endpoints() if dovecot else ()),
    ):
        if endpoint not in without:
            endpoints.setdefault((endpoint.address, endpoint.port), endpoint)
    names = (*(intent.names or (_of_host(intent),)), *intent.kept)
    return tuple(
        expectation
        for served in names
        for endpoint in sorted(endpoints.values(), key=lambda e: (e.port, ":" in e.address))
        for expectation in expected(served, endpoint)
    )


def _of_host(intent: Intent) -> ServedName:
    """The host with its certificates, for verification alone."""
    pairs = (
        KeyAndChain(pair.key_file, pair.certificate_file, b"", pair.leaf_sha256, pair.key_type)
        for pair in intent.stored.pairs
    )
    return ServedName(intent.host, tuple(pairs))
