"""An edit of a Dovecot file changes the lines it must and no other byte."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fnmatch import fnmatch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from letterlock.conf.dovecot import DovecotFile
from letterlock.conf.dovecot_tree import DovecotTree, Occurrence
from letterlock.conf.errors import ConfError
from tests.conf import grammar
from tests.conf.lines import changed, comments

NAMES = st.sampled_from(["ssl", "ssl_cert", "ssl_min_protocol", "auth_mechanisms", "new_one"])
VALUES = st.sampled_from(
    [
        "required",
        "",
        "</etc/new.pem",
        "$ssl_cert",
        "a # b",
        "don't",
        'say "x"',
        "back\\",
        "ü",
        "a=b",
    ]
)
BLOCKS = st.sampled_from(
    [
        (),
        (),
        ("local_name mail.example.com",),
        ("service imap-login", "inet_listener imaps"),
        ("mailbox Sent Messages",),
        ("passdb",),
    ]
)


def dovecot(data: bytes) -> DovecotFile:
    return DovecotFile.parse(data, "dovecot.conf")


def others(document: DovecotFile, name: str, block: tuple[str, ...]) -> list[object]:
    return [
        (each.name, each.value, each.block_path, each.kind)
        for each in document.settings()
        if (each.name, each.block_path) != (name, block)
    ]


@settings(max_examples=300)
@given(grammar.DOVECOT, NAMES, VALUES, BLOCKS)
def test_a_setting(data: bytes, name: str, value: str, block: tuple[str, ...]) -> None:
    before = dovecot(data)
    after = before.with_setting(name, value, block)
    assert after.get(name, block) == value
    assert others(after, name, block) == others(before, name, block)
    assert [each.what for each in after.faults()] == [each.what for each in before.faults()]
    assert comments(bytes(after)) == comments(data)
    assert after.with_setting(name, value, block) is after
    gone, came = changed(data, bytes(after))
    if before.get(name, block) is None:
        assert not gone
        assert len(came) == 1 or block not in before.block_paths()
    else:
        assert len([line for line in came if line not in gone]) <= 1


@settings(max_examples=150)
@given(grammar.DOVECOT)
def test_a_setting_to_what_it_is(data: bytes) -> None:
    document = dovecot(data)
    for each in document.settings():
        held = document.get(each.name, each.block_path)
        assert held is not None
        if each.kind not in ("quoted",):
            assert bytes(document.with_value_at(each.line, each.value)) == data


@settings(max_examples=150)
@given(grammar.DOVECOT, NAMES, BLOCKS)
def test_without_a_setting(data: bytes, name: str, block: tuple[str, ...]) -> None:
    before = dovecot(data)
    after = before.without(name, block)
    assert after.get(name, block) is None
    assert others(after, name, block) == others(before, name, block)
    assert comments(bytes(after)) == comments(data)


@pytest.mark.parametrize("value", ["a\nb", "a\0", " a", "a ", "\ud800"])
def test_values_that_no_line_holds(value: str) -> None:
    for document in (dovecot(b"a = b\n"), dovecot(b"")):
        with pytest.raises(ConfError, match=r"^dovecot\.conf(:1)?: "):
            document.with_setting("a", value)


@pytest.mark.parametrize("name", ["", "a b", "#a", "a=", "a{"])
def test_names_that_are_none(name: str) -> None:
    with pytest.raises(ConfError, match="not a setting's name"):
        dovecot(b"a = b\n").with_setting(name, "x")


def reader(
    files: dict[str, bytes],
) -> tuple[Callable[[str], bytes | None], Callable[[str], Sequence[str]]]:
    def matches(pattern: str) -> list[str]:
        return [path for path in sorted(files, reverse=True) if fnmatch(path, pattern)]

    return files.get, matches


@st.composite
def configuration(draw: st.DrawFn) -> dict[str, bytes]:
    """A main file that includes some of conf.d, in a block or not."""
    include = st.sampled_from(
        [b"!include conf.d/*.conf\n", b"!include_try /d/absent\n",
         b"protocol imap {\n  !include_try conf.d/10-ssl.conf\n}\n",
         b"!include_try conf.d/1?-ssl.conf\n"]
    )  # fmt: skip
    clean = st.lists(
        st.one_of(
            st.sampled_from(
                [
                    b"ssl = yes\n",
                    b"#ssl_min_protocol = x\n",
                    b"ssl_cert = </a\n",
                    b"local_name mail.example.com {\n  ssl_cert = </b\n}\n",
                    b"\n",
                    b"protocol imap {\n  ssl = no\n}\n",
                    b"auth_mechanisms = plain\n",
                ]
            )
        ),
        max_size=4,
    ).map(b"".join)
    main = draw(clean) + draw(include) + draw(clean) + draw(include) + draw(clean)
    return {
        "/d/dovecot.conf": main,
        "/d/conf.d/10-ssl.conf": draw(clean),
        "/d/conf.d/20-imap.conf": draw(clean),
    }


def told(each: Occurrence) -> tuple[object, ...]:
    return each.name, each.value, each.block_path, each.path


@settings(max_examples=250)
@given(configuration(), NAMES, VALUES, BLOCKS)
def test_a_setting_of_a_tree(
    files: dict[str, bytes], name: str, value: str, block: tuple[str, ...]
) -> None:
    before = DovecotTree.load("/d/dovecot.conf", *reader(files))
    after = before.with_setting(name, value, block)
    held = after.occurrences(name, block)[-1]
    assert held.value == value
    if "$" not in value:
        assert after.get(name, block=block) == value
    assert after.with_setting(name, value, block).changed() == after.changed()
    again = DovecotTree.load(
        "/d/dovecot.conf",
        *reader({**files, **{path: bytes(file) for path, file in after.changed().items()}}),
    )
    assert [told(each) for each in again.settings()] == [told(each) for each in after.settings()]
    assert len(after.changed()) <= 1
    removed = after.without(name, block)
    assert removed.occurrences(name, block) == ()


@pytest.mark.parametrize(
    "text",
    [
        "ssl_server {\n  cert_file = /old\n}\n",
        "ssl_server {\n  ssl_server_cert_file = /old\n}\n",
        "ssl_server_cert_file = /older\nssl_server {\n  cert_file = /old\n}\n",
        "ssl_server {\n  cert_file = /older\n}\nssl_server_cert_file = /old\n",
    ],
)
def test_a_setting_in_the_block_of_its_prefix(text: str) -> None:
    """Dovecot 2.4 takes `ssl_server_cert_file` by any of these spellings; the last one holds."""
    before = dovecot(text.encode())
    assert before.get("ssl_server_cert_file") == "/old"
    after = before.with_setting("ssl_server_cert_file", "/new")
    assert bytes(after).decode() == text.replace("/old\n", "/new\n")
    assert b"cert_file" not in bytes(after.without("ssl_server_cert_file"))


def test_a_global_setting_goes_before_the_filters_that_say_otherwise() -> None:
    """After them, Dovecot 2.3 warns at every start that they will not change."""
    text = "ssl = yes\nlocal_name a {\n  ssl_cert = </a\n}\nlocal_name b {\n  ssl_cert = </b\n}\n"
    filters = text.partition("\n")[2]
    for before, head in ((text, "ssl = yes\n"), (f"x = 1\n{filters}", "x = 1\n"), (filters, "")):
        after = dovecot(before.encode()).with_setting("ssl_cert", "</new")
        assert bytes(after).decode() == f"{head}ssl_cert = </new\n{filters}"
    late = dovecot(f"{filters}ssl = yes\n".encode()).with_setting("ssl_cert", "</new")
    assert bytes(late).decode() == f"ssl_cert = </new\n{filters}ssl = yes\n"
