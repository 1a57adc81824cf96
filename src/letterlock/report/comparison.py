"""What changed between two reports, and whether for the worse.

What either report does not know is no change: an endpoint that answered once and not the other
time has lost nothing that was proven, which is said as such."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from letterlock.model.finding import Severity
from letterlock.model.wording import Wording, joined
from letterlock.report.saved import Saved, SavedEndpoint, SavedFinding, place_of
from letterlock.report.suites import Tone, is_small, suite_tone, version_tone
from letterlock.report.text import SEVERITY_WORDS

_T = TypeVar("_T")


class Direction(StrEnum):
    """Which way a change goes."""

    WORSE = "worse"
    BETTER = "better"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Difference:
    """One change. `kind` is one of KIND_WORDS, `place` the target and endpoint; `before`, `after`
    are None where there was or is nothing."""

    kind: str
    place: str
    what: str
    before: str | None
    after: str | None
    direction: Direction


#: How a kind is called.
KIND_WORDS = {
    "target": Wording("target"),
    "endpoint": Wording("endpoint"),
    "tls": Wording("TLS"),
    "version": Wording("version"),
    "suite": Wording("suite"),
    "group": Wording("group"),
    "certificate": Wording("certificate"),
    "fault": Wording("fault"),
    "grade": Wording("grade"),
    "finding": Wording("finding"),
}
_THERE = Wording("there")
_OFFERED, _NOT_OFFERED = Wording("offered"), Wording("not offered")


def compare(old: Saved, new: Saved) -> tuple[Difference, ...]:
    """All differences, worse ones first, in the new report's order otherwise."""
    found = [
        *_members("target", _targets(old), _targets(new)),
        *_endpoints(old, new),
        *_findings(old, new),
    ]
    ranks = list(Direction)
    return tuple(sorted(found, key=lambda each: ranks.index(each.direction)))


def has_worsened(differences: Iterable[Difference]) -> bool:
    return any(each.direction is Direction.WORSE for each in differences)


def _targets(report: Saved) -> dict[str, str]:
    return {each.target: each.target for each in report.targets}


