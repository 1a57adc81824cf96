"""Which of two settings is the stronger."""

from __future__ import annotations

import pytest

from letterlock.servers import strength
from letterlock.servers.tools import Tools


@pytest.mark.parametrize(
    ("expression", "floor"),
    [
        (">=TLSv1.2", "TLSv1.2"),
        (">=TLSv1.2, <=TLSv1.3", "TLSv1.2"),
        ("!SSLv2, !SSLv3", "TLSv1"),
        ("!SSLv2 !SSLv3 !TLSv1 !TLSv1.1", "TLSv1.2"),
        ("!SSLv2,!SSLv3,!TLSv1,!TLSv1.1,!TLSv1.2", "TLSv1.3"),
        ("TLSv1.3", "TLSv1.3"),
        ("TLSv1.2 TLSv1.3", "TLSv1.2"),
        ("TLSv1, !SSLv3", "TLSv1"),
        ("", "SSLv3"),
        ("ANY", "SSLv3"),
        ("LATEST", "TLSv1.3"),
        ("tlsv1.2", "TLSv1.2"),
        (">=0303", None),
        ("$other", None),
        ("!SSLv2, !SSLv3, !TLSv1, !TLSv1.1, !TLSv1.2, !TLSv1.3", None),
    ],
)
def test_protocol_floor(expression: str, floor: str | None) -> None:
    assert strength.protocol_floor(expression) == floor


@pytest.mark.parametrize(
    ("first", "second", "stronger"),
    [
        ("none", "may", "may"),
        ("encrypt", "may", "encrypt"),
        ("", "encrypt", "encrypt"),
        ("$mine", "encrypt", "$mine"),
    ],
)
def test_levels(first: str, second: str, stronger: str) -> None:
    assert strength.stronger_level(first, second) == stronger


def test_exclusions_are_added_to_not_replaced() -> None:
    assert strength.with_exclusions("SEED, aNULL", ["aNULL", "RC4"]) == "SEED, aNULL, RC4"
    assert strength.with_exclusions("aNULL RC4:MD5", ["RC4", "aNULL"]) is None


def test_cipher_lists_as_openssl_reads_them() -> None:
    suites = strength.cipher_suites(Tools(), "ECDHE+AESGCM")
    assert suites == frozenset(
        f"ECDHE-{key}-{bulk}"
        for key in ("ECDSA", "RSA")
        for bulk in ("AES256-GCM-SHA384", "AES128-GCM-SHA256")
    )
    assert strength.cipher_suites(Tools(), "NO-SUCH-SUITE") is None
