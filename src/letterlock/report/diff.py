"""A plan's changes as unified diffs: what `diff -u` would print, and what git would take."""

from __future__ import annotations

from difflib import unified_diff

from rich.text import Text

from letterlock.model.plan import Change, DirectoryChange, FileChange, LinkChange, Plan

_BEGIN = b"-----BEGIN CERTIFICATE-----"
_NO_NEWLINE = "\\ No newline at end of file"


def unified(plan: Plan) -> str:
    """All changes in the plan's order, each line ended by a line feed; empty for an empty plan."""
    return "".join(unified_change(change) for change in plan.changes)


def unified_change(change: Change) -> str:
    """One change: a unified diff for a file, one line for certificates, a secret file, a link or a
    folder.

    Bytes that are not UTF-8 and control characters (tabs apart) are shown as backslash escapes;
    nothing of a secret file is shown, neither its old contents nor its new."""
    match change:
        case DirectoryChange():
            return f"{change.path}/: {_folder(change)}\n"
        case LinkChange():
            return f"{change.path}: {_link(change)}\n"
        case FileChange(secret=True):
            return f"{change.path}: {_secret(change)}\n"
        case FileChange() if _is_pem(change):
            return f"{change.path}: {_pem(change)}\n"
    return _file(change)


def coloured(diff: str) -> Text:
    """The same for a terminal: removed lines red, added ones green."""
    text = Text()
    for line in diff.splitlines(keepends=True):
        text.append(line, style=_style(line))
    return text


def _style(line: str) -> str:
    for start, style in (("--- ", "bold"), ("+++ ", "bold"), ("@@", "cyan")):
        if line.startswith(start):
            return style
    return {"-": "red", "+": "green", "\\": "dim"}.get(line[:1], "")


def _folder(change: DirectoryChange) -> str:
    if change.remove:
        return "folder removed if empty"
    return f"new folder, mode {change.mode:04o}"


def _link(change: LinkChange) -> str:
    if change.before is None:
        return f"new link to {change.after}"
    if change.after is None:
        return f"link to {change.before} removed"
    return f"link to {change.after} (was {change.before})"


def _secret(change: FileChange) -> str:
    if change.after is None:
        return "removed (contents not shown)"
    size = f"{len(change.after)} bytes"
    if change.before is None:
        return f"new, {size}, mode {change.mode:04o} (contents not shown)"
    return f"changed, {size} (contents not shown)"


def _is_pem(change: FileChange) -> bool:
    return all(c is None or c.startswith(_BEGIN) for c in (change.before, change.after))


def _pem(change: FileChange) -> str:
    """Base64 tells a reader nothing: how many certificates, and what becomes of the file."""
    if change.after is None:
        return "removed (certificates)"
    count = change.after.count(_BEGIN)
    certificates = f"{count} certificate{'' if count == 1 else 's'}"
    if change.before is None:
        return f"new, {certificates}, mode {change.mode:04o}"
    return f"changed, {certificates}"


def _file(change: FileChange) -> str:
    name = str(change.path).lstrip("/")
    before, after = _lines(change.before), _lines(change.after)
    if before == after:
        return _unlike_in_nothing_shown(change)
    lines = unified_diff(
        before,
        after,
        "/dev/null" if change.before is None else f"a/{name}",
        "/dev/null" if change.after is None else f"b/{name}",
        lineterm="",
    )
    return "".join(f"{line}\n" for line in lines)


def _unlike_in_nothing_shown(change: FileChange) -> str:
    """Nothing to show: an empty file that comes or goes."""
    if change.before is None:
        return f"{change.path}: new, empty, mode {change.mode:04o}\n"
    return f"{change.path}: removed, was empty\n" if change.after is None else ""


def _lines(contents: bytes | None) -> list[str]:
    """Lines as shown; the last one carries the mark of a missing line feed, so that it differs from
    the same line with one."""
    if not contents:
        return []
    *lines, last = (_shown(line) for line in contents.split(b"\n"))
    return [*lines, f"{last}\n{_NO_NEWLINE}"] if last else lines


def _shown(line: bytes) -> str:
    text = line.decode("utf-8", "backslashreplace")
    return "".join(char if char == "\t" or char.isprintable() else _escaped(char) for char in text)


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")
