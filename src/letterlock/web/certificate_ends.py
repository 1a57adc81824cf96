"""When the certificates that were served end; as a calendar (RFC 5545) too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta

import msgspec

from letterlock.model.certificate import Certificate
from letterlock.model.facts import EndpointFacts, Handshake
from letterlock.report.escape import printable
from letterlock.report.result import Result

#: What is kept of one look, however much a server says.
_MOST, _MOST_PLACES, _LONGEST = 50, 20, 200
#: How long before the end a calendar's reader is told.
ALARM = timedelta(days=7)


class End(msgspec.Struct, frozen=True):
    """The end of the certificate with that digest, a leaf, as it was served at `places`."""

    sha256: str
    subject: str
    not_after: datetime
    places: tuple[str, ...]

    def days(self, now: datetime) -> int:
        """Whole days that are left; below zero it is over."""
        return (self.not_after - now) // timedelta(days=1)


def ends(results: Iterable[Result]) -> tuple[End, ...]:
    """Of every leaf, the one that ends first before the others. What a server says is text."""
    found: dict[str, tuple[Certificate, list[str]]] = {}
    for result in results:
        for facts in result.facts.endpoints:
            for leaf in _leaves(facts):
                _, places = found.setdefault(leaf.sha256, (leaf, []))
                if str(facts.endpoint) not in places:
                    places.append(str(facts.endpoint))
    first = sorted(found.values(), key=lambda each: each[0].not_after)
    return tuple(
        End(leaf.sha256, _subject(leaf), leaf.not_after, tuple(places[:_MOST_PLACES]))
        for leaf, places in first[:_MOST]
    )


def _leaves(facts: EndpointFacts) -> Iterator[Certificate]:
    handshakes = (facts.handshake, *facts.further)
    chains = [each.chain for each in handshakes if isinstance(each, Handshake)]
    chains += [each.chain for each in facts.tls.chains] if facts.tls else []
    yield from (chain[0] for chain in chains if chain)


def _subject(leaf: Certificate) -> str:
    """Its first names; what is no name is no better."""
    names = ", ".join(leaf.dns_names[:3]) or leaf.subject or "a certificate without a name"
    return printable(names[:_LONGEST])


def written(found: Iterable[End]) -> str:
    return msgspec.json.encode(list(found)).decode()


def read(text: str) -> tuple[End, ...]:
    """What `written` made, or nothing."""
    return msgspec.json.decode(text, type=tuple[End, ...]) if text else ()


def calendar(monitors: Mapping[str, Iterable[End]], at: datetime, url: str) -> bytes:
    """A day for the end of each certificate, with an alarm before. Its UID (RFC 5545 section
    3.8.4.7) is the certificate's digest: it stays the same from look to look. `monitors` has them
    by title, `url` leads to the page."""
    from icalendar import Alarm, Calendar, Event

    whole = Calendar()
    whole.add("prodid", "-//letterlock//serve//EN")
    whole.add("version", "2.0")
    whole.add("method", "PUBLISH")
    whole.add("x-wr-calname", "Certificates of mail servers")
    for end, where in _together(monitors):
        event = Event()
        event.add("uid", f"{end.sha256}@letterlock")
        event.add("dtstamp", at.astimezone(UTC))
        # Without an end it is that day (section 3.6.1), and the last of all days has none after it.
        event.add("dtstart", end.not_after.astimezone(UTC).date())
        event.add("transp", "TRANSPARENT")
        event.add("summary", f"The certificate of {end.subject} ends")
        event.add("description", f"{end.not_after:%Y-%m-%d %H:%M} UTC, served by {where}")
        event.add("url", url)
        alarm = Alarm()
        alarm.add("action", "DISPLAY")
        alarm.add("description", f"The certificate of {end.subject} ends in {ALARM.days} days")
        alarm.add("trigger", -ALARM)
        event.add_component(alarm)
        whole.add_component(event)
    ical: bytes = whole.to_ical()
    return ical


def _together(monitors: Mapping[str, Iterable[End]]) -> Iterator[tuple[End, str]]:
    """Each certificate once, with all that serve it."""
    by_digest: dict[str, tuple[End, list[str]]] = {}
    for title, found in monitors.items():
        for end in found:
            by_digest.setdefault(end.sha256, (end, []))[1].append(title)
    for end, titles in sorted(by_digest.values(), key=lambda each: each[0].not_after):
        yield end, ", ".join(map(printable, titles))
