"""Deep facts made by hand: a server whose TLS nothing is wrong with, to be spoilt by one thing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from letterlock.model.certificate import ChainFault, ChainProblem, ChainVerdict
from letterlock.model.cipher_suites import cipher_suites
from letterlock.model.facts import EndpointFacts
from letterlock.model.finding import Finding
from letterlock.model.named_groups import named_groups
from letterlock.model.service import Service
from letterlock.model.signature_schemes import signature_schemes
from letterlock.model.tls_facts import (
    Behaviour,
    Depth,
    DialogueFacts,
    GroupFacts,
    KnownFault,
    Order,
    ProtocolFacts,
    Resumption,
    ServedChain,
    TlsFacts,
)
from tests.findings.sample import NAME, certificate, good

Spoil = Callable[[EndpointFacts], EndpointFacts]

TLS12 = (
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
)
TLS13 = ("TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256")
GROUPS = ("X25519MLKEM768", "x25519", "secp256r1", "secp384r1")
SCHEMES = ("rsa_pss_rsae_sha256", "rsa_pkcs1_sha256")


def protocol(name: str, offered: bool, *suites: str, **more: Any) -> ProtocolFacts:
    return ProtocolFacts(name, offered, suites, complete=True, **more)


def served(*faults: ChainFault, sni: str | None = NAME, **leaf: Any) -> ServedChain:
    one = replace(certificate(), **leaf)
    problems = tuple(ChainProblem(fault, f"the certificate: {fault}") for fault in faults)
    verdict = ChainVerdict((one,), None if faults else "CN=Example Root", problems)
    return ServedChain(one.public_key.algorithm, sni, (one,), verdict, stapled=None, scts=2)


def good_tls() -> TlsFacts:
    everything = tuple(suite.name for suite in cipher_suites())
    return TlsFacts(
        depth=Depth.FULL,
        protocols=(
            protocol("SSLv2", False),
            protocol("SSLv3", False),
            protocol("TLSv1", False),
            protocol("TLSv1.1", False),
            protocol(
                "TLSv1.2",
                True,
                *TLS12,
                order=Order.CLIENT,
                refused=tuple(name for name in everything if name not in TLS12),
            ),
            protocol("TLSv1.3", True, *TLS13, order=Order.CLIENT),
        ),
        groups=(
            GroupFacts(
                GROUPS,
                ("TLSv1.2", "TLSv1.3"),
                complete=True,
                order=Order.CLIENT,
                refused=tuple(one.name for one in named_groups() if one.name not in GROUPS),
            ),
        ),
        signature_schemes=(("TLSv1.2", SCHEMES), ("TLSv1.3", SCHEMES[:1])),
        refused_schemes=(
            ("TLSv1.2", tuple(one.name for one in signature_schemes() if one.name not in SCHEMES)),
        ),
        chains=(served(), served(sni=None)),
        behaviour=Behaviour(
            compression=False,
            secure_renegotiation=True,
            client_renegotiation=False,
            extended_master_secret=True,
            encrypt_then_mac=True,
            fallback_scsv=True,
            tolerates_grease=True,
            tolerates_future_version=True,
            tolerates_large_hello=True,
            strict_sni=True,
            strict_alpn=True,
            early_data=False,
            reuses_dh_value=False,
            reuses_ecdh_value=False,
            heartbeat=False,
            resumption=Resumption(True, True, True, 7200),
        ),
        known_faults=tuple(
            KnownFault(id_, False)
            for id_ in ("heartbleed", "ccs-injection", "robot", "ticketbleed", "drown", "poodle")
        ),
        dialogue=DialogueFacts(
            injection=False, second_starttls="503 5.5.1", login_before_tls=False
        ),
        connections=30,
    )


def deep(service: Service, address: str = "192.0.2.25") -> EndpointFacts:
    return replace(good(service, address), tls=good_tls())


def with_tls(facts: EndpointFacts, **changes: Any) -> EndpointFacts:
    assert facts.tls is not None
    return replace(facts, tls=replace(facts.tls, **changes))


def offering(name: str, *suites: str, **more: Any) -> Spoil:
    """The version offered with these suites, before those it has already."""

    def spoil(facts: EndpointFacts) -> EndpointFacts:
        assert facts.tls is not None
        protocols = tuple(
            replace(
                each,
                offered=True,
                cipher_suites=(*suites, *each.cipher_suites),
                refused=tuple(one for one in each.refused if one not in suites),
                **more,
            )
            if each.name == name
            else each
            for each in facts.tls.protocols
        )
        return with_tls(facts, protocols=protocols)

    return spoil


def refusing(name: str) -> Spoil:
    def spoil(facts: EndpointFacts) -> EndpointFacts:
        assert facts.tls is not None
        protocols = tuple(
            protocol(name, False) if each.name == name else each for each in facts.tls.protocols
        )
        return with_tls(facts, protocols=protocols)

    return spoil


def behaving(**answers: Any) -> Spoil:
    def spoil(facts: EndpointFacts) -> EndpointFacts:
        assert facts.tls is not None
        return with_tls(facts, behaviour=replace(facts.tls.behaviour, **answers))

    return spoil


def changed(**changes: Any) -> Spoil:
    return lambda facts: with_tls(facts, **changes)


def ids(findings: tuple[Finding, ...]) -> set[str]:
    return {finding.id for finding in findings}
