"""The version tables: what each version is told, and that its own binary knows the name."""

from __future__ import annotations

import subprocess

import pytest

from letterlock.servers.spelling_form import Form, Value
from letterlock.servers.version import Version
from letterlock.servers.vocabulary import ServerName, vocabulary


def _say(server: ServerName, concept: str, version: str, value: Value) -> str | None:
    row = vocabulary(server).spelling(concept, Version.parse(version))
    return None if row is None else f"{row.name} = {row.write(value)}"


@pytest.mark.parametrize(
    ("concept", "version", "value", "line"),
    [
        ("tls", "1.1.20", True, "ssl_disable = no"),
        ("tls", "1.0.15", "required", "ssl_disable = no"),
        ("tls", "1.2.17", "yes", "ssl = yes"),
        ("tls", "2.2.22", "yes", "ssl = yes"),
        ("certificate", "1.0.15", "/c.pem", "ssl_cert_file = /c.pem"),
        ("certificate", "2.3.19", "/c.pem", "ssl_cert = </c.pem"),
        ("certificate", "2.4.1", "/c.pem", "ssl_server_cert_file = /c.pem"),
        (
            "minimum-protocol",
            "2.2.22",
            "TLSv1.2",
            "ssl_protocols = TLSv1.2",
        ),
        ("minimum-protocol", "2.2.22", "TLSv1", "ssl_protocols = TLSv1 TLSv1.1 TLSv1.2"),
        ("minimum-protocol", "2.2.4", "TLSv1.2", "ssl_protocols = TLSv1"),
        ("minimum-protocol", "2.3.0", "TLSv1.2", "ssl_min_protocol = TLSv1.2"),
        ("minimum-protocol", "2.0.9", "TLSv1.2", None),
        ("named-groups", "2.2.36", ("X25519",), None),
        ("named-groups", "2.3.0", ("X25519", "prime256v1"), "ssl_curve_list = X25519:prime256v1"),
        ("cleartext-auth", "2.3.19", False, "disable_plaintext_auth = yes"),
        ("cleartext-auth", "2.4.0", False, "auth_allow_cleartext = no"),
        ("server-preference", "2.2.5", True, None),
        ("server-preference", "2.3.19", True, "ssl_prefer_server_ciphers = yes"),
        ("server-preference", "2.4.1", True, "ssl_server_prefer_ciphers = server"),
        ("dh-file", "2.4.9", "/dh.pem", "ssl_server_dh_file = /dh.pem"),
        ("certificate", "3.1.0", "/c.pem", "ssl_server_cert_file = /c.pem"),
    ],
)
def test_dovecot(concept: str, version: str, value: Value, line: str | None) -> None:
    assert _say("dovecot", concept, version, value) == line


@pytest.mark.parametrize(
    ("concept", "version", "value", "line"),
    [
        ("tls", "2.2.12", True, "smtpd_use_tls = yes"),
        ("tls", "2.2.12", "may", "smtpd_use_tls = yes"),
        ("tls", "2.3.0", "may", "smtpd_tls_security_level = may"),
        ("minimum-protocol-mandatory", "2.4.5", "TLSv1.2", "smtpd_tls_mandatory_protocols = TLSv1"),
        (
            "minimum-protocol-mandatory",
            "2.6.1",
            "TLSv1.2",
            "smtpd_tls_mandatory_protocols = !SSLv2, !SSLv3",
        ),
        ("minimum-protocol-opportunistic", "2.5.6", "TLSv1", None),
        ("outbound-tls", "2.2.0", "may", "smtp_use_tls = yes"),
        ("outbound-tls", "3.11.0", "may", "smtp_tls_security_level = may"),
        ("chain-files", "3.3.22", ("/c.pem",), None),
        ("chain-files", "3.4.0", ("/k.pem", "/c.pem"), "smtpd_tls_chain_files = /k.pem, /c.pem"),
        (
            "minimum-protocol-mandatory",
            "3.5.25",
            "TLSv1.2",
            "smtpd_tls_mandatory_protocols = !SSLv2, !SSLv3, !TLSv1, !TLSv1.1",
        ),
        (
            "minimum-protocol-mandatory",
            "3.6.0",
            "TLSv1.2",
            "smtpd_tls_mandatory_protocols = >=TLSv1.2",
        ),
        (
            "named-groups",
            "3.7.11",
            ("X25519", "prime256v1"),
            "tls_eecdh_auto_curves = X25519 prime256v1",
        ),
        ("cleartext-auth", "3.7.11", False, "smtpd_tls_auth_only = yes"),
        ("dh-file", "3.9.0", "/dh.pem", None),
        ("implicit-tls-service", "3.6.4", "", "smtps = "),
        ("implicit-tls-service", "3.7.0", "", "submissions = "),
    ],
)
def test_postfix(concept: str, version: str, value: Value, line: str | None) -> None:
    assert _say("postfix", concept, version, value) == line


