"""`status` on the screen: a line for each certificate, what is wrong first, then the findings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from letterlock.model.finding import Finding, Severity
from letterlock.model.status import Installed, StatusFacts
from letterlock.report.escape import cleaned
from letterlock.report.status_words import Seen, StatusResult, pending_apart, ports, served_for
from letterlock.report.terminal import finding_grid
from letterlock.report.text import grouped, remaining

#: One screen: of more certificates those without a fault are counted, not listed.
_MOST_ROWS = 12


def show(console: Console, result: StatusResult, *, verbose: bool = False) -> None:
    """Print it; `verbose` lists every certificate."""
    result = cleaned(result)
    if console.is_terminal:
        _print(console, result, verbose)
        return
    with console.capture() as captured:
        _print(console, result, verbose)
    lines = (line.rstrip() for line in captured.get().splitlines())
    console.file.write("".join(f"{line}\n" for line in lines))


def _print(console: Console, result: StatusResult, verbose: bool) -> None:
    facts = result.facts
    console.print(_headline(facts))
    pending, others = pending_apart(result.findings)
    addresses = len({each.endpoint.address for each in facts.served})
    _print_findings(console, pending, addresses)
    if facts.installed:
        console.print(_table(facts, verbose))
    else:
        console.print("The configuration names no certificate.")
    console.print()
    _print_findings(console, others, addresses)
    for reason in facts.unknown:
        console.print(Text(f"unknown: {reason}", style="yellow"))
    console.print(_summary(result))


def _print_findings(console: Console, findings: Sequence[Finding], addresses: int) -> None:
    for group in grouped(findings):
        console.print(finding_grid(group, addresses, placed=False))
        console.print()


def _headline(facts: StatusFacts) -> Text:
    servers = (
        f"{each.name} {each.version}{'' if each.running else ' (stopped)'}"
        for each in facts.servers
    )
    text = Text(", ".join(servers), style="bold")
    if facts.name:
        text.append(f"  verified as {facts.name}", style="not bold")
    return text


def _table(facts: StatusFacts, verbose: bool) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("configured", overflow="fold")
    table.add_column("on disk", no_wrap=True)
    table.add_column("served", overflow="fold")
    rows = sorted(facts.installed, key=lambda each: _rank(each, facts))
    shown = rows if verbose else _shown(rows, facts)
    for each in shown:
        table.add_row(*_row(each, facts))
    left = len(rows) - len(shown)
    if left:
        table.add_row(Text(f"and {left} more, as they should be (-v lists them)", style="dim"))
    return table


def _shown(rows: Sequence[Installed], facts: StatusFacts) -> list[Installed]:
    faulty = [each for each in rows if not _is_fine(each, facts)]
    return list(rows[: max(len(faulty), _MOST_ROWS)])


def _is_fine(each: Installed, facts: StatusFacts) -> bool:
    seen = Seen.of(served_for(each, facts))
    return each.fault is None and not seen.stale and not seen.unknown and _accepted(each)


def _rank(each: Installed, facts: StatusFacts) -> int:
    """Worst first: unusable, stale, not accepted, not seen, fine."""
    seen = Seen.of(served_for(each, facts))
    signs = (each.fault is not None, bool(seen.stale), not _accepted(each), bool(seen.unknown))
    return signs.index(True) if True in signs else len(signs)


def _accepted(each: Installed) -> bool:
    return each.verdict is not None and each.verdict.accepted


def _row(each: Installed, facts: StatusFacts) -> Iterator[Text]:
    yield Text(_configured(each))
    if each.leaf is None:
        yield Text("✗ unusable", style="red")
        yield Text("")
        return
    left = remaining(each.leaf.not_after, facts.started)
    if each.fault is not None:
        yield Text("✗ wrong key", style="red")
    elif _accepted(each):
        yield Text(f"✓ {left}", style="green")
    else:
        yield Text(f"✗ {left}", style="red")
    yield _seen(Seen.of(served_for(each, facts)))


def _configured(each: Installed) -> str:
    reference = each.reference
    key = f", {each.leaf.public_key.algorithm}" if each.leaf else ""
    what = f"SNI {reference.scope}" if reference.table else reference.label
    return f"{reference.server} {what}{key}"


def _seen(seen: Seen) -> Text:
    parts = []
    if seen.stale:
        parts.append(Text(f"✗ stale on {ports(seen.stale)}", style="red"))
    if seen.right:
        parts.append(Text(f"✓ {ports(seen.right)}", style="green"))
    if seen.unknown:
        parts.append(Text(f"? {ports(seen.unknown)}", style="yellow"))
    return Text(", ").join(parts) if parts else Text("nowhere seen", style="dim")


def _summary(result: StatusResult) -> Text:
    counts = Counter(group.worst.severity for group in grouped(result.findings))
    parts = [f"{counts[each]} {each}" for each in reversed(Severity) if counts[each]]
    facts = result.facts
    text = Text()
    if parts:
        text.append(f"Found: {', '.join(parts)}.", style="bold")
    elif result.determined:
        text.append("Nothing to complain about.", style="green")
    else:
        text.append("Nothing found.", style="yellow")
    stale = any(each.stale for each in facts.served) or any(each.is_stale for each in facts.maps)
    if stale or facts.backlog.pending:
        what = [
            word for word, is_so in (("pending", facts.backlog.pending), ("stale", stale)) if is_so
        ]
        text.append(f" What is {' or '.join(what)} is mended by: letterlock fix.")
    noun = "connection" if facts.connections == 1 else "connections"
    return text.append(f" {facts.connections} {noun}, {facts.seconds:.1f} s.", style="dim")