def _members(kind: str, old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[Difference]:
    """What is only in one of the reports."""
    for place in old:
        if place not in new:
            yield Difference(kind, place, Wording("no longer looked at"), _THERE, None, _OTHER)
    for place in new:
        if place not in old:
            what = Wording("looked at for the first time")
            yield Difference(kind, place, what, None, _THERE, _OTHER)


_OTHER = Direction.OTHER


def _endpoints(old: Saved, new: Saved) -> Iterator[Difference]:
    before = {each.place: each for each in old.endpoints}
    after = {each.place: each for each in new.endpoints}
    yield from _members("endpoint", {name: name for name in before}, {name: name for name in after})
    for place, each in after.items():
        if place in before:
            yield from _endpoint(before[place], each)


def _endpoint(old: SavedEndpoint, new: SavedEndpoint) -> Iterator[Difference]:
    yield from _reach(old, new)
    yield from _versions(old, new)
    yield from _suites(old, new)
    yield from _groups(old, new)
    yield from _certificate(old, new)
    yield from _faults(old, new)
    yield from _grade(old, new)


def _reach(old: SavedEndpoint, new: SavedEndpoint) -> Iterator[Difference]:
    """Whether it answers, and whether it offers TLS."""
    before, after = _state(old), _state(new)
    if before == after:
        return
    # A port that closes exposes nobody, one that opens is judged by its findings.
    direction = _OTHER
    if before == _TLS and (after == _NO_TLS or _fails(new)):
        direction = Direction.WORSE
    elif before == _NO_TLS and after == _TLS:
        direction = Direction.BETTER
    yield Difference("tls", new.place, Wording("handshake"), before, after, direction)


_FAILURES = ("tls-alert", "tls-error", "starttls-refused", "plain-on-tls-port")
_TLS, _NO_TLS = "TLS", Wording("no TLS")


def _state(each: SavedEndpoint) -> str:
    if each.closed:
        return Wording("closed")
    if each.handshake is None:
        return _NO_TLS
    if "unknown" in each.handshake:
        reason = each.handshake["unknown"]
        if _fails(each):
            return Wording("TLS fails: {reason}", reason=reason)
        return Wording("not determined: {reason}", reason=reason)
    return _TLS


def _fails(each: SavedEndpoint) -> bool:
    return not each.closed and _member(each.handshake, "cause", str) in _FAILURES


def _versions(old: SavedEndpoint, new: SavedEndpoint) -> Iterator[Difference]:
    before = {each.name: each.offered for each in old.protocols}
    for each in new.protocols:
        was = before.get(each.name)
        if isinstance(was, bool) and isinstance(each.offered, bool) and was != each.offered:
            good = version_tone(each.name)[0] is Tone.GOOD
            yield Difference(
                "version",
                new.place,
                each.name,
                _yes(was),
                _yes(each.offered),
                Direction.BETTER if good == each.offered else Direction.WORSE,
            )


def _yes(offered: bool) -> str:
    return _OFFERED if offered else _NOT_OFFERED


def _suites(old: SavedEndpoint, new: SavedEndpoint) -> Iterator[Difference]:
    """Suites of versions that were offered both times; an order that changed is told as such."""
    before = {each.name: each for each in old.protocols if each.offered is True}
    for each in new.protocols:
        was = before.get(each.name)
        if was is None or each.offered is not True:
            continue
        for name, comes in _come_and_gone(was.cipher_suites, each.cipher_suites, was, each):
            weak = suite_tone(name)[0] in (Tone.WEAK, Tone.BAD)
            what = Wording("{suite} in {version}", suite=name, version=each.name)
            yield _moved("suite", new.place, what, comes, weak)


def _groups(old: SavedEndpoint, new: SavedEndpoint) -> Iterator[Difference]:
    before = {version: each for each in old.groups for version in each.used_in}
    after = {version: each for each in new.groups for version in each.used_in}
    told = set()
    for version, each in after.items():
        was = before.get(version)
        if was is None:
            continue
        for name, comes in _come_and_gone(was.groups, each.groups, was, each):
            if (name, comes) not in told:
                told.add((name, comes))
                yield _moved("group", new.place, name, comes, is_small(name))


def _come_and_gone(
    old: Sequence[str], new: Sequence[str], was: Any, now: Any
) -> Iterator[tuple[str, bool]]:
    """Each name that only one list has, and whether it came. A list that is not complete proves no
    absence."""
    if now.complete:
        yield from ((name, False) for name in old if name not in new)
    if was.complete:
        yield from ((name, True) for name in new if name not in old)


def _moved(kind: str, place: str, what: str, comes: bool, weak: bool) -> Difference:
    direction = _OTHER
    if weak:
        direction = Direction.WORSE if comes else Direction.BETTER
    before, after = (None, _OFFERED) if comes else (_OFFERED, None)
    return Difference(kind, place, what, before, after, direction)


def _certificate(old: SavedEndpoint, new: SavedEndpoint) -> Iterator[Difference]:
    before, after = _leaf(old), _leaf(new)
    if before is None or after is None:
        return
    if before != after:
        leaf = Wording("leaf")
        yield Difference("certificate", new.place, leaf, before, after, _OTHER)
    was, now = _accepted(old), _accepted(new)
    if isinstance(was, bool) and isinstance(now, bool) and was != now:
        words = {True: Wording("accepted"), False: Wording("not accepted")}
        direction = Direction.BETTER if now else Direction.WORSE
        chain = Wording("chain")
        yield Difference("certificate", new.place, chain, words[was], words[now], direction)


def _leaf(each: SavedEndpoint) -> str | None:
    """Its subject, its end and the start of its SHA-256."""
    chain = _member(each.handshake, "chain", list)
    if not chain or not isinstance(chain[0], dict):
        return None
    leaf = chain[0]
    return Wording(
        "{subject} until {day} ({digest})",
        subject=leaf.get("subject", ""),
        day=str(leaf.get("not_after", ""))[:10],
        digest=str(leaf.get("sha256", ""))[:16],
    )


def _accepted(each: SavedEndpoint) -> object:
    verdict = _member(each.handshake, "verdict", dict)
    return verdict.get("accepted") if verdict else None


def _member(value: object, name: str, kind: type[_T]) -> _T | None:
    """A member of an object, where both are what they should be."""
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, kind) else None


