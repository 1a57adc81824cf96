"""The screen: a table of ports per address, what the deep check learnt, the certificates, then the
findings, worst first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from letterlock.model.facts import EndpointFacts, Handshake, TargetFacts
from letterlock.model.finding import Finding, Severity
from letterlock.model.revocation import Revocation, Status, Told
from letterlock.model.unknown import Cause, Unknown
from letterlock.model.verdict import Verdict
from letterlock.report.compact import blocks
from letterlock.report.domain_rows import dns_rows
from letterlock.report.escape import cleaned
from letterlock.report.ports import CAUSES, UNREACHED, why_not_connected
from letterlock.report.result import Result
from letterlock.report.served import Served, Sighted
from letterlock.report.sheet import Phrase, Row, chain_rows, folded
from letterlock.report.terminal_ports import (
    TONE_STYLES,
    PortTable,
    grade_text,
)
from letterlock.report.text import Group, Sighting, grouped, places

#: Of the sixteen colours that every terminal has, those legible on light and dark.
STYLES = {
    Severity.CRITICAL: "bold red",
    Severity.HIGH: "red",
    Severity.MEDIUM: "yellow",
    Severity.LOW: "cyan",
    Severity.INFO: "dim",
}
_MARGIN = 8


def show(
    console: Console,
    facts: TargetFacts,
    findings: Sequence[Finding],
    verdict: Verdict | None = None,
    *,
    verbose: bool = False,
) -> None:
    """Print one target: on one screen, or `verbose` with every fact of the deep check."""
    result = cleaned(Result(facts, tuple(findings), verdict))
    screen = _Screen(console, result, Served(result.facts), verbose)
    if console.is_terminal:
        _print(screen)
        return
    with console.capture() as captured:
        _print(screen)
    lines = (line.rstrip() for line in captured.get().splitlines())
    console.file.write("".join(f"{line}\n" for line in lines))


@dataclass(frozen=True, slots=True)
class _Screen:
    console: Console
    result: Result
    served: Served
    verbose: bool


def _print(screen: _Screen) -> None:
    console, facts = screen.console, screen.result.facts
    addresses = _addresses(facts)
    console.print(_headline(facts))
    if rows := dns_rows(screen.result):
        console.print(rows_grid(rows))
        console.print()
    for address in addresses:
        console.print(_address(screen, address))
        console.print()
    for part in _sheets(screen):
        console.print(part)
    for sighted in screen.served:
        console.print(_chain(sighted, screen))
        console.print()
    if facts.revocations:
        console.print(_revocations(facts.revocations))
        console.print()
    groups = grouped(screen.result.findings)
    for group in groups:
        console.print(finding_grid(group, len(addresses), placed=facts.domain is None))
        if group.worst.severity is not Severity.INFO:
            console.print()
    if groups and groups[-1].worst.severity is Severity.INFO:
        console.print()
    console.print(_summary(screen.result, groups))


def _headline(facts: TargetFacts) -> Text:
    text = Text(facts.target, style="bold")
    told = facts.domain is not None or facts.target.startswith(f"{facts.name} (")
    if facts.name != facts.target and not told:
        text.append(f"  verified as {facts.name}", style="not bold")
    return text


def _addresses(facts: TargetFacts) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each.endpoint.address for each in facts.endpoints))


def _address(screen: _Screen, address: str) -> Table | Text:
    facts = screen.result.facts
    rows = [each for each in facts.endpoints if each.endpoint.address == address]
    reasons = {why_not_connected(each) for each in rows}
    if len(rows) > 1 and len(reasons) == 1 and (reason := reasons.pop()):
        where = "" if address == facts.target else f"{address}  "
        return Text.assemble((where, "bold"), f"nothing on any of {len(rows)} ports: {reason}")
    ports = PortTable(
        rows,
        screen.served,
        facts.started,
        width=screen.console.width,
        verdict=screen.result.verdict,
    )
    return ports.table(None if address == facts.target else Text(address, style="bold"))


def _sheets(screen: _Screen) -> Iterator[RenderableType]:
    """The further questions' answers: a block for all endpoints that gave the same."""
    facts = screen.result.facts
    addresses = len(_addresses(facts))
    if not screen.verbose:
        for block in blocks(facts.endpoints, screen.result.verdict):
            at = [each.endpoint for each in block.endpoints]
            yield Text.assemble(("TLS", "bold"), f"  {places(at, addresses)}")
            yield rows_grid(block.rows)
            yield ""
        return
    for same, sections in folded(facts.endpoints, facts.started, screen.result.verdict):
        yield Text(places([each.endpoint for each in same], addresses), style="bold underline")
        for section in sections:
            yield Text(section.title, style="bold")
            yield rows_grid(section.rows)
        yield ""


def _chain(sighted: Sighted, screen: _Screen) -> Table:
    """One chain: for which names, until when, from whom, up to where."""
    title = Text("Certificate", style="bold")
    if len(screen.served) > 1:
        title.append(f" {sighted.letter}")
        where = places(sighted.endpoints, len(_addresses(screen.result.facts)))
        title.append(f"  {where}", style="not bold")
    if sighted.nameless:
        title.append(", where no name is sent", style="not bold")
    rows = chain_rows(sighted.served, screen.result.facts.started)
    grid = rows_grid([row for row in rows if row.label])
    grid.title, grid.title_justify = title, "left"
    return grid


