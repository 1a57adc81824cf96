"""Which records are wanted: from the keys that are served, the policy, the ports that are open."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from letterlock.certs.caa import issuer_of
from letterlock.certs.tlsa import Tlsa, owner, tlsa, tlsa_of_key
from letterlock.model.certificate import Certificate
from letterlock.model.dns_promises import SRV_SERVICES, StsMode, StsPolicy
from letterlock.model.service import Service
from letterlock.wire.promises.sts import policy_text

#: Of a policy's digest that make an id; the RFC allows 32.
_ID_LENGTH = 20


@dataclass(frozen=True, slots=True)
class StagedKey:
    """A key that is to be served next: its SubjectPublicKeyInfo as DER, and where it is from."""

    spki: bytes
    source: str


@dataclass(frozen=True, slots=True)
class Serving:
    """What a host serves on one port: a chain, leaf first, for each key."""

    port: int
    service: Service | None
    chains: tuple[tuple[Certificate, ...], ...]


@dataclass(frozen=True, slots=True)
class Domain:
    """A mail domain whose mail the host takes. `exchanges` are its MX hosts, the host among them;
    `policy_host` the web server to which mta-sts.DOMAIN is to lead, where it is said."""

    name: str
    exchanges: tuple[str, ...]
    policy: StsPolicy
    report_to: str
    policy_host: str | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """One record in presentation form (RFC 1035 section 5.1). `name` ends with a dot; `about` says
    what it is in a few words. `passing`: to be removed once the next key is served."""

    name: str
    type: str
    data: str
    about: str = ""
    passing: bool = False


@dataclass(frozen=True, slots=True)
class Policy:
    """The policy file of a domain: where it belongs, the id of its record, its text."""

    domain: str
    url: str
    id: str
    text: str


@dataclass(frozen=True, slots=True)
class Section:
    """Records that belong together, under a line that says what they are; `remarks` are lines for
    who reads them."""

    title: str
    records: tuple[Record, ...]
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Wanted:
    """All that `host` should have."""

    host: str
    sections: tuple[Section, ...]
    policies: tuple[Policy, ...] = field(default=())

    @property
    def records(self) -> tuple[Record, ...]:
        return tuple(record for section in self.sections for record in section.records)


def wanted(
    host: str,
    serving: Sequence[Serving],
    staged: Sequence[StagedKey],
    domains: Sequence[Domain],
    issuers: Sequence[str] = (),
) -> Wanted:
    """Everything for a host in A-labels. `issuers` are the domains of CAs for CAA, by default those
    that issued what is served."""
    sections = [_dane(host, serving, staged), _caa(host, serving, issuers)]
    policies = []
    for domain in domains:
        policy = policy_of(domain)
        policies.append(policy)
        sections += [_sts(domain, policy), _reports(domain), _services(host, domain, serving)]
    kept = tuple(each for each in sections if each.records or each.remarks)
    return Wanted(host, kept, tuple(policies))


def _dane(host: str, serving: Sequence[Serving], staged: Sequence[StagedKey]) -> Section:
    records: dict[tuple[str, str], Record] = {}
    rolling = _rolling(serving, staged)
    for each in serving:
        name = owner(host, each.port)
        for chain in each.chains:
            kind = chain[0].public_key.algorithm
            about = f"the {kind} key that is served"
            record = _tlsa(name, tlsa(chain[0]), about, passing=rolling)
            records.setdefault((name, record.data), record)
        for key in staged:
            record = _tlsa(name, tlsa_of_key(key.spki), f"the next key, of {key.source}")
            records[name, record.data] = record
    remarks = []
    if rolling:
        remarks.append(
            "Publish the next key's records now, wait for twice the TTL, then bring the key into "
            "service."
        )
        remarks.append("Remove those of the old key only after that.")
    elif records:
        remarks.append(
            "Before another key is used, publish its record beside these (--next-key, --next-cert)."
        )
    return Section("DANE: the keys of each port (RFC 7672)", tuple(records.values()), (*remarks,))


def _rolling(serving: Sequence[Serving], staged: Sequence[StagedKey]) -> bool:
    """Whether a staged key is another than those that are served."""
    served = {tlsa(chain[0]).association for each in serving for chain in each.chains}
    return any(tlsa_of_key(key.spki).association not in served for key in staged)


def _tlsa(name: str, data: Tlsa, about: str, *, passing: bool = False) -> Record:
    return Record(name, "TLSA", str(data), about, passing)


def _caa(host: str, serving: Sequence[Serving], issuers: Sequence[str]) -> Section:
    title = "CAA: who may issue certificates for this host (RFC 8659)"
    if issuers:
        named = dict.fromkeys(issuers, "as asked for")
    else:
        found = dict(issuer_of(chain) for each in serving for chain in each.chains)
        named = {domains[0]: name for name, domains in found.items() if domains}
        unknown = sorted(name for name, domains in found.items() if not domains)
        if unknown or not found:
            who = " and ".join(unknown) or "the CA"
            remark = f"How {who} is called in CAA records is not known: say it with --caa."
            return Section(title, (), (remark,))
    records = tuple(
        Record(f"{host}.", "CAA", f'0 issue "{domain}"', about) for domain, about in named.items()
    )
    return Section(title, records)


def policy_of(domain: Domain) -> Policy:
    """The policy file, and an id that is another for each text."""
    text = policy_text(domain.policy)
    digest = hashlib.sha256(text.encode("ascii")).hexdigest()[:_ID_LENGTH]
    url = f"https://mta-sts.{domain.name}/.well-known/mta-sts.txt"
    return Policy(domain.name, url, digest, text)


def _sts(domain: Domain, policy: Policy) -> Section:
    records = [Record(f"_mta-sts.{domain.name}.", "TXT", quoted(f"v=STSv1; id={policy.id}"))]
    remarks = [f"The policy belongs to {policy.url}, as text/plain:"]
    remarks += [f"  {line}" for line in policy.text.splitlines()]
    if domain.policy_host is not None:
        records.append(Record(f"mta-sts.{domain.name}.", "CNAME", f"{domain.policy_host}."))
    else:
        remarks.append(f"mta-sts.{domain.name} must lead to its web server (--policy-host).")
    remarks.append("Publish the policy first, then the record. The id changes with the policy.")
    if domain.policy.mode is StsMode.TESTING:
        remarks.append(
            "Mode testing only reports: --mode enforce once the reports show no failures."
        )
    return Section(f"MTA-STS of {domain.name} (RFC 8461)", tuple(records), tuple(remarks))


def _reports(domain: Domain) -> Section:
    text = quoted(f"v=TLSRPTv1; rua={domain.report_to}")
    record = Record(f"_smtp._tls.{domain.name}.", "TXT", text)
    return Section(f"TLS reports of {domain.name} (RFC 8460)", (record,))


def _services(host: str, domain: Domain, serving: Sequence[Serving]) -> Section:
    ports = {each.service: each.port for each in serving}
    records = tuple(
        Record(f"{name}.{domain.name}.", "SRV", f"0 1 {ports[service]} {host}.")
        for name, service in SRV_SERVICES.items()
        if service in ports
    )
    return Section(f"Where users of {domain.name} find it (RFC 8314, 6186)", records)


def quoted(text: str) -> str:
    """A TXT record's data: strings of at most 255 bytes (RFC 1035 section 3.3.14)."""
    parts = [text[at : at + 255] for at in range(0, len(text), 255)] or [""]
    escaped = (part.replace("\\", "\\\\").replace('"', '\\"') for part in parts)
    return " ".join(f'"{part}"' for part in escaped)


def by_name(records: Sequence[Record]) -> Mapping[tuple[str, str], tuple[Record, ...]]:
    """Records of the same name and type together, in their order."""
    found: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        found.setdefault((record.name, record.type), []).append(record)
    return {key: tuple(same) for key, same in found.items()}


def snippet(found: Wanted, ttl: int) -> Iterator[str]:
    """The lines of a part of a zone file (RFC 1035 section 5.1). Every name is whole, so that they
    may stand in any zone."""
    yield f"; {found.host}: DNS records for mail, TTL {ttl} s"
    for section in found.sections:
        yield ""
        yield f"; {section.title}"
        for remark in section.remarks:
            yield f"; {_on_a_line(remark)}"
        for record in section.records:
            about = f"  ; {_on_a_line(record.about)}" if record.about else ""
            yield f"{record.name} {ttl} IN {record.type} {record.data}{about}"


def _on_a_line(text: str) -> str:
    """A certificate's words must not become records."""
    return "".join(char if char.isprintable() else "?" for char in text)