def _faults(old: SavedEndpoint, new: SavedEndpoint) -> Iterator[Difference]:
    before = {each.id: each.present for each in old.known_faults}
    for each in new.known_faults:
        was = before.get(each.id)
        if isinstance(was, bool) and isinstance(each.present, bool) and was != each.present:
            words = {True: Wording("present"), False: Wording("not present")}
            direction = Direction.WORSE if each.present else Direction.BETTER
            yield Difference(
                "fault", new.place, each.id, words[was], words[each.present], direction
            )


def _grade(old: SavedEndpoint, new: SavedEndpoint) -> Iterator[Difference]:
    before, after = (_member(each.grade, "letter", str) for each in (old, new))
    if before is not None and after is not None and before != after:
        direction = Direction.WORSE if after > before else Direction.BETTER
        yield Difference("grade", new.place, Wording("the endpoint"), before, after, direction)


def _findings(old: Saved, new: Saved) -> Iterator[Difference]:
    """Findings come, gone, or of another severity; those of endpoints that only one report has are
    part of those. INFO is nothing to complain about."""
    before, after = _by_place(old), _by_place(new)
    places_before, places_after = _places(old), _places(new)
    common = places_before & places_after
    for key, finding in after.items():
        was = before.get(key)
        if key[0] not in common:
            # An endpoint that is new has come with its faults.
            if key[0] not in places_before and _is_bad(finding):
                yield _finding(key, finding, None, finding.severity, Direction.WORSE)
        elif was is None:
            direction = Direction.WORSE if _is_bad(finding) else _OTHER
            yield _finding(key, finding, None, finding.severity, direction)
        elif was.severity is not finding.severity:
            worse = finding.severity.rank > was.severity.rank
            direction = Direction.WORSE if worse else Direction.BETTER
            yield _finding(key, finding, was.severity, finding.severity, direction)
    for key, finding in before.items():
        if key not in after and key[0] in common:
            direction = Direction.BETTER if _is_bad(finding) else _OTHER
            yield _finding(key, finding, finding.severity, None, direction)


_Key = tuple[str, str]


def _by_place(report: Saved) -> dict[_Key, SavedFinding]:
    """The severest of each id at each place."""
    found: dict[_Key, SavedFinding] = {}
    for each in report.findings:
        key = (_place(each), each.id)
        if key not in found or each.severity.rank > found[key].severity.rank:
            found[key] = each
    return found


def _place(finding: SavedFinding) -> str:
    if finding.endpoint is None:
        return finding.target
    address, port = (finding.endpoint.get(name, "") for name in ("address", "port"))
    return place_of(finding.target, str(address), port)


def _places(report: Saved) -> set[str]:
    return {each.target for each in report.targets} | {each.place for each in report.endpoints}


def _is_bad(finding: SavedFinding) -> bool:
    return finding.severity is not Severity.INFO


def _finding(
    key: _Key,
    finding: SavedFinding,
    before: Severity | None,
    after: Severity | None,
    direction: Direction,
) -> Difference:
    return Difference(
        "finding",
        key[0],
        joined(": ", (finding.id, finding.title)),
        SEVERITY_WORDS[before] if before else None,
        SEVERITY_WORDS[after] if after else None,
        direction,
    )