def rows_grid(rows: Sequence[Row]) -> Table:
    """Labels on the left, phrases on the right; a stacked row has a line for each phrase."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for row in rows:
        between = Text("\n" if row.stacked else ", ")
        grid.add_row(row.label, _joined(row.phrases, between))
    return grid


def _joined(phrases: Sequence[Phrase], between: Text) -> Text:
    """A phrase in parentheses belongs to the one before it."""
    text = Text()
    for phrase in phrases:
        if text:
            text.append(Text("  ") if phrase.text.startswith("(") else between)
        text.append(phrase.text, style=TONE_STYLES[phrase.tone])
        if phrase.note:
            text.append(f" ({phrase.note})", style=TONE_STYLES[phrase.tone])
    return text


def finding_grid(group: Group, addresses: int, *, placed: bool = True) -> Table:
    """Severity and marks on the left, the words on the right. `placed` False: evidence without an
    endpoint names its place itself."""
    worst = group.worst
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(width=_MARGIN, no_wrap=True)
    grid.add_column(overflow="fold")
    severity = Text(worst.severity.value, style=STYLES[worst.severity])
    if worst.severity is Severity.INFO:
        for sighting in group.sightings:
            if not placed:
                line = f"{worst.title}: {sighting.evidence}"
                grid.add_row(severity, Text(line, style="dim"))
                continue
            where = _where(sighting, worst.severity, addresses)
            line = f"{worst.title}: {where} ({sighting.evidence})"
            grid.add_row(severity, Text(line, style="dim"))
        return grid
    grid.add_row(severity, Text.assemble((worst.title, "bold"), (f"  {worst.id}", "dim")))
    for sighting in group.sightings:
        if not placed and not any(endpoints for _, endpoints in sighting.endpoints):
            grid.add_row("", Text(sighting.evidence))
            continue
        where = _where(sighting, worst.severity, addresses)
        grid.add_row("", where.append(f": {sighting.evidence}"))
    for remedy in group.remedies:
        grid.add_row(Text("→", justify="right"), remedy)
    grid.add_row("", Text(worst.source, style="dim"))
    return grid


def _where(sighting: Sighting, worst: Severity, addresses: int) -> Text:
    """The places, with the severity of those where it is milder than elsewhere."""
    text = Text()
    for severity, endpoints in sighting.endpoints:
        text.append(", " if text else "")
        text.append(places(endpoints, addresses))
        if severity is not worst:
            text.append(" (").append(severity.value, style=STYLES[severity]).append(")")
    return text


#: Not knowing because of these is an answer, or follows from one.
_ANSWERS = (*UNREACHED, Cause.NOT_REACHED)


def _is_unsure(each: EndpointFacts) -> bool:
    """Whether something about it stayed open that is neither a closed port nor a fault in red."""
    known = (each.greeting, each.handshake, each.capabilities_inside)
    causes = [one.cause for one in known if isinstance(one, Unknown)]
    return any(cause not in _ANSWERS and cause not in CAUSES for cause in causes)


def _revocations(revocations: Sequence[Revocation]) -> Table:
    """What each CA that was asked said."""
    grid = Table.grid(padding=(0, 2))
    for number, each in enumerate(revocations):
        name = each.certificate.subject
        match each.told:
            case Told(status=Status.REVOKED):
                said = Text(f"✗ {name} is revoked: {each.source}", style="red")
            case Told():
                said = Text(f"✓ {name} is not revoked: {each.source}")
            case Unknown(cause=Cause.NOT_APPLICABLE):
                said = Text(f"– {name}: {each.told.reason}", style="dim")
            case _:
                said = Text(f"? {name}: not determined", style="yellow")
        grid.add_row(Text("" if number else "revocation", style="dim"), said)
    return grid


def _summary(result: Result, groups: Sequence[Group]) -> Text:
    """The grade, how many of each, and what it cost."""
    facts = result.facts
    counts = Counter(group.worst.severity for group in groups)
    worst_first = [severity for severity in reversed(Severity) if severity is not Severity.INFO]
    parts = [f"{counts[severity]} {severity}" for severity in worst_first if counts[severity]]
    secured = sum(isinstance(each.handshake, Handshake) for each in facts.endpoints)
    text = Text()
    if result.verdict is not None:
        text = Text.assemble("Grade ", grade_text(result.verdict.grade), ". ")
    unsure = sum(map(_is_unsure, facts.endpoints))
    if parts:
        text.append(f"Found: {', '.join(parts)}.", style="bold")
    elif (secured or facts.domain is not None) and not unsure:
        text.append("Nothing to complain about.", style="green")
    else:
        nothing = "Nothing found." if secured else "Nothing could be verified."
        text.append(nothing, style="yellow")
    if unsure:
        ports = "1 port" if unsure == 1 else f"{unsure} ports"
        text.append(f" {ports} could not be determined.", style="yellow")
    if facts.domain is not None:
        return text.append(f" DNS, {facts.seconds:.1f} s.", style="dim")
    noun = "connection" if facts.connections == 1 else "connections"
    turned_away = sum(each.tls.refused for each in facts.endpoints if each.tls is not None)
    refused = f" ({turned_away} turned away)" if turned_away else ""
    return text.append(
        f" TLS on {secured} of {len(facts.endpoints)} ports;"
        f" {facts.connections} {noun}{refused}, {facts.seconds:.1f} s.",
        style="dim",
    )
