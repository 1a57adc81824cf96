"""Visits → sheets, as pure data; how they are told."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from jsonschema import Draft202012Validator
from rich.console import Console

from letterlock.languages.catalogues import language
from letterlock.listen.addresses import Names, Recipients, digest, is_token, new_token
from letterlock.listen.sheets import sheets
from letterlock.model.errors import InputError
from letterlock.model.listening import (
    HelloFacts,
    Mail,
    PolicyFetch,
    Sheet,
    TlsSeen,
    Trap,
    Verdict,
    Visit,
)
from letterlock.model.wording import Wording
from letterlock.report.listening_document import read, written
from letterlock.report.listening_html import fragment
from letterlock.report.listening_json import fetch_line, sheet_line, visit_line
from letterlock.report.listening_schema import SCHEMA
from letterlock.report.listening_terminal import show_sheets, show_visit
from tests.report.test_json_schema import strict

_AT = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
_TOKEN = digest("one-token")
_HELLO = HelloFacts(
    ("TLSv1.3", "TLSv1.2"), ("TLS_AES_128_GCM_SHA256",), ("X25519MLKEM768", "x25519"),
    post_quantum_groups=("X25519MLKEM768",),
)  # fmt: skip
_TLS = TlsSeen(True, _HELLO, "TLSv1.3", "TLS_AES_128_GCM_SHA256", "X25519MLKEM768", True)
_ALERT = replace(_TLS, completed=False, alert="certificate_expired")


def visit(
    trap: Trap | None,
    *,
    tls: TlsSeen | None = _TLS,
    to: Trap | None = None,
    token: str = _TOKEN,
    address: str = "192.0.2.7",
    mail: bool = True,
) -> Visit:
    """One that delivers to `to` (by default to `trap`), unless `mail` is False: then it names no
    recipient."""
    meant = to or trap
    assert meant is not None
    mails = (Mail(_AT, meant, token, "sender.example", 99, tls is not None),) if mail else ()
    recipients = ((meant, token),) if mail else ()
    return Visit(
        _AT,
        0.1,
        address,
        trap,
        "mx.sender.example",
        True,
        tls is not None,
        tls,
        recipients,
        mails=mails,
    )


def only(*visits: Visit) -> Sheet:
    (sheet,) = sheets(visits)
    return sheet


_GOOD = visit(Trap.GOOD)


@pytest.mark.parametrize(
    ("visits", "verdict", "why"),
    [
        ([], Verdict.NEVER_CAME, ""),
        ([visit(Trap.EXPIRED)], Verdict.DELIVERED, ""),
        ([visit(Trap.EXPIRED, tls=None)], Verdict.CLEAR, ""),
        ([visit(Trap.EXPIRED, mail=False, tls=_ALERT)], Verdict.REFUSED, "certificate_expired"),
        ([visit(Trap.EXPIRED, mail=False)], Verdict.REFUSED, "after the handshake"),
        ([visit(Trap.EXPIRED, mail=False, tls=None)], Verdict.REFUSED, "TLS not tried"),
        (
            [visit(Trap.EXPIRED, mail=False, tls=_ALERT), visit(Trap.EXPIRED, tls=None)],
            Verdict.FELL_BACK, "",
        ),
        # Refused in the end, and delivered at another time: that counts.
        ([visit(Trap.EXPIRED), visit(Trap.EXPIRED, mail=False)], Verdict.DELIVERED, ""),
        (
            [visit(None, to=Trap.EXPIRED)], Verdict.INCONCLUSIVE,
            "another host's certificate was shown",
        ),
        ([visit(Trap.GOOD, to=Trap.EXPIRED)], Verdict.INCONCLUSIVE, None),
        # At a shared address: in clear text no certificate is shown, nor asked for.
        ([visit(None, to=Trap.EXPIRED, tls=None)], Verdict.CLEAR, ""),
        ([visit(Trap.GOOD, to=Trap.EXPIRED, tls=None)], Verdict.INCONCLUSIVE, None),
        (
            [replace(visit(Trap.EXPIRED, mail=False), turned_away=1)], Verdict.INCONCLUSIVE,
            "its recipient is no token of this test",
        ),
        (
            [replace(visit(Trap.EXPIRED, mail=False), ended="too many errors")],
            Verdict.INCONCLUSIVE, "too many errors",
        ),
        (
            [replace(visit(Trap.EXPIRED, mail=False), injected=True, ended="so we ended it")],
            Verdict.REFUSED, "commands before the handshake",
        ),
        (
            [replace(visit(Trap.EXPIRED, mail=False), helo="", tls=None)], Verdict.INCONCLUSIVE,
            "left before EHLO",
        ),
        # Of another sender.
        ([visit(Trap.EXPIRED, mail=False, address="192.0.2.8")], Verdict.NEVER_CAME, ""),
        ([visit(Trap.EXPIRED, token=digest("two-token"))], Verdict.NEVER_CAME, ""),
    ],
)  # fmt: skip
def test_what_a_sender_did(visits: list[Visit], verdict: Verdict, why: str | None) -> None:
    sheet = next(each for each in sheets([_GOOD, *visits]) if each.token == _TOKEN)
    row = sheet.at(Trap.EXPIRED)
    assert row.verdict is verdict
    assert why is None or row.why == why
    assert sheet.at(Trap.GOOD).verdict is Verdict.DELIVERED


def test_who_refuses_everywhere_has_a_sheet_all_the_same() -> None:
    refused = [visit(trap, mail=False) for trap in (Trap.GOOD, Trap.EXPIRED)]
    sheet = only(*refused)
    assert sheet.token is None
    assert sheet.at(Trap.GOOD).verdict is Verdict.REFUSED
    assert sheet.does_not_check == ()


def test_one_address_of_a_network_counts_for_its_neighbour() -> None:
    sheet = only(
        visit(Trap.GOOD, address="2001:db8::1"),
        visit(Trap.EXPIRED, mail=False, tls=_ALERT, address="2001:db8::2"),
    )
    assert sheet.addresses == ("2001:db8::1", "2001:db8::2")
    assert sheet.at(Trap.EXPIRED).verdict is Verdict.REFUSED


def test_of_a_senders_names_a_few_are_kept() -> None:
    crowd = [replace(visit(Trap.GOOD, address=f"192.0.2.{at}"), helo=f"mx{at}") for at in range(30)]
    assert (len(only(*crowd).addresses), len(only(*crowd).helo)) == (20, 20)


def test_two_tokens_of_one_sender_are_two_sheets_in_the_labels_order() -> None:
    two = digest("two-token")
    visits = [visit(Trap.GOOD), visit(Trap.EXPIRED, token=two)]
    first, second = sheets(visits, {two: "two-token", _TOKEN: "one-token"})
    assert (first.label, second.label) == ("two-token", "one-token")
    assert first.does_not_check == ("validity",)
    assert second.does_not_check == ()


_HOSTILE = "\x1b[31m<script>alert(1)</script>\n[bold]\u202e"


def hostile() -> Visit:
    """One whose every text of the sender's is hostile."""
    hello = replace(_HELLO, server_name=_HOSTILE, alpn=(_HOSTILE,))
    mail = Mail(_AT, Trap.GOOD, _TOKEN, _HOSTILE, 1, True)
    return replace(
        visit(Trap.GOOD, tls=replace(_TLS, hello=hello, failure=_HOSTILE)),
        helo=_HOSTILE, mails=(mail,),
    )  # fmt: skip


