"""A Dovecot file: each construct that people write, read and edited."""

from __future__ import annotations

import pytest

from letterlock.conf.dovecot import DovecotFile, DovecotInclude, DovecotSetting
from letterlock.conf.dovecot_syntax import ValueKind

IMAPS = ("service imap-login", "inet_listener imaps")


def dovecot(text: str) -> DovecotFile:
    return DovecotFile.parse(text.encode(), "dovecot.conf")


@pytest.mark.parametrize(
    ("line", "value", "kind"),
    [
        ("a = b", "b", "plain"),
        ("a=b", "b", "plain"),
        ("  a\t=\tb  ", "b", "plain"),
        ("a =", "", "plain"),
        ("a = b # c", "b", "plain"),
        ("a = b#c", "b", "plain"),
        ("a = # c", "", "plain"),
        ('a = "b # c" # d', "b # c", "quoted"),
        ("a = 'b'", "b", "quoted"),
        (r'a = "b \" \\ c"', 'b " \\ c', "quoted"),
        ("a = don't # c", "don't # c", "plain"),
        ('a = "b" c', '"b" c', "plain"),
        ("a = </file", "</file", "file"),
        ("a = < /file", "</file", "file"),
        ("a = <  /file with blanks # c", "</file with blanks", "file"),
        ('a = "</file"', "</file", "quoted"),
        ("a = $b", "$b", "variable"),
        ("a = $a b", "$a b", "variable"),
        ("a = $SET:b", "$SET:b", "variable"),
        ("a = %{user | username}", "%{user | username}", "plain"),
        ("a = b \\\n  c", "b c", "plain"),
        ("a = \\\n  b \\\n  c # d", "b c", "plain"),
        ("a = b\\", None, "plain"),
        ("a = b \\\n# comment\nx = c", None, "plain"),
        ("a = b\r", "b", "plain"),
        ("a = b\0c", "b", "plain"),
        ("a = \u00a0b", "\u00a0b", "plain"),
        ("a = b = c { }", "b = c { }", "plain"),
    ],
)
def test_values(line: str, value: str | None, kind: str) -> None:
    document = dovecot(line + "\n")
    found = [each for each in document.settings() if each.name == "a"]
    assert document.faults() == ()
    assert [(each.value, each.kind) for each in found] == (
        [] if value is None else [(value, ValueKind(kind))]
    )


def test_blocks() -> None:
    document = dovecot(
        "ssl = yes\n"
        "service imap-login {\n"
        "  inet_listener imaps {  # here\n"
        "    port = 993\n"
        "  }\n"
        "} # there\n"
        'mailbox "Sent Messages" {\n  auto = no\n}\n'
        "passdb {\n  driver = pam\n}\n"
        "plugin/quota = maildir\n"
        "auth default {\n  mechanisms = plain\n}\n"
    )
    assert document.faults() == ()
    assert document.settings() == (
        DovecotSetting("ssl", "yes", (), 1),
        DovecotSetting("port", "993", IMAPS, 4),
        DovecotSetting("auto", "no", ("mailbox Sent Messages",), 8),
        DovecotSetting("driver", "pam", ("passdb",), 11),
        DovecotSetting("plugin/quota", "maildir", (), 13),
        DovecotSetting("mechanisms", "plain", ("auth default",), 15),
    )
    assert document.get("quota", ("plugin",)) == "maildir"
    assert document.get("port") is None


def test_dovecot_2_4() -> None:
    document = dovecot(
        "dovecot_config_version = 2.4.0\n"
        "mail_plugins {\n  quota = yes\n}\n"
        "group @mailboxes english {\n  auto = no\n}\n"
        '"quoted key" = x\n'
        "userdb static {\n  fields {\n    uid = vmail\n  }\n}\n"
        "user = $SET:default_internal_user\n"
    )
    assert document.faults() == ()
    assert [(each.name, each.block_path) for each in document.settings()] == [
        ("dovecot_config_version", ()),
        ("quota", ("mail_plugins",)),
        ("auto", ("group @mailboxes english",)),
        ("quoted key", ()),
        ("uid", ("userdb static", "fields")),
        ("user", ()),
    ]


def test_includes() -> None:
    document = dovecot("!include conf.d/*.conf\nprotocol imap {\n  !include_try x.conf # c\n}\n")
    assert document.includes() == (
        DovecotInclude("conf.d/*.conf", False, (), 1),
        DovecotInclude("x.conf", True, ("protocol imap",), 3),
    )


@pytest.mark.parametrize(
    ("text", "lines", "block"),
    [
        ("nonsense\n", [1], ()),
        ("a = 1\n}\n", [2], ()),
        ("protocol imap {\n", [1], ("protocol imap",)),
        ("protocol imap { ssl = no }\n", [1], ()),
        ("protocol imap { ssl = no\n}\n", [1], ()),
        ("protocol imap {\n} b = 2\n", [2], ()),
        ("protocol imap{\n}\n", [1], ()),
        ("protocol imap\n{\n}\n", [1, 2], ()),
        ("passdb {\na {\n}\n", [1], ("passdb",)),
        ("\ufeff# comment\n", [1], ()),
    ],
)
def test_faults_do_not_spread(text: str, lines: list[int], block: tuple[str, ...]) -> None:
    document = dovecot(text + "z = 26\n")
    assert [fault.where.line for fault in document.faults() if fault.where] == lines
    assert document.get("z", block) == "26"


