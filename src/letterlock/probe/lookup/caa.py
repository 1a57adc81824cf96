"""The CAA records that count for a name, found by climbing the tree (RFC 8659 section 3)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from letterlock.model.dns_answer import Answer
from letterlock.model.dns_promises import CaaFacts, CaaRecord
from letterlock.model.unknown import Unknown
from letterlock.probe.lookup.resolver import Resolver
from letterlock.wire.promises.caa import read_issuer
from letterlock.wire.promises.malformed import MalformedError


def look_up_caa(name: str, resolver: Resolver) -> CaaFacts:
    """Those of the name or of the nearest name above it, the root left out."""
    parent = name.partition(".")[2]
    found = _climb(name, resolver)
    return CaaFacts(found, _climb(parent, resolver) if parent else found)


def _climb(name: str, resolver: Resolver) -> Answer[CaaRecord] | Unknown:
    """Where a question fails or its answer is bogus, no CA goes on either."""
    labels = name.split(".")
    found: Answer[CaaRecord] | Unknown = Unknown("no name to ask for")
    for start in range(len(labels)):
        found = resolver.look_up(".".join(labels[start:]), "CAA", _record)
        if isinstance(found, Unknown) or found.bogus or found.records:
            break
    if isinstance(found, Unknown):
        return found
    # Resolvers turn them round: in order, so that two runs say the same.
    return replace(found, records=tuple(sorted(found.records, key=str)))


def _record(record: Any) -> CaaRecord:
    """`issue` without a valid issuer keeps the fault: a CA takes it for nobody."""
    tag = record.tag.decode("ascii", "replace").lower()
    value = record.value.decode("utf-8", "replace")
    if tag not in ("issue", "issuewild"):
        return CaaRecord(int(record.flags), tag, value)
    try:
        return CaaRecord(int(record.flags), tag, value, read_issuer(value))
    except MalformedError as error:
        return CaaRecord(int(record.flags), tag, value, fault=error.what)
