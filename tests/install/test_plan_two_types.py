"""RSA and ECDSA together: how each version says it, who goes on with a certificate of its own."""

from __future__ import annotations

import pytest

from letterlock.certs.store import StoredCertificate
from letterlock.model.certificate import KeyType
from letterlock.model.errors import RefusedError
from letterlock.model.plan import FileChange, Plan
from tests.install.planning import (
    BOTH,
    BOTH_COMBINED,
    CURRENT,
    SEPARATE,
    after,
    dovecot,
    plan,
    postfix,
)

MAIN = "/etc/dovecot/dovecot.conf"
STOCK_MAIN = """smtpd_tls_cert_file=/etc/ssl/certs/ssl-cert-snakeoil.pem
smtpd_tls_key_file=/etc/ssl/private/ssl-cert-snakeoil.key
"""


def certificate_lines(text: str) -> list[str]:
    words = ("cert", "key", "chain_files")
    return [
        line.replace(" = ", "=")
        for line in text.splitlines()
        if line.startswith(("smtpd_tls_", "ssl_")) and any(word in line for word in words)
    ]


def main_cf(version: str, stored: StoredCertificate, main: str = STOCK_MAIN) -> list[str]:
    return certificate_lines(after(plan(postfix(main, version=version), stored=stored), "main.cf"))


CHAIN_FILES = [
    f"smtpd_tls_chain_files={CURRENT}/key.pem, {CURRENT}/fullchain.pem, "
    f"{CURRENT}/key-ecdsa.pem, {CURRENT}/fullchain-ecdsa.pem"
]
COMBINED_CHAIN_FILES = [
    f"smtpd_tls_chain_files={CURRENT}/combined.pem, {CURRENT}/combined-ecdsa.pem"
]
BY_TYPE = [
    f"smtpd_tls_cert_file={CURRENT}/fullchain.pem",
    f"smtpd_tls_key_file={CURRENT}/key.pem",
    f"smtpd_tls_eccert_file={CURRENT}/fullchain-ecdsa.pem",
    f"smtpd_tls_eckey_file={CURRENT}/key-ecdsa.pem",
]
COMBINED_BY_TYPE = [
    f"smtpd_tls_cert_file={CURRENT}/combined.pem",
    "smtpd_tls_key_file=$smtpd_tls_cert_file",
    f"smtpd_tls_eccert_file={CURRENT}/combined-ecdsa.pem",
    "smtpd_tls_eckey_file=$smtpd_tls_eccert_file",
]


@pytest.mark.parametrize(
    ("version", "stored", "wanted"),
    [
        ("2.6.0", BOTH, BY_TYPE),
        ("3.3.22", BOTH, BY_TYPE),
        ("3.3.22", BOTH_COMBINED, COMBINED_BY_TYPE),
        ("3.4.0", BOTH, CHAIN_FILES),
        ("3.4.0", BOTH_COMBINED, COMBINED_CHAIN_FILES),
        ("3.11.1", BOTH, CHAIN_FILES),
    ],
)
def test_postfix_of_that_version(
    version: str, stored: StoredCertificate, wanted: list[str]
) -> None:
    lines = main_cf(version, stored)
    assert sorted(lines) == sorted(wanted)
    text = "\n".join(f"{line}\n" for line in lines)
    assert sorted(main_cf(version, stored, text) or lines) == sorted(wanted), "and it stays so"


def test_who_has_a_setting_per_key_type_keeps_those() -> None:
    main = f"{STOCK_MAIN}smtpd_tls_eccert_file=/old/ec.pem\nsmtpd_tls_eckey_file=/old/ec.key\n"
    assert main_cf("3.7.11", BOTH, main) == BY_TYPE
    # One alone: the other setting would go on serving the older certificate.
    assert main_cf("3.7.11", SEPARATE, main) == BY_TYPE[:2]


def test_one_alone_after_both() -> None:
    alone = [f"smtpd_tls_chain_files={CURRENT}/key.pem, {CURRENT}/fullchain.pem"]
    assert main_cf("3.7.11", SEPARATE, CHAIN_FILES[0] + "\n") == alone
    assert main_cf("3.3.0", SEPARATE, "\n".join(BY_TYPE) + "\n") == BY_TYPE[:2]


def test_a_dsa_certificate_never_stays() -> None:
    main = f"{STOCK_MAIN}smtpd_tls_dcert_file=/old/dsa.pem\n"
    for version, stored in (("3.3.0", BOTH), ("3.7.11", BOTH), ("3.7.11", SEPARATE)):
        assert not any("dcert" in line for line in main_cf(version, stored, main))


MASTER = """smtp inet n - y - - smtpd
192.0.2.7:smtp inet n - y - - smtpd
  -o smtpd_tls_cert_file=/own.pem
  -o smtpd_tls_key_file=/own.key
"""


def own_listener(version: str, stored: StoredCertificate) -> list[str]:
    made = after(plan(postfix(STOCK_MAIN, MASTER, version), stored=stored), "master.cf")
    entry = made.partition("192.0.2.7:smtp")[2].partition("\nsubmission")[0]
    words = ("tls_cert", "tls_chain", "tls_eccert", "tls_eckey")
    return [line.split()[1] for line in entry.splitlines() if any(word in line for word in words)]


