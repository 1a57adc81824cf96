"""A server of two halves with most of what the deep check can tell: Postfix as it comes, and a
Dovecot with a post-quantum group; one port closed, one unsure."""

from __future__ import annotations

from dataclasses import replace

from letterlock.model.certificate import ChainFault
from letterlock.model.facts import EndpointFacts, TargetFacts
from letterlock.model.finding import Finding, Severity
from letterlock.model.service import (
    IMAP,
    IMAPS,
    POP3,
    POP3S,
    SMTP,
    SUBMISSION,
    SUBMISSIONS,
    Role,
)
from letterlock.model.tls_facts import (
    Behaviour,
    Depth,
    DialogueFacts,
    DiffieHellman,
    GroupFacts,
    KnownFault,
    Order,
    ProtocolFacts,
    Resumption,
    ServedChain,
    Stapled,
    TlsFacts,
)
from letterlock.model.unknown import Cause, Unknown
from letterlock.model.verdict import EndpointVerdict, Grade, Letter, ProfileVerdict, Verdict
from letterlock.report.result import Result
from tests.findings.sample import certificate, endpoint, good, greeting, handshake, target

RESET = Unknown("the connection was reset", Cause.DISCONNECTED)
TLS13 = ("TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256")
TLS12 = (
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
    "TLS_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_DH_anon_WITH_AES_128_CBC_SHA",
)
TLS10 = ("TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", "TLS_RSA_WITH_3DES_EDE_CBC_SHA")


def served(key_type: str = "RSA", sha256: str = "ab" * 32) -> ServedChain:
    one = handshake(leaf=certificate(sha256=sha256, algorithm=key_type))
    return ServedChain(key_type, "mail.example.com", one.chain, one.verdict)


def stock() -> TlsFacts:
    """Postfix as it comes, asked everything."""
    return TlsFacts(
        depth=Depth.FULL,
        protocols=(
            ProtocolFacts("SSLv2", False, complete=True),
            ProtocolFacts("SSLv3", False, complete=True),
            ProtocolFacts("TLSv1", True, TLS10, True, Order.CLIENT),
            ProtocolFacts("TLSv1.1", RESET),
            ProtocolFacts("TLSv1.2", True, TLS12, True, Order.SERVER),
            ProtocolFacts("TLSv1.3", True, TLS13, False),
        ),
        groups=(
            GroupFacts(("x25519", "secp256r1"), ("TLSv1.2",), True, Order.CLIENT),
            GroupFacts(("x25519", "secp160r1"), ("TLSv1.3",)),
        ),
        diffie_hellman=(DiffieHellman(1024, 2, "12" * 32, "RFC 2409 group 2"),),
        signature_schemes=(("TLSv1.2", ("rsa_pss_rsae_sha256", "rsa_pkcs1_sha1")),),
        chains=(
            served(),
            replace(served("ECDSA", "ec" * 32), sni=None, stapled=Stapled("good"), scts=2),
        ),
        behaviour=Behaviour(
            compression=False,
            secure_renegotiation=False,
            client_renegotiation=True,
            extended_master_secret=True,
            fallback_scsv=RESET,
            tolerates_grease=True,
            resumption=Resumption(session_id=True, ticket=False, lifetime_hint=7200),
        ),
        known_faults=(
            KnownFault("heartbleed", False, "no heartbeat extension"),
            KnownFault("robot", RESET),
            KnownFault("sweet32", True, "TLS_RSA_WITH_3DES_EDE_CBC_SHA in TLSv1"),
            KnownFault("ccs-injection", True, "an early ChangeCipherSpec was taken"),
        ),
        dialogue=DialogueFacts(injection=False, second_starttls="503 5.5.1 TLS already active"),
        connections=93,
        refused=2,
        left_out=("signature schemes of TLSv1.3: connection budget",),
    )


def hardened() -> TlsFacts:
    """TLS 1.3 only, with a hybrid; nothing to complain about."""
    names = ("SSLv2", "SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2")
    return TlsFacts(
        depth=Depth.STANDARD,
        protocols=(
            *(ProtocolFacts(name, False, complete=True) for name in names),
            ProtocolFacts("TLSv1.3", True, TLS13, True, Order.CLIENT),
        ),
        groups=(GroupFacts(("X25519MLKEM768", "x25519"), ("TLSv1.3",), True, Order.SERVER),),
        chains=(served(),),
        behaviour=Behaviour(compression=False, secure_renegotiation=True, tolerates_grease=True),
        known_faults=(KnownFault("heartbleed", False), KnownFault("robot", False)),
        connections=12,
    )


def facts() -> TargetFacts:
    refused = Unknown("connection refused", Cause.CONNECTION_REFUSED)
    smtp = replace(good(SMTP), tls=stock())
    submission = replace(good(SUBMISSION), tls=replace(stock(), connections=90))
    bad = handshake(ChainFault.SELF_SIGNED, leaf=certificate(left=3, sha256="cd" * 32))
    return target(
        smtp,
        EndpointFacts(endpoint(POP3), smtp.name, refused, refused, refused, closed=True),
        replace(good(IMAP), tls=hardened(), greeting=greeting("LOGIN")),
        replace(good(SUBMISSIONS), handshake=RESET),
        submission,
        replace(good(IMAPS), tls=hardened()),
        replace(good(POP3S), tls=hardened(), handshake=bad),
    )


def findings() -> tuple[Finding, ...]:
    def finding(id_: str, severity: Severity, evidence: str, **more: object) -> Finding:
        return Finding(
            id_,
            severity,
            f"What {id_} means",
            evidence,
            "RFC 8996 section 1",
            "Set smtpd_tls_protocols = >=TLSv1.2.",
            **more,  # type: ignore[arg-type]
        )

    return (
        finding(
            "old-versions",
            Severity.HIGH,
            "TLSv1",
            role=Role.SUBMISSION,
            endpoint=endpoint(SUBMISSION),
        ),
        finding("old-versions", Severity.LOW, "TLSv1", role=Role.MX, endpoint=endpoint(SMTP)),
        finding("certificates-differ", Severity.MEDIUM, "ports 25 and 995"),
        finding(
            "port-closed",
            Severity.INFO,
            "connection refused",
            role=Role.ACCESS,
            endpoint=endpoint(POP3),
        ),
    )


def verdict() -> Verdict:
    def profile(met: bool | Unknown, *breaches: str) -> ProfileVerdict:
        return ProfileVerdict("intermediate", "TLSRef intermediate 6.0", met, breaches)

    return Verdict(
        Grade(Letter.D, ("port 587: TLSv1",)),
        (
            EndpointVerdict(
                endpoint(SMTP), Grade(Letter.C, ("TLSv1",)), (profile(False, "TLSv1", "3DES"),)
            ),
            EndpointVerdict(
                endpoint(SUBMISSION),
                Grade(Letter.D, ("TLSv1",)),
                (profile(False, "TLSv1", "3DES"),),
            ),
            EndpointVerdict(endpoint(IMAP), Grade(Letter.A), (profile(True),)),
            EndpointVerdict(endpoint(SUBMISSIONS), RESET, (profile(RESET),)),
            EndpointVerdict(endpoint(IMAPS), Grade(Letter.A), (profile(True),)),
        ),
    )


def result() -> Result:
    return Result(facts(), findings(), verdict())
