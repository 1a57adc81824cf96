"""How a value is written in a server's configuration, and read back: the forms of the version
tables."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from letterlock.profiles.profile import PROTOCOL_VERSIONS
from letterlock.servers.strength import protocol_floor

Value = bool | str | Sequence[str]


class Form(StrEnum):
    """How a value is written."""

    TEXT = "text"
    SWITCH = "switch"
    INVERTED_SWITCH = "inverted-switch"
    FILE_CONTENTS = "file-contents"
    PROTOCOL_FLOOR = "protocol-floor"
    PROTOCOL_EXCLUSIONS = "protocol-exclusions"
    PROTOCOL_LIST = "protocol-list"
    PREFERENCE_SIDE = "preference-side"
    DEBUG_CATEGORY = "debug-category"
    COLON_LIST = "colon-list"
    COMMA_LIST = "comma-list"
    SPACE_LIST = "space-list"


_SEPARATORS = {Form.COLON_LIST: ":", Form.COMMA_LIST: ", ", Form.SPACE_LIST: " "}
_SWITCHES = {
    Form.SWITCH: ("yes", "no"),
    Form.INVERTED_SWITCH: ("no", "yes"),
    Form.PREFERENCE_SIDE: ("server", "client"),
    Form.DEBUG_CATEGORY: ("category=ssl", ""),
}
#: What a switch means where a policy, or a later version, has more words than yes and no.
_OFF = ("no", "none", "false", "0")


def write(form: Form, value: Value, newest_protocol: str | None = None) -> str:
    """A policy's value as the server writes it: a switch from bool or from a level (`none`, `no`:
    off), a floor, an exclusion list or a list of protocols from the lowest version allowed, a list
    from its items, the rest from text. `newest_protocol` is the newest version that the server
    has a name for: what lies above is asked for as that, since an unknown name stops it."""
    if form in _SWITCHES:
        on = value if isinstance(value, bool) else value not in _OFF
        return _SWITCHES[form][0 if on else 1]
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, str):
        return _SEPARATORS[form].join(value)
    match form:
        case Form.FILE_CONTENTS:
            return f"<{value}"
        case Form.PROTOCOL_FLOOR:
            return f">={value}"
        case Form.PROTOCOL_EXCLUSIONS:
            return ", ".join(f"!{v}" for v in ("SSLv2", *_split(value, newest_protocol)[0]))
        case Form.PROTOCOL_LIST:
            return " ".join(_split(value, newest_protocol)[1])
        case _:
            return value


def read(form: Form, text: str) -> Value | None:
    """What `write` was given, from what stands in a configuration; None where that is not told
    by the text alone (a certificate in the file itself, an expression)."""
    text = text.strip()
    if form in _SWITCHES:
        return _read_switch(form, text)
    match form:
        case Form.FILE_CONTENTS:
            return text[1:].strip() if text.startswith("<") else (None if text else "")
        case Form.PROTOCOL_FLOOR | Form.PROTOCOL_EXCLUSIONS | Form.PROTOCOL_LIST:
            return protocol_floor(text)
        case Form.COLON_LIST | Form.COMMA_LIST | Form.SPACE_LIST:
            return tuple(text.replace(",", " ").replace(":", " ").split())
        case _:
            return text


def _read_switch(form: Form, text: str) -> bool | None:
    on, off = _SWITCHES[form]
    return {on: True, off: False}.get(text.lower())


def _split(floor: str, newest: str | None) -> tuple[list[str], list[str]]:
    """The versions below a floor and those from it on, of those that have a name."""
    known = [str(version) for version in PROTOCOL_VERSIONS]
    if newest is not None:
        known = known[: known.index(newest) + 1]
    at = known.index(floor) if floor in known else len(known) - 1
    return known[:at], known[at:]
