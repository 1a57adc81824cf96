"""The words that our JSON Schemas (draft 2020-12) are made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Json = dict[str, Any]
TEXT: Json = {"type": "string"}
BOOL: Json = {"type": "boolean"}
COUNT: Json = {"type": "integer", "minimum": 0}
INTEGER: Json = {"type": "integer"}
NUMBER: Json = {"type": "number", "minimum": 0}
TIME: Json = {"type": "string", "format": "date-time"}
SHA256: Json = {"type": "string", "pattern": "^[0-9a-f]{64}$"}


def ref(name: str) -> Json:
    return {"$ref": f"#/$defs/{name}"}


def array(items: Json) -> Json:
    return {"type": "array", "items": items}


def mapping(names: str, of: Json) -> Json:
    """An object whose members are named by data; `names` is a regular expression."""
    return {"type": "object", "patternProperties": {names: of}}


def either(*kinds: Json) -> Json:
    return {"anyOf": list(kinds)}


def or_null(kind: Json) -> Json:
    return either(kind, {"type": "null"})


def or_unknown(kind: Json) -> Json:
    return either(kind, ref("unknown"))


def one_of(values: Iterable[str]) -> Json:
    return {"enum": [str(value) for value in values]}


def shape(says: str, members: Mapping[str, Json], optional: Iterable[str] = ()) -> Json:
    return {
        "type": "object",
        "description": says,
        "properties": dict(members),
        "required": [name for name in members if name not in optional],
    }


def said(kind: Json, says: str) -> Json:
    return {**kind, "description": says}


TEXTS = array(TEXT)
TERNARY = or_unknown(BOOL)