def _defaults(*argv: str) -> set[str]:
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    return {line.partition(" =")[0] for line in done.stdout.splitlines()}


@pytest.mark.parametrize(
    ("server", "version", "dump"),
    [
        ("postfix", ("postconf", "-h", "-d", "mail_version"), ("postconf", "-d")),
        ("dovecot", ("dovecot", "--version"), ("doveconf", "-a")),
    ],
)
def test_the_installed_server_knows_every_name_the_table_gives_it(
    server: ServerName, version: tuple[str, ...], dump: tuple[str, ...]
) -> None:
    said = subprocess.run(version, capture_output=True, text=True, check=True).stdout
    installed = Version.parse(said)
    known = _defaults(*dump)
    rows = [
        row
        for row in vocabulary(server).spellings
        if row.known_to(installed) and row.concept != "implicit-tls-service"
    ]
    assert len(rows) > 9
    assert [row.name for row in rows if row.name not in known] == []


@pytest.mark.parametrize("server", ["postfix", "dovecot"])
def test_no_version_has_two_words_for_one_concept(server: ServerName) -> None:
    table = vocabulary(server)
    versions = {v for row in table.spellings for v in (row.since, row.until) if v}
    for version in versions:
        concepts = [row.concept for row in table.spellings if row.known_to(version)]
        assert len(concepts) == len(set(concepts)), version


_SWITCH = (True, False)
_FLOORS = ("SSLv3", "TLSv1", "TLSv1.2")
_LISTS = (("X25519", "prime256v1"), ())
_FITTING: dict[Form, tuple[Value, ...]] = {
    Form.SWITCH: _SWITCH,
    Form.INVERTED_SWITCH: _SWITCH,
    Form.PREFERENCE_SIDE: _SWITCH,
    Form.DEBUG_CATEGORY: _SWITCH,
    Form.PROTOCOL_FLOOR: _FLOORS,
    Form.PROTOCOL_LIST: _FLOORS,
    Form.PROTOCOL_EXCLUSIONS: _FLOORS,
    Form.COLON_LIST: _LISTS,
    Form.COMMA_LIST: _LISTS,
    Form.SPACE_LIST: _LISTS,
}


@pytest.mark.parametrize("server", ["postfix", "dovecot"])
def test_what_is_written_can_be_read_back(server: ServerName) -> None:
    for row in vocabulary(server).spellings:
        for value in _FITTING.get(row.form, ("/file.pem", "may")):
            text = row.write(value)
            found = row.read(text)
            assert found is not None, (row, value)
            assert row.write(found) == text, (row, value)


@pytest.mark.parametrize("server", ["postfix", "dovecot"])
def test_no_default_or_obsolete_name_is_told_twice_for_a_version(server: ServerName) -> None:
    table = vocabulary(server)
    rows = (*table.spellings, *table.defaults, *table.obsolete, *table.abilities)
    for version in {v for row in rows for v in (row.since, row.until) if v}:
        for kind in (table.defaults, table.obsolete):
            names = [row.name for row in kind if row.known_to(version)]
            assert len(names) == len(set(names)), version


def test_a_version_newer_than_the_table_gets_its_newest_words() -> None:
    table = vocabulary("postfix")
    assert not table.newer(Version.parse("3.11.9"))
    assert table.newer(Version.parse("3.12.0"))
    assert table.newer(Version.parse("4.0.0"))
    assert _say("postfix", "tls", "4.0.0", "may") == "smtpd_tls_security_level = may"
    assert not vocabulary("dovecot").newer(Version.parse("2.4.9"))
