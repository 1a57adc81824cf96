"""Where a domain wants reports of failed deliveries (RFC 8460 section 3)."""

from __future__ import annotations

from letterlock.model.dns_promises import TlsRptFacts
from letterlock.model.unknown import Unknown
from letterlock.probe.lookup.resolver import Resolver
from letterlock.probe.lookup.sts import txt
from letterlock.wire.promises.malformed import MalformedError
from letterlock.wire.promises.tls_rpt import is_tls_rpt, read_tls_rpt


def look_up_tls_rpt(domain: str, resolver: Resolver) -> TlsRptFacts:
    """The record, read."""
    record = resolver.look_up(f"_smtp._tls.{domain}", "TXT", txt)
    if isinstance(record, Unknown) or record.bogus or not any(map(is_tls_rpt, record.records)):
        return TlsRptFacts(record)
    try:
        return TlsRptFacts(record, read_tls_rpt(record.records))
    except MalformedError as error:
        return TlsRptFacts(record, fault=error.what)