def screen(width: int, *visits: Visit) -> str:
    console = Console(file=io.StringIO(), width=width, highlight=False, force_terminal=False)
    for each in visits:
        show_visit(console, each)
    show_sheets(console, sheets(visits, {_TOKEN: "one-token"}))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_hostile_text_stays_text_on_the_screen() -> None:
    shown = screen(300, hostile())
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "\\x1b[31m<script>alert(1)</script>\\n[bold]\\u202e" in shown


def test_hostile_text_stays_text_on_a_page() -> None:
    page = fragment(sheets([hostile()], {}))
    assert "<script>" not in page
    assert "\x1b" not in page
    assert "&lt;script&gt;" in page


def test_a_page_in_chinese() -> None:
    """What a visit was written down as has its words in any language still."""
    came = [
        _GOOD, visit(Trap.EXPIRED, mail=False), visit(Trap.NO_STARTTLS, tls=None),
        replace(visit(Trap.WRONG_NAME, mail=False), ended=Wording("too many errors")),
    ]  # fmt: skip
    kept = [read(written(each)) for each in came]
    page = fragment(sheets(kept, {_TOKEN: "one-token"}), language("zh-Hant"))
    for words in (
        "已送達",
        "已拒絕：交握之後",
        "無法判斷：錯誤太多",
        "以明文送達",
        "它不會檢查：是否有 TLS",
    ):
        assert words in page
    assert "refused" not in page


