"""What `records` is made from: what is served, what is to be served next, what DNS says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

from letterlock.cli.certificate_options import password_provider, trust_store
from letterlock.model.certificate import Certificate, KeyType
from letterlock.model.dns_promises import StsMode
from letterlock.model.errors import InputError, LetterlockError, UndeterminedError
from letterlock.model.facts import EndpointFacts, Handshake
from letterlock.model.service import BY_PORT, SERVICES, Endpoint
from letterlock.model.unknown import Unknown
from letterlock.probe.https import Web
from letterlock.probe.lookup.caa import look_up_caa
from letterlock.probe.lookup.clients import srv_record
from letterlock.probe.lookup.domain import host_addresses, look_up_domain
from letterlock.probe.lookup.host import tlsa_record
from letterlock.probe.lookup.resolver import Resolver
from letterlock.probe.lookup.sts import look_up_sts
from letterlock.probe.lookup.tls_rpt import look_up_tls_rpt
from letterlock.probe.observe import observe
from letterlock.probe.resolve import host_name, parse_domain, parse_target, port_number, resolve
from letterlock.records.compare import Published
from letterlock.records.wanted import Domain, Serving, StagedKey, Wanted, wanted
from letterlock.wire.promises.caa import read_issuer
from letterlock.wire.promises.malformed import MalformedError
from letterlock.wire.promises.sts import LONGEST, read_policy
from letterlock.wire.promises.tls_rpt import VERSION, read_tls_rpt

_Read = TypeVar("_Read")


@dataclass(frozen=True, slots=True)
class Options:
    """What was said on the command line, checked; names in A-labels."""

    host: str
    domains: tuple[str, ...]
    ports: tuple[int, ...]
    address: str | None
    certs: tuple[str, ...]
    next_keys: tuple[str, ...]
    next_certs: tuple[str, ...]
    password: Callable[[str], bytes] | None
    mode: StsMode
    max_age: int
    mx: tuple[str, ...]
    policy_host: str | None
    report_to: str | None
    caa: tuple[str, ...]
    resolver: Resolver | None
    ca_file: str | None


def options(
    *,
    host: str,
    domains: list[str] | None,
    ports: list[int] | None,
    address: str | None,
    certs: list[str] | None,
    next_keys: list[str] | None,
    next_certs: list[str] | None,
    password_file: Path | None,
    password_env: str | None,
    mode: StsMode,
    max_age: int,
    mx: list[str] | None,
    policy_host: str | None,
    report_to: str | None,
    caa: list[str] | None,
    resolver: str | None,
    ca_file: str | None,
) -> Options:
    """Raises InputError for the first thing that cannot be."""
    named = parse_target(host)
    if named.is_address or named.port is not None or named.is_domain:
        raise InputError(
            f"{host!r} is not a host name alone",
            remedy="records belong to names; --address ADDRESS says where it is",
        )
    if address is not None and not parse_target(address).is_address:
        raise InputError(f"--address {address} is not an address")
    if address is not None and certs:
        raise InputError("--cert looks at no server: it does not go with --address")
    if report_to is not None:
        _checked("--report-to", lambda: read_tls_rpt([f"v={VERSION}; rua={report_to}"]))
    if not 0 <= max_age <= LONGEST:
        raise InputError(f"--max-age {max_age} is not between 0 and {LONGEST} seconds")
    return Options(
        host=named.name,
        domains=tuple(dict.fromkeys(parse_domain(each).name for each in domains or ())),
        ports=tuple(dict.fromkeys(port_number(str(each)) for each in ports or ())),
        address=address,
        certs=tuple(certs or ()),
        next_keys=tuple(next_keys or ()),
        next_certs=tuple(next_certs or ()),
        password=password_provider(password_file, password_env),
        mode=mode,
        max_age=max_age,
        mx=tuple(each.lower().rstrip(".") for each in mx or ()),
        policy_host=host_name(policy_host) if policy_host is not None else None,
        report_to=report_to,
        caa=tuple(dict.fromkeys(map(_issuer, caa or ()))),
        resolver=Resolver.parse(resolver) if resolver is not None else None,
        ca_file=ca_file,
    )


def _issuer(text: str) -> str:
    """The value of an issue record; what stands in it as an account's URI is of its own case."""
    issuer = _checked("--caa", partial(read_issuer, text))
    if '"' in text or "\\" in text:
        raise InputError(f"--caa {text!r} has a character that no zone file holds as it is")
    parts = (issuer.domain, *(f"{name}={value}" for name, value in issuer.parameters))
    return "; ".join(parts) or ";"