def test_a_listener_with_its_own_certificate_goes_on_serving_it_alone() -> None:
    own = "smtpd_tls_cert_file=/own.pem"
    assert own_listener("3.7.11", SEPARATE) == [own]
    assert own_listener("3.7.11", BOTH) == [own, "smtpd_tls_chain_files="]
    assert own_listener("3.3.0", BOTH) == [own, "smtpd_tls_eccert_file=", "smtpd_tls_eckey_file="]


def dovecot_conf(version: str, stored: StoredCertificate, text: str) -> str:
    return after(plan(dovecot=dovecot({MAIN: text}, version), stored=stored), "dovecot.conf")


NAMES_2_4 = {
    "ssl_cert=<": "ssl_server_cert_file=",
    "ssl_key=<": "ssl_server_key_file=",
    "ssl_alt_cert=<": "ssl_server_alt_cert_file=",
    "ssl_alt_key=<": "ssl_server_alt_key_file=",
}


@pytest.mark.parametrize("version", ["2.2.31", "2.3.19", "2.4.1"])
@pytest.mark.parametrize(("stored", "name"), [(BOTH, ""), (BOTH_COMBINED, "combined")])
def test_dovecot_of_that_version(version: str, stored: StoredCertificate, name: str) -> None:
    wanted = [
        f"ssl_cert=<{CURRENT}/{name or 'fullchain'}.pem",
        f"ssl_key=<{CURRENT}/{name or 'key'}.pem",
        f"ssl_alt_cert=<{CURRENT}/{name or 'fullchain'}-ecdsa.pem",
        f"ssl_alt_key=<{CURRENT}/{name or 'key'}-ecdsa.pem",
    ]
    if version == "2.4.1":
        names = zip(wanted, NAMES_2_4.items(), strict=True)
        wanted = [line.replace(old, new) for line, (old, new) in names]
    text = dovecot_conf(version, stored, "ssl = yes\n")
    assert sorted(certificate_lines(text)) == sorted(wanted)


def test_leftovers_of_another_type_go_but_not_ours() -> None:
    old = (
        "ssl_cert = </old.pem\nssl_key = </old.key\nssl_alt_cert = </e.pem\nssl_alt_key = </e.key\n"
    )
    assert "ssl_alt" not in dovecot_conf("2.3.19", SEPARATE, old)
    assert "ssl_alt_cert = <" + f"{CURRENT}/fullchain-ecdsa.pem" in dovecot_conf(
        "2.3.19", BOTH, old
    )


BLOCKS = """ssl = yes
local_name mail.example.com {
  ssl_cert = </mail.pem
  ssl_key = </mail.key
  ssl_alt_cert = </mail-old.pem
  ssl_alt_key = </mail-old.key
}
local_name other.example.org {
  ssl_cert = </other.pem
  ssl_key = </other.key
}
local_name third.example.org {
  ssl_cert = </third.pem
  ssl_key = </third.key
  ssl_alt_cert = </third-ec.pem
  ssl_alt_key = </third-ec.key
}
"""


def test_dovecots_blocks() -> None:
    text = dovecot_conf("2.3.19", BOTH, BLOCKS)
    mail, other, third = (part.partition("}")[0] for part in text.split("local_name ")[1:])
    assert "ssl_alt" not in mail, "it has what holds around it"
    assert f"ssl_cert = <{CURRENT}/fullchain.pem" in mail
    assert [line.strip() for line in other.splitlines()[3:]] == ["ssl_alt_cert =", "ssl_alt_key ="]
    assert "ssl_alt_cert = </third-ec.pem\n  ssl_alt_key = </third-ec.key" in third

    another = "local_name new.example.org {\n  ssl_cert = </new.pem\n  ssl_key = </new.key\n}\n"
    assert "ssl_alt_cert =\n" in dovecot_conf("2.3.19", BOTH, text + another).partition("new.")[2]

    alone = dovecot_conf("2.3.19", SEPARATE, BLOCKS)
    mail, other, _ = (part.partition("}")[0] for part in alone.split("local_name ")[1:])
    assert "ssl_alt" not in mail + other


@pytest.mark.parametrize(
    ("configuration", "said"),
    [
        ({"postfix": postfix(STOCK_MAIN, version="2.5.17")},
         "Postfix 2.5.17 serves one certificate only: RSA and ECDSA together need Postfix 2.6; "
         "give the RSA one alone, which every client can use"),
        ({"dovecot": dovecot({MAIN: "ssl = yes\n"}, "2.2.22")},
         "Dovecot 2.2.22 serves one certificate only: RSA and ECDSA together need Dovecot 2.2.31; "
         "give the RSA one alone, which every client can use"),
    ],
)  # fmt: skip
def test_a_version_that_cannot_hold_two(configuration: dict[str, object], said: str) -> None:
    with pytest.raises(RefusedError) as caught:
        plan(**configuration, stored=BOTH)  # type: ignore[arg-type]
    assert str(caught.value) == said


def test_each_is_expected_of_a_client_that_speaks_it_alone() -> None:
    made: Plan = plan(postfix(STOCK_MAIN), dovecot({MAIN: "ssl = yes\n"}), stored=BOTH)
    seen = {(each.endpoint, each.key_type, each.leaf_sha256[:2]) for each in made.expectations}
    endpoints = {each.endpoint for each in made.expectations}
    assert seen == {
        (one, *pair) for one in endpoints for pair in ((KeyType.RSA, "ab"), (KeyType.ECDSA, "cd"))
    }
    alone = plan(postfix(STOCK_MAIN), stored=SEPARATE)
    assert {each.key_type for each in alone.expectations} == {None}
    assert all(isinstance(change, FileChange) for change in made.changes)
