"""A JSON report read back: only what comparing needs, whatever else stands in it."""

from __future__ import annotations

from typing import Any

import msgspec

from letterlock.model.errors import InputError, Location
from letterlock.model.finding import Severity
from letterlock.report.json_report import FORMAT_VERSION
from letterlock.report.json_wording import wording_of

#: A value that may be `{"unknown": …}`.
_Open = Any


def place_of(target: str, address: str, port: object) -> str:
    """A target and an endpoint of it; one of the two where they are the same."""
    shown = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    return shown if target == shown else f"{target} {shown}"


class SavedFinding(msgspec.Struct):
    target: str
    id: str
    severity: Severity
    title: str = ""
    endpoint: dict[str, Any] | None = None
    evidence: str = ""


class SavedProtocol(msgspec.Struct):
    name: str
    offered: _Open
    cipher_suites: list[str] = []
    complete: bool = False


class SavedGroups(msgspec.Struct):
    groups: list[str] = []
    used_in: list[str] = []
    complete: bool = False


class SavedFault(msgspec.Struct):
    id: str
    present: _Open


class SavedEndpoint(msgspec.Struct):
    """`handshake` and `grade` are objects, null, or `{"unknown": …}`."""

    target: str
    address: str
    port: int
    service: str = ""
    closed: bool = False
    handshake: dict[str, Any] | None = None
    protocols: list[SavedProtocol] = []
    groups: list[SavedGroups] = []
    known_faults: list[SavedFault] = []
    grade: dict[str, Any] | None = None

    @property
    def place(self) -> str:
        return place_of(self.target, self.address, self.port)


class SavedTarget(msgspec.Struct):
    target: str
    started: str = ""


class Saved(msgspec.Struct):
    """A report as `json_report` wrote it."""

    format_version: int
    targets: list[SavedTarget]
    endpoints: list[SavedEndpoint]
    findings: list[SavedFinding]
    #: Only those of it that are needed become Wordings again.
    messages: _Open = None


def saved(data: bytes, path: str) -> Saved:
    """Read a report; titles, and reasons why nothing is known, may be said in any language. Raises
    InputError naming `path` and what is wrong with it."""
    try:
        report = msgspec.json.decode(data, type=Saved)
    except msgspec.ValidationError as error:
        raise InputError(
            f"not a report of letterlock check: {error}", where=Location(path)
        ) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"not JSON: {error}", where=Location(path)) from None
    if report.format_version != FORMAT_VERSION:
        raise InputError(
            f"has format_version {report.format_version}; this letterlock reads {FORMAT_VERSION}",
            where=Location(path),
        )
    for finding in report.findings:
        finding.title = wording_of(finding.title, report.messages)
    for endpoint in report.endpoints:
        if endpoint.handshake and isinstance(reason := endpoint.handshake.get("unknown"), str):
            endpoint.handshake["unknown"] = wording_of(reason, report.messages)
    return report
