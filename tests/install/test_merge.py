"""Undoing a run's lines in a text that was edited since."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from letterlock.install.merge import split, undo_lines

LINE = st.sampled_from(
    [b"a = 1\n", b"b = 2\n", b"c\n", b"  -o x=y\n", b"# note\n", b"\n", b"d\r\n", b"\r"]
)
TEXT = st.builds(
    lambda lines, end: b"".join(lines) + end,
    st.lists(LINE, max_size=12),
    st.sampled_from([b"", b"tail"]),
)
modest = settings(max_examples=150, deadline=None)


@modest
@given(st.binary(max_size=200))
def test_split_joins_again_and_ends_lines_at_newlines_only(text: bytes) -> None:
    lines = split(text)
    assert b"".join(lines) == text
    assert all(line.find(b"\n") in (-1, len(line) - 1) and line for line in lines)
    assert all(line.endswith(b"\n") for line in lines[:-1])


@modest
@given(TEXT, TEXT)
def test_untouched_since_gives_exactly_the_old_bytes(written: bytes, before: bytes) -> None:
    assert undo_lines(written, written, before) == before


@modest
@given(TEXT, TEXT)
def test_nothing_of_ours_leaves_the_text_as_it_is(text: bytes, now: bytes) -> None:
    assert undo_lines(text, now, text) == now


@modest
@given(TEXT, TEXT)
def test_already_undone_by_hand_stays(written: bytes, before: bytes) -> None:
    assert undo_lines(written, before, before) == before


@modest
@given(TEXT, TEXT, TEXT)
def test_merged_or_in_conflict_and_no_line_invented(
    written: bytes, now: bytes, before: bytes
) -> None:
    result = undo_lines(written, now, before)
    if isinstance(result, bytes):
        known = {line.rstrip(b"\n") for text in (written, now, before) for line in split(text)}
        assert {line.rstrip(b"\n") for line in split(result)} <= known
        return
    assert result
    for conflict in result:
        assert split(now)[conflict.line - 1 : conflict.line - 1 + len(conflict.now)] == conflict.now


@modest
@given(st.data())
def test_edits_apart_from_ours_are_all_kept(data: st.DataObject) -> None:
    """Distinct lines, so there is one way only to align them: what the run wrote goes, what
    somebody wrote elsewhere stays."""
    before = [b"old %d\n" % number for number in range(12)]
    where = data.draw(st.sets(st.integers(0, 11), max_size=4))
    elsewhere = data.draw(st.sets(st.integers(0, 11), max_size=4))
    elsewhere -= {near for at in where for near in (at - 1, at, at + 1)}
    written = [b"ours %d\n" % at if at in where else line for at, line in enumerate(before)]
    now = [b"theirs %d\n" % at if at in elsewhere else line for at, line in enumerate(written)]
    wanted = [b"theirs %d\n" % at if at in elsewhere else line for at, line in enumerate(before)]
    assert undo_lines(b"".join(written), b"".join(now), b"".join(before)) == b"".join(wanted)


def test_lines_added_below_ours_at_the_end_stay() -> None:
    assert undo_lines(b"a\ntls = yes\n", b"a\ntls = yes\nmine = 1\n", b"a\n") == b"a\nmine = 1\n"


def test_lines_added_above_ours_stay() -> None:
    assert undo_lines(b"a\ntls = yes\n", b"a\nmine = 1\ntls = yes\n", b"a\n") == b"a\nmine = 1\n"


def test_a_neighbouring_line_changed_stays_changed() -> None:
    assert undo_lines(b"a\nours\nb\n", b"a\nours\nB\n", b"a\nwas\nb\n") == b"a\nwas\nB\n"


def test_the_last_line_without_its_end_swallows_nothing() -> None:
    assert undo_lines(b"a\nours\n", b"a\nours\nmine\n", b"a\nwas") == b"a\nwas\nmine\n"


def test_our_line_changed_again_is_a_conflict_with_its_place_and_sides() -> None:
    result = undo_lines(b"a\nx = ours\n", b"top\na\nx = mine\n", b"a\nx = was\n")
    assert isinstance(result, tuple)
    (conflict,) = result
    assert conflict.line == 3
    assert conflict.now == (b"x = mine\n",)
    assert conflict.written == (b"x = ours\n",)
    assert conflict.before == (b"x = was\n",)


def test_our_line_deleted_and_nothing_to_restore_is_done() -> None:
    assert undo_lines(b"a\nours\nb\n", b"a\nb\n", b"a\nb\n") == b"a\nb\n"


@pytest.mark.parametrize("added", [b"  -o mine=1\n", b"\t-o mine=1\n"])
def test_a_continuation_of_our_line_is_a_conflict(added: bytes) -> None:
    """It would go on with whatever line comes before ours."""
    written = b"smtp inet\nsubmission inet\n"
    assert isinstance(undo_lines(written, written + added, b"smtp inet\n"), tuple)
