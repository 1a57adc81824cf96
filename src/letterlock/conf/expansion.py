"""Postfix's `$name` in values: postconf(5), mac_parse(3), mac_expand(3).

$name  ${name}  $(name)  $$
${name?text}  ${name:text}  ${name?{text}:{text}}
${{text} == {text} ? {text} : {text}}      also != < <= >= > and, since 3.6, <=level and so on
"""

from __future__ import annotations

import re
from collections.abc import Callable

from letterlock.conf.logical_line import WHITE
from letterlock.conf.text import encode

#: mac_expand(3) gives up below this many levels.
_DEEPEST = 100
#: A bound of ours: values that name each other twice grow as powers of two.
_MOST = 10_000

_NAME = re.compile(r"[A-Za-z0-9_]+")
_OPERATOR = re.compile(r"[<>!=?+\-*/~&|%]*")
_LEVEL = re.compile(r"(\d+)(?:\.(\d+)(?:\.(\d+))?)?\Z", re.ASCII)
_COMPARE: dict[str, Callable[[int], bool]] = {
    "==": lambda order: order == 0,
    "!=": lambda order: order != 0,
    "<": lambda order: order < 0,
    "<=": lambda order: order <= 0,
    ">=": lambda order: order >= 0,
    ">": lambda order: order > 0,
}


class ExpansionError(Exception):
    """What is wrong with an expression, and in which parameter's value (None: the text given)."""

    def __init__(self, what: str, parameter: str | None) -> None:
        super().__init__(what)
        self.what = what
        self.parameter = parameter


def expand(text: str, lookup: Callable[[str], str | None]) -> str:
    """`text` with its expressions replaced by the values that `lookup` gives; an unknown name is
    empty. Raises ExpansionError for a syntax error, a loop, or growth without bound."""
    return _Expansion(lookup).text(text, 0, None)


class _Expansion:
    """One run: it counts what it looks up."""

    def __init__(self, lookup: Callable[[str], str | None]) -> None:
        self._lookup = lookup
        self._count = 0

    def text(self, text: str, level: int, parameter: str | None) -> str:
        """Expand literal text with expressions in it."""
        result = []
        at = 0
        while (dollar := text.find("$", at)) >= 0:
            result.append(text[at:dollar])
            if text.startswith("$$", dollar):
                result.append("$")
                at = dollar + 2
                continue
            expression, at = _expression_at(text, dollar + 1, parameter)
            result.append(self._expression(expression, level, parameter))
        result.append(text[at:])
        return "".join(result)

    def _expression(self, expression: str, level: int, parameter: str | None) -> str:
        self._count += 1
        if level >= _DEEPEST or self._count > _MOST:
            raise ExpansionError("parameters refer to each other without end", parameter)
        if expression.lstrip(WHITE).startswith("{"):
            value, name, rest = self._relation(expression.lstrip(WHITE), level, parameter)
        else:
            value, name, rest = self._named(expression, parameter)
        if not rest:
            return self.text(value, level + 1, name) if name else value
        chosen = _branch(rest, bool(value), parameter)
        return self.text(chosen, level + 1, parameter)

    def _named(self, expression: str, parameter: str | None) -> tuple[str, str | None, str]:
        stripped = expression.lstrip(WHITE)
        match = _NAME.match(stripped)
        rest = stripped[match.end() :].lstrip(WHITE) if match else stripped
        if match is None or (rest and rest[0] not in "?:"):
            raise ExpansionError(f"attribute name syntax error in ${{{expression}}}", parameter)
        name = match.group()
        return self._lookup(name) or "", name, rest

    def _relation(
        self, expression: str, level: int, parameter: str | None
    ) -> tuple[str, str | None, str]:
        left, rest = _braced(expression, parameter)
        match = _OPERATOR.match(rest)
        operator = match.group() if match else ""
        rest = rest[len(operator) :]
        by_level = rest.startswith("level")
        rest = rest.removeprefix("level").lstrip(WHITE)
        if operator not in _COMPARE or not rest.startswith("{"):
            raise ExpansionError(f"a comparison was expected in ${{{expression}}}", parameter)
        right, rest = _braced(rest, parameter)
        order = _order(
            self.text(left, level + 1, parameter),
            self.text(right, level + 1, parameter),
            by_level,
            parameter,
        )
        if rest and rest[0] not in "?:":
            raise ExpansionError(f'"?" or ":" expected at {rest!r}', parameter)
        return "true" if _COMPARE[operator](order) else "", None, rest


def _expression_at(text: str, at: int, parameter: str | None) -> tuple[str, int]:
    """The expression after a `$`, without its brackets, and where the text goes on."""
    opening = text[at : at + 1]
    if opening not in ("{", "("):
        match = _NAME.match(text, at)
        if match is None:
            raise ExpansionError(f"empty macro name in {text!r}", parameter)
        return match.group(), match.end()
    closing = {"{": "}", "(": ")"}[opening]
    depth = 1
    for end in range(at + 1, len(text)):
        depth += (text[end] == opening) - (text[end] == closing)
        if depth == 0 and end == at + 1:
            raise ExpansionError(f"empty macro name in {text!r}", parameter)
        if depth == 0:
            return text[at + 1 : end], end + 1
    raise ExpansionError(f"truncated macro reference in {text!r}", parameter)


def _braced(text: str, parameter: str | None) -> tuple[str, str]:
    """What stands in the braces that `text` begins with, and what follows them."""
    depth = 0
    for at, char in enumerate(text):
        depth += (char == "{") - (char == "}")
        if depth == 0:
            return text[1:at], text[at + 1 :].lstrip(WHITE)
    raise ExpansionError(f"unbalanced {{}} in {text!r}", parameter)


def _branch(rest: str, true: bool, parameter: str | None) -> str:
    """The operand that holds, of `?x`, `:y` or `?{x}:y`; without braces an operand is everything
    to the end, as before Postfix 3.0."""
    if_true, if_false = "", ""
    if rest[0] == "?":
        if_true, rest = _operand(rest[1:], parameter)
        if rest and rest[0] != ":":
            raise ExpansionError(f'":" expected at {rest!r}', parameter)
    if rest:
        if_false, rest = _operand(rest[1:], parameter)
        if rest:
            raise ExpansionError(f"unexpected input at {rest!r}", parameter)
    return if_true if true else if_false


def _operand(text: str, parameter: str | None) -> tuple[str, str]:
    stripped = text.lstrip(WHITE)
    return _braced(stripped, parameter) if stripped.startswith("{") else (text, "")


def _order(left: str, right: str, by_level: bool, parameter: str | None) -> int:
    """Below, at or above zero as `left` sorts against `right`."""
    if by_level:
        levels = _level(left, parameter), _level(right, parameter)
        return (levels[0] > levels[1]) - (levels[0] < levels[1])
    if all(side.isascii() and side.isdigit() for side in (left, right)):
        stripped = [(len(side.lstrip("0")), side.lstrip("0")) for side in (left, right)]
        return (stripped[0] > stripped[1]) - (stripped[0] < stripped[1])
    raw = encode(left), encode(right)
    return (raw[0] > raw[1]) - (raw[0] < raw[1])


def _level(text: str, parameter: str | None) -> tuple[int, int, int]:
    """A compatibility level, `major[.minor[.patch]]`."""
    match = _LEVEL.match(text)
    if match is None or len(text) > 30:
        raise ExpansionError(f"malformed compatibility level {text!r}", parameter)
    major, minor, patch = (int(part or 0) for part in match.groups())
    return major, minor, patch
