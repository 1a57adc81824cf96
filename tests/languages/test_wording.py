"""A sentence is English, and can be said in another language later."""

from __future__ import annotations

import copy
import json
import pickle
from gettext import NullTranslations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from letterlock.model.language import ENGLISH, Language
from letterlock.model.wording import (
    Wording,
    counted,
    filled,
    from_members,
    in_context,
    joined,
)


class Shouting(NullTranslations):
    """Says everything in capitals, placeholders apart, and joins with `/`."""

    def gettext(self, message: str) -> str:
        return "{".join(
            part if index and "}" not in part else _upper(part)
            for index, part in enumerate(message.split("{"))
        )

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        assert msgid1
        return f"{n}×" + self.gettext(msgid2)

    def pgettext(self, context: str, message: str) -> str:
        return "/" if context == "separator" else f"{context}:{self.gettext(message)}"

    def npgettext(self, context: str, msgid1: str, msgid2: str, n: int) -> str:
        return f"{context}:" + self.ngettext(msgid1, msgid2, n)


def _upper(part: str) -> str:
    name, brace, rest = part.rpartition("}")
    return name + brace + rest.upper()


LOUD = Language("x-loud", Shouting())


@pytest.mark.parametrize(
    ("wording", "english", "loud"),
    [
        (Wording("offered"), "offered", "OFFERED"),
        (Wording("at {port} only", port=25), "at 25 only", "AT 25 ONLY"),
        (Wording("{a}: {b}", a=Wording("no"), b="no"), "no: no", "NO: no"),
        (counted("{count} day", "{count} days", 1), "1 day", "1×1 DAYS"),
        (counted("{count} day", "{count} days", 0), "0 days", "0×0 DAYS"),
        (counted("{count} day", "{count} days", 2), "2 days", "2×2 DAYS"),
        (in_context("severity", "high"), "high", "severity:HIGH"),
        (joined(", ", ("a", Wording("b"))), "a, b", "a/B"),
        (joined("; ", ()), "", ""),
        (joined("; ", ("only",)), "only", "only"),
        ("somebody else's", "somebody else's", "somebody else's"),
    ],
)
def test_it_is_english_and_can_be_said(wording: str, english: str, loud: str) -> None:
    assert wording == english
    assert ENGLISH.say(wording) == english
    assert LOUD.say(wording) == loud


HOSTILE = ("{x}", "{port}", "%(x)s", "{0.__class__}", "<b>{x}", "}{", "\x1b{x}")


@pytest.mark.parametrize("value", HOSTILE)
def test_a_value_is_put_in_once(value: str) -> None:
    wording = Wording("{x} and {port}", x=value, port="{x}")
    assert wording == f"{value} and {{x}}"
    assert LOUD.say(wording) == f"{value} AND {{x}}"


@given(st.text(), st.text())
def test_no_value_is_ever_formatted(first: str, second: str) -> None:
    wording = Wording("<{a}|{b}>", a=first, b=Wording("[{a}]", a=second))
    assert wording == f"<{first}|[{second}]>"


def test_what_is_no_placeholder_stays() -> None:
    assert filled("a {b} {} {c.d} {e!r}", {"b": "1"}) == "a 1 {} {c.d} {e!r}"
    assert Wording("100 {percent}") == "100 {percent}"


MADE = (
    Wording("plain"),
    Wording("{a} at {b}", a="x", b=Wording("port {n}", n=1)),
    counted("{count} suite", "{count} suites", 3, more="y"),
    in_context("list", "none"),
    joined("; ", [Wording("one"), "two", joined(", ", ["a", "b"])]),
)


@pytest.mark.parametrize("wording", MADE, ids=str)
def test_it_survives_json_and_pickle(wording: str) -> None:
    assert isinstance(wording, Wording)
    for again in (
        from_members(json.loads(json.dumps(wording.members()))),
        pickle.loads(pickle.dumps(wording)),  # noqa: S301
        copy.deepcopy(wording),
    ):
        assert again == wording
        assert LOUD.say(again) == LOUD.say(wording)
        assert again.members() == wording.members()


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"template": 1},
        {"template": "x", "values": {"a": 1}},
        {"template": "x", "values": []},
        {"template": "x", "plural": "y", "count": "many"},
        json.loads('{"template": "x", "plural": "y", "count": 1e999}'),
        json.loads('{"separator": ", ", "parts": [' * 400 + "0" + "]}" * 400),
        {"separator": ", "},
        {"separator": ", ", "parts": [None]},
        {"template": "x", "values": {"a": {"parts": []}}},
    ],
    ids=lambda members: str(members)[:60],
)
def test_what_is_no_wording_is_refused(members: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"wording|literal"):
        from_members(members)


def test_values_change_and_the_template_stays() -> None:
    wording = Wording("{a}: {b}", a="x\x1b", b=Wording("<{c}>", c="\x1b"))
    assert wording.mapped(lambda value: value.replace("\x1b", "ESC")) == "xESC: <ESC>"
    parts = joined(" ", [Wording("--profile {name}", name="NAME"), Wording("end")])
    assert isinstance(parts, Wording)
    assert parts.with_values(name="modern") == "--profile modern end"


def test_the_catalogues_header_is_never_said() -> None:
    assert LOUD.say(Wording("")) == ""
