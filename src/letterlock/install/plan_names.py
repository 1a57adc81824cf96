"""Names with certificates of their own, on both servers: one plan for one or for thousands."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from letterlock.install.draft_dovecot import DovecotDraft
from letterlock.install.draft_postfix import PostfixDraft
from letterlock.install.intent import Surroundings
from letterlock.install.names import ServedName, expectations
from letterlock.install.plan_names_dovecot import plan_names_dovecot
from letterlock.install.plan_names_postfix import listeners_without_sni, plan_names_postfix
from letterlock.model.plan import Change, Plan
from letterlock.model.service import Endpoint


def plan_names(
    names: Sequence[ServedName],
    postfix: PostfixDraft | None,
    dovecot: DovecotDraft | None,
    surroundings: Surroundings,
    only_present: Collection[str] = (),
) -> None:
    """Let both drafts serve each name its certificate; the names in `only_present` only where they
    have an entry already. Raises InputError and RefusedError with the reason."""
    if postfix and surroundings.sni_tables:
        plan_names_postfix(postfix, names, surroundings.sni_tables, only_present)
        if any(served.name not in only_present for served in names):
            _tell_without(postfix)
    if dovecot:
        own = surroundings.own_names_file
        plan_names_dovecot(dovecot, names, own, only_present)


def _tell_without(draft: PostfixDraft) -> None:
    for listener in listeners_without_sni(draft):
        draft.notices.append(
            f"{draft.before.master.path}:{listener.entry.line}: {listener.entry.name} takes the "
            "SNI tables away by -o, and goes on serving its default certificate to every name"
        )


def without_sni(draft: PostfixDraft) -> frozenset[Endpoint]:
    """The endpoints that serve the default certificate whatever name is sent."""
    ports = {listener.port for listener in listeners_without_sni(draft)}
    return frozenset(end for end in draft.now.endpoints() if end.port in ports)


def plan_many(
    names: Sequence[ServedName],
    stored: Iterable[Change],
    postfix: PostfixDraft | None,
    dovecot: DovecotDraft | None,
    surroundings: Surroundings,
) -> Plan:
    """The plan that serves all these names and changes nothing else; `stored` puts their
    certificates in place."""
    plan_names(names, postfix, dovecot, surroundings)
    certificates = tuple(stored)
    endpoints: list[list[Endpoint]] = []
    servers = []
    if postfix:
        served = set(without_sni(postfix))
        endpoints.append([end for end in postfix.served_endpoints() if end not in served])
        if certificates or postfix.changes():
            servers.append("Postfix")
    if dovecot:
        endpoints.append(list(dovecot.before.endpoints()))
        if certificates or dovecot.changes():
            servers.append("Dovecot")
    return Plan(
        verb="names",
        subject=names[0].name,
        changes=(
            *certificates,
            *(postfix.changes() if postfix else ()),
            *(dovecot.changes() if dovecot else ()),
        ),
        servers=tuple(servers),
        expectations=expectations(names, endpoints),
        notices=(
            *(postfix.notices if postfix else ()),
            *(dovecot.notices if dovecot else ()),
        ),
    )
