"""Facts made by hand: a server that nothing is wrong with, to be spoilt by one thing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from letterlock.model.certificate import (
    Certificate,
    ChainFault,
    ChainProblem,
    ChainVerdict,
    PublicKey,
)
from letterlock.model.facts import EndpointFacts, Greeting, Handshake, TargetFacts
from letterlock.model.service import SERVICES, Endpoint, Service, TlsMode

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
NAME = "mail.example.com"


def certificate(
    *, left: float = 60, lifetime: float = 90, sha256: str = "ab" * 32, algorithm: str = "RSA"
) -> Certificate:
    """`left` and `lifetime` in days."""
    not_after = NOW + timedelta(days=left)
    return Certificate(
        der=b"",
        subject=f"CN={NAME}",
        issuer="CN=Example CA",
        serial_number=1,
        dns_names=(NAME,),
        ip_addresses=(),
        not_before=not_after - timedelta(days=lifetime),
        not_after=not_after,
        public_key=PublicKey(algorithm, 2048),
        signature_algorithm="sha256WithRSAEncryption",
        signature_hash="sha256",
        is_ca=False,
        self_issued=False,
        extended_key_usage=("serverAuth",),
        issuer_urls=(),
        ocsp_urls=(),
        must_staple=False,
        sha256=sha256,
        spki_sha256="cd" * 32,
    )


def handshake(
    *faults: ChainFault,
    version: str = "TLSv1.3",
    suite: str = "TLS_AES_128_GCM_SHA256",
    leaf: Certificate | None = None,
) -> Handshake:
    leaf = leaf or certificate()
    problems = tuple(ChainProblem(fault, f"the certificate: {fault}") for fault in faults)
    verdict = ChainVerdict((leaf,), None if faults else "CN=Example Root", problems)
    return Handshake(version, suite, "x25519", (leaf,), verdict, 0.01)


def greeting(*logins: str, starttls: bool = True) -> Greeting:
    capabilities = ("SIZE 1", "STARTTLS") if starttls else ("SIZE 1",)
    return Greeting("hello", capabilities, starttls, logins)


def endpoint(service: Service, address: str = "192.0.2.25") -> Endpoint:
    return Endpoint(address, service.port, service)


def good(service: Service, address: str = "192.0.2.25") -> EndpointFacts:
    return EndpointFacts(
        endpoint=endpoint(service, address),
        name=NAME,
        greeting=None if service.tls is TlsMode.IMPLICIT else greeting(),
        handshake=handshake(),
        capabilities_inside=("SIZE 1",),
    )


def target(*endpoints: EndpointFacts) -> TargetFacts:
    seen = endpoints or tuple(good(service) for service in SERVICES)
    return TargetFacts(NAME, NAME, NOW, 0.5, seen, len(seen))
