"""The plan for Dovecot: what it sets, what it leaves, what it says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from letterlock.model.plan import FileChange, Plan
from letterlock.servers.sasl import Sasl
from tests.install.planning import COMBINED, CURRENT, HOST, dovecot, plan, postfix

CORPUS = Path(__file__).parents[3] / "shared" / "corpus" / "trees"
MAIN = "/etc/dovecot/dovecot.conf"
SSL = "/etc/dovecot/conf.d/10-ssl.conf"
STOCK = {
    MAIN: "!include conf.d/*.conf\n",
    SSL: "ssl = yes\nssl_cert = </etc/dovecot/old.pem\nssl_key = </etc/dovecot/old.key\n"
    "#ssl_min_protocol = TLSv1.2\n#ssl_curve_list =\n",
}


def written(plan: Plan) -> dict[str, str]:
    return {
        str(change.path): (change.after or b"").decode("utf-8", "surrogateescape")
        for change in plan.changes
        if isinstance(change, FileChange)
    }


def with_ssl(text: str) -> dict[str, str]:
    return {MAIN: STOCK[MAIN], SSL: text}


def ssl_of(files: Mapping[str, str], **options: Any) -> str:
    return written(plan(dovecot=dovecot(files), **options)).get(SSL, files[SSL])


def test_the_certificate_goes_where_it_is_set() -> None:
    lines = ssl_of(STOCK).splitlines()
    assert lines[:3] == [
        "ssl = yes",
        f"ssl_cert = <{CURRENT}/fullchain.pem",
        f"ssl_key = <{CURRENT}/key.pem",
    ]


def test_the_combined_file_holds_both() -> None:
    text = ssl_of(STOCK, stored=COMBINED)
    assert f"ssl_cert = <{CURRENT}/combined.pem" in text
    assert f"ssl_key = <{CURRENT}/combined.pem" in text


def test_what_2_4_calls_it() -> None:
    files = with_ssl("ssl_server_cert_file = /old.pem\nssl_server_key_file = /old.key\n")
    texts = written(plan(dovecot=dovecot(files, version="2.4.1"), server_preference=True))
    text = "".join(texts.values())
    assert f"ssl_server_cert_file = {CURRENT}/fullchain.pem" in text
    assert "ssl_server_prefer_ciphers = server" in text
    assert "auth_allow_cleartext = no" in text
    assert "ssl_cert =" not in text


@pytest.mark.parametrize(
    "line",
    [
        "ssl = required",
        "ssl_min_protocol = TLSv1.3",
        "ssl_cipher_list = ECDHE-ECDSA-AES256-GCM-SHA384",
        "ssl_curve_list = X25519",
        "ssl_prefer_server_ciphers = yes",
    ],
)
def test_what_is_stronger_stays(line: str) -> None:
    assert (
        line in ssl_of(with_ssl(STOCK[SSL].replace("ssl = yes\n", "") + line + "\n")).splitlines()
    )


@pytest.mark.parametrize(
    ("line", "instead"),
    [
        ("ssl = no", "ssl = yes"),
        ("ssl_min_protocol = TLSv1", "ssl_min_protocol = TLSv1.2"),
        ("disable_plaintext_auth = no", "disable_plaintext_auth = yes"),
        ("ssl_cipher_list = ALL", "ssl_cipher_list = ECDHE-ECDSA-AES128-GCM-SHA256"),
        ("ssl_curve_list = secp521r1", "ssl_curve_list = X25519:prime256v1:secp384r1"),
    ],
)
def test_what_is_weaker_is_raised(line: str, instead: str) -> None:
    text = ssl_of(with_ssl(STOCK[SSL].replace("ssl = yes\n", "") + line + "\n"))
    assert instead in text
    assert line not in text.splitlines()


def test_require_tls() -> None:
    assert "ssl = required" in ssl_of(STOCK, require_tls=True)


def test_a_local_name_block_for_the_host_is_edited_and_another_left_and_told() -> None:
    own = f"local_name {HOST} {{\n  ssl_cert = </own.pem\n  ssl_key = </own.key\n}}\n"
    other = "local_name other.example.net {\n  ssl_cert = </other.pem\n  ssl_key = </other.key\n}\n"
    made = plan(dovecot=dovecot(with_ssl(STOCK[SSL] + own + other)))
    text = written(made)[SSL]
    assert "/own.pem" not in text
    assert text.count(f"<{CURRENT}/fullchain.pem") == 2
    assert other in text
    assert any("other.example.net" in notice and f"{SSL}:" in notice for notice in made.notices)


def test_an_alternative_certificate_is_dropped() -> None:
    text = ssl_of(with_ssl(STOCK[SSL] + "ssl_alt_cert = </ec.pem\nssl_alt_key = </ec.key\n"))
    assert "ssl_alt" not in text


def test_a_later_include_that_overrides_is_where_the_edit_goes() -> None:
    files = STOCK | {
        MAIN: "!include conf.d/*.conf\n!include_try local.conf\n",
        "/etc/dovecot/local.conf": "ssl_cert = </late.pem\nssl_key = </late.key\n",
    }
    texts = written(plan(dovecot=dovecot(files)))
    assert "/late.pem" not in texts["/etc/dovecot/local.conf"]


def test_sasl_wires_the_socket_that_postfix_asks() -> None:
    made = plan(postfix(), dovecot(STOCK), sasl="dovecot")
    texts = written(made)
    both = "".join(texts.values())
    assert "unix_listener /var/spool/postfix/private/auth {" in both
    assert "smtpd_sasl_path = private/auth" in texts["/etc/postfix/main.cf"]
    assert "  -o smtpd_sasl_auth_enable=yes" in texts["/etc/postfix/master.cf"]
    assert not any("log in" in notice for notice in made.notices)


def test_sasl_that_is_wired_already_is_left() -> None:
    socket = "/run/dovecot/auth-client"
    answerer = Sasl("dovecot", socket, answered=True, dovecot_can=True)
    before = postfix(f"smtpd_sasl_type = dovecot\nsmtpd_sasl_path = {socket}\n")
    texts = written(plan(before, dovecot(STOCK), answerer=answerer))
    assert f"smtpd_sasl_path = {socket}" in texts["/etc/postfix/main.cf"]
    assert "unix_listener" not in "".join(texts.values())


def test_a_second_plan_changes_nothing() -> None:
    once = {**STOCK, **written(plan(dovecot=dovecot(STOCK)))}
    assert plan(dovecot=dovecot(once)).changes == ()


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus of strangers' files is not here")
def test_strangers_trees_are_planned_once_and_for_all() -> None:
    folders = [folder for folder in sorted(CORPUS.iterdir()) if (folder / "dovecot.conf").is_file()]
    assert len(folders) > 30
    planned = 0
    for folder in folders:
        files = {
            f"/etc/dovecot/{path.relative_to(folder)}": path.read_bytes().decode(
                "utf-8", "surrogateescape"
            )
            for path in folder.rglob("*.conf")
        }
        once = {**files, **written(plan(dovecot=dovecot(files)))}
        assert plan(dovecot=dovecot(once)).changes == (), folder.name
        planned += once != files
    assert planned == len(folders)


def test_a_block_that_overrides_the_profile_is_shown_with_its_line() -> None:
    text = STOCK[SSL] + "protocol imap {\n  ssl_min_protocol = TLSv1\n}\n"
    made = plan(dovecot=dovecot(with_ssl(text)))
    assert any(
        f"{SSL}:7: protocol imap says ssl_min_protocol = TLSv1" in notice for notice in made.notices
    )
