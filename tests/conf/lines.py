"""What an edit may change, line by line."""

from __future__ import annotations


def changed(before: bytes, after: bytes) -> tuple[list[bytes], list[bytes]]:
    """The lines that went and the lines that came, between the lines that both begin and end
    with; an ending that the last line was given first is no change."""
    old, new = _bodies(before, before), _bodies(after, before)
    start = 0
    while start < min(len(old), len(new)) and old[start] == new[start]:
        start += 1
    end = 0
    while end < min(len(old), len(new)) - start and old[-1 - end] == new[-1 - end]:
        end += 1
    return old[start : len(old) - end], new[start : len(new) - end]


def _bodies(data: bytes, before: bytes) -> list[bytes]:
    """Physical lines without their line feeds; a carriage return before one counts unless the
    document had no last ending, and one may have been supplied."""
    lines = data.split(b"\n")
    if not lines[-1]:
        lines.pop()
    supplied = not before.endswith(b"\n")
    return [line.removesuffix(b"\r") for line in lines] if supplied else lines


def comments(data: bytes) -> list[bytes]:
    """The comment and blank lines in order."""
    white = b" \t\n\v\f\r"
    stripped = (line.strip(white) for line in data.split(b"\n"))
    return [line for line in stripped if line.startswith(b"#")]
