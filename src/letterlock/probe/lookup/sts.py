"""MTA-STS of a domain, as a sender comes to know it (RFC 8461 section 3)."""

from __future__ import annotations

from typing import Any

from letterlock.model.dns_promises import StsFacts, StsPolicy
from letterlock.model.errors import UndeterminedError
from letterlock.model.unknown import Cause, Unknown
from letterlock.probe.fetch import Bounds
from letterlock.probe.https import Page, Web
from letterlock.probe.lookup.domain import host_addresses
from letterlock.probe.lookup.resolver import Resolver
from letterlock.wire.promises.malformed import MalformedError
from letterlock.wire.promises.sts import is_sts, read_policy, read_record

#: RFC 8461 section 3.3: 64 kilobytes, and a minute, which we do not wait.
POLICY_BOUNDS = Bounds(64 * 1024, longest=20.0)
_PATH = "/.well-known/mta-sts.txt"


def look_up_sts(domain: str, resolver: Resolver, web: Web) -> StsFacts:
    """The record, and the policy where the record leads to one."""
    record = resolver.look_up(f"_mta-sts.{domain}", "TXT", txt)
    if isinstance(record, Unknown):
        return StsFacts(record)
    if record.bogus or not any(map(is_sts, record.records)):
        return StsFacts(record)
    try:
        named, fault = read_record(record.records), ""
    except MalformedError as error:
        named, fault = "", error.what
    host = host_addresses(f"mta-sts.{domain}", resolver)
    unanswered = [one for one in (host.ipv4, host.ipv6) if isinstance(one, Unknown)]
    if not host.addresses and unanswered:
        return StsFacts(
            record, named, fault, host, Unknown(unanswered[0].reason, Cause.DNS_FAILURE)
        )
    try:
        policy: StsPolicy | Unknown = _policy(
            web.get(host.name, _PATH, host.addresses, POLICY_BOUNDS)
        )
    except (MalformedError, UndeterminedError) as error:
        policy, fault = Unknown(error.what), fault or error.what
    return StsFacts(record, named, fault, host, policy)


def _policy(page: Page) -> StsPolicy:
    """Nothing but a 200 counts; redirects are not followed (RFC 8461 section 3.3)."""
    if page.status != 200:
        redirected = (
            ", a redirect, which senders must not follow" if 300 <= page.status < 400 else ""
        )
        raise MalformedError(f"the web server answers {page.status}{redirected}")
    if page.media_type != "text/plain":
        said = repr(page.media_type[:40]) if page.media_type else "no media type"
        raise MalformedError(f"the policy comes as {said}, not text/plain")
    return read_policy(page.body)


def txt(record: Any) -> str:
    """A TXT record's strings, put together without anything between (RFC 7208 section 3.3)."""
    return b"".join(record.strings).decode("utf-8", "replace")