def _checked(option: str, read: Callable[[], _Read]) -> _Read:
    try:
        return read()
    except MalformedError as error:
        raise InputError(f"{option}: {error.what}") from None


@dataclass(frozen=True, slots=True)
class Gathered:
    """The records, and what they were made from; `remarks` are for the admin alone."""

    wanted: Wanted
    serving: tuple[Serving, ...]
    domains: tuple[Domain, ...]
    remarks: tuple[str, ...] = ()


def gather(wishes: Options) -> Gathered:
    """Raises InputError for files that cannot be read, UndeterminedError where nothing is served
    that records could name."""
    staged, remarks = _staged(wishes)
    serving = _from_files(wishes) if wishes.certs else _served(wishes)
    domains = []
    for name in wishes.domains:
        domain, remark = _domain(name, wishes)
        domains.append(domain)
        remarks += [remark] if remark else []
    found = wanted(wishes.host, serving, staged, domains, wishes.caa)
    return Gathered(found, serving, tuple(domains), tuple(remarks))


def _from_files(wishes: Options) -> tuple[Serving, ...]:
    from letterlock.certs.bundle import leaf_and_authorities

    at = datetime.now(UTC)
    chains = []
    for file in wishes.certs:
        leaf, authorities = leaf_and_authorities(file, wishes.password, at)
        chains.append((leaf, *authorities))
    ports = wishes.ports or (25,)
    return tuple(Serving(port, BY_PORT.get(port), tuple(chains)) for port in ports)


def _served(wishes: Options) -> tuple[Serving, ...]:
    """By a client of each key type, so that both certificates of a server with two are met; where
    that meets none, by one that speaks all (Ed25519)."""
    ports = wishes.ports or tuple(service.port for service in SERVICES)
    unknown = [str(port) for port in ports if port not in BY_PORT]
    if unknown:
        raise InputError(
            f"port {unknown[0]} is none of the mail ports", remedy="say --cert for what it serves"
        )
    where = wishes.address or wishes.host
    addresses = resolve(parse_target(where))
    endpoints = [Endpoint(address, port, BY_PORT[port]) for address in addresses for port in ports]
    trust = trust_store(wishes.ca_file)
    facts: list[EndpointFacts] = []
    with _waiting(f"looking at {len(endpoints)} ports of {wishes.host}"):
        for kind in KeyType:
            facts += observe(endpoints, wishes.host, trust, key_type=kind)
        met = {each.endpoint for each in facts if isinstance(each.handshake, Handshake)}
        facts += observe([one for one in endpoints if one not in met], wishes.host, trust)
    found = tuple(_serving(port, facts) for port in ports)
    if not any(each.chains for each in found):
        raise UndeterminedError(
            f"{wishes.host} serves no certificate at {', '.join(addresses)}",
            remedy="say --address, or --cert FILE and --port for what it is to serve",
        )
    return tuple(each for each in found if each.chains)


def _serving(port: int, facts: Sequence[EndpointFacts]) -> Serving:
    chains: dict[str, tuple[Certificate, ...]] = {}
    for each in facts:
        if each.endpoint.port == port and isinstance(each.handshake, Handshake):
            chain = each.handshake.chain
            if chain:
                chains.setdefault(chain[0].sha256, chain)
    return Serving(port, BY_PORT.get(port), tuple(chains.values()))


@contextmanager
def _waiting(what: str) -> Iterator[None]:
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    with console.status(what):
        yield


