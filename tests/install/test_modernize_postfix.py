"""Postfix's old names: what they came to is what is said, in main.cf and per service."""

from __future__ import annotations

import pytest

from letterlock.install.plan import Configurations
from letterlock.install.plan_modernize import plan_modernize
from letterlock.model.plan import Plan
from letterlock.servers.postfix_configuration import PostfixConfiguration
from tests.install.planning import after, applied, postfix


def modernize(before: PostfixConfiguration) -> Plan:
    return plan_modernize(Configurations(before, None), "mail.example.com")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("smtpd_use_tls = yes\n", {"smtpd_tls_security_level": "may"}),
        ("smtpd_use_tls = no\n", {}),
        ("smtpd_enforce_tls = yes\n", {"smtpd_tls_security_level": "encrypt"}),
        (
            "smtpd_use_tls = yes\nsmtpd_tls_security_level = encrypt\n",
            {"smtpd_tls_security_level": "encrypt"},
        ),
        ("smtp_use_tls = yes\n", {"smtp_tls_security_level": "may"}),
        ("lmtp_enforce_tls = yes\n", {"lmtp_tls_security_level": "verify"}),
        ("tlsproxy_use_tls = yes\n", {"tlsproxy_tls_security_level": "may"}),
        ("smtpd_tls_dh1024_param_file = /dh.pem\nsmtpd_tls_eecdh_grade = strong\n", {}),
    ],
)
def test_main(text: str, wanted: dict[str, str]) -> None:
    before = postfix(f"# a comment\n{text}", version="3.10.0")
    now = applied(before, modernize(before))
    assert {each.name: each.value for each in now.main.settings()} == wanted
    assert bytes(now.main).startswith(b"# a comment\n")
    assert modernize(now).changes == ()


def test_nothing_else_is_touched_and_nothing_is_expected() -> None:
    before = postfix("smtpd_tls_protocols = !SSLv2\nsmtpd_tls_auth_only = no\n", version="3.10.0")
    made = modernize(before)
    assert made.changes == ()
    assert made.expectations == ()


def test_overrides_keep_what_they_came_to() -> None:
    master = (
        "smtp inet n - y - - smtpd\n"
        "submission inet n - y - - smtpd\n  -o smtpd_enforce_tls=yes\n"
        "127.0.0.1:10025 inet n - n - - smtpd\n  -o smtpd_use_tls=no\n"
    )
    before = postfix("smtpd_use_tls = yes\n", master, version="3.10.0")
    now = applied(before, modernize(before))
    levels = {entry.name: now.level(entry) for entry in now.master.services()}
    assert levels == {"smtp": "may", "submission": "encrypt", "127.0.0.1:10025": "none"}
    assert "use_tls" not in after(modernize(before), "master.cf")
    assert "enforce_tls" not in after(modernize(before), "master.cf")


def test_before_3_9_the_old_parameter_files_stay() -> None:
    before = postfix("smtpd_tls_dh1024_param_file = /dh.pem\n", version="3.7.11")
    assert modernize(before).changes == ()


def test_2_2_knows_no_other_names() -> None:
    before = postfix("smtpd_use_tls = yes\n", version="2.2.12")
    assert modernize(before).changes == ()


def test_tables_in_other_words_are_told_with_their_line() -> None:
    before = postfix("smtp_tls_per_site = hash:/t\n", version="3.9.0")
    made = modernize(before)
    assert made.changes == ()
    assert any("/etc/postfix/main.cf:1: smtp_tls_per_site stays" in line for line in made.notices)
