"""The screen: a table of ports per address, the certificates, then the findings, worst first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from letterlock.model.certificate import Certificate
from letterlock.model.facts import EndpointFacts, Greeting, Handshake, TargetFacts
from letterlock.model.finding import Finding, Severity
from letterlock.model.unknown import Cause, Unknown
from letterlock.report.text import (
    Group,
    Sighting,
    grouped,
    places,
    remaining,
    suite_in_short,
)

#: Of the sixteen colours that every terminal has, those legible on light and dark.
STYLES = {
    Severity.CRITICAL: "bold red",
    Severity.HIGH: "red",
    Severity.MEDIUM: "yellow",
    Severity.LOW: "cyan",
    Severity.INFO: "dim",
}
#: From this width on suites are written in full, the group and open logins have columns.
WIDE = 120
_MARGIN = 8
#: As wide as a suite can be at 80 columns: `ECDHE_AES_256_GCM`.
_SUITE = 17
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def show(console: Console, facts: TargetFacts, findings: Sequence[Finding]) -> None:
    """Print everything about one target."""
    if console.is_terminal:
        _print(console, facts, findings)
        return
    with console.capture() as captured:
        _print(console, facts, findings)
    lines = (line.rstrip() for line in captured.get().splitlines())
    console.file.write("".join(f"{line}\n" for line in lines))


def _print(console: Console, facts: TargetFacts, findings: Sequence[Finding]) -> None:
    served = _Served(facts)
    addresses = _addresses(facts)
    console.print(_headline(facts))
    for address in addresses:
        console.print(_address(facts, address, served, console.width))
        console.print()
    for chain in served:
        console.print(_chain(chain, served, facts))
        console.print()
    groups = grouped(findings)
    for group in groups:
        console.print(_finding(group, len(addresses)))
        if group.worst.severity is not Severity.INFO:
            console.print()
    if groups and groups[-1].worst.severity is Severity.INFO:
        console.print()
    console.print(_summary(facts, groups))


class _Served:
    """The different chains that were served, lettered when there are several."""

    def __init__(self, facts: TargetFacts) -> None:
        self._chains: dict[tuple[str, ...], list[EndpointFacts]] = {}
        for each in facts.endpoints:
            if isinstance(each.handshake, Handshake) and each.handshake.chain:
                self._chains.setdefault(_key(each.handshake), []).append(each)

    def __iter__(self) -> Iterator[list[EndpointFacts]]:
        return iter(self._chains.values())

    def letter(self, handshake: Handshake) -> str:
        """With a blank behind it; empty where there is but one chain."""
        if len(self._chains) < 2 or not handshake.chain:
            return ""
        position = list(self._chains).index(_key(handshake))
        return f"{_LETTERS[position % len(_LETTERS)]} "


def _key(handshake: Handshake) -> tuple[str, ...]:
    return tuple(each.sha256 for each in handshake.chain)


def _headline(facts: TargetFacts) -> Text:
    text = Text(facts.target, style="bold")
    if facts.name != facts.target:
        text.append(f"  verified as {facts.name}", style="not bold")
    return text


def _addresses(facts: TargetFacts) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each.endpoint.address for each in facts.endpoints))


def _address(facts: TargetFacts, address: str, served: _Served, width: int) -> Table | Text:
    rows = [each for each in facts.endpoints if each.endpoint.address == address]
    reasons = {_why_not_connected(each) for each in rows}
    if len(rows) > 1 and len(reasons) == 1 and (reason := reasons.pop()):
        where = "" if address == facts.target else f"{address}  "
        return Text.assemble((where, "bold"), f"nothing on any of {len(rows)} ports: {reason}")
    wide = width >= WIDE
    logins = wide or any(_open_logins(each) for each in rows)
    table = Table(
        title=None if address == facts.target else Text(address, style="bold"),
        title_justify="left",
        box=SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        header_style="dim",
    )
    table.add_column("port", justify="right", no_wrap=True)
    table.add_column("service", no_wrap=True)
    table.add_column("TLS", no_wrap=True)
    table.add_column("version", no_wrap=True)
    table.add_column("cipher suite", no_wrap=wide or _suites_are_short(rows), overflow="fold")
    if wide:
        table.add_column("group", no_wrap=True)
    table.add_column("certificate", no_wrap=True)
    if logins:
        heading = "login before TLS" if wide else "open login"
        table.add_column(heading, overflow="fold", min_width=len("open login"))
    for each in rows:
        cells = _cells(each, facts.started, served, wide)
        table.add_row(*(cells if logins else cells[:-1]))
    return table


def _suites_are_short(rows: list[EndpointFacts]) -> bool:
    suites = (each.handshake.cipher_suite for each in rows if isinstance(each.handshake, Handshake))
    return all(len(suite_in_short(suite)) <= _SUITE for suite in suites)


def _cells(each: EndpointFacts, at: datetime, served: _Served, wide: bool) -> list[Text]:
    service = each.endpoint.service
    cells = [Text(str(each.endpoint.port)), Text(service.name), _tls(each)]
    handshake = each.handshake
    if isinstance(handshake, Handshake):
        suite = handshake.cipher_suite if wide else suite_in_short(handshake.cipher_suite)
        group = handshake.named_group if isinstance(handshake.named_group, str) else "-"
        cells += [Text(handshake.version), Text(suite), *([Text(group)] if wide else [])]
        cells.append(_certificate_cell(handshake, at, served))
    else:
        cells += [Text("")] * (4 if wide else 3)
    return [*cells, _logins(each)]


def _tls(each: EndpointFacts) -> Text:
    if isinstance(each.handshake, Handshake):
        if isinstance(each.greeting, Unknown):
            return Text("misplaced", style="red")
        return Text("implicit" if each.greeting is None else "STARTTLS", style="green")
    if each.handshake is None:
        return Text("none", style="red")
    word, style = _WORDS.get(each.handshake.cause, ("unknown", "yellow"))
    return Text(word, style=style)


_UNREACHED = (Cause.CONNECTION_REFUSED, Cause.UNREACHABLE, Cause.NO_ANSWER)
_WORDS = {
    Cause.CONNECTION_REFUSED: ("closed", "dim"),
    Cause.UNREACHABLE: ("no route", "dim"),
    Cause.NO_ANSWER: ("no answer", "dim"),
    Cause.STARTTLS_REFUSED: ("refused", "red"),
    Cause.TLS_ALERT: ("fails", "red"),
    Cause.TLS_ERROR: ("fails", "red"),
    Cause.PLAIN_ON_TLS_PORT: ("plain text", "red"),
    Cause.TLS_ON_PLAIN_PORT: ("misplaced", "red"),
}


def _why_not_connected(each: EndpointFacts) -> str:
    if isinstance(each.handshake, Unknown) and each.handshake.cause in _UNREACHED:
        return each.handshake.reason
    return ""


def _certificate_cell(handshake: Handshake, at: datetime, served: _Served) -> Text:
    if not handshake.chain:
        return Text("✗ none", style="red")
    left = (handshake.chain[0].not_after - at) // timedelta(days=1)
    words = served.letter(handshake) + (f"{left} d" if left >= 0 else "expired")
    if handshake.verdict.accepted:
        return Text(f"✓ {words}", style="green")
    return Text(f"✗ {words}", style="red")


def _open_logins(each: EndpointFacts) -> tuple[str, ...]:
    return each.greeting.cleartext_logins if isinstance(each.greeting, Greeting) else ()


def _logins(each: EndpointFacts) -> Text:
    if not isinstance(each.greeting, Greeting):
        return Text("")
    logins = _open_logins(each)
    style = "yellow" if each.from_same_address else "red"
    return Text(", ".join(logins), style=style) if logins else Text("no")


def _chain(places_: list[EndpointFacts], served: _Served, facts: TargetFacts) -> Table:
    """One chain: for which names, until when, from whom, up to where."""
    handshake = places_[0].handshake
    if not isinstance(handshake, Handshake):
        raise TypeError("a chain comes from a handshake")
    leaf = handshake.chain[0]
    endpoints = [each.endpoint for each in places_]
    letter = served.letter(handshake)
    title = Text(f"Certificate {letter}".rstrip(), style="bold")
    if letter:
        title.append(f"  {places(endpoints, len(_addresses(facts)))}", style="not bold")
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.title, grid.title_justify = title, "left"
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row("names", ", ".join((*leaf.dns_names, *leaf.ip_addresses)) or "none")
    grid.add_row("valid", _validity(leaf, facts.started))
    grid.add_row("key", f"{leaf.public_key}, signed with {leaf.signature_algorithm}")
    grid.add_row("chain", _path(handshake))
    grid.add_row("SHA-256", leaf.sha256)
    return grid


def _validity(leaf: Certificate, at: datetime) -> Text:
    text = Text(f"{leaf.not_before:%Y-%m-%d} to {leaf.not_after:%Y-%m-%d}, ")
    return text.append(remaining(leaf.not_after, at))


def _path(handshake: Handshake) -> Text:
    """From the leaf to the anchor, or to where it breaks off."""
    verdict = handshake.verdict
    steps = [each.subject or "(no subject)" for each in verdict.path or handshake.chain]
    text = Text(" ← ".join(steps))
    if verdict.anchor is None:
        return text.append("  (reaches no trusted root)", style="red")
    if verdict.path and verdict.anchor != steps[-1]:
        text.append(f" ← {verdict.anchor}")
    return text.append("  (trusted)", style="green")


def _finding(group: Group, addresses: int) -> Table:
    """Severity and marks on the left, the words on the right."""
    worst = group.worst
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(width=_MARGIN, no_wrap=True)
    grid.add_column(overflow="fold")
    severity = Text(worst.severity.value, style=STYLES[worst.severity])
    if worst.severity is Severity.INFO:
        for sighting in group.sightings:
            where = _where(sighting, worst.severity, addresses)
            line = f"{worst.title}: {where} ({sighting.evidence})"
            grid.add_row(severity, Text(line, style="dim"))
        return grid
    grid.add_row(severity, Text.assemble((worst.title, "bold"), (f"  {worst.id}", "dim")))
    for sighting in group.sightings:
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
_ANSWERS = (*_UNREACHED, Cause.NOT_REACHED)


def _is_unsure(each: EndpointFacts) -> bool:
    """Whether something about it stayed open that is neither a closed port nor a fault in red."""
    known = (each.greeting, each.handshake, each.capabilities_inside)
    causes = [one.cause for one in known if isinstance(one, Unknown)]
    return any(cause not in _ANSWERS and cause not in _WORDS for cause in causes)


def _summary(facts: TargetFacts, groups: Sequence[Group]) -> Text:
    """How many of each, and what it cost."""
    counts = Counter(group.worst.severity for group in groups)
    worst_first = [severity for severity in reversed(Severity) if severity is not Severity.INFO]
    parts = [f"{counts[severity]} {severity}" for severity in worst_first if counts[severity]]
    secured = sum(isinstance(each.handshake, Handshake) for each in facts.endpoints)
    text = Text()
    unsure = sum(map(_is_unsure, facts.endpoints))
    if parts:
        text.append(f"Found: {', '.join(parts)}.", style="bold")
    elif secured and not unsure:
        text.append("Nothing to complain about.", style="green")
    else:
        nothing = "Nothing found." if secured else "Nothing could be verified."
        text.append(nothing, style="yellow")
    if unsure:
        ports = "1 port" if unsure == 1 else f"{unsure} ports"
        text.append(f" {ports} could not be determined.", style="yellow")
    noun = "connection" if facts.connections == 1 else "connections"
    return text.append(
        f" TLS on {secured} of {len(facts.endpoints)} ports;"
        f" {facts.connections} {noun}, {facts.seconds:.1f} s.",
        style="dim",
    )