def test_a_visit_is_read_back_the_same() -> None:
    for each in (hostile(), visit(Trap.GOOD, tls=None), visit(None, to=Trap.EXPIRED, mail=False)):
        assert read(written(each)) == each
    for data in (b"", b"[]", b"{}", b'{"at": 1}', b"\xff", b"[" * 10_000):
        with pytest.raises(InputError, match="the visit cannot be read"):
            read(data)


def test_hostile_text_is_harmless_and_whole_in_json() -> None:
    line = visit_line(hostile())
    assert line.count("\n") == 1
    assert "\x1b" not in line
    assert json.loads(line)["helo"] == _HOSTILE


def test_every_member_is_in_the_schema_and_no_other() -> None:
    reader = Draft202012Validator(strict(SCHEMA))
    for each in (hostile(), visit(Trap.GOOD, tls=None), visit(None, to=Trap.EXPIRED, mail=False)):
        reader.validate(json.loads(visit_line(each)))
        reader.validate(json.loads(fetch_line(PolicyFetch(_AT, each.address))))
        for sheet in sheets([each]):
            reader.validate(json.loads(sheet_line(sheet)))


def test_a_sheet_fits_80_columns() -> None:
    shown = screen(
        80, _GOOD, visit(Trap.EXPIRED, mail=False, tls=replace(_ALERT, alert="bad_certificate"))
    )
    assert "good           ✓ delivered                 TLSv1.3 AES_128_GCM" in shown
    assert "expired        ✓ refused: bad_certificate  TLSv1.3" in shown
    assert "Nothing came where it should not." in shown
    assert "post-quantum  X25519MLKEM768" in shown
    sheet = shown[shown.index("one-token:") :]
    assert max(map(len, sheet.splitlines())) <= 80


def test_mail_elsewhere_is_no_good_news_and_the_good_host_is_asked_first() -> None:
    shown = screen(300, visit(Trap.EXPIRED), visit(Trap.GOOD, mail=False))
    assert "expired        ✗ mail" in shown
    assert "The good host has no mail" in shown


def test_strangers_do_not_fill_the_screen() -> None:
    crowd = [visit(Trap.GOOD, mail=False, address=f"198.51.100.{at}") for at in range(9)]
    shown = screen(80, *crowd, _GOOD)
    assert shown.count("no recipient known: ") == 3
    assert shown.endswith("and 6 more who named no recipient of the test\n")
    assert shown.index("\none-token: ") < shown.index("\nno recipient known: ")


def test_whose_mail_is_taken() -> None:
    token = new_token()
    recipients = Recipients(Names("traps.example"), [token])
    for text in (f"{token}@good.traps.example", f"{token.upper()}@GOOD.Traps.Example"):
        assert recipients.read(text) == (Trap.GOOD, digest(token))
    for text in (f"{token}@traps.example", f"x{token}@good.traps.example", "", "@", token):
        assert recipients.read(text) is None
    recipients.remove(token)
    assert recipients.read(f"{token}@good.traps.example") is None
    recipients.add(token)
    assert recipients.read(f"{token}@good.traps.example")
    other = new_token()
    recipients.also(frozenset({digest(other)}))
    assert recipients.read(f"{other}@expired.traps.example") == (Trap.EXPIRED, digest(other))
    recipients.also(frozenset())
    assert recipients.read(f"{other}@expired.traps.example") is None
    assert recipients.read(f"{token}@good.traps.example")


@pytest.mark.parametrize(
    ("text", "fine"),
    [("one-token", True), ("a", False), ("-a", False), ("a@b", False), ("é" * 9, False)],
)
def test_tokens(text: str, fine: bool) -> None:
    assert is_token(text) is fine
