"""Diffs that `patch` takes, and secrets that stay secret."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from letterlock.model.plan import Change, DirectoryChange, FileChange, LinkChange, Plan
from letterlock.report.diff import coloured, unified, unified_change

CF = Path("/etc/postfix/main.cf")


def file(before: bytes | None, after: bytes | None) -> str:
    return unified_change(FileChange(CF, before, after))


def test_an_edited_line() -> None:
    assert file(b"a = 1\nb = 2\nc = 3\n", b"a = 1\nb = 4\nc = 3\n") == (
        "--- a/etc/postfix/main.cf\n"
        "+++ b/etc/postfix/main.cf\n"
        "@@ -1,3 +1,3 @@\n"
        " a = 1\n"
        "-b = 2\n"
        "+b = 4\n"
        " c = 3\n"
    )


def test_new_and_removed_files() -> None:
    assert file(None, b"a\n") == ("--- /dev/null\n+++ b/etc/postfix/main.cf\n@@ -0,0 +1 @@\n+a\n")
    assert file(b"a\n", None) == ("--- a/etc/postfix/main.cf\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n")
    assert file(None, b"") == "/etc/postfix/main.cf: new, empty, mode 0644\n"
    assert file(b"", None) == "/etc/postfix/main.cf: removed, was empty\n"


def test_no_final_line_feed() -> None:
    assert file(b"a", b"a\nb").endswith(
        "-a\n\\ No newline at end of file\n+a\n+b\n\\ No newline at end of file\n"
    )
    assert file(b"a\n", b"a").endswith("-a\n+a\n\\ No newline at end of file\n")
    assert file(b"a", b"a\n").endswith("-a\n\\ No newline at end of file\n+a\n")


def test_bytes_that_are_no_text_are_escaped() -> None:
    diff = file(b"", b"caf\xe9 caf\xc3\xa9\ttab\x1b[31m\x00\r\n")
    assert diff.endswith("+caf\\xe9 café\ttab\\x1b[31m\\x00\\r\n")


SECRET = b"-----BEGIN PRIVATE KEY-----\nMIIE\n"


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        (None, SECRET, "/k/key.pem: new, 33 bytes, mode 0600 (contents not shown)\n"),
        (b"old", SECRET, "/k/key.pem: changed, 33 bytes (contents not shown)\n"),
        (SECRET, None, "/k/key.pem: removed (contents not shown)\n"),
    ],
)
def test_secrets(before: bytes | None, after: bytes | None, line: str) -> None:
    change = FileChange(Path("/k/key.pem"), before, after, mode=0o600, secret=True)
    assert unified_change(change) == line


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (LinkChange(Path("/k/current"), None, "2"), "/k/current: new link to 2\n"),
        (LinkChange(Path("/k/current"), "1", "2"), "/k/current: link to 2 (was 1)\n"),
        (LinkChange(Path("/k/current"), "1", None), "/k/current: link to 1 removed\n"),
        (DirectoryChange(Path("/k"), 0o750), "/k/: new folder, mode 0750\n"),
        (DirectoryChange(Path("/k"), remove=True), "/k/: folder removed if empty\n"),
    ],
)
def test_links_and_folders(change: Change, line: str) -> None:
    assert unified_change(change) == line


def test_a_plan_in_its_order() -> None:
    changes = (DirectoryChange(Path("/k")), FileChange(CF, b"a\n", b"b\n"))
    plan = Plan("secure", "x", changes, (), ())
    assert unified(plan) == "".join(unified_change(change) for change in changes)
    assert unified(Plan("secure", "x", (), (), ())) == ""


def test_colour_changes_no_character() -> None:
    diff = file(b"a\nb\n", b"a\nc")
    text = coloured(diff)
    assert text.plain == diff
    assert {str(span.style) for span in text.spans} >= {"red", "green", "cyan", "bold", "dim"}


_LINES = st.lists(st.sampled_from([b"a", b"b", b"", b"\ta = 1", "é".encode(), b"--- x"]))
_TEXTS = st.builds(
    lambda lines, end: b"\n".join(lines) + end, _LINES, st.sampled_from([b"", b"\n"])
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(before=_TEXTS, after=_TEXTS)
def test_git_applies_it(tmp_path: Path, before: bytes, after: bytes) -> None:
    if before == after:
        assert file(before, after) == ""
        return
    if not before or not after:
        return  # git wants to be told about modes where a file comes or goes
    place = tmp_path / "etc/postfix/main.cf"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(before)
    subprocess.run(
        ["git", "apply", "--unidiff-zero", "-"],
        input=file(before, after).encode(),
        cwd=tmp_path,
        check=True,
        env={"GIT_CEILING_DIRECTORIES": str(tmp_path.parent), "PATH": "/usr/bin:/bin"},
        capture_output=True,
    )
    assert place.read_bytes() == after
