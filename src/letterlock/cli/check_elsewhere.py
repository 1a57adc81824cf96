"""`check --server`: a letterlock elsewhere looks, and what it saw is reported here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from letterlock.check.run import Checked, Unresolved
from letterlock.model.errors import InputError, UndeterminedError
from letterlock.model.tls_facts import Depth

if TYPE_CHECKING:
    from letterlock.cli.check_progress import Bar
    from letterlock.probe.resolve import Target
    from letterlock.probe.service import Service


def refuse_what_stays_here(given: dict[str, bool]) -> None:
    """Raises InputError for options that are the service's own business."""
    ours = [option for option, used in given.items() if used]
    if ours:
        raise InputError(f"{', '.join(ours)} cannot be said to a --server")


def service_at(url: str, token: Path | None) -> Service:
    """Raises InputError for a URL or a token's file that cannot be used."""
    from letterlock.model.token_file import read_token
    from letterlock.probe.service import Service

    return Service.at(url, read_token(token) if token is not None else None)


def look_elsewhere(
    service: Service,
    targets: Sequence[Target],
    *,
    name: str | None,
    ports: Sequence[int],
    depth: Depth,
    done: Callable[[Checked | Unresolved], None],
    bar: Bar,
) -> None:
    """One target after the other; `done` as in `check_all`. Raises InputError, UndeterminedError:
    the service does not answer, or nonsense, or does not know the token."""
    from letterlock.probe.service import DeclinedError

    for target in targets:
        question: dict[str, Any] = {"target": _text(target), "depth": depth.value}
        question |= {"name": name} if name is not None else {}
        question |= {"ports": list(ports)} if ports else {}
        try:
            answer = service.look(question, bar.note_elsewhere)
        except DeclinedError as error:
            done(Unresolved(target, error))
            continue
        for one in _results(answer.facts, answer.determined):
            done(one)
        if answer.error is not None:
            done(Unresolved(target, UndeterminedError(answer.error)))


def _text(target: Target) -> str:
    """A domain without the mailbox, which is nobody's business there."""
    return f"@{target.shown}" if target.is_domain else target.text


def _results(facts: bytes | None, determined: bool) -> list[Checked]:
    from letterlock.report.facts_document import read

    if facts is None:
        return []
    try:
        results = read(facts)
    except InputError as error:
        raise UndeterminedError(error.what, remedy="use the service's own version") from None
    return [
        Checked(each.facts, each.findings, determined, verdict=each.verdict) for each in results
    ]
