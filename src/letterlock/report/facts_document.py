"""Results written down whole and read back the same: what one process has seen, for another to
report in any form. Not for people or scripts: that is `json_report`, whose shape is promised."""

from __future__ import annotations

import json
import types
import typing
from base64 import b64decode, b64encode
from collections.abc import Iterable, Sequence
from dataclasses import MISSING, fields, is_dataclass
from datetime import datetime
from enum import Enum
from functools import lru_cache
from typing import Any, TypeVar

from letterlock.model import dns_facts
from letterlock.model.certificate import Certificate
from letterlock.model.errors import InputError
from letterlock.model.wording import Wording, from_members
from letterlock.report.result import Result

_T = TypeVar("_T")
#: Goes up where what was written cannot be read any more.
FORMAT = 1
#: For types that name those of another module, which imports theirs.
NAMES = vars(dns_facts)
#: Which of several types something is, by the name of its class.
_CLASS = "$"


def written(results: Iterable[Result]) -> bytes:
    """JSON; each certificate stands in it once."""
    writer = _Writer()
    told = [writer.value(each) for each in results]
    whole = {"format": FORMAT, "certificates": writer.certificates, "results": told}
    return json.dumps(whole, separators=(",", ":"), ensure_ascii=False).encode(
        "utf-8", "surrogatepass"
    )


def read(data: bytes) -> tuple[Result, ...]:
    """What `written` wrote, by this letterlock or an earlier one. Raises InputError for anything
    else."""
    try:
        whole = json.loads(data.decode("utf-8", "surrogatepass"))
        if whole["format"] != FORMAT:
            raise InputError(f"the report's format is {whole['format']}, not {FORMAT}")
        reader = _Reader(whole["certificates"])
        return tuple(reader.value(Result, each) for each in _checked(list, whole["results"]))
    except (KeyError, TypeError, ValueError, IndexError, RecursionError) as error:
        raise InputError(
            f"the report cannot be read ({type(error).__name__}: {error})",
            remedy="it was written by another version of letterlock: look again",
        ) from None


def members(value: Any) -> Any:
    """A value of `model` without certificates, as JSON's types."""
    return _Writer().value(value)


def restored(kind: type[_T], value: Any) -> _T:
    """What `members` made of a `kind`. Raises KeyError, TypeError, ValueError or IndexError for
    anything else."""
    made: _T = _Reader(()).value(kind, value)
    return made


class _Writer:
    def __init__(self) -> None:
        self.certificates: list[Any] = []
        self._places: dict[Certificate, int] = {}

    def value(self, value: Any) -> Any:
        if isinstance(value, Wording):
            return {_CLASS: "str", **value.members()}
        if isinstance(value, Certificate):
            return {_CLASS: "Certificate", "at": self._place(value)}
        if is_dataclass(value):
            return self._members(value)
        if isinstance(value, Enum):
            return value.value
        if isinstance(value, tuple):
            return [self.value(each) for each in value]
        if isinstance(value, bytes):
            return b64encode(value).decode("ascii")
        return value.isoformat() if isinstance(value, datetime) else value

    def _members(self, value: Any) -> dict[str, Any]:
        """Those that are not as they are by default."""
        told: dict[str, Any] = {_CLASS: type(value).__name__}
        for each in fields(value):
            member = getattr(value, each.name)
            if each.default is MISSING or member != each.default:
                told[each.name] = self.value(member)
        return told

    def _place(self, certificate: Certificate) -> int:
        if certificate not in self._places:
            self._places[certificate] = len(self.certificates)
            self.certificates.append(self._members(certificate))
        return self._places[certificate]


class _Reader:
    def __init__(self, certificates: Sequence[Any]) -> None:
        self._certificates: list[Certificate] = [
            self._dataclass(Certificate, each) for each in certificates
        ]

    def value(self, kind: Any, value: Any) -> Any:
        """Raises one of what `read` catches where the value is not of the kind."""
        origin = typing.get_origin(kind) or kind
        if origin in (types.UnionType, typing.Union):
            return self.value(_chosen(typing.get_args(kind), value), value)
        if origin is Certificate:
            return self._certificates[_checked(int, value["at"])]
        if origin is tuple:
            parts, items = typing.get_args(kind), _checked(list, value)
            if parts[-1] is Ellipsis:
                return tuple(self.value(parts[0], each) for each in items)
            return tuple(map(self.value, parts, items))
        if is_dataclass(origin):
            return self._dataclass(kind, value)
        return _simple(origin, value)

    def _dataclass(self, kind: Any, value: Any) -> Any:
        made = typing.get_origin(kind) or kind
        hints = _hints(kind)
        known = {name: each for name, each in _checked(dict, value).items() if name in hints}
        return made(**{name: self.value(hints[name], each) for name, each in known.items()})


def _simple(kind: Any, value: Any) -> Any:
    if kind is str and isinstance(value, dict):
        return from_members(value)
    if kind is bytes:
        return b64decode(_checked(str, value), validate=True)
    if kind is datetime:
        return datetime.fromisoformat(_checked(str, value))
    if kind is float and type(value) is int:
        return float(value)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(value)
    return _checked(kind, value)


def _checked(kind: Any, value: Any) -> Any:
    wanted = type(None) if kind is None else kind
    if type(value) is not wanted:
        raise TypeError(f"{value!r:.60} is not {wanted.__name__}")
    return value


def _chosen(kinds: Sequence[Any], value: Any) -> Any:
    """Which of a union's types the value is of. Raises TypeError where it is of none."""
    name = value[_CLASS] if isinstance(value, dict) else None
    for each in kinds:
        if _may_be(each, value) if name is None else _name(each) == name:
            return each
    raise TypeError(f"{value!r:.60} is none of {len(kinds)} types")


def _name(kind: Any) -> str:
    return str((typing.get_origin(kind) or kind).__name__)


def _may_be(kind: Any, value: Any) -> bool:
    origin = typing.get_origin(kind) or kind
    if origin is tuple:
        return isinstance(value, list)
    if is_dataclass(origin):
        return False
    try:
        _simple(origin, value)
    except (TypeError, ValueError):
        return False
    return True


@lru_cache
def _hints(kind: Any) -> dict[str, Any]:
    """A dataclass's fields and their types; of `Answer[str]` too."""
    made: Any = typing.get_origin(kind) or kind
    found = typing.get_type_hints(made, localns=NAMES)
    variables = dict(
        zip(getattr(made, "__parameters__", None) or (), typing.get_args(kind), strict=False)
    )
    return {each.name: _filled(found[each.name], variables) for each in fields(made) if each.init}


def _filled(kind: Any, variables: dict[Any, Any]) -> Any:
    if isinstance(kind, typing.TypeVar):
        return variables[kind]
    if variables and getattr(kind, "__parameters__", None):
        return kind[tuple(variables[each] for each in kind.__parameters__)]
    return kind
