"""A configuration through its includes, as Dovecot follows them."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatch
from glob import glob
from pathlib import Path

import pytest

from letterlock.conf.dovecot_include import expand_braces
from letterlock.conf.dovecot_tree import DovecotTree
from letterlock.conf.errors import ConfError

MAIN = "/etc/dovecot/dovecot.conf"
D = "/etc/dovecot/conf.d/"


def tree(files: dict[str, str]) -> DovecotTree:
    full = {
        path if path[0] == "/" else f"/etc/dovecot/{path}": text for path, text in files.items()
    }

    def read(path: str) -> bytes | None:
        return full[path].encode() if path in full else None

    def matches(pattern: str) -> Sequence[str]:
        same_depth = (path for path in full if path.count("/") == pattern.count("/"))
        return [path for path in sorted(same_depth, reverse=True) if fnmatch(path, pattern)]

    return DovecotTree.load(MAIN, read, matches)


def test_evaluation_order() -> None:
    loaded = tree(
        {
            "dovecot.conf": "a = 1\n!include conf.d/*.conf\na = 4\n",
            "conf.d/10-x.conf": "a = 2\n!include sub/y.conf\n",
            "conf.d/sub/y.conf": "a = 2.5\n",
            "conf.d/20-x.conf": "protocol imap {\n  a = 9\n  !include_try z.inc\n}\na = 3\n",
            "conf.d/z.inc": "a = 9.5\nlocal_name x {\n  b = 1\n}\n",
        }
    )
    assert [(each.value, each.block_path, str(each.location)) for each in loaded.settings()] == [
        ("1", (), f"{MAIN}:1"),
        ("2", (), f"{D}10-x.conf:1"),
        ("2.5", (), f"{D}sub/y.conf:1"),
        ("9", ("protocol imap",), f"{D}20-x.conf:2"),
        ("9.5", ("protocol imap",), f"{D}z.inc:1"),
        ("1", ("protocol imap", "local_name x"), f"{D}z.inc:3"),
        ("3", (), f"{D}20-x.conf:5"),
        ("4", (), f"{MAIN}:3"),
    ]
    assert loaded.get("a") == "4"
    assert [each.value for each in loaded.occurrences("a", ())] == ["1", "2", "2.5", "3", "4"]
    assert len(loaded.occurrences("a")) == 7
    assert [file.path for file in loaded.files()] == [
        MAIN, f"{D}10-x.conf", f"{D}sub/y.conf", f"{D}20-x.conf", f"{D}z.inc"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, rf"^{MAIN}: the file cannot be read"),
        ({"dovecot.conf": "\n!include x.conf\n"}, rf"^{MAIN}:2: !include x\.conf matches no file"),
        ({"dovecot.conf": "!include conf.d/*.conf\n"}, rf"^{MAIN}:1: .* matches no file"),
        ({"dovecot.conf": "!include dovecot.conf\n"}, rf"^{MAIN}:1: {MAIN} is included in itself"),
        (
            {"dovecot.conf": "\n!include a\n", "a": "!include b\n", "b": "\n\n!include_try a\n"},
            r"^/etc/dovecot/b:3: /etc/dovecot/a is included in itself "
            r"\(included from /etc/dovecot/a:1, /etc/dovecot/dovecot.conf:2\)",
        ),
        # Dovecot stacks all the files that a pattern matches at once.
        (
            {"dovecot.conf": "!include conf.d/*\n", "conf.d/1": "!include 2\n", "conf.d/2": ""},
            r"conf\.d/1:1: /etc/dovecot/conf\.d/2 is included in itself",
        ),
    ],
)
def test_includes_that_are_refused(files: dict[str, str], message: str) -> None:
    with pytest.raises(ConfError, match=message):
        tree(files)


def test_includes_without_end_are_refused() -> None:
    files = {str(n): f"!include_try {n + 1}\n" for n in range(500)}
    with pytest.raises(ConfError, match="included one by the other"):
        tree({"dovecot.conf": "!include 0\n", **files})
    twice = {str(n): f"!include {n + 1}\n!include {n + 1}\n" for n in range(20)}
    with pytest.raises(ConfError, match="included one by the other"):
        tree({"dovecot.conf": "!include 0\n", **twice, "20": ""})


def test_a_file_that_may_be_missing() -> None:
    assert tree({"dovecot.conf": "!include_try x\na = 1\n"}).get("a") == "1"


@pytest.mark.parametrize(
    ("pattern", "patterns"),
    [
        ("a", ("a",)),
        ("a{b,c}d", ("abd", "acd")),
        ("{a,b{c,d}}{e,f}", ("ae", "af", "bce", "bcf", "bde", "bdf")),
        ("a{}b", ("a{}b",)),
        ("a{b", ("a{b",)),
        ("{a}", ("a",)),
    ],
)
def test_braces_in_patterns(pattern: str, patterns: tuple[str, ...]) -> None:
    assert expand_braces(pattern) == patterns


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("ssl_cert = </c\nssl_key = $ssl_cert\n", "ssl_key", "</c"),
        ("a = 1\nb = $a\na = 2\n", "b", "1"),
        (
            "protocols = $protocols imap\nprotocols = $protocols  pop3\n",
            "protocols",
            "lmtp imap pop3",
        ),
        ("b = $unknown x\n", "b", "$unknown x"),
        ("dovecot_config_version = 2.4.0\na = 1\nb = $SET:a\nc = $a\n", "b", "1"),
        ("dovecot_config_version = 2.4.0\na = 1\nb = $SET:a\nc = $a\n", "c", "$a"),
        ("a = 1\nb = x$a\n", "b", "x$a"),
        ("x {\n  a = 1\n}\n", "a", None),
    ],
)
def test_values_that_refer_to_others(text: str, name: str, value: str | None) -> None:
    assert tree({"dovecot.conf": text}).get(name, {"protocols": "lmtp"}) == value


def test_values_in_blocks_refer_to_those_around_them() -> None:
    text = "a = 1\nprotocol imap {\n  a = $a 2\n}\na = 3\n"
    assert tree({"dovecot.conf": text}).get("a", block=("protocol imap",)) == "1 2"


FILES = {
    "dovecot.conf": "x = 1\n!include conf.d/*.conf\n!include_try local.conf\n",
    "conf.d/10-auth.conf": "#disable_plaintext_auth = yes\nauth_mechanisms = plain\n",
    "conf.d/10-ssl.conf": "ssl = yes\n#ssl_min_protocol = TLSv1\n",
    "conf.d/20-imap.conf": "protocol imap {\n  mail_plugins = x\n}\n",
    "local.conf": "local_name a {\n  ssl_cert = </a\n}\n",
}
Block = tuple[str, ...]


@pytest.mark.parametrize(
    ("name", "block", "path", "line"),
    [
        ("ssl", (), f"{D}10-ssl.conf", "ssl = new\n"),
        ("ssl_min_protocol", (), f"{D}10-ssl.conf", "= TLSv1\nssl_min_protocol = new\n"),
        ("ssl_cipher_list", (), f"{D}10-ssl.conf", "ssl = yes\nssl_cipher_list = new\n"),
        ("disable_plaintext_auth", (), f"{D}10-auth.conf", "= yes\ndisable_plaintext_auth = new\n"),
        ("auth_verbose", (), f"{D}10-auth.conf", "plain\nauth_verbose = new\n"),
        ("imap_x", (), f"{D}20-imap.conf", "}\nimap_x = new\n"),
        ("verbose", (), MAIN, "local.conf\nverbose = new\n"),
        ("ssl_cert", ("local_name a",), "/etc/dovecot/local.conf", "  ssl_cert = new\n"),
        ("ssl_cert", ("local_name b",), "/etc/dovecot/local.conf",
         "}\nlocal_name b {\n  ssl_cert = new\n}\n"),
        ("ssl", ("protocol imap",), f"{D}20-imap.conf", "  mail_plugins = x\n  ssl = new\n}\n"),
    ],
)  # fmt: skip
def test_where_a_setting_goes(name: str, block: Block, path: str, line: str) -> None:
    edited = tree(FILES).with_setting(name, "new", block)
    assert list(edited.changed()) == [path]
    assert line in bytes(edited.changed()[path]).decode()
    assert edited.occurrences(name, block)[-1].value == "new"
    assert edited.file(path) is edited.changed()[path]


def test_what_overrides_is_what_is_edited() -> None:
    files = {**FILES, "local.conf": "ssl = no\n"}
    edited = tree(files).with_setting("ssl", "required")
    assert {path: bytes(file) for path, file in edited.changed().items()} == {
        "/etc/dovecot/local.conf": b"ssl = required\n"
    }
    assert edited.get("ssl") == "required"


def test_a_file_named_after_the_setting() -> None:
    files = {"dovecot.conf": "!include conf.d/*\n", "conf.d/10-ssl.conf": "# nothing\n"}
    assert list(tree(files).with_setting("ssl", "yes").changed()) == [f"{D}10-ssl.conf"]


def test_no_change_is_none() -> None:
    loaded = tree(FILES)
    assert loaded.with_setting("ssl", "yes").changed() == {}
    back = loaded.with_setting("ssl", "no").with_setting("ssl", "yes")
    assert back.changed() == {}


def test_removing_everywhere() -> None:
    files = {**FILES, "local.conf": "ssl = no\nlocal_name a {\n  ssl = no\n}\n"}
    edited = tree(files).without("ssl")
    assert edited.get("ssl") is None
    assert len(edited.changed()) == 2
    assert [each.block_path for each in edited.occurrences("ssl")] == [("local_name a",)]


def test_faults_of_every_file() -> None:
    loaded = tree({**FILES, "local.conf": "ssl\n"})
    assert [str(each.where) for each in loaded.faults()] == ["/etc/dovecot/local.conf:1"]


@pytest.mark.skipif(not Path(MAIN).exists(), reason="no Dovecot here")
def test_the_machine_s_own() -> None:
    def read(path: str) -> bytes | None:
        return Path(path).read_bytes() if Path(path).is_file() else None

    loaded = DovecotTree.load(MAIN, read, glob)
    edited = (
        loaded.with_setting("ssl", "required")
        .with_setting("ssl_min_protocol", "TLSv1.2")
        .with_setting("ssl_cert", "</etc/ssl/letterlock/mail/current/fullchain.pem")
    )
    assert list(edited.changed()) == [f"{D}10-ssl.conf"]
    assert edited.get("ssl_min_protocol") == "TLSv1.2"


def test_a_global_setting_goes_into_the_file_whose_filters_say_otherwise() -> None:
    """Its usual file is read after them."""
    loaded = tree(
        {
            "dovecot.conf": "local_name a {\n  ssl_cert = </a\n}\n!include conf.d/*.conf\n",
            "conf.d/10-ssl.conf": "#ssl_cert =\nssl = yes\n",
        }
    )
    after = loaded.with_setting("ssl_cert", "</new")
    assert {path: bytes(file) for path, file in after.changed().items()} == {
        MAIN: b"ssl_cert = </new\n" + bytes(loaded.file(MAIN))
    }


def test_2_4_s_block_of_a_prefix_through_includes() -> None:
    loaded = tree(
        {
            "dovecot.conf": "dovecot_config_version = 2.4.1\n!include a.conf\n!include b.conf\n",
            "a.conf": "ssl_server_cert_file = /a\n",
            "b.conf": "local_name x {\n  ssl_server {\n    cert_file = /x\n  }\n}\n"
            "ssl_server {\n  cert_file = /b\n}\n",
        }
    )
    named = loaded.occurrences("ssl_server_cert_file")
    assert [(each.value, each.block_path) for each in named] == [
        ("/a", ()), ("/x", ("local_name x",)), ("/b", ())
    ]  # fmt: skip
    after = loaded.with_setting("ssl_server_cert_file", "/new")
    assert list(after.changed()) == ["/etc/dovecot/b.conf"]
    assert after.get("ssl_server_cert_file") == "/new"
