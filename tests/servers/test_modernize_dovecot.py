"""Old names brought over in place: a table of what each version makes of what an upgrade left."""

from __future__ import annotations

import pytest

from letterlock.conf.dovecot_tree import DovecotTree
from letterlock.servers.modernize_dovecot import Modernized, modernized
from letterlock.servers.version import Version

MAIN = "/etc/dovecot/dovecot.conf"


def tree(**files: str) -> DovecotTree:
    """Files of /etc/dovecot by their name without `.conf`; `main` includes the others."""
    contents = {f"/etc/dovecot/{name}.conf": text for name, text in files.items()}
    return DovecotTree.load(
        "/etc/dovecot/main.conf",
        lambda path: contents[path].encode() if path in contents else None,
        lambda pattern: [path for path in contents if path == pattern],
    )


def of(text: str, version: str) -> Modernized:
    return modernized(tree(main=text), Version.parse(version))


def becomes(text: str, version: str) -> str:
    return bytes(of(text, version).tree.file("/etc/dovecot/main.conf")).decode()


@pytest.mark.parametrize(
    ("version", "before", "after"),
    [
        # 1 → 2.0
        ("2.2.22", "ssl_disable = yes", "ssl = no"),
        ("2.2.22", "ssl_disable = no", "ssl = yes"),
        ("1.2.17", "ssl_disable = no", "ssl = yes"),
        ("2.0.0", "ssl_cert_file = /c.pem", "ssl_cert = </c.pem"),
        ("2.0.0", "ssl_key_file = /k.pem # key", "ssl_key = </k.pem # key"),
        ("2.0.0", "protocols = imap pop3 imaps pop3s", "protocols = imap pop3"),
        # 2.2 → 2.3
        ("2.3.0", "ssl_protocols = !SSLv3 !TLSv1 !TLSv1.1", "ssl_min_protocol = TLSv1.2"),
        ("2.3.0", "ssl_protocols = TLSv1.1 TLSv1.2", "ssl_min_protocol = TLSv1.1"),
        ("2.3.19", "ssl_protocols = !SSLv2, !SSLv3", None),
        ("2.3.19", "ssl_protocols = TLSv1.2", None),
        ("2.3.0", "ssl_dh_parameters_length = 2048", None),
        ("2.3.0", "ssl_parameters_regenerate = 0", None),
        # 2.3 → 2.4
        ("2.4.1", "ssl_cert = </c.pem", "ssl_server_cert_file = /c.pem"),
        ("2.4.1", "ssl_key=< /k.pem", "ssl_server_key_file=/k.pem"),
        ("2.4.1", "ssl_alt_cert = </c.pem", "ssl_server_alt_cert_file = /c.pem"),
        ("2.4.1", "ssl_dh = </dh.pem", "ssl_server_dh_file = /dh.pem"),
        ("2.4.1", "ssl_ca = </ca.pem", "ssl_server_ca_file = /ca.pem"),
        ("2.4.1", "ssl_prefer_server_ciphers = yes", "ssl_server_prefer_ciphers = server"),
        ("2.4.1", "ssl_prefer_server_ciphers = no", "ssl_server_prefer_ciphers = client"),
        ("2.4.1", "ssl_verify_client_cert = yes", "ssl_server_request_client_cert = yes"),
        ("2.4.1", "disable_plaintext_auth = no", "auth_allow_cleartext = yes"),
        ("2.4.1", "disable_plaintext_auth = yes", "auth_allow_cleartext = no"),
        ("2.4.1", "verbose_ssl = yes", "log_debug = category=ssl"),
        ("2.4.1", "verbose_ssl = no", None),
        ("2.4.1", "ssl_dh =", None),
        # across generations
        ("2.4.1", "ssl_cert_file = /c.pem", "ssl_server_cert_file = /c.pem"),
        ("99.0", "ssl_disable = yes", "ssl = no"),
    ],
)
def test_a_line(version: str, before: str, after: str | None) -> None:
    text = f"# first\n{before}\n# last\n"
    kept = "" if after is None else f"{after}\n"
    assert becomes(text, version) == f"# first\n{kept}# last\n"
    assert of(becomes(text, version), version).reasons == ()


@pytest.mark.parametrize(
    ("version", "line"),
    [
        ("2.3.19", "ssl_cert = </c.pem"),
        ("2.2.22", "ssl_protocols = !SSLv3"),
        ("1.2.17", "ssl_cert_file = /c.pem"),
        ("1.2.17", "protocols = imap imaps"),
        ("2.4.1", "ssl_min_protocol = TLSv1.3"),
        ("2.4.1", "mail_location = maildir:~/Maildir"),
    ],
)
def test_what_is_known_or_not_about_tls_stays(version: str, line: str) -> None:
    found = of(f"{line}\n", version)
    assert not found.reasons
    assert not found.tree.changed()


def test_in_every_file_and_block_with_a_reason_for_each() -> None:
    files = tree(
        main="!include ssl.conf\nlocal_name a.example {\n  ssl_cert = </a.pem\n}\n"
        "plugin {\n  ssl_cert = not ours\n}\n",
        ssl="ssl_cert = </old.pem\nssl_cert = </later.pem\n",
    )
    found = modernized(files, Version.parse("2.4.1"))
    assert [(o.value, o.path) for o in found.tree.occurrences("ssl_server_cert_file")] == [
        ("/old.pem", "/etc/dovecot/ssl.conf"),
        ("/later.pem", "/etc/dovecot/ssl.conf"),
        ("/a.pem", "/etc/dovecot/main.conf"),
    ]
    assert [o.value for o in found.tree.occurrences("ssl_cert")] == ["not ours"]
    assert {path: len(why) for path, why in found.by_file().items()} == {
        "/etc/dovecot/ssl.conf": 2,
        "/etc/dovecot/main.conf": 1,
    }


def test_a_name_that_is_set_under_both_keeps_the_new_one() -> None:
    text = "ssl_min_protocol = TLSv1.3\nssl_protocols = TLSv1.2\n"
    assert becomes(text, "2.3.19") == "ssl_min_protocol = TLSv1.3\n"


def test_a_certificate_written_into_the_file_is_told_with_its_line_and_stays() -> None:
    found = of("ssl = yes\nssl_key = not a file\n", "2.4.1")
    assert not found.tree.changed()
    (notice,) = found.notices
    assert notice.startswith("/etc/dovecot/main.conf:2: ssl_key = not a file cannot be brought")


def test_only_imaps_leaves_imap_without_tls_closed() -> None:
    found = of("protocols = imaps\n", "2.3.19").tree
    assert found.get("protocols") == "imap"
    assert found.get("port", block=("service imap-login", "inet_listener imap")) == "0"


def test_lines_are_where_they_were_while_rules_work() -> None:
    found = of("ssl_dh_parameters_length = 2048\nssl_cert = </c.pem\n", "2.4.1")
    assert found.in_place.occurrences("ssl_server_cert_file")[0].line == 2
    assert found.tree.occurrences("ssl_server_cert_file")[0].line == 1
