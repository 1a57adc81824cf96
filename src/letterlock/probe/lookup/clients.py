"""Where a domain sends its users' mail programs: SRV records, autoconfig, Autodiscover."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from letterlock.model.dns_answer import Answer, HostAddresses
from letterlock.model.dns_promises import (
    SRV_SERVICES,
    ClientFacts,
    ClientPage,
    ServicePromise,
    SrvRecord,
    SrvSet,
)
from letterlock.model.errors import UndeterminedError
from letterlock.model.unknown import Unknown
from letterlock.probe.fetch import Bounds
from letterlock.probe.https import Page, UntrustedError, Web
from letterlock.probe.lookup.domain import host_addresses
from letterlock.probe.lookup.resolver import Resolver, text
from letterlock.wire.promises.autoconfig import read_autoconfig
from letterlock.wire.promises.malformed import MalformedError

_AUTODISCOVER = "_autodiscover._tcp"
_BOUNDS = Bounds(128 * 1024, longest=10.0)
#: Promises looked at: six services and as many of autoconfig, with a second host for each.
_MOST_PROMISES = 24
#: Hosts that are looked up and visited: a domain does not send us to the whole Internet.
_MOST_HOSTS = 6
_CONFIG, _WELL_KNOWN = "/mail/config-v1.1.xml", "/.well-known/autoconfig/mail/config-v1.1.xml"
_POX = "/autodiscover/autodiscover.xml"


def look_up_clients(domain: str, resolver: Resolver, web: Web) -> ClientFacts:
    """All that is promised, and the addresses that it leads to."""
    asked = (*SRV_SERVICES, _AUTODISCOVER)
    srv = tuple(
        SrvSet(each, resolver.look_up(f"{each}.{domain}", "SRV", srv_record)) for each in asked
    )
    places = [(f"autoconfig.{domain}", _CONFIG), (domain, _WELL_KNOWN)]
    hosts = _autodiscover_hosts(domain, srv)
    with ThreadPoolExecutor(4) as pool:  # each may wait for a server that does not answer
        discovering = [
            pool.submit(_autodiscover, host, sure, resolver, web) for host, sure in hosts.items()
        ]
        found = list(pool.map(lambda at: _autoconfig(domain, at, resolver, web), places))
        discovered = [each.result() for each in discovering]
    configured = [each for some in found for each in some]
    told = [promise for each in srv for promise in _by_srv(each)]
    told += [promise for _, promises in configured for promise in promises]
    promises = tuple(dict.fromkeys(told))
    names = tuple(dict.fromkeys(one.host for one in promises))[:_MOST_HOSTS]
    kept = tuple(one for one in promises if one.host in names)[:_MOST_PROMISES]
    return ClientFacts(
        srv,
        tuple(page for page, _ in configured),
        tuple(page for page in discovered if page),
        kept,
        tuple(host_addresses(name, resolver) for name in names),
        len(promises) - len(kept),
    )


def srv_record(record: Any) -> SrvRecord:
    """One of dnspython's as ours."""
    return SrvRecord(
        int(record.priority), int(record.weight), int(record.port), text(record.target)
    )


def _offered(found: Answer[SrvRecord] | Unknown) -> list[SrvRecord]:
    """The most wanted first; bogus ones lead nowhere."""
    if isinstance(found, Unknown) or found.bogus:
        return []
    known = [one for one in found.records if one.target != "." and one.port]
    return sorted(known, key=lambda one: (one.priority, -one.weight, one.target, one.port))


def _by_srv(each: SrvSet) -> Iterator[ServicePromise]:
    service = SRV_SERVICES.get(each.service)
    if service is not None:
        for one in _offered(each.answer):
            yield ServicePromise(f"SRV {each.service}", one.target, one.port, service)


def _page(host: HostAddresses, path: str, web: Web, *, secure: bool = True) -> Page | None:
    """None where nothing answers. Raises UntrustedError."""
    if not host.addresses:
        return None
    try:
        return web.get(host.name, path, host.addresses, _BOUNDS, secure=secure)
    except UntrustedError:
        raise
    except UndeterminedError:
        return None


_Configured = tuple[ClientPage, tuple[ServicePromise, ...]]


def _autoconfig(
    domain: str, place: tuple[str, str], resolver: Resolver, web: Web
) -> list[_Configured]:
    """The page and what it promises. Where there is none over HTTPS, Thunderbird takes one over
    HTTP, which is told beside what there was instead."""
    name, path = place
    host = host_addresses(name, resolver)
    found = [one for one in [_configured(domain, host, path, web, secure=True)] if one]
    if not any(_is_configuration(page) for page, _ in found):
        plain = _configured(domain, host, path, web, secure=False)
        found += [plain] if plain and _is_configuration(plain[0]) else []
    return found


def _is_configuration(page: ClientPage) -> bool:
    return page.broken or not page.why


def _configured(
    domain: str, host: HostAddresses, path: str, web: Web, *, secure: bool
) -> _Configured | None:
    at = f"{host.name}{path}"
    try:
        page = _page(host, path, web, secure=secure)
    except UntrustedError as error:
        return ClientPage(at, None, error.what), ()
    if page is None:
        return None
    if page.status != 200:
        return ClientPage(at, page.status, f"HTTP {page.status}", secure=secure), ()
    if b"clientConfig" not in page.body:
        return ClientPage(at, page.status, "another page", secure=secure), ()
    try:
        servers = read_autoconfig(page.body, domain)
    except MalformedError as error:
        return ClientPage(at, page.status, error.what, broken=True, secure=secure), ()
    found = [ServicePromise(host.name, one.host, one.port, one.service, one.tls) for one in servers]
    return ClientPage(at, page.status, secure=secure), tuple(found)


def _autodiscover_hosts(domain: str, srv: tuple[SrvSet, ...]) -> dict[str, bool]:
    """Host → whether an SRV record promises it, rather than Outlook's custom."""
    (found,) = (each.answer for each in srv if each.service == _AUTODISCOVER)
    promised = {one.target: True for one in _offered(found)[:2] if one.port == 443}
    return {f"autodiscover.{domain}": False} | promised


def _autodiscover(host: str, promised: bool, resolver: Resolver, web: Web) -> ClientPage | None:
    """Whether something answers where POST is due: 401, 405 and the like say so."""
    at = f"{host}{_POX}"
    try:
        page = _page(host_addresses(host, resolver), _POX, web)
    except UntrustedError as error:
        return ClientPage(at, None, error.what, promised)
    if page is None:
        return ClientPage(at, None, "nothing answers", promised) if promised else None
    if page.status == 404 or page.status >= 500:
        return ClientPage(at, page.status, f"HTTP {page.status}", promised)
    return ClientPage(at, page.status)
