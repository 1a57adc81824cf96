"""Where configurations name certificates, read without a server."""

from __future__ import annotations

import pytest

from letterlock.conf.dovecot import DovecotFile
from letterlock.conf.dovecot_tree import DovecotTree
from letterlock.conf.main_cf import MainCf
from letterlock.conf.master_cf import MasterCf
from letterlock.servers import dovecot_references, postfix_references
from letterlock.servers.dovecot_configuration import DovecotConfiguration
from letterlock.servers.postfix_configuration import PostfixConfiguration
from letterlock.servers.references import _entries
from letterlock.servers.sni_tables import SniTable
from letterlock.servers.version import Version

_LISTENERS = """
protocols = imap pop3
listen = 127.0.0.1
ssl = yes
service imap-login {
  protocol = imap
  inet_listener imap {
    port = 143
  }
  inet_listener imaps {
    port = 993
    ssl = yes
  }
}
service pop3-login {
  protocol = pop3
  inet_listener pop3s {
    port = 995
    ssl = yes
  }
}
"""


def dovecot(version: str, text: str) -> set[tuple[str, str, tuple[str, ...], tuple[int, ...]]]:
    """Setting, scope, files, ports."""
    whole = (_LISTENERS + text).encode()
    path = "/etc/dovecot/dovecot.conf"
    tree = DovecotTree.load(path, lambda name: whole if name == path else None, lambda _: ())
    settings = DovecotFile.parse(whole, "doveconf").settings()
    configuration = DovecotConfiguration(Version.parse(version), tree, settings)
    return {
        (
            each.setting,
            each.scope,
            each.files,
            tuple(sorted({endpoint.port for endpoint in each.endpoints})),
        )
        for each in dovecot_references.references(configuration, settings)
    }


def test_dovecot_2_3_with_every_kind_of_block() -> None:
    found = dovecot(
        "2.3.19",
        """
ssl_cert = </a.pem
ssl_key = <a.key
ssl_alt_cert = </alt.pem
ssl_alt_key = </alt.key
protocol pop3 {
  ssl_cert = </pop.pem
}
local_name mail.example.net {
  ssl_cert = </net.pem
  ssl_key = </net.key
  ssl_alt_cert =
}
""",
    )
    assert found == {
        ("ssl_cert", "", ("/etc/dovecot/a.key", "/a.pem"), (143, 993)),
        ("ssl_cert", "protocol pop3", ("/etc/dovecot/a.key", "/pop.pem"), (995,)),
        ("ssl_cert", "local_name mail.example.net", ("/net.key", "/net.pem"), (143, 993, 995)),
        ("ssl_alt_cert", "", ("/alt.key", "/alt.pem"), (143, 993)),
        ("ssl_alt_cert", "protocol pop3", ("/alt.key", "/alt.pem"), (995,)),
    }


def test_an_alternative_certificate_is_inherited_by_a_name() -> None:
    found = dovecot(
        "2.3.19",
        "ssl_cert = </a.pem\nssl_key = </a.key\nssl_alt_cert = </alt.pem\nssl_alt_key = </alt.key\n"
        "local_name mail.example.net {\n  ssl_cert = </net.pem\n  ssl_key = </net.key\n}\n",
    )
    name = "local_name mail.example.net"
    assert ("ssl_alt_cert", name, ("/alt.key", "/alt.pem"), (143, 993, 995)) in found


@pytest.mark.parametrize("nested", [True, False])
def test_dovecot_2_4_both_spellings(nested: bool) -> None:
    inner = (
        "ssl_server {\n cert_file = /a.pem\n key_file = /a.key\n}\n"
        if nested
        else "ssl_server_cert_file = /a.pem\nssl_server_key_file = /a.key\n"
    )
    # doveconf -a of 2.4 tells the unset default first.
    found = dovecot("2.4.1", f"ssl_server_cert_file =\n{inner}local_name n.example {{\n{inner}}}\n")
    assert found == {
        ("ssl_server_cert_file", "", ("/a.key", "/a.pem"), (143, 993, 995)),
        ("ssl_server_cert_file", "local_name n.example", ("/a.key", "/a.pem"), (143, 993, 995)),
    }


