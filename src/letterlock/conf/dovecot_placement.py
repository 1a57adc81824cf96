"""Where in a Dovecot file a new setting belongs: the stock comment that mentions it, else its
relatives, else the end of its block."""

from __future__ import annotations

import re
from dataclasses import dataclass

from letterlock.conf.dovecot_structure import Structure
from letterlock.conf.dovecot_syntax import Kind, Statement
from letterlock.conf.text import Lines, indentation

_SIGN = re.compile(r"[ \t]*=[ \t]*")


@dataclass(frozen=True, slots=True)
class Spot:
    """Before line `index`, indented, written with `sign` between name and value."""

    index: int
    indent: str
    sign: str = " = "


#: Blocks of Dovecot 2.4 that hold settings of one prefix (its named filters of that name).
_PREFIX_BLOCKS = ("ssl_server", "ssl_client")
#: Blocks that hold for some connections only.
_FILTERS = ("protocol", "local_name", "local", "remote")


def spelt_out(name: str, block: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """A setting as it is called outside the blocks of its prefix: `cert_file` in `ssl_server { }`
    is `ssl_server_cert_file`, which may be written in that block, too. What doveconf 2.4.1 makes
    of each: the last of all these spellings holds."""
    while block and block[-1] in _PREFIX_BLOCKS:
        *outer, section = block
        name = name if name.startswith(f"{section}_") else f"{section}_{name}"
        block = tuple(outer)
    return name, block


def key(name: str, block: tuple[str, ...]) -> str:
    """A setting's full name: `plugin/quota` is `quota` in `plugin { }`, by either spelling
    (SETTINGS_SEPARATOR in Dovecot's settings-parser.h), and see `spelt_out`."""
    name, block = spelt_out(name, block)
    return "/".join((*(section.replace(" ", "/", 1) for section in block), name))


def is_filter(block: tuple[str, ...]) -> bool:
    """Whether a block's settings hold for some connections only."""
    return bool(block) and block[0].partition(" ")[0] in _FILTERS


def kinship(name: str, other: str) -> int:
    """How many parts of their names two settings share: `ssl` and `ssl_cert` one."""
    shared = 0
    for mine, theirs in zip(name.split("_"), other.split("_"), strict=False):
        if mine != theirs:
            break
        shared += 1
    return shared


def place(name: str, block: tuple[str, ...], lines: Lines, structure: Structure) -> Spot:
    """The place for a setting that the block, which is there, does not have: for a global one
    before the filters that say otherwise, or Dovecot warns that those will not change."""
    spot = _usual_place(name, block, lines, structure)
    ahead = None if block else _first_filter(name, structure)
    return spot if ahead is None or spot.index <= ahead else Spot(ahead, "", spot.sign)


def _first_filter(name: str, structure: Structure) -> int | None:
    """The line that opens the first filter with a value of its own for a setting."""
    setting = next(
        (
            statement.first
            for statement, path in structure.located
            if statement.kind is Kind.SETTING
            and is_filter(path)
            and spelt_out(statement.name, path)[0] == name
        ),
        None,
    )
    if setting is None:
        return None
    return max(b.begin for b in structure.blocks if len(b.path) == 1 and b.begin < setting)


def _usual_place(name: str, block: tuple[str, ...], lines: Lines, structure: Structure) -> Spot:
    comment = stock_comment(name, block, lines, structure)
    if comment is not None:
        return Spot(comment + 1, indentation(lines[comment]))
    relative = nearest_relative(name, block, structure)
    if relative is not None:
        sign = _SIGN.match(relative.text, len(relative.name))
        style = sign.group() if sign and relative.value else " = "
        return Spot(relative.last + 1, indentation(lines[relative.first]), style)
    index, indent = block_end(block, lines, structure)
    return Spot(index, indent)


def stock_comment(
    name: str, block: tuple[str, ...], lines: Lines, structure: Structure
) -> int | None:
    """The last line, directly in that block, that is the setting commented out; `#name =` before
    `# name =`, which may be prose. A block that is commented out is passed over."""
    outside = _outside_commented_blocks(lines)
    for pattern in (rf"[ \t]*#{re.escape(name)}[ \t]*=", rf"[ \t]*# {re.escape(name)} ="):
        found = re.compile(pattern)
        hits = [
            at
            for at, line in enumerate(lines)
            if structure.around[at] == block and outside[at] and found.match(line)
        ]
        if hits:
            return hits[-1]
    return None


def _outside_commented_blocks(lines: Lines) -> list[bool]:
    """For each line, whether the comments above it have left no brace open."""
    depth, outside = 0, []
    for line in lines:
        text = line.strip()
        if not text.startswith("#"):
            depth = 0
        elif text.endswith("}"):
            depth = max(0, depth - 1)
        outside.append(depth == 0)
        if text.startswith("#") and text.endswith("{"):
            depth += 1
    return outside


def nearest_relative(name: str, block: tuple[str, ...], structure: Structure) -> Statement | None:
    """The setting in that block that shares most of its name, of several the last."""
    best, most = None, 1
    for statement, path in structure.located:
        if statement.kind is Kind.SETTING and path == block:
            shared = kinship(name, statement.name)
            if shared >= most:
                best, most = statement, shared
    return best


def block_end(block: tuple[str, ...], lines: Lines, structure: Structure) -> tuple[int, str]:
    """Where a new line at the end of a block goes, and its indentation."""
    if not block:
        unclosed = [each.begin for each in structure.blocks if each.end is None]
        return _before_unfinished(lines, structure, unclosed), ""
    last = [each for each in structure.blocks if each.path == block][-1]
    own = [s for s, path in structure.located if path == block and s.kind is Kind.SETTING]
    indent = indentation(lines[own[-1].first]) if own else indentation(lines[last.begin]) + "  "
    if last.end is not None:
        return last.end, indent
    unclosed = [b.begin for b in structure.blocks if b.end is None and b.begin > last.begin]
    return _before_unfinished(lines, structure, unclosed), indent


def _before_unfinished(lines: Lines, structure: Structure, unclosed: list[int]) -> int:
    """The end of the file, or the line before what is left open there: a block, or a line that
    ends in a backslash."""
    open_lines = list(unclosed)
    if structure.located:
        last = structure.located[-1][0]
        if last.kind is Kind.FORGOTTEN and last.last == len(lines) - 1:
            open_lines.append(last.first)
    return min(open_lines, default=len(lines))


def new_block(
    lines: Lines, structure: Structure, block: tuple[str, ...]
) -> tuple[int, str, tuple[str, ...]]:
    """Where the blocks that are missing of a path go, their indentation, and which they are."""
    depth = len(block)
    while depth and not structure.has(block[:depth]):
        depth -= 1
    index, indent = block_end(block[:depth], lines, structure)
    return index, indent, block[depth:]
