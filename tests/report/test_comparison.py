"""What changed between two reports: every kind of change, and which way it goes."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from letterlock.model.errors import InputError
from letterlock.report.comparison import Difference, compare, has_worsened
from letterlock.report.comparison_text import document, show
from letterlock.report.json_report import document as report
from letterlock.report.saved import saved
from tests.report.sample import result

Report = dict[str, Any]
BASE: Report = json.loads(report([result()]))
SMTP = "mail.example.com 192.0.2.25:25"


def differences(old: Report, new: Report) -> tuple[Difference, ...]:
    return compare(saved(json.dumps(old).encode(), "old"), saved(json.dumps(new).encode(), "new"))


def changed(change: Callable[[Report], object]) -> Report:
    new = deepcopy(BASE)
    change(new)
    return new


def words(one: Difference) -> tuple[str, str, str | None, str | None]:
    return one.kind, one.what, one.before, one.after


def test_nothing_changed() -> None:
    assert differences(BASE, BASE) == ()


CHANGES: list[tuple[Callable[[Report], object], tuple[str, str, str | None, str | None]]] = [
    (
        lambda new: new["endpoints"][0]["protocols"][1].update(offered=True),
        ("version", "SSLv3", "not offered", "offered"),
    ),
    (
        lambda new: new["endpoints"][2]["protocols"][5].update(offered=False),
        ("version", "TLSv1.3", "offered", "not offered"),
    ),
    (
        lambda new: new["endpoints"][0]["protocols"][4]["cipher_suites"].append(
            "TLS_RSA_WITH_RC4_128_SHA"
        ),
        ("suite", "TLS_RSA_WITH_RC4_128_SHA in TLSv1.2", None, "offered"),
    ),
    (
        lambda new: new["endpoints"][0]["groups"][0]["groups"].append("secp160r1"),
        ("group", "secp160r1", None, "offered"),
    ),
    (
        lambda new: new["endpoints"][0]["handshake"]["verdict"].update(accepted=False),
        ("certificate", "chain", "accepted", "not accepted"),
    ),
    (
        lambda new: new["endpoints"][0]["known_faults"][0].update(present=True),
        ("fault", "heartbleed", "not present", "present"),
    ),
    (
        lambda new: new["endpoints"][0]["grade"].update(letter="E"),
        ("grade", "the endpoint", "C", "E"),
    ),
    (
        lambda new: new["endpoints"][0].update(handshake=None),
        ("tls", "handshake", "TLS", "no TLS"),
    ),
    (
        lambda new: new["endpoints"][0].update(
            handshake={"unknown": "an alert", "cause": "tls-alert"}
        ),
        ("tls", "handshake", "TLS", "TLS fails: an alert"),
    ),
    (
        lambda new: new["findings"][1].update(severity="high"),
        ("finding", "old-versions: What old-versions means", "low", "high"),
    ),
    (
        lambda new: new["findings"].append({**new["findings"][2], "id": "new", "title": "N"}),
        ("finding", "new: N", None, "medium"),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("change", "expected"), CHANGES, ids=[each[1][1] for each in CHANGES])
def test_worse_one_way_and_better_the_other(
    change: Callable[[Report], object], expected: tuple[str, str, str | None, str | None]
) -> None:
    new = changed(change)
    (worse,) = differences(BASE, new)
    assert words(worse) == expected
    assert worse.direction == "worse"
    assert has_worsened([worse])
    back = differences(new, BASE)
    assert [each.kind for each in back] == [expected[0]]
    assert not has_worsened(back)
    if not expected[3] or not expected[3].startswith("TLS fails"):
        assert back[0].direction == "better"


def test_a_renewed_certificate_is_neither() -> None:
    new = changed(
        lambda new: new["endpoints"][0]["handshake"]["chain"][0].update(
            sha256="77" * 32, not_after="2027-09-09T00:00:00Z"
        )
    )
    (one,) = differences(BASE, new)
    assert one.place == SMTP
    assert one.direction == "other"
    assert one.before == "CN=mail.example.com until 2027-01-21 (abababababababab)"
    assert one.after == "CN=mail.example.com until 2027-09-09 (7777777777777777)"


UNKNOWN = {"unknown": "connection budget", "cause": "other"}


@pytest.mark.parametrize(
    "change",
    [
        lambda new: new["endpoints"][0]["protocols"][1].update(offered=UNKNOWN),
        lambda new: new["endpoints"][0]["known_faults"][0].update(present=UNKNOWN),
        lambda new: new["endpoints"][0].update(grade=UNKNOWN),
        lambda new: new["endpoints"][0].update(protocols=[], groups=[], known_faults=[]),
        # A list that is not complete proves no absence.
        lambda new: new["endpoints"][0]["protocols"][5].update(cipher_suites=[]),
    ],
)
def test_what_is_not_known_has_not_changed(change: Callable[[Report], object]) -> None:
    new = changed(change)
    assert differences(BASE, new) == ()
    assert differences(new, BASE) == ()


def test_endpoints_come_and_go_with_their_findings() -> None:
    def drop(new: Report) -> None:
        new["endpoints"].pop(1)
        new["findings"].pop(3)

    less = changed(drop)
    gone = differences(BASE, less)
    assert [words(each) for each in gone] == [("endpoint", "no longer looked at", "there", None)]
    assert not has_worsened(gone)
    come = differences(less, BASE)
    assert [each.kind for each in come] == ["endpoint"]


def test_a_new_endpoint_with_a_fault_is_worse() -> None:
    def drop(new: Report) -> None:
        new["endpoints"].pop(4)
        new["findings"].pop(0)

    come = differences(changed(drop), BASE)
    assert [each.kind for each in come] == ["finding", "endpoint"]
    assert has_worsened(come)


def test_the_screen() -> None:
    def change(new: Report) -> None:
        new["endpoints"][0]["protocols"][1].update(offered=True)
        new["endpoints"][0]["known_faults"][2].update(present=False)
        new["findings"][2]["title"] = "\x1b[2J"
        new["findings"][2]["severity"] = "high"

    file = io.StringIO()
    show(Console(file=file, width=80, highlight=False), differences(BASE, changed(change)))
    assert file.getvalue() == (
        "mail.example.com 192.0.2.25:25\n"
        "  ✗ version     SSLv3: not offered → offered\n"
        "  ✓ fault       sweet32: present → not present\n"
        "\n"
        "mail.example.com\n"
        "  ✗ finding     certificates-differ: \\x1b[2J: medium → high\n"
        "\n"
        "2 worse, 1 better.\n"
    )


def test_json() -> None:
    new = changed(lambda new: new["endpoints"][0]["protocols"][1].update(offered=True))
    assert json.loads(document(differences(BASE, new))) == {
        "format_version": 1,
        "worse": True,
        "differences": [
            {
                "kind": "version",
                "place": SMTP,
                "what": "SSLv3",
                "before": "not offered",
                "after": "offered",
                "direction": "worse",
            }
        ],
    }


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[]", "not a report of letterlock check: Expected `object`, got `array`"),
        (b"{}", "missing required field `format_version`"),
        (b'{"format_version": 2, "targets": [], "endpoints": [], "findings": []}', "reads 1"),
        (b'{"format_version": 1, "targets": [], "endpoints": [1], "findings": []}', r"$.endpoints"),
        (b'{"format_version": 1, "x": ' + b"[" * 100_000, "not JSON"),
    ],
)
def test_no_report(data: bytes, text: str) -> None:
    with pytest.raises(InputError) as caught:
        saved(data, "some.json")
    assert str(caught.value).startswith("some.json: ")
    assert text in str(caught.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["unknown", "chain", "verdict", "letter", "x"]), inner)
    ),
    max_leaves=4,
)


@settings(max_examples=60, deadline=None)
@given(name=st.sampled_from(sorted(BASE["endpoints"][0])), value=JSON)
def test_a_report_that_somebody_edited(name: str, value: object) -> None:
    """Refused in one line, or compared; never a traceback."""
    new = changed(lambda new: new["endpoints"][0].update({name: value}))
    try:
        differences(BASE, new)
        differences(new, BASE)
    except InputError as error:
        assert "not a report" in str(error)