@pytest.mark.parametrize(
    ("before", "name", "value", "after"),
    [
        # Where it is set: blanks, quotes and comments stay.
        ("ssl = yes # why\n", "ssl", "required", "ssl = required # why\n"),
        ("ssl=yes\n", "ssl", "required", "ssl=required\n"),
        ("  ssl\t=  yes\r\n", "ssl", "no", "  ssl\t=  no\r\n"),
        ("ssl_cert = </a\n", "ssl_cert", "</b", "ssl_cert = </b\n"),
        ("ssl_cert = < /a # c\n", "ssl_cert", "</b", "ssl_cert = < /b # c\n"),
        ("ssl_key = $ssl_cert\n", "ssl_key", "</k", "ssl_key = </k\n"),
        ('a = "b"\n', "a", "c", 'a = "c"\n'),
        ("a = 'b'\n", "a", "</c", "a = </c\n"),
        ("a = b\n", "a", "c # d", 'a = "c # d"\n'),
        ("a =\n", "a", "b", "a = b\n"),
        ("a=\n", "a", "b", "a=b\n"),
        ("a = # c\n", "a", "b", "a = b # c\n"),
        ("a = b \\\n  c # d\ne = f\n", "a", "g", "a = g # d\ne = f\n"),
        ("a = \\\n  b \\\n  c\n", "a", "g", "a = \\\n  g\n"),
        ("a = \\\n  b\ne = f\n", "a", "", "a =\ne = f\n"),
        ("a = 1\na = 2\n", "a", "3", "a = 1\na = 3\n"),
        ("a = 1", "a", "2", "a = 2"),
        # After the stock comment; not in a block that is commented out, not after prose.
        ("#ssl = yes\nx = 1\n", "ssl", "no", "#ssl = yes\nssl = no\nx = 1\n"),
        ("#local_name x {\n#ssl = yes\n#}\nx = 1\n", "ssl", "no",
         "#local_name x {\n#ssl = yes\n#}\nx = 1\nssl = no\n"),
        ("#ssl = yes\n# ssl=yes is best\nx = 1\n", "ssl", "no",
         "#ssl = yes\nssl = no\n# ssl=yes is best\nx = 1\n"),
        ("protocol x {\n  #ssl = yes\n}\n", "ssl", "no",
         "protocol x {\n  #ssl = yes\n}\nssl = no\n"),
        # Beside its relatives, in their style.
        ("ssl=yes\nauth_x = 1\n", "ssl_min_protocol", "TLSv1.2",
         "ssl=yes\nssl_min_protocol=TLSv1.2\nauth_x = 1\n"),
        ("ssl_server_cert_file = /c\nssl = yes\n", "ssl_server_key_file", "/k",
         "ssl_server_cert_file = /c\nssl_server_key_file = /k\nssl = yes\n"),
        # At the end, outside what is left open there.
        ("x = 1", "ssl", "no", "x = 1\nssl = no\n"),
        ("x = 1\ndangling = \\", "ssl", "no", "x = 1\nssl = no\ndangling = \\"),
        ("protocol imap {\n", "ssl", "no", "ssl = no\nprotocol imap {\n"),
        ("", "ssl", "no", "ssl = no\n"),
    ],
)  # fmt: skip
def test_editing(before: str, name: str, value: str, after: str) -> None:
    assert bytes(dovecot(before).with_setting(name, value)).decode() == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("service imap-login {\n  inet_listener imaps {\n    port = 993\n  }\n}\n",
         "service imap-login {\n  inet_listener imaps {\n    port = 993\n    ssl = yes\n  }\n}\n"),
        ("service imap-login {\n\tinet_listener imaps {\n\t\t#ssl = yes\n\t}\n}\n",
         "service imap-login {\n\tinet_listener imaps {\n\t\t#ssl = yes\n\t\tssl = yes\n\t}\n}\n"),
        ("service imap-login {\n  inet_listener imap {\n  }\n}\nx = 1\n",
         "service imap-login {\n  inet_listener imap {\n  }\n  inet_listener imaps {\n"
         "    ssl = yes\n  }\n}\nx = 1\n"),
        ("x = 1\r\n",
         "x = 1\r\nservice imap-login {\r\n  inet_listener imaps {\r\n    ssl = yes\r\n  }\r\n"
         "}\r\n"),
    ],
)  # fmt: skip
def test_editing_in_blocks(before: str, after: str) -> None:
    edited = dovecot(before).with_setting("ssl", "yes", IMAPS)
    assert bytes(edited).decode() == after
    assert edited.faults() == ()


def test_block_names_are_quoted_where_they_must() -> None:
    edited = dovecot("").with_setting("auto", "no", ("mailbox Sent Messages",))
    assert bytes(edited).decode() == 'mailbox "Sent Messages" {\n  auto = no\n}\n'


def test_removing() -> None:
    document = dovecot("a = 1\nx {\n  a = 2\n}\na = 3 \\\n  4\n#a = 5\n")
    assert bytes(document.without("a")).decode() == "x {\n  a = 2\n}\n#a = 5\n"
    assert bytes(document.without("a", ("x",))).decode() == "a = 1\nx {\n}\na = 3 \\\n  4\n#a = 5\n"
