"""What is news of a server that `letterlock serve` looks at from afar, on a schedule. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import msgspec

from letterlock.check.run import Checked
from letterlock.findings.reach import determined
from letterlock.model.facts import EndpointFacts
from letterlock.model.finding import Severity
from letterlock.watch.changes import Known, compare
from letterlock.watch.fault import CHECK, Fault, of_finding, of_unknown
from letterlock.watch.look import Look, Part
from letterlock.watch.message import document

#: A look that could not say everything is told where the next one could not either.
_TWICE = 2


class Memory(msgspec.Struct, frozen=True):
    """`known` faults, and how many looks in a row could not say everything."""

    known: tuple[Known, ...] = ()
    undetermined: int = 0


@dataclass(frozen=True, slots=True)
class Seen:
    """A look at the server `title`: `checked` are its hosts, as far as they were seen;
    `determined`: all of what was asked has an answer; `error` says what has none at all."""

    title: str
    at: datetime
    checked: tuple[Checked, ...]
    determined: bool
    error: str | None = None


def consider(
    remembered: str, seen: Seen, tell_from: Severity, report: str
) -> tuple[str, bytes | None]:
    """What is remembered from now on, and the document that tells what is new; None: nothing is.
    What cannot be read of what was remembered counts as nothing."""
    memory = _read(remembered)
    undetermined = 0 if seen.determined else memory.undetermined + 1
    faults = tuple(_faults(seen, tell_from, undetermined))
    # What was not looked at all the same is not known to be over.
    part = Part(
        CHECK, faults, blind=frozenset(_blind(seen.checked)), all_blind=seen.error is not None
    )
    look = Look(seen.at, (part,))
    changes = compare({each.fault.key: each for each in memory.known}, look)
    message = document(seen.title, seen.at, changes, report) if changes else None
    return _written(Memory(changes.known, undetermined)), message


def _faults(seen: Seen, tell_from: Severity, undetermined: int) -> Iterator[Fault]:
    for checked in seen.checked:
        for each in checked.findings:
            if each.severity.at_least(tell_from):
                yield of_finding(CHECK, each, checked.facts.target)
    if undetermined >= _TWICE:
        what = seen.error or _unsaid(seen.checked) or "not all that was asked has an answer"
        yield of_unknown(CHECK, what, tell_from, seen.title)


def _unsaid(checked: Sequence[Checked]) -> str:
    places = [
        str(each.endpoint)
        for one in checked
        for each in one.facts.endpoints
        if not _says_all(one, each)
    ]
    return f"no answer from {', '.join(places)}" if places else ""


def _blind(checked: Sequence[Checked]) -> Iterator[str]:
    """Ports that kept answers back. One that is closed while others answer has nothing wrong with
    it any more."""
    for one in checked:
        for each in one.facts.endpoints:
            if not (each.closed and one.determined) and not _says_all(one, each):
                yield str(each.endpoint)
        if not one.determined:
            yield one.facts.target


def _says_all(checked: Checked, facts: EndpointFacts) -> bool:
    return determined(replace(checked.facts, endpoints=(facts,)), asked_for_ports=False)


def _read(remembered: str) -> Memory:
    try:
        return msgspec.json.decode(remembered, type=Memory) if remembered else Memory()
    except msgspec.MsgspecError:
        return Memory()


def _written(memory: Memory) -> str:
    return msgspec.json.encode(memory, enc_hook=str).decode()
