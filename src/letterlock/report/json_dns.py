"""The JSON of what DNS says: the members are the facts' own names."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from letterlock.model.dns_facts import DomainFacts, HostDns
from letterlock.model.service import Endpoint, Service
from letterlock.model.unknown import Unknown
from letterlock.report.json_tls import unknown
from letterlock.report.text import utc


def dns_members(facts: DomainFacts | HostDns | None) -> dict[str, Any] | None:
    """All of a domain or of a host; null where DNS was not asked."""
    return None if facts is None else _plain(facts)


def _plain(value: Any) -> Any:
    if isinstance(value, Unknown):
        return unknown(value)
    if isinstance(value, datetime):
        return utc(value)
    if isinstance(value, Endpoint):
        return {"address": value.address, "port": value.port}
    if isinstance(value, Service):
        return value.name
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: _plain(getattr(value, each.name)) for each in fields(value)}
    return value
