"""When a fault is told, and when its end."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from letterlock.model.finding import Severity
from letterlock.watch.changes import Changes, Known, compare
from letterlock.watch.fault import STATUS, Fault, Key
from letterlock.watch.look import Look, Part, settled
from letterlock.watch.places import compact

BEGIN = datetime(2026, 11, 27, 10, tzinfo=UTC)
STALE = Fault(
    STATUS, "certificate-stale", "127.0.0.1:993", "", Severity.HIGH, "stale", "abc", "reload"
)
FILE = replace(STALE, id="key-mismatch", place="/etc/x.pem:1")


class Watched:
    """Looks, an hour apart unless said otherwise; remembers as the record does."""

    def __init__(self) -> None:
        self.at = BEGIN
        self.known: dict[Key, Known] = {}

    def sees(
        self, *faults: Fault, blind: str = "", all_blind: bool = False, hours: float = 1
    ) -> tuple[int, int, int]:
        """How much began, came back, was over."""
        self.at += timedelta(hours=hours)
        part = Part(STATUS, faults, blind=frozenset({blind} - {""}), all_blind=all_blind)
        changes = compare(self.known, Look(self.at, (part,)))
        self.known = {each.fault.key: each for each in changes.known}
        return len(changes.began), len(changes.back), len(changes.over)


NOTHING, NEWS, BACK, OVER = (0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)


def test_once_and_its_end_once() -> None:
    watched = Watched()
    assert watched.sees(STALE) == NEWS
    assert watched.sees(replace(STALE, evidence="def", severity=Severity.LOW)) == NOTHING
    assert watched.sees() == OVER
    assert watched.sees() == NOTHING
    assert watched.sees(STALE, hours=48) == NEWS, "a day later it is a new one"


def test_that_something_cannot_be_seen_is_a_fault_and_ends_no_other() -> None:
    known: dict[Key, Known] = {}

    def told(*parts: Part) -> tuple[list[str], list[str]]:
        nonlocal known
        look = Look(BEGIN, parts).with_doubts(Severity.CRITICAL)
        changes = compare(known, look)
        known = {each.fault.key: each for each in changes.known}
        began, over = changes.began, changes.over
        return [each.fault.id for each in began], [each.fault.id for each in over]

    seen = Part(STATUS, (STALE,))
    assert told(seen) == ([STALE.id], [])
    blind = Part(STATUS, all_blind=True, unknown=("Dovecot refuses its configuration",))
    assert told(blind) == (["could-not-determine"], [])
    (doubt,) = (each.fault for each in known.values() if each.fault.id != STALE.id)
    assert (doubt.severity, doubt.evidence) == (Severity.CRITICAL, blind.unknown[0])
    assert told(replace(blind, unknown=("another reason",))) == ([], [])
    assert told(seen) == ([], ["could-not-determine"])
    assert told(Part(STATUS)) == ([], [STALE.id])


@pytest.mark.parametrize("place", ["127.0.0.1:993", "/etc/x.pem:1"])
def test_what_could_not_be_seen_is_not_over(place: str) -> None:
    watched, fault = Watched(), replace(STALE, place=place)
    watched.sees(fault)
    assert watched.sees(blind=place) == NOTHING
    assert watched.sees(blind=place.rpartition(":")[0]) == NOTHING
    assert watched.sees(all_blind=True) == NOTHING
    assert watched.sees(fault) == NOTHING, "nor is it new"
    assert watched.sees(blind="/etc/other.pem") == OVER


def test_a_stale_certificate_is_over_when_no_port_serves_it_any_more() -> None:
    """Postfix's processes end one by one: one port's next process is no end of it."""
    watched, other = Watched(), replace(STALE, place="[::1]:465")
    assert watched.sees(STALE, other) == (2, 0, 0)
    assert watched.sees(STALE) == NOTHING
    assert watched.sees(STALE, other) == NOTHING
    assert watched.sees(FILE, other) == NEWS
    assert watched.sees() == (0, 0, 3)


def test_any_other_fault_is_over_place_by_place() -> None:
    watched, other = Watched(), replace(FILE, place="/etc/y.pem:1")
    watched.sees(FILE, other)
    assert watched.sees(other) == OVER
    watched.sees(STALE, replace(other, id=STALE.id, source="check"))
    assert watched.sees(replace(other, id=STALE.id, source="check"))[2] == 1, "of another source"


def test_a_source_that_is_missing_says_nothing() -> None:
    watched = Watched()
    watched.sees(STALE)
    look = Look(watched.at, (Part("check"),))
    assert compare(watched.known, look).over == ()


def test_what_comes_and_goes_is_told_three_times() -> None:
    watched = Watched()
    assert [watched.sees(STALE), watched.sees(), watched.sees(STALE)] == [NEWS, OVER, BACK]
    for _ in range(20):
        assert watched.sees() == NOTHING
        assert watched.sees(STALE) == NOTHING
    for _ in range(24):
        assert watched.sees() == NOTHING, "not yet a day"
    assert watched.sees() == OVER


def test_a_fault_is_forgotten_a_day_after_its_end() -> None:
    watched = Watched()
    watched.sees(STALE)
    watched.sees()
    assert len(watched.known) == 1
    watched.sees(hours=25)
    assert watched.known == {}


def test_a_clock_set_back_is_no_news() -> None:
    watched = Watched()
    watched.sees(STALE)
    assert watched.sees(STALE, hours=-100) == NOTHING
    assert watched.sees(hours=1) == OVER


def test_what_only_one_of_two_looks_saw_is_nothing_yet() -> None:
    def look(*faults: Fault) -> Look:
        return Look(BEGIN, (Part(STATUS, faults),))

    known = {FILE.key: Known(FILE, BEGIN)}
    came = compare(known, settled(look(FILE), look(FILE, STALE)))
    went = compare(known, settled(look(FILE, STALE), look()))
    for changes in (came, went):
        assert not changes
        assert [each.fault for each in changes.open] == [FILE]
    both = compare(known, settled(look(STALE), look(STALE)))
    assert ([each.fault for each in both.began], [each.fault for each in both.over]) == (
        [STALE],
        [FILE],
    )
    assert not Changes()


def test_of_several_with_one_key_the_worst() -> None:
    worse = replace(STALE, severity=Severity.CRITICAL, evidence="worse")
    assert Look(BEGIN, (Part(STATUS, (STALE, worse, STALE)),)).faults == {STALE.key: worse}


@pytest.mark.parametrize(
    ("places", "said"),
    [
        ([("127.0.0.1:25", "")], "127.0.0.1 port 25"),
        (
            [(f"{host}:{port}", "") for port in (993, 995) for host in ("127.0.0.1", "[::1]")],
            "127.0.0.1, [::1] ports 993, 995",
        ),
        (
            [("127.0.0.1:25", "RSA"), ("127.0.0.1:25", "ECDSA"), ("127.0.0.1:587", "")],
            "127.0.0.1 port 25 (ECDSA, RSA), 127.0.0.1 port 587",
        ),
        ([("/etc/x.pem:1", ""), ("hash:/etc/sni", "")], "/etc/x.pem:1, hash:/etc/sni"),
        ([(f"/f{n}", "") for n in range(16)],
         ", ".join(f"/f{n}" for n in range(14)) + " and 2 more"),
    ],
)  # fmt: skip
def test_places_in_few_words(places: list[tuple[str, str]], said: str) -> None:
    assert compact(places) == said
