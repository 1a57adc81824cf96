"""Where a domain's mail goes: its MX records in order, and every address of every host."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address

from letterlock.model.dns_answer import Answer, HostAddresses
from letterlock.model.dns_facts import DomainFacts, MailExchange, MxRecord
from letterlock.model.errors import UndeterminedError
from letterlock.model.unknown import Cause, Unknown
from letterlock.model.wording import Wording
from letterlock.probe.lookup.resolver import Resolver, text

#: Hosts looked at, and addresses of each family of a host: a domain with more is told so.
MOST_HOSTS = 20
MOST_ADDRESSES = 16


def look_up_domain(domain: str, resolver: Resolver) -> DomainFacts:
    """All that DNS tells of a mail domain, in A-labels.

    Raises UndeterminedError where it does not exist, or where the resolver does not answer."""
    records = resolver.look_up(domain, "MX", lambda each: _mx(each))
    if isinstance(records, Unknown):
        raise UndeterminedError(
            Wording(
                "the mail servers of {domain} cannot be looked up: {reason}",
                domain=domain,
                reason=records.reason,
            ),
            remedy=Wording("name another resolver with --resolver, or the mail server itself"),
        )
    if not records.exists:
        raise UndeterminedError(
            Wording("the domain {domain} does not exist", domain=domain),
            remedy=Wording("check the spelling"),
        )
    return DomainFacts(domain, resolver.facts, _exchange(domain, records, resolver))


def _mx(record: object) -> MxRecord:
    return MxRecord(int(record.preference), text(record.exchange))  # type: ignore[attr-defined]


def _exchange(domain: str, records: Answer[MxRecord], resolver: Resolver) -> MailExchange:
    """Equal preferences in the order of their names, so that two runs say the same."""
    if not records.records:
        return MailExchange(records, (host_addresses(domain, resolver),), implicit=True)
    ordered = sorted(records.records, key=lambda each: (each.preference, each.exchange))
    names = list(dict.fromkeys(each.exchange for each in ordered if each.exchange != "."))
    hosts = _hosts(names[:MOST_HOSTS], resolver)
    sorted_records = Answer(
        records.name, tuple(ordered), records.security, True, records.aliases, records.why
    )
    return MailExchange(sorted_records, hosts, left_out=len(names[MOST_HOSTS:]))


def _hosts(names: Iterable[str], resolver: Resolver) -> tuple[HostAddresses, ...]:
    return tuple(host_addresses(name, resolver) for name in names)


def host_addresses(name: str, resolver: Resolver) -> HostAddresses:
    """Every address of a host. An address literal has none: as a host name it stands for
    nothing (RFC 1035 section 3.3.9 wants a domain name)."""
    host = HostAddresses(name, _NOT_ASKED, _NOT_ASKED)
    if host.is_literal:
        return host
    return HostAddresses(name, _addresses(name, "A", resolver), _addresses(name, "AAAA", resolver))


def _addresses(name: str, kind: str, resolver: Resolver) -> Answer[str] | Unknown:
    found = resolver.look_up(name, kind, lambda each: str(each.address))
    if isinstance(found, Unknown):
        return found
    # Resolvers turn them round: in order, so that two runs say the same.
    kept = tuple(sorted(set(found.records), key=ip_address)[:MOST_ADDRESSES])
    return Answer(found.name, kept, found.security, found.exists, found.aliases, found.why)


_NOT_ASKED = Unknown(Wording("an address in a host name's place"), Cause.NOT_APPLICABLE)