def _staged(wishes: Options) -> tuple[tuple[StagedKey, ...], list[str]]:
    from letterlock.certs import der, material
    from letterlock.certs.bundle import leaf_and_authorities
    from letterlock.certs.keys import SealedKey

    found = []
    for file in wishes.next_keys:
        keys = [
            each.unlock(wishes.password) if isinstance(each, SealedKey) else each
            for each in material.read(file, wishes.password).keys
        ]
        if not keys:
            raise InputError(f"--next-key {file} holds no private key")
        found += [StagedKey(key.spki, file) for key in keys]
    for file in wishes.next_certs:
        leaf, _ = leaf_and_authorities(file, wishes.password, datetime.now(UTC))
        found.append(StagedKey(der.subject_public_key_info(leaf.der), file))
    remarks: list[str] = []
    if not found:
        found, remarks = _to_be_deployed(wishes.host)
    return tuple({key.spki: key for key in found}.values()), remarks


def _to_be_deployed(host: str) -> tuple[list[StagedKey], list[str]]:
    """Certificates for the host that `deploy` keeps, where we may read them."""
    from letterlock.certs import der
    from letterlock.certs.names import covers
    from letterlock.install.state import StateFolder
    from letterlock.renew.pending import waiting

    try:
        kept = waiting(StateFolder(Path("/"))).pending
    except LetterlockError:
        return [], []
    leaves = [one.certificate for one in kept if one.certificate is not None]
    mine = [leaf for leaf in leaves if covers(leaf, host)]
    found = [
        StagedKey(der.subject_public_key_info(leaf.der), "a certificate to be deployed")
        for leaf in mine
    ]
    return found, ["the next key is of a certificate that is kept to be deployed"] if found else []


def _domain(name: str, wishes: Options) -> tuple[Domain, str]:
    """The domain with its policy; a remark where DNS has other ideas."""
    exchanges, remark = ((), "") if wishes.mx else _exchanges(name, wishes)
    patterns = wishes.mx or exchanges
    text = "".join(f"mx: {one}\n" for one in patterns)
    policy = read_policy(
        f"version: STSv1\nmode: {wishes.mode.value}\n{text}max_age: {wishes.max_age}\n".encode()
    )
    report_to = wishes.report_to or f"mailto:postmaster@{name}"
    return Domain(name, exchanges, policy, report_to, wishes.policy_host), remark


def _exchanges(name: str, wishes: Options) -> tuple[tuple[str, ...], str]:
    try:
        mail = look_up_domain(name, _resolver(wishes)).exchange
    except UndeterminedError as error:
        return (wishes.host,), f"the policy names {wishes.host} alone: {error.what}"
    if isinstance(mail, Unknown) or mail.implicit:
        return (wishes.host,), f"{name} has no MX record: the policy names {wishes.host} alone"
    known = tuple(host.name for host in mail.hosts if not host.is_literal)
    if wishes.host in known:
        return known, ""
    return (wishes.host, *known), f"no MX record of {name} names {wishes.host}"


def _resolver(wishes: Options) -> Resolver:
    return wishes.resolver or Resolver.system()


def published(found: Gathered, wishes: Options) -> Published:
    """What DNS says under every name that records are wanted for."""
    resolver = _resolver(wishes)
    web = Web(trust_store(wishes.ca_file) if wishes.ca_file else trust_store(None).beside_mozilla())
    names = {kind: _names(found, kind) for kind in ("TLSA", "SRV", "CNAME")}
    domains = [domain.name for domain in found.domains]
    with _waiting(f"asking DNS about {wishes.host}"):
        return Published(
            {name: resolver.look_up(name[:-1], "TLSA", tlsa_record) for name in names["TLSA"]},
            {name: resolver.look_up(name[:-1], "SRV", srv_record) for name in names["SRV"]},
            {name: host_addresses(name[:-1], resolver) for name in names["CNAME"]},
            look_up_caa(wishes.host, resolver),
            {name: look_up_sts(name, resolver, web) for name in domains},
            {name: look_up_tls_rpt(name, resolver) for name in domains},
        )


def _names(found: Gathered, kind: str) -> list[str]:
    return list(dict.fromkeys(one.name for one in found.wanted.records if one.type == kind))