def test_a_local_block_is_seen_at_its_own_address() -> None:
    text = "ssl_cert = </a.pem\nssl_key = </a.key\nlocal 127.0.0.9 {\n  ssl_cert = </b.pem\n}\n"
    whole = (_LISTENERS + text).encode()
    settings = DovecotFile.parse(whole, "doveconf").settings()
    tree = DovecotTree.load("/d.conf", lambda _: whole, lambda _: ())
    configuration = DovecotConfiguration(Version(2, 3, 19), tree, settings)
    at = {
        each.scope: {endpoint.address for endpoint in each.endpoints}
        for each in dovecot_references.references(configuration, settings)
    }
    assert at == {"": {"127.0.0.1"}, "local 127.0.0.9": {"127.0.0.9"}}


def test_dovecot_without_tls_names_nothing() -> None:
    assert dovecot("2.3.19", "ssl = no\nssl_cert = </a.pem\n") == set()


def configured(main: str, master: str) -> PostfixConfiguration:
    return PostfixConfiguration(
        Version(3, 7, 0),
        "/etc/postfix",
        MainCf.parse(main.encode(), "/etc/postfix/main.cf"),
        MasterCf.parse(master.encode(), "/etc/postfix/master.cf"),
        {"inet_interfaces": "127.0.0.1", "inet_protocols": "ipv4"},
    )


def postfix(main: str, master: str) -> dict[tuple[str, str], tuple[tuple[str, ...], set[int]]]:
    """(setting, scope) → files, ports."""
    configuration = configured(main, master)
    return {
        (each.setting, each.scope): (each.files, {endpoint.port for endpoint in each.endpoints})
        for each in postfix_references.references(configuration)
    }


_MASTER = """smtp inet n - y - - smtpd
submission inet n - y - - smtpd
  -o smtpd_tls_cert_file=/own.pem
  -o smtpd_tls_key_file=/own.key
smtps inet n - y - - smtpd
  -o smtpd_tls_wrappermode=yes
  -o smtpd_tls_chain_files=/k.pem,/c.pem
"""


def test_postfix_with_overrides() -> None:
    main = (
        "smtpd_tls_security_level = may\nsmtpd_tls_cert_file = /a.pem\n"
        "smtpd_tls_eccert_file = none\n"
    )
    assert postfix(main, _MASTER) == {
        ("smtpd_tls_cert_file", ""): (("/a.pem",), {25}),
        ("smtpd_tls_cert_file", "submission"): (("/own.key", "/own.pem"), {587}),
        ("smtpd_tls_chain_files", "smtps"): (("/k.pem", "/c.pem"), {465}),
    }


def test_postfix_reads_no_certificate_where_it_offers_no_tls() -> None:
    assert set(postfix("smtpd_tls_cert_file = /a.pem\n", _MASTER)) == {
        ("smtpd_tls_chain_files", "smtps")
    }


def test_of_two_tables_the_first_that_has_a_name_answers() -> None:
    maps = "tls_server_sni_maps = texthash:/one, texthash:/two\n"
    configuration = configured(f"smtpd_tls_cert_file = /c.pem\n{maps}", _MASTER)
    sources = {"/one": "a.example /a1\n", "/two": "a.example /a2\nb.example /b2\n"}
    tables = {
        f"texthash:{path}": SniTable("texthash", path, text.encode(), None)
        for path, text in sources.items()
    }
    ports = {
        (each.files, len(each.endpoints) > 0) for each in _entries("Postfix", configuration, tables)
    }
    assert ports == {(("/a1",), True), (("/a2",), False), (("/b2",), True)}
