"""The source of an SNI table: every byte kept, and read as postmap reads it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from letterlock.install.namespace import let_cool
from letterlock.servers.sni_source import SniSource

_TEXT = st.lists(
    st.sampled_from(
        ["a.example  /k /c\n", "A.Example /x\n", "# b.example /y\n", "\n", "  /more\n", "\t# c\n",
         "b.example\t/k,/c\r\n", ".example.net /w", "lonely\n", "c.example /a, /b", "\0z /q\n"]
    )
).map("".join)  # fmt: skip


def read(text: str) -> SniSource:
    return SniSource.parse(text.encode(), "sni")


@given(_TEXT)
def test_every_byte_is_kept_and_an_edit_says_what_was_asked(text: str) -> None:
    source = read(text)
    assert bytes(source) == text.encode()
    wanted = {"b.example": ("/new.key", "/new.pem"), "d.example": ("/d.pem",)}
    edited = source.with_entries(wanted)
    before, after = source.entries(), edited.entries()
    assert {key: after[key].files for key in wanted} == wanted
    assert {k: e.files for k, e in after.items() if k not in wanted} == {
        k: e.files for k, e in before.items() if k not in wanted
    }
    assert edited.with_entries(wanted) == edited
    gone = edited.without(wanted)
    assert set(gone.entries()) == set(before) - set(wanted)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("b.example /old\n", "b.example /k, /c\n"),
        ("# mine\nB.Example\t/old,\n\t/older\n# end\n", "# mine\nB.Example\t/k, /c\n# end\n"),
        ("a.example /a", "a.example /a\nb.example  /k, /c\n"),
        ("a.example /a\r\n", "a.example /a\r\nb.example  /k, /c\r\n"),
        ("b.example /1\nb.example /2\n", "b.example /k, /c\nb.example /2\n"),
    ],
)
def test_only_the_line_concerned_differs(before: str, after: str) -> None:
    assert bytes(read(before).with_entries({"b.example": ("/k", "/c")})) == after.encode()


@given(_TEXT)
def test_entries_are_those_that_postmap_finds(text: str) -> None:
    folder = Path("/dev/shm") if Path("/dev/shm").is_dir() else Path("/tmp")
    path = folder / f"letterlock-test-sni-{os.getpid()}"
    path.write_text(text)
    let_cool(path)
    try:
        done = subprocess.run(
            ["postmap", "-s", f"texthash:{path}"], capture_output=True, check=False
        )
        lines = (line.split(b"\t", 1) for line in done.stdout.split(b"\n") if line)
        theirs = {key.decode(): value.decode().replace(",", " ").split() for key, value in lines}
    finally:
        path.unlink()
    ours = {key: list(entry.files) for key, entry in read(text).entries().items()}
    assert ours == theirs
