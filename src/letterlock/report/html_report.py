"""One self-contained HTML file: no scripts, nothing fetched, light and dark, screen and paper."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, reduce
from typing import TYPE_CHECKING

from letterlock import __version__
from letterlock.model.facts import EndpointFacts, Handshake
from letterlock.model.finding import Severity
from letterlock.model.language import ENGLISH, Language
from letterlock.model.wording import Wording
from letterlock.report.compact import Block, blocks
from letterlock.report.domain_rows import dns_rows
from letterlock.report.escape import cleaned
from letterlock.report.ports import (
    certificate_phrase,
    grade_phrase,
    login_phrase,
    tls_phrase,
    version_phrases,
)
from letterlock.report.result import Result
from letterlock.report.served import Served, Sighted
from letterlock.report.sheet import Phrase, Row, Section, chain_rows, folded
from letterlock.report.text import SEVERITY_WORDS, Group, grouped, places, utc

if TYPE_CHECKING:
    from jinja2 import Environment


@dataclass(frozen=True, slots=True)
class _Port:
    """One line of the table of ports."""

    number: int
    service: str
    tls: Phrase
    grade: Phrase
    versions: tuple[Phrase, ...]
    suite: str
    certificate: Phrase
    login: Phrase


@dataclass(frozen=True, slots=True)
class _Told:
    """Something and the places for which it holds."""

    where: str
    rows: tuple[Row, ...] = ()
    sections: tuple[Section, ...] = ()
    letter: str = ""


def document(results: Iterable[Result], language: Language = ENGLISH) -> str:
    """All targets on one page, in a language. Everything from the wire is escaped by the template's
    autoescape, control characters before that."""
    return _rendered(results, language, whole=True)


def fragment(results: Iterable[Result], language: Language = ENGLISH) -> str:
    """The same without head and foot, for a page that has its own and `stylesheet()`."""
    return _rendered(results, language, whole=False)


def stylesheet() -> str:
    return environment().get_template("report.css").render()


def _rendered(results: Iterable[Result], language: Language, *, whole: bool) -> str:
    pages = [_Page(cleaned(each)) for each in results]
    template = environment().get_template("report.html.j2")
    return template.render(
        pages=pages,
        version=__version__,
        severity_words=SEVERITY_WORDS,
        whole=whole,
        **language.in_templates(),
    )


@cache
def environment() -> Environment:
    """Templates of the room, everything escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("letterlock.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


class _Page:
    """One target as the template asks for it."""

    def __init__(self, result: Result) -> None:
        self._result = result
        self._facts = result.facts
        self._served = Served(result.facts)
        addresses = dict.fromkeys(each.endpoint.address for each in result.facts.endpoints)
        self._addresses = len(addresses)
        self.target = result.facts.target
        #: A domain is not verified: its hosts are.
        self.is_domain = result.facts.domain is not None
        self.name = result.facts.target if self.is_domain else result.facts.name
        self.dns = dns_rows(result)
        self.time = utc(result.facts.started)
        self.day = f"{result.facts.started:%Y-%m-%d %H:%M} UTC"
        self.grade = grade_phrase(result.verdict.grade) if result.verdict else None
        self.groups = grouped(result.findings)
        self.ports = {address: self._ports(address) for address in addresses}
        self.graded = any(port.grade.text for ports in self.ports.values() for port in ports)

    def counts(self) -> list[tuple[int, Severity]]:
        """How many kinds of findings of each severity, worst first."""
        found = [group.worst.severity for group in self.groups]
        return [(found.count(each), each) for each in reversed(Severity) if each in found]

    def cost(self) -> str:
        if self.is_domain:
            return Wording("DNS, {seconds} s.", seconds=format(self._facts.seconds, ".1f"))
        secured = sum(isinstance(each.handshake, Handshake) for each in self._facts.endpoints)
        return Wording(
            "TLS on {secured} of {ports} ports; {connections} connections, {seconds} s.",
            secured=secured,
            ports=len(self._facts.endpoints),
            connections=self._facts.connections,
            seconds=format(self._facts.seconds, ".1f"),
        )

    def sightings(self, group: Group) -> list[tuple[str, str]]:
        """Places, with their severity where it is milder, and the evidence."""
        return [
            (
                _in_a_row(
                    _milder(places(at, self._addresses), severity, group.worst.severity)
                    for severity, at in sighting.endpoints
                ),
                sighting.evidence,
            )
            for sighting in group.sightings
        ]

    def blocks(self) -> list[_Told]:
        return [_Told(self._where(block.endpoints), rows=block.rows) for block in self._blocks()]

    def sheets(self) -> list[_Told]:
        found = folded(self._facts.endpoints, self._facts.started, self._result.verdict)
        return [_Told(self._where(same), sections=sections) for same, sections in found]

    def certificates(self) -> list[_Told]:
        return [self._certificate(each) for each in self._served]

    def _blocks(self) -> tuple[Block, ...]:
        return blocks(self._facts.endpoints, self._result.verdict)

    def _certificate(self, sighted: Sighted) -> _Told:
        where = places(sighted.endpoints, self._addresses)
        if sighted.nameless:
            where = Wording("{ports}, where no name is sent", ports=where)
        letter = sighted.letter if len(self._served) > 1 else ""
        rows = tuple(chain_rows(sighted.served, self._facts.started))
        return _Told(where, rows=rows, letter=letter)

    def _where(self, endpoints: tuple[EndpointFacts, ...]) -> str:
        return places([each.endpoint for each in endpoints], self._addresses)

    def _ports(self, address: str) -> list[_Port]:
        here = [each for each in self._facts.endpoints if each.endpoint.address == address]
        return [self._port(each) for each in here]

    def _port(self, each: EndpointFacts) -> _Port:
        found = self._result.verdict.at(each.endpoint) if self._result.verdict else None
        return _Port(
            number=each.endpoint.port,
            service=each.endpoint.service.name,
            tls=tls_phrase(each),
            grade=grade_phrase(found.grade) if found else Phrase(""),
            versions=tuple(version_phrases(each)),
            suite=each.handshake.cipher_suite if isinstance(each.handshake, Handshake) else "",
            certificate=certificate_phrase(each, self._served, self._facts.started),
            login=login_phrase(each),
        )


def _in_a_row(places: Iterable[str]) -> str:
    """Lists of ports in a list, which other languages do not set apart by commas."""
    return reduce(lambda first, more: Wording("{ports}, {more}", ports=first, more=more), places)


def _milder(where: str, severity: Severity, worst: Severity) -> str:
    """The places, with their severity where others have a worse one."""
    if severity is worst:
        return where
    return Wording("{ports} ({severity})", ports=where, severity=SEVERITY_WORDS[severity])
