"""Names of alerts (RFC 8446 section 6) and extension types, as IANA registers them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache


@cache
def _alerts() -> Mapping[int, str]:
    from letterlock.model.tls_registry import ALERTS

    return dict(ALERTS)


@cache
def _extensions() -> Mapping[int, str]:
    from letterlock.model.tls_registry import EXTENSION_TYPES

    return dict(EXTENSION_TYPES)


def alert_name(description: int) -> str:
    """`alert 200` for a description in no registry."""
    return _alerts().get(description, f"alert {description}")


def extension_name(type_: int) -> str:
    """`0x` and four digits for a type in no registry."""
    return _extensions().get(type_, f"0x{type_:04x}")
