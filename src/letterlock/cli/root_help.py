"""`letterlock --help`, word for word as typer would lay it out, without importing it."""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Iterable, Iterator

from letterlock.cli.verbs import EPILOG, SUMMARY, VERBS

#: As typer adds them.
_OPTIONS = {
    "--version": "Print the version.",
    "--install-completion": "Install completion for the current shell.",
    "--show-completion": "Show completion for the current shell, to copy it or customize the "
    "installation.",
    "-h, --help": "Show this message and exit.",
}
#: As in `verb.CONTEXT`, and the least that typer lays out for.
_WIDEST, _NARROWEST = 100, 50
_UNWRAPPED = "\b"


def root_help() -> str:
    """For the terminal's width."""
    width = max(min(_columns(), _WIDEST) - 2, _NARROWEST)
    lines = [
        "Usage: letterlock [OPTIONS] COMMAND [ARGS]...",
        "",
        *_wrapped(SUMMARY, width, "  "),
        "",
        "Options:",
        *_columned(_OPTIONS, width),
        "",
        "Verbs:",
        *_columned(VERBS, width),
        "",
        *_paragraphs(EPILOG, width),
    ]
    return "\n".join(lines) + "\n"


def _columns() -> int:
    """As shutil has it, which takes longer to import than all of this."""
    stated = os.environ.get("COLUMNS", "")
    if stated.isdecimal() and int(stated) > 0:
        return int(stated)
    try:
        return os.get_terminal_size(sys.__stdout__.fileno()).columns or 80  # type: ignore[union-attr]
    except (AttributeError, ValueError, OSError):
        return 80


def _wrapped(text: str, width: int, indent: str) -> list[str]:
    return textwrap.wrap(text, width, initial_indent=indent, subsequent_indent=indent)


def _columned(terms: dict[str, str], width: int) -> Iterator[str]:
    """Terms, and what they mean beside them."""
    left = max(map(len, terms)) + 4
    for term, meaning in terms.items():
        first, *rest = textwrap.wrap(meaning, max(width - left, 10))
        yield f"  {term}".ljust(left) + first
        yield from (" " * left + line for line in rest)


def _paragraphs(text: str, width: int) -> Iterable[str]:
    """Each wrapped, but for those that begin with a backspace."""
    lines: list[str] = []
    for paragraph in text.strip("\n").split("\n\n"):
        head, *body = paragraph.splitlines()
        if head == _UNWRAPPED:
            lines += [f"  {line}" for line in body]
        else:
            lines += _wrapped(" ".join((head, *body)), width, "  ")
        lines.append("")
    return lines[:-1]
