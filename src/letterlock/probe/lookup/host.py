"""What DNS says of a mail host: its TLSA records, and whether the way to it is signed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from letterlock.model.dns_answer import Answer, HostAddresses, Security
from letterlock.model.dns_facts import HostDns, TlsaRecord, TlsaSet
from letterlock.model.unknown import Unknown
from letterlock.model.wording import Wording
from letterlock.probe.lookup.caa import look_up_caa
from letterlock.probe.lookup.domain import host_addresses
from letterlock.probe.lookup.resolver import Resolver


def look_up_host(
    name: str,
    ports: Iterable[int],
    resolver: Resolver,
    *,
    addresses: HostAddresses | None = None,
    domain: str | None = None,
    exchange_security: Security | Unknown | None = None,
) -> HostDns:
    """All that DNS tells of a host, in A-labels; `domain` and the rest where an MX record led
    to it."""
    known = addresses or host_addresses(name, resolver)
    return HostDns(
        name=name,
        domain=domain,
        resolver=resolver.facts,
        exchange_security=exchange_security,
        addresses=known,
        tlsa=tuple(TlsaSet(port, _tlsa(known, port, resolver)) for port in dict.fromkeys(ports)),
        caa=look_up_caa(name, resolver),
    )


def _tlsa(host: HostAddresses, port: int, resolver: Resolver) -> Answer[TlsaRecord] | Unknown:
    """Where the host is an alias, the name that it stands for is asked first (RFC 7671 section
    7)."""
    names = dict.fromkeys((*host.aliases[-1:], host.name))
    found: Answer[TlsaRecord] | Unknown = Unknown(Wording("no name to ask for"))
    for name in names:
        found = resolver.look_up(f"_{port}._tcp.{name}", "TLSA", tlsa_record)
        if isinstance(found, Unknown) or found.records or found.bogus:
            break
    if isinstance(found, Unknown):
        return found
    # Resolvers turn them round: in order, so that two runs say the same.
    ordered = sorted(found.records, key=lambda one: (*_numbers(one), one.association))
    return replace(found, records=tuple(ordered))


def _numbers(record: TlsaRecord) -> tuple[int, int, int]:
    return record.usage, record.selector, record.matching


def tlsa_record(record: Any) -> TlsaRecord:
    """One of dnspython's as ours."""
    return TlsaRecord(
        int(record.usage), int(record.selector), int(record.mtype), bytes(record.cert)
    )
