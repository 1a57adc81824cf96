"""A plan told to a person: what changes and why, what will run, what else is worth knowing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from letterlock.model.plan import FileChange, LinkChange, Plan, Reason


def reasons(plan: Plan) -> Iterator[str]:
    """Each changed file with the reasons for its lines, and the source of each."""
    for change in plan.changes:
        told = _distinct(change.reasons)
        if told:
            yield str(change.path)
            yield from (f"  {reason.text}  [{reason.source}]" for reason in told)


def _distinct(given: Iterable[Reason]) -> list[Reason]:
    return list(dict.fromkeys(given))


def summary(plan: Plan) -> str:
    """One line: how many files change and are new, and which servers are reloaded."""
    files = [c for c in plan.changes if isinstance(c, FileChange | LinkChange)]
    new = sum(1 for change in files if change.before is None)
    removed = sum(1 for change in files if change.after is None)
    edited = len(files) - new - removed
    parts = [f"{_count(edited, 'file')} edited", f"{_count(new, 'file')} new"]
    parts += [f"{_count(removed, 'file')} removed"] if removed else []
    servers = f", {' and '.join(plan.servers)} reloaded" if plan.servers else ""
    return ", ".join(parts) + servers


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
