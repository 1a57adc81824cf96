"""The plan for Postfix: what it sets, what it leaves, what it refuses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from letterlock.install.plan import Configurations, FurtherInstance, plan_secure
from letterlock.model.errors import InputError, RefusedError
from letterlock.model.plan import FileChange
from tests.install.planning import (
    COMBINED,
    CURRENT,
    CYRUS,
    STOCK_MASTER,
    after,
    applied,
    intent,
    plan,
    postfix,
    surroundings,
)

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"
GUIDE_MAIN = """smtpd_use_tls=yes
smtpd_tls_cert_file=/etc/ssl/certs/bundle.crt
smtpd_tls_key_file=/etc/ssl/private/server.key
"""
GUIDE_MASTER = """smtp      inet  n       -       y       -       -       smtpd
submission inet n       -       y       -       -       smtpd
  -o syslog_name=postfix/submission
  -o smtpd_tls_security_level=may
  -o smtpd_sasl_auth_enable=yes
smtps     inet  n       -       y       -       -       smtpd
  -o syslog_name=postfix/smtps
  -o smtpd_tls_wrappermode=yes
  -o smtpd_sasl_auth_enable=yes
"""


def test_stock_opens_both_users_ports_in_place() -> None:
    before = postfix()
    now = applied(before, plan(before))
    lines = bytes(now.master).splitlines()
    assert len(lines) == len(bytes(before.master).splitlines())
    assert now.level(now.on_port(587)[0].entry) == "encrypt"
    assert now.enabled("smtpd_tls_wrappermode", now.on_port(465)[0].entry)
    assert {e.port for e in now.endpoints()} == {25, 465, 587}


def test_without_sasl_users_ports_let_nobody_in_and_it_is_said() -> None:
    before = postfix()
    made = plan(before)
    now = applied(before, made)
    for port in (465, 587):
        entry = now.on_port(port)[0].entry
        assert not now.enabled("smtpd_sasl_auth_enable", entry)
        assert (
            now.value("smtpd_recipient_restrictions", entry) == "permit_sasl_authenticated,reject"
        )
    assert any("add --sasl dovecot" in notice for notice in made.notices)


def test_the_guides_configuration_in_todays_spelling() -> None:
    before = postfix(GUIDE_MAIN, GUIDE_MASTER)
    now = applied(before, plan(before, answerer=CYRUS))
    assert now.main.get("smtpd_use_tls") is None
    assert now.main.get("smtpd_tls_security_level") == "may"
    assert now.main.get("smtpd_tls_cert_file") == f"{CURRENT}/fullchain.pem"
    assert now.main.get("smtpd_tls_key_file") == f"{CURRENT}/key.pem"
    names = [entry.name for entry in now.master.services()]
    assert names == ["smtp", "submission", "smtps"], "adjusted, not doubled"


def test_a_users_port_at_level_may_gets_the_users_bar() -> None:
    before = postfix(GUIDE_MAIN, GUIDE_MASTER)
    now = applied(before, plan(before, answerer=CYRUS))
    entry = now.on_port(587)[0].entry
    assert now.level(entry) == "may"
    assert now.value("smtpd_tls_protocols", entry) == ">=TLSv1.2"
    assert now.value("smtpd_tls_ciphers", entry) == "high"
    assert "kRSA" in now.value("smtpd_tls_exclude_ciphers", entry)
    assert now.value("smtpd_tls_protocols") == ">=TLSv1", "port 25 keeps its own bar"


def test_require_tls_raises_submission_only() -> None:
    before = postfix(GUIDE_MAIN, GUIDE_MASTER)
    now = applied(before, plan(before, answerer=CYRUS, require_tls=True))
    assert now.level(now.on_port(587)[0].entry) == "encrypt"
    assert now.level(now.on_port(25)[0].entry) == "may"


def test_combined_file_uses_chain_files_and_drops_what_they_override() -> None:
    before = postfix(GUIDE_MAIN, GUIDE_MASTER)
    now = applied(before, plan(before, answerer=CYRUS, stored=COMBINED))
    assert now.main.get("smtpd_tls_chain_files") == f"{CURRENT}/combined.pem"
    assert now.main.get("smtpd_tls_cert_file") is None


def test_combined_file_before_3_4_as_the_guide_says() -> None:
    before = postfix(GUIDE_MAIN, GUIDE_MASTER, version="3.1.0")
    now = applied(before, plan(before, answerer=CYRUS, stored=COMBINED))
    assert now.main.get("smtpd_tls_cert_file") == f"{CURRENT}/combined.pem"
    assert now.main.get("smtpd_tls_key_file") == "$smtpd_tls_cert_file"
    assert "!TLSv1.1" in (now.main.get("smtpd_tls_mandatory_protocols") or "")


def test_separate_files_where_chain_files_are_set_go_there_key_first() -> None:
    before = postfix("smtpd_tls_chain_files = /old.pem\n")
    now = applied(before, plan(before))
    assert now.main.get("smtpd_tls_chain_files") == f"{CURRENT}/key.pem, {CURRENT}/fullchain.pem"


@pytest.mark.parametrize(
    "line",
    [
        "smtpd_tls_security_level = encrypt",
        "smtpd_tls_mandatory_protocols = >=TLSv1.3",
        "smtpd_tls_protocols = >=TLSv1.2",
        "smtpd_tls_protocols = !SSLv2, !SSLv3, !TLSv1, !TLSv1.1",
        "tls_preempt_cipherlist = yes",
        "smtp_tls_security_level = dane",
        "tls_eecdh_auto_curves = X25519",
    ],
)
def test_what_is_stronger_stays(line: str) -> None:
    before = postfix(line + "\n")
    name, _, value = line.partition(" = ")
    assert applied(before, plan(before)).main.get(name) == value


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("smtpd_tls_security_level = none", "may"),
        ("smtpd_tls_mandatory_protocols = !SSLv2", ">=TLSv1.2"),
        ("smtpd_tls_protocols = SSLv3", ">=TLSv1"),
        ("smtpd_tls_mandatory_ciphers = low", "high"),
        ("smtpd_tls_auth_only = no", "yes"),
    ],
)
def test_what_is_weaker_is_raised_where_it_stands(line: str, value: str) -> None:
    before = postfix(f"# first\n{line}\n# last\n")
    now = applied(before, plan(before))
    name = line.partition(" = ")[0]
    assert now.main.get(name) == value
    where = now.main.location(name)
    assert where is not None
    assert where.line == 2


def test_exclusions_of_the_admin_stay_and_ours_are_added() -> None:
    before = postfix("smtpd_tls_mandatory_exclude_ciphers = SEED, 3DES\n")
    now = applied(before, plan(before, exclude_ciphers=("AES128",)))
    value = now.main.get("smtpd_tls_mandatory_exclude_ciphers") or ""
    assert value.startswith("SEED, 3DES, ")
    assert value.endswith(", AES128")


def test_enforce_tls_of_old_is_not_weakened_to_may() -> None:
    before = postfix("smtpd_use_tls = yes\nsmtpd_enforce_tls = yes\n")
    now = applied(before, plan(before))
    assert now.level() == "encrypt"
    assert now.main.get("smtpd_enforce_tls") is None


def test_an_override_that_enforced_tls_under_the_old_names_still_does() -> None:
    master = GUIDE_MASTER.replace("smtpd_tls_security_level=may", "smtpd_enforce_tls=yes")
    before = postfix(GUIDE_MAIN, master)
    now = applied(before, plan(before, answerer=CYRUS))
    assert now.level(now.on_port(587)[0].entry) == "encrypt"


@pytest.mark.parametrize(
    "override",
    [
        "smtpd_tls_cert_file=/old.pem",
        "smtpd_tls_chain_files=/old.pem",
        "smtpd_tls_security_level=none",
    ],
)
def test_an_override_on_port_25_that_would_win_is_removed_and_told(override: str) -> None:
    before = postfix("", f"smtp inet n - y - - smtpd\n  -o {override}\n")
    made = plan(before)
    assert override not in after(made, "master.cf")
    name = override.partition("=")[0]
    told = [reason.text for change in made.changes for reason in getattr(change, "reasons", ())]
    assert any(f"smtp: -o {name} removed" in text for text in told)


def test_weak_overrides_on_users_ports_are_raised() -> None:
    master = (
        GUIDE_MASTER
        + "  -o smtpd_tls_mandatory_protocols=!SSLv2,!SSLv3\n  -o smtpd_tls_auth_only=no\n"
    )
    before = postfix(GUIDE_MAIN, master)
    now = applied(before, plan(before, answerer=CYRUS))
    entry = now.on_port(465)[0].entry
    assert now.value("smtpd_tls_mandatory_protocols", entry) == ">=TLSv1.2"
    assert now.enabled("smtpd_tls_auth_only", entry)


def test_465_without_wrapper_mode_gets_it() -> None:
    before = postfix("", "smtp inet n - y - - smtpd\n465 inet n - y - - smtpd\n")
    now = applied(before, plan(before))
    assert now.enabled("smtpd_tls_wrappermode", now.on_port(465)[0].entry)
    assert len(now.on_port(465)) == 1


def test_a_service_on_an_address_of_its_own_keeps_its_certificate_and_is_not_expected() -> None:
    master = (
        "smtp inet n - y - - smtpd\n"
        "192.0.2.7:smtp inet n - y - - smtpd\n  -o smtpd_tls_cert_file=/other.pem\n"
    )
    made = plan(postfix("", master))
    assert "/other.pem" in after(made, "master.cf")
    assert "192.0.2.7" not in {e.endpoint.address for e in made.expectations}
    assert any("/etc/postfix/master.cf:2: 192.0.2.7:smtp" in notice for notice in made.notices)


def test_a_loopback_only_submission_is_not_the_public_one() -> None:
    before = postfix("", "smtp inet n - y - - smtpd\n127.0.0.1:submission inet n - y - - smtpd\n")
    now = applied(before, plan(before))
    hosts = {listener.host for listener in now.listeners() if listener.port == 587}
    assert hosts == {None, "127.0.0.1"}


def test_a_content_filters_way_back_is_left_alone() -> None:
    entry = "127.0.0.1:10025 inet n - n - - smtpd\n  -o smtpd_tls_security_level=none\n"
    before = postfix("", "smtp inet n - y - - smtpd\n" + entry)
    made = plan(before)
    assert entry in after(made, "master.cf")
    assert 10025 not in {e.endpoint.port for e in made.expectations}


def test_a_wrapper_port_of_choice() -> None:
    before = postfix()
    now = applied(before, plan(before, wrapper_ports=(2465,)))
    entry = now.on_port(2465)[0].entry
    assert now.enabled("smtpd_tls_wrappermode", entry)
    assert 2465 in {e.port for e in now.endpoints()}


def test_wrapper_mode_in_main_cf_would_take_starttls_from_port_25() -> None:
    before = postfix("smtpd_tls_wrappermode = yes\n")
    now = applied(before, plan(before))
    assert now.main.get("smtpd_tls_wrappermode") is None
    assert {e.port: e.service.name for e in now.endpoints()}[25] == "smtp"


def test_auth_with_nobody_to_answer_is_refused_with_the_line_and_the_way_out() -> None:
    with pytest.raises(RefusedError) as caught:
        plan(postfix(GUIDE_MAIN, GUIDE_MASTER))
    assert str(caught.value).startswith("/etc/postfix/master.cf:2: service submission offers AUTH")
    assert "--sasl dovecot" in str(caught.value)


def test_sasl_dovecot_without_dovecot_is_an_input_error() -> None:
    with pytest.raises(InputError, match="Dovecot is not installed"):
        plan(postfix(), sasl="dovecot")


def test_other_key_types_that_would_be_served_instead_are_dropped() -> None:
    before = postfix("smtpd_tls_eccert_file = /ec.pem\nsmtpd_tls_eckey_file = /ec.key\n")
    now = applied(before, plan(before))
    assert now.main.get("smtpd_tls_eccert_file") is None
    assert now.main.get("smtpd_tls_eckey_file") is None


def test_crlf_stays_crlf() -> None:
    before = postfix(GUIDE_MAIN.replace("\n", "\r\n"))
    text = after(plan(before), "main.cf")
    assert text.count("\n") == text.count("\r\n")


@pytest.mark.parametrize("profile", ["modern", "intermediate", "old"])
@pytest.mark.parametrize("stored", ["separate", "combined"])
def test_a_second_plan_changes_nothing(profile: str, stored: str) -> None:
    options: dict[str, Any] = {"profile": profile, "answerer": CYRUS} | (
        {"stored": COMBINED} if stored == "combined" else {}
    )
    for before in (postfix(), postfix(GUIDE_MAIN, GUIDE_MASTER)):
        once = applied(before, plan(before, **options))
        assert plan(once, **options).changes == ()


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus of strangers' files is not here")
@pytest.mark.parametrize("kind", ["main", "master"])
def test_strangers_files_are_planned_once_and_for_all(kind: str) -> None:
    files = sorted((CORPUS / kind).glob("*.cf"))
    assert len(files) > 50
    for path in files:
        text = path.read_bytes().decode("utf-8", "surrogateescape")
        before = postfix(text) if kind == "main" else postfix("", text)
        once = applied(before, plan(before, answerer=CYRUS))
        again = plan(once, answerer=CYRUS)
        assert again.changes == (), path.name


def test_postscreen_gets_the_proxy_that_does_its_tls() -> None:
    text = STOCK_MASTER.read_text().replace(
        "smtp      inet  n       -       y       -       -       smtpd\n", "", 1
    )
    text = text.replace("#smtp      inet", "smtp      inet", 1).replace(
        "#smtpd     pass", "smtpd     pass", 1
    )
    before = postfix("", text)
    assert before.on_port(25)[0].entry.command == "postscreen"
    now = applied(before, plan(before))
    assert now.master.service("tlsproxy", "unix") is not None


def test_a_low_grade_on_a_users_port_is_raised() -> None:
    before = postfix("", GUIDE_MASTER + "  -o smtpd_tls_mandatory_ciphers=medium\n")
    now = applied(before, plan(before, answerer=CYRUS))
    assert now.value("smtpd_tls_mandatory_ciphers", now.on_port(465)[0].entry) == "high"


def test_further_instances_take_the_certificate_and_open_no_port() -> None:
    first = postfix("", "smtp inet n - y - - smtpd\n")
    second = replace(
        postfix(
            "inet_interfaces = 127.0.0.2\n", "smtp inet n - y - - smtpd\n465 inet n - y - - smtpd\n"
        ),
        folder="/etc/postfix-in",
    )
    made = plan_secure(
        intent(),
        Configurations(first, None, (FurtherInstance("Postfix in", second, CYRUS),)),
        surroundings(CYRUS),
    )
    changed = {
        str(c.path): c.after.decode() for c in made.changes if isinstance(c, FileChange) and c.after
    }
    assert "smtpd_tls_cert_file = " in changed["/etc/postfix-in/main.cf"]
    assert "submission" in changed["/etc/postfix/master.cf"], "587 is served by neither"
    assert "\n465" not in changed["/etc/postfix/master.cf"], "465 is the other's"
    assert "smtps" not in changed["/etc/postfix/master.cf"]
    assert "submission" not in changed["/etc/postfix-in/master.cf"]
    assert "smtpd_tls_wrappermode=yes" in changed["/etc/postfix-in/master.cf"]
    assert made.servers == ("Postfix", "Postfix in")
    assert {(e.endpoint.address, e.endpoint.port) for e in made.expectations} >= {
        ("127.0.0.1", 25), ("127.0.0.1", 587), ("127.0.0.2", 25), ("127.0.0.2", 465)
    }  # fmt: skip


@pytest.mark.parametrize("profile", ["modern", "intermediate", "old"])
def test_no_override_refers_to_what_main_cf_does_not_set(profile: str) -> None:
    before = postfix(GUIDE_MAIN, GUIDE_MASTER)
    now = applied(before, plan(before, answerer=CYRUS, profile=profile))
    overrides = now.on_port(587)[0].entry.overrides
    assert {o.name for o in overrides} >= {"smtpd_tls_protocols", "smtpd_tls_ciphers"}
    for override in overrides:
        if override.value.startswith("$"):
            assert now.main.get(override.value[1:]), override


def test_references_of_the_stock_file_that_lead_nowhere_are_emptied() -> None:
    """Postfix warns of an undefined parameter at every run of postconf; one that is set stays."""
    stock = """smtp inet n - y - - smtpd
#submission inet n       -       y       -       -       smtpd
#  -o smtpd_client_restrictions=$mua_client_restrictions
#  -o smtpd_helo_restrictions=$mua_helo_restrictions
"""
    before = postfix("mua_helo_restrictions = permit\n", stock)
    master = after(plan(before, answerer=CYRUS), "master.cf")
    assert "\n  -o smtpd_client_restrictions=\n" in master
    assert "\n  -o smtpd_helo_restrictions=$mua_helo_restrictions\n" in master


def test_a_null_client_opens_no_port() -> None:
    """MULTI_INSTANCE_README makes the default instance one: master_service_disable = inet."""
    made = plan(postfix("master_service_disable = inet\n", "smtp inet n - y - - smtpd\n"))
    assert after(made, "master.cf") == ""
    assert made.expectations == ()
    one = plan(postfix("master_service_disable = 10025/inet\n", "10025 inet n - y - - smtpd\n"))
    assert {each.endpoint.port for each in one.expectations} == {465, 587}
