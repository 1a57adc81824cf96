"""Mail that Postfix sends: never below what the admin asked, and no client's certificate."""

from __future__ import annotations

from pathlib import Path

import pytest

from letterlock.model.errors import InputError
from letterlock.profiles.profile import load
from tests.install.planning import applied, plan, postfix, surroundings

ROOTS = "/etc/ssl/certs/ca-certificates.crt"


@pytest.mark.parametrize(
    ("before", "level"),
    [
        ("", "may"),
        ("smtp_tls_security_level =\n", "may"),
        ("smtp_tls_security_level = none\n", "may"),
        ("smtp_use_tls = yes\n", "may"),
        ("smtp_use_tls = no\n", "may"),
        ("my_level = dane\nsmtp_tls_security_level = $my_level\n", "$my_level"),
        ("smtp_enforce_tls = yes\n", "verify"),
        ("smtp_enforce_tls = yes\nsmtp_tls_enforce_peername = no\n", "encrypt"),
        *(
            (f"smtp_tls_security_level = {level}\n", level)
            for level in (
                "may", "dane", "dane-only", "encrypt", "fingerprint", "verify", "secure",
                "half-dane",
            )
        ),
    ],
)  # fmt: skip
def test_the_level_is_at_least_may_and_never_lowered(before: str, level: str) -> None:
    start = postfix(before)
    now = applied(start, plan(start))
    assert now.main.get("smtp_tls_security_level") == level
    for old in ("smtp_use_tls", "smtp_enforce_tls", "smtp_tls_enforce_peername"):
        assert now.main.get(old) is None


@pytest.mark.parametrize(
    ("before", "after"), [("", "1"), ("0", "1"), ("1", "1"), ("2", "2"), ("4", "4")]
)
def test_the_log_level_is_at_least_the_profiles(before: str, after: str) -> None:
    start = postfix(f"smtp_tls_loglevel = {before}\n")
    assert applied(start, plan(start)).main.get("smtp_tls_loglevel") == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", ROOTS),
        ("smtp_tls_CAfile = /our/ca.pem\n", "/our/ca.pem"),
        ("smtp_tls_CApath = /etc/ssl/certs\n", None),
    ],
)
def test_trust_anchors_where_there_are_none(before: str, after: str | None) -> None:
    start = postfix(before)
    made = plan(start, around=surroundings(ca_file=ROOTS))
    assert applied(start, made).main.get("smtp_tls_CAfile") == after


def test_a_system_without_trust_anchors_gets_no_setting() -> None:
    start = postfix()
    assert applied(start, plan(start)).main.get("smtp_tls_CAfile") is None


def test_a_clients_certificate_is_left_and_told_and_never_set() -> None:
    start = postfix("smtp_tls_cert_file = /client.pem\nsmtp_tls_key_file = /client.key\n")
    made = plan(start)
    now = applied(start, made)
    assert now.main.get("smtp_tls_cert_file") == "/client.pem"
    assert any("/etc/postfix/main.cf:1: smtp_tls_cert_file" in line for line in made.notices)
    stock = postfix()
    names = {each.name for each in applied(stock, plan(stock)).main.settings()}
    assert not {name for name in names if name.startswith("smtp_tls_") and "cert" in name}
    assert not any("client's certificate" in line for line in plan(stock).notices)


def test_a_client_that_is_turned_off_for_itself_is_shown() -> None:
    master = "smtp inet n - y - - smtpd\nfilter unix - - n - - smtp\n  -o smtp_use_tls=no\n"
    start = postfix("", master)
    made = plan(start)
    now = applied(start, made)
    entry = now.master.service("filter", "unix")
    assert entry is not None
    overrides = [(override.name, override.value) for override in entry.overrides]
    assert overrides == [("smtp_tls_security_level", "none")]
    shown = "/etc/postfix/master.cf:2: filter sends without TLS"
    assert any(line.startswith(shown) for line in made.notices)


def test_a_profile_says_its_own_of_outbound(tmp_path: Path) -> None:
    text = """name = "ours"\ntitle = "ours"\nsource = "us"\n
[outbound]\nlog_level = 2\ntrust_system = false\n
[mx]\nminimum_protocol = "TLSv1"\ncipher_grade = "medium"\nexclude_ciphers = []\nnamed_groups = []
[submission]\nsame_as = "mx"\n[access]\nsame_as = "mx"\n"""
    file = tmp_path / "ours.toml"
    file.write_text(text)
    start = postfix()
    made = plan(start, around=surroundings(ca_file=ROOTS), profile=str(file))
    now = applied(start, made)
    assert now.main.get("smtp_tls_loglevel") == "2"
    assert now.main.get("smtp_tls_CAfile") is None
    for wrong in ("log_level = 5", "log_levl = 1", 'log_level = "1"'):
        file.write_text(text.replace("log_level = 2", wrong))
        with pytest.raises(InputError, match="not a valid profile"):
            load(str(file))
