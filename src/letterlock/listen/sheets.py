"""Visits → a sheet for each sender. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from letterlock.listen.limits import client_of
from letterlock.model.listening import Row, Sheet, TlsSeen, Trap, Verdict, Visit
from letterlock.model.wording import Wording

#: The worst counts, and what says nothing comes after what says something.
_WORST_FIRST = (
    Verdict.FELL_BACK, Verdict.CLEAR, Verdict.DELIVERED, Verdict.REFUSED, Verdict.INCONCLUSIVE,
)  # fmt: skip
#: Names of one sender that are kept.
_MOST = 20


def sheets(visits: Sequence[Visit], labels: Mapping[str, str] | None = None) -> tuple[Sheet, ...]:
    """One for each token that a recipient had, then one for each client of whom no recipient is
    known, in the order of their first visits. `labels` are names of tokens, by their digest: those
    come first, in that order."""
    told = labels or {}
    seen = dict.fromkeys(token for visit in visits for token in _tokens(visit))
    tokens = dict.fromkeys((*(token for token in told if token in seen), *seen))
    found = [_of_token(token, visits, told.get(token, "")) for token in tokens]
    known = {client_of(visit.address) for visit in visits if any(True for _ in _tokens(visit))}
    strangers: dict[str, list[Visit]] = {}
    for visit in visits:
        client = client_of(visit.address)
        if client not in known:
            strangers.setdefault(client, []).append(visit)
    found += [_sheet(None, each, "") for each in strangers.values()]
    return tuple(found)


def _tokens(visit: Visit) -> Iterable[str]:
    return (token for _, token in visit.recipients)


def _of_token(token: str, visits: Sequence[Visit], label: str) -> Sheet:
    """Its own visits, and those without any recipient of the same clients."""
    own = [visit for visit in visits if token in _tokens(visit)]
    clients = {client_of(visit.address) for visit in own}
    counted = [
        visit
        for visit in visits
        if token in _tokens(visit) or (not visit.recipients and client_of(visit.address) in clients)
    ]
    return _sheet(token, counted, label)


def _sheet(token: str | None, visits: Sequence[Visit], label: str) -> Sheet:
    return Sheet(
        token=token,
        addresses=tuple(dict.fromkeys(each.address for each in visits))[:_MOST],
        helo=tuple(dict.fromkeys(each.helo for each in visits if each.helo))[:_MOST],
        rows=tuple(_row(trap, token, visits) for trap in Trap),
        label=label,
    )


class _Seen(NamedTuple):
    verdict: Verdict
    why: str
    mails: int
    tls: TlsSeen | None


def _row(trap: Trap, token: str | None, visits: Sequence[Visit]) -> Row:
    came = [visit for visit in visits if trap in _traps(visit, token)]
    if not came:
        return Row(trap, Verdict.NEVER_CAME)
    seen: list[_Seen] = []
    tried = False
    for visit in came:
        seen.append(_judge(trap, token, visit, tried))
        tried = tried or visit.starttls_asked
    worst = min(seen, key=lambda each: _WORST_FIRST.index(each.verdict))
    mails = sum(each.mails for each in seen)
    return Row(trap, worst.verdict, worst.why, len(came), mails, worst.tls)


def _traps(visit: Visit, token: str | None) -> set[Trap]:
    """Where it was led: by its recipients or else by the address it came to."""
    meant = {trap for trap, each in visit.recipients if token is None or each == token}
    return meant or ({visit.trap} if visit.trap else set())


def _judge(trap: Trap, token: str | None, visit: Visit, tried: bool) -> _Seen:
    mails = [each for each in visit.mails if each.trap is trap and each.token == token]
    if not mails:
        nothing = _says_nothing(visit)
        verdict = Verdict.INCONCLUSIVE if nothing else Verdict.REFUSED
        return _Seen(verdict, nothing or visit.refusal, 0, visit.tls)
    clear = not any(each.encrypted for each in mails)
    if visit.trap is not trap and not (clear and visit.trap is None):
        why = Wording("another host's certificate was shown")
        return _Seen(Verdict.INCONCLUSIVE, why, len(mails), visit.tls)
    if all(each.encrypted for each in mails):
        return _Seen(Verdict.DELIVERED, "", len(mails), visit.tls)
    fell = tried or visit.starttls_asked
    return _Seen(Verdict.FELL_BACK if fell else Verdict.CLEAR, "", len(mails), visit.tls)


def _says_nothing(visit: Visit) -> str:
    """What kept a mail from coming that was not the sender's refusal; empty where it was."""
    if visit.turned_away:
        return Wording("its recipient is no token of this test")
    if not visit.helo:
        return visit.refusal
    return "" if visit.injected else visit.ended
