"""main.cf: each construct that people write, read and edited."""

from __future__ import annotations

import pytest

from letterlock.conf.errors import ConfError
from letterlock.conf.main_cf import MainCf, Setting

Edit = tuple[str, str, str, str, str]


def main_cf(text: str) -> MainCf:
    return MainCf.parse(text.encode(), "main.cf")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a = b\n", "b"),
        ("a=b", "b"),
        ("a\t=\t b \t\n", "b"),
        ("a =\n", ""),
        ("a = 1\na = 2\n", "2"),
        ("a = b,\n  c\n", "b,  c"),
        ("a =\n\tb\n", "b"),
        ("a = b\n# column 0\n  c\n", "b  c"),
        ("a = b\n  # indented\n\n \n  c\n", "b  c"),
        ("a = b\n\n  c\n", "b  c"),
        ("a\n  = b\n", "b"),
        ("a = pipe\n  /bin/x\n  |y\n", "pipe  /bin/x  |y"),
        ("a = inline:{ { x = y } }\n", "inline:{ { x = y } }"),
        ("a = b # no comment\n", "b # no comment"),
        ("a = b = c\n", "b = c"),
        ("a = b\r\n  c\r\n", "b\r  c"),
        ("a = b\0c\n", "b"),
        ("a = \u00a0b\u00a0\n", "\u00a0b\u00a0"),
    ],
)
def test_reading(text: str, value: str) -> None:
    document = main_cf(text)
    assert document.get("a") == value
    assert document.faults() == ()


def test_settings_in_order() -> None:
    document = main_cf("a = 1\n# x\nb = 2\n\na = 3\n")
    assert document.settings() == (Setting("a", "1", 1), Setting("b", "2", 3), Setting("a", "3", 5))
    assert str(document.location("a")) == "main.cf:5"
    assert document.location("c") is None
    assert document.get("c") is None


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a = b\nnonsense\n", 2, "missing '='"),
        ("= b\n", 1, "missing attribute name"),
        ("\n  a = b\nc = d\n", 2, "must not begin with white space"),
        ("\ufeff# comment\n", 1, "missing '='"),
        ("a\r = b\rc\n\0x = y\n", 2, "missing attribute name"),
    ],
)
def test_faults(text: str, line: int, message: str) -> None:
    faults = main_cf(text).faults()
    assert len(faults) == 1
    assert str(faults[0]).startswith(f"main.cf:{line}: ")
    assert message in str(faults[0])


@pytest.mark.parametrize(
    ("before", "name", "value", "after"),
    [
        # Where it is set, in the style that it has.
        ("a = 1\nb = 2\n", "a", "3", "a = 3\nb = 2\n"),
        ("a=1\n", "a", "3", "a=3\n"),
        ("a\t=   1  \n", "a", "3", "a\t=   3\n"),
        ("a =\n", "a", "3", "a = 3\n"),
        ("a=\n", "a", "3", "a=3\n"),
        ("a = 1\n", "a", "", "a =\n"),
        ("a = 1\r\nb = 2\r\n", "a", "3", "a = 3\r\nb = 2\r\n"),
        ("a = 1", "a", "3", "a = 3"),
        ("a = 1\na = 2\n", "a", "3", "a = 1\na = 3\n"),
        # Over several lines: comments between stay.
        ("a = 1,\n  2\nb = 3\n", "a", "4", "a = 4\nb = 3\n"),
        ("a =\n  1\n  2\n", "a", "4", "a = 4\n"),
        ("a = 1\n# why\n  2\n\n  # more\n  3\nb = 4\n", "a", "5",
         "a = 5\n# why\n\n  # more\nb = 4\n"),
        ("a\n  = 1\n  2\n", "a", "3", "a\n  = 3\n"),
        # After the stock comment that mentions it, not after prose.
        ("#a = x\nb = 1\n", "a", "2", "#a = x\na = 2\nb = 1\n"),
        ("#a = x\n# a = is set so:\nb = 1\n", "a", "2", "#a = x\na = 2\n# a = is set so:\nb = 1\n"),
        ("#a =\n#   x\n#   y\nb = 1\n", "a", "2", "#a =\n#   x\n#   y\na = 2\nb = 1\n"),
        ("b = 1\n#a = x\n  2\n", "a", "3", "b = 1\n#a = x\n  2\na = 3\n"),
        # Beside its relatives, in their style.
        ("smtpd_tls_key_file=/k\nx = 1\n", "smtpd_tls_cert_file", "/c",
         "smtpd_tls_key_file=/k\nsmtpd_tls_cert_file=/c\nx = 1\n"),
        ("smtpd_tls_key_file = /k\n  # c\n\nx = 1\n", "smtpd_tls_cert_file", "/c",
         "smtpd_tls_key_file = /k\nsmtpd_tls_cert_file = /c\n  # c\n\nx = 1\n"),
        ("smtpd_use_tls = yes\nx = 1\n", "smtpd_tls_cert_file", "/c",
         "smtpd_use_tls = yes\nsmtpd_tls_cert_file = /c\nx = 1\n"),
        ("# TLS parameters\n# follow\nx = 1\n", "smtpd_tls_cert_file", "/c",
         "# TLS parameters\n# follow\nsmtpd_tls_cert_file = /c\nx = 1\n"),
        # At the end, a missing last line ending supplied: postconf -e of 3.7 glues them together.
        ("x = 1", "smtpd_tls_cert_file", "/c", "x = 1\nsmtpd_tls_cert_file = /c\n"),
        ("x = 1\r\ny = 2", "a", "3", "x = 1\r\ny = 2\r\na = 3\r\n"),
        ("", "a", "1", "a = 1\n"),
        # Never inside a value, nor where it would adopt a line that continues nothing.
        ("x = 1\n# TLS\n  2\n", "smtpd_tls_cert_file", "/c",
         "x = 1\n# TLS\n  2\nsmtpd_tls_cert_file = /c\n"),
        ("#a = 2\n  orphan = 1\n", "a", "1", "#a = 2\n  orphan = 1\na = 1\n"),
        ("  orphan = 1\n", "a", "1", "  orphan = 1\na = 1\n"),
    ],
)  # fmt: skip
def test_editing(before: str, name: str, value: str, after: str) -> None:
    assert bytes(main_cf(before).with_setting(name, value)).decode() == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a = 1\nb = 2\na = 3\n", "b = 2\n"),
        ("b = 2\na = 1\n# c\n  3\n", "b = 2\n# c\n"),
        ("b = 2\n#a = 1\n", "b = 2\n#a = 1\n"),
        ("aa = 1\n", "aa = 1\n"),
    ],
)
def test_removing(before: str, after: str) -> None:
    assert bytes(main_cf(before).without("a")).decode() == after


def test_expansion_looks_in_the_file_then_in_the_defaults() -> None:
    document = main_cf("a = ${b}/x\nb = $c\n")
    assert document.expand("$a $d $e", {"c": "C", "d": "$c!"}) == "C/x C! "


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("a = $a\n", "main.cf:1"),
        ("x = 1\na = $b\nb = ${a?{$a}}\n", "main.cf:"),
        ("a = $b$b\n" + "".join(f"b{n} = $b{n + 1}$b{n + 1}\n" for n in range(40)) + "b = $b0\n",
         "main.cf:"),
    ],
)  # fmt: skip
def test_expansion_is_bounded(text: str, where: str) -> None:
    with pytest.raises(ConfError, match="without end") as caught:
        main_cf(text).expand("$a", {})
    assert str(caught.value).startswith(where)
