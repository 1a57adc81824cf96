"""One entry of master.cf taken apart: the columns, the daemon's options, what Postfix refuses.

Source: master(5); the tokens are mystrtokq(3)'s, the options as postconf(1) reads them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from letterlock.conf.errors import ConfError
from letterlock.conf.logical_line import LogicalLine, split_name_value
from letterlock.model.errors import Location

#: What separates columns and arguments.
BLANKS = " \t\r\n"
#: service, type, private, unprivileged, chroot, wakeup, maxproc, command
COLUMNS = 8
TYPES = ("inet", "unix", "unix-dgram", "fifo", "pass")


@dataclass(frozen=True, slots=True)
class Token:
    """A column or argument and where it stands in its logical line."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Option:
    """A `-o name=value` or `-o { name = value }`. `start` is where the `-o` begins, `end` where
    the option does; `value_start` and `value_end` hold the value alone."""

    name: str
    value: str
    start: int
    end: int
    text_start: int
    value_start: int
    value_end: int

    def braced(self, text: str) -> bool:
        return text[self.text_start] == "{"


@dataclass(frozen=True, slots=True)
class Entry:
    """A service's logical line with its tokens; those from `first_argument` on are no options of
    the daemon but its arguments."""

    logical: LogicalLine
    tokens: tuple[Token, ...]
    options: tuple[Option, ...]
    first_argument: int
    faults: tuple[str, ...]

    @property
    def last_option(self) -> Token:
        """The last token before the arguments: an option, its value, or the command."""
        return self.tokens[self.first_argument - 1]

    def begins_line(self, start: int) -> bool:
        """Whether only white space stands before `start` on its physical line."""
        offset = self.logical.starts[self.logical.piece_at(start + 1)]
        return not self.logical.text[offset:start].strip(BLANKS)


def tokens(text: str) -> tuple[Token, ...]:
    """The tokens of a line; blanks inside braces do not separate."""
    found: list[Token] = []
    start, depth = None, 0
    for at, char in enumerate(text):
        if start is None:
            if char in BLANKS:
                continue
            start = at
        elif depth == 0 and char in BLANKS:
            found.append(Token(text[start:at], start, at))
            start = None
            continue
        if char == "{":
            depth += 1
        elif char == "}" and depth:
            depth -= 1
    if start is not None:
        found.append(Token(text[start:], start, len(text)))
    return tuple(found)


def parse_entry(logical: LogicalLine) -> Entry:
    """An entry of COLUMNS columns or more, or one with faults."""
    found = tokens(logical.visible)
    if len(found) < COLUMNS:
        fault = f"a service has {COLUMNS} columns, this line {len(found)}"
        return Entry(logical, found, (), len(found), (fault,))
    faults = list(_column_faults(tuple(token.text for token in found)))
    options, first_argument = [], len(found)
    at = COLUMNS
    while at < len(found):
        token = found[at]
        if not token.text.startswith("-") or token.text == "--":
            first_argument = at
            break
        at += 1
        letter = token.text.find("o", 1)
        if letter < 0:
            continue
        value = Token(token.text[letter + 1 :], token.start + letter + 1, token.end)
        if not value.text:
            if at == len(found):
                faults.append("-o has no name=value after it")
                break
            value = found[at]
            at += 1
        option = _option(token.start, letter, value)
        if isinstance(option, str):
            faults.append(option)
        else:
            options.append(option)
    return Entry(logical, found, tuple(options), first_argument, tuple(faults))


def _option(token_start: int, letter: int, token: Token) -> Option | str:
    text, offset = token.text, token.start
    if text.startswith("{"):
        if not _one_group(text):
            return f"unbalanced braces in -o {text}"
        text, offset = text[1:-1], offset + 1
    parts = split_name_value(text)
    if isinstance(parts, str):
        return f"-o {token.text}: {parts}"
    start = token_start if letter == 1 else token_start + letter
    return Option(
        parts.name,
        parts.value,
        start,
        token.end,
        token.start,
        offset + parts.start,
        offset + parts.end,
    )


def _one_group(text: str) -> bool:
    """Whether the brace that `text` begins with is closed by its last character."""
    depth = 0
    for at, char in enumerate(text):
        depth += (char == "{") - (char == "}")
        if depth == 0:
            return at == len(text) - 1
    return False


def _column_faults(columns: tuple[str, ...]) -> Iterator[str]:
    name, kind, private, unprivileged, chroot, wakeup, maxproc, _ = columns[:COLUMNS]
    if kind not in TYPES:
        yield f"{name}: no service type: {kind}"
    for column, value in (
        ("private", private),
        ("unprivileged", unprivileged),
        ("chroot", chroot),
    ):
        if value not in ("y", "n", "-"):
            yield f"{name}/{kind}: {column} is y, n or -, not {value}"
    if kind == "inet" and private in ("y", "-"):
        yield f"{name}/inet: an inet service cannot be private"
    if not _number(wakeup.removesuffix("?") or "?"):
        yield f"{name}/{kind}: wakeup is a number of seconds or -, not {wakeup}"
    if not _number(maxproc):
        yield f"{name}/{kind}: maxproc is a number or -, not {maxproc}"


def _number(text: str) -> bool:
    return text == "-" or (text.isascii() and text.isdigit())


def fault(what: str, path: str, line: int) -> ConfError:
    """A fault of an entry, told to a person."""
    return ConfError(what, where=Location(path, line), remedy="correct the entry, see master(5)")
