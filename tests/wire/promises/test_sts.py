"""MTA-STS texts: what the RFC allows is read, everything else is one error."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from letterlock.model.dns_promises import StsMode, StsPolicy
from letterlock.wire.promises.malformed import MalformedError
from letterlock.wire.promises.sts import LONGEST, policy_text, read_policy, read_record

GOOD = b"version: STSv1\nmode: enforce\nmx: mail.example.com\nmax_age: 604800\n"


@pytest.mark.parametrize(
    ("texts", "id_"),
    [
        (["v=STSv1; id=20160831085700Z;"], "20160831085700Z"),
        (["v=STSv1;id=1"], "1"),
        (["v=STSv1 ;\tid=1 ; more=x"], "1"),
        (["v=STSv1; more=x; id=1; id=2"], "1"),
        (["v=spf1 -all", "v=STSv1; id=1;"], "1"),
    ],
)
def test_records(texts: list[str], id_: str) -> None:
    assert read_record(texts) == id_


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        ([], "no text at the name begins"),
        (["v=STSv2; id=1"], "no text at the name begins"),
        (["V=STSv1; id=1"], "no text at the name begins"),
        ([" v=STSv1; id=1"], "no text at the name begins"),
        (["v=STSv1; id=1", "v=STSv1; id=1"], "2 records where there must be one"),
        (["v=STSv1"], "has no id"),
        (["v=STSv1;"], "has no id"),
        (["v=STSv1; id="], "is not NAME=VALUE"),
        (["v=STSv1; id = 1"], "is not NAME=VALUE"),
        (["v=STSv1; id=2026-11-27"], "is not 1 to 32 letters and digits"),
        ([f"v=STSv1; id={'a' * 33}"], "is not 1 to 32 letters and digits"),
        (["v=STSv1;; id=1"], "is not NAME=VALUE"),
        (["v=STSv1; id=1; ü=1"], "is not ASCII"),
        (["v=STSv1; id=1" + "; a=b" * 2000], "is not NAME=VALUE"),
    ],
)
def test_broken_records(texts: list[str], said: str) -> None:
    with pytest.raises(MalformedError, match=said):
        read_record(texts)


@pytest.mark.parametrize(
    "data",
    [
        GOOD,
        GOOD.replace(b"\n", b"\r\n"),
        GOOD.removesuffix(b"\n"),
        GOOD.replace(b": ", b":\t "),
        GOOD.replace(b"\n", b" \n"),
        GOOD.replace(b"mail", b"MAIL"),
        b"max_age: 604800\r\nmx: mail.example.com\nmode: enforce\nversion: STSv1",
    ],
)
def test_a_policy(data: bytes) -> None:
    assert read_policy(data) == StsPolicy(StsMode.ENFORCE, ("mail.example.com",), 604800)


def test_what_senders_pass_over_is_told() -> None:
    found = read_policy(GOOD + "mode: none\nmxs: *.example.com\nx: für später\n".encode())
    assert found.mode is StsMode.ENFORCE
    assert found.ignored == ("mode: none", "mxs: *.example.com", "x: für später")


def test_none_needs_no_hosts() -> None:
    assert read_policy(b"version: STSv1\nmode: none\nmax_age: 86400\n").mx == ()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "the policy has no version"),
        (b"\n", "line 1 of the policy, '', is not NAME: VALUE"),
        (b"<!DOCTYPE html>\n<html>", "line 1 of the policy"),
        (b'{"version": "STSv1"}', "line 1 of the policy"),
        (GOOD + b"\n", "line 5"),
        (b"\xef\xbb\xbf" + GOOD, "line 1"),
        (GOOD.replace(b"STSv1", b"STSv2"), "'STSv2', not STSv1"),
        (GOOD.replace(b"enforce", b"Enforce"), "mode is 'Enforce'"),
        (GOOD.replace(b"mode: enforce\n", b""), "has no mode"),
        (GOOD.replace(b"mx: mail.example.com\n", b""), "has no mx"),
        (GOOD.replace(b"max_age: 604800\n", b""), "has no max_age"),
        (GOOD.replace(b"604800", b"-1"), "max_age is '-1'"),
        (GOOD.replace(b"604800", b"31557601"), "not 0 to 31557600"),
        (GOOD.replace(b"604800", "٣".encode()), "max_age"),
        (GOOD.replace(b"mail.", b"*.*."), "neither a host name nor"),
        (GOOD.replace(b"mail.", b"a." * 128), "neither a host name nor"),
        (GOOD.replace(b"mail.", b"."), "neither a host name nor"),
        (GOOD.replace(b"mail.example.com", b"mx1.a, mx2.a"), "neither a host name nor"),
        (GOOD.replace(b"mail", b"m\xff"), "not UTF-8"),
        (GOOD.replace(b"\n", b"\r"), "line 1"),
        (GOOD + b"x: \x1b[31m\n", "line 5"),
        (GOOD + b"a: b\n" * 5000, "more than 1000 lines"),
    ],
)
def test_broken_policies(data: bytes, said: str) -> None:
    with pytest.raises(MalformedError, match=said):
        read_policy(data)


@pytest.mark.parametrize(
    ("pattern", "host", "matches"),
    [
        ("mail.example.com", "mail.example.com", True),
        ("mail.example.com", "MAIL.example.com.", True),
        ("mail.example.com", "a.mail.example.com", False),
        ("*.example.com", "mail.example.com", True),
        ("*.example.com", "a.b.example.com", False),
        ("*.example.com", "example.com", False),
        ("*.example.com", ".example.com", False),
        ("example.com", "mail.example.com", False),
    ],
)
def test_patterns(pattern: str, host: str, matches: bool) -> None:
    policy = StsPolicy(StsMode.ENFORCE, ("other.example", pattern), 1)
    assert policy.pattern_for(host) == (pattern if matches else None)


_LABELS = st.text("ab0_", min_size=1, max_size=5)
_HOSTS = st.lists(_LABELS, min_size=1, max_size=4).map(".".join)
_PATTERNS = st.one_of(_HOSTS, _HOSTS.map(lambda name: f"*.{name}"))


@given(
    st.sampled_from(StsMode),
    st.lists(_PATTERNS, min_size=1, max_size=5, unique=True),
    st.integers(0, LONGEST),
)
def test_what_is_written_is_read(mode: StsMode, mx: list[str], max_age: int) -> None:
    policy = StsPolicy(mode, tuple(mx), max_age)
    assert read_policy(policy_text(policy).encode()) == policy


_PIECES = st.lists(
    st.sampled_from(
        ["version", "mode", "mx", "max_age", ":", " ", "\n", "\r\n", "STSv1", "enforce", "*.a.b",
         "86400", "\t", "é", "\x00", "a", "9" * 40]
    )
).map("".join)  # fmt: skip


@given(st.one_of(st.binary(max_size=200), _PIECES.map(str.encode)))
def test_any_policy_is_one_or_malformed(data: bytes) -> None:
    try:
        found = read_policy(data)
    except MalformedError:
        return
    assert read_policy(policy_text(found).encode()).mx == found.mx
    assert 0 <= found.max_age <= LONGEST


@given(st.lists(st.one_of(st.text(max_size=60), st.text("v=STSv1;id 01").map(str)), max_size=3))
def test_any_record_is_one_or_malformed(texts: list[str]) -> None:
    try:
        assert read_record(texts).isalnum()
    except MalformedError:
        return
