"""Facts against profiles: met only with proof, not met with what breaks it, else undetermined."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from letterlock.findings.assess import judge
from letterlock.findings.profile import compare
from letterlock.model.certificate import ChainFault, PublicKey
from letterlock.model.facts import EndpointFacts
from letterlock.model.finding import Severity
from letterlock.model.service import IMAPS, SMTP, SUBMISSION, Service
from letterlock.model.tls_facts import NOT_ASKED, Depth, DiffieHellman, GroupFacts, Order
from letterlock.model.unknown import Cause, Unknown
from letterlock.profiles.profile import BUILT_IN, load, parse
from tests.findings.deep import (
    GROUPS,
    SCHEMES,
    TLS12,
    TLS13,
    Spoil,
    behaving,
    changed,
    deep,
    good_tls,
    ids,
    offering,
    refusing,
    served,
    with_tls,
)
from tests.findings.sample import certificate, good, greeting, handshake, target

ECDHE_CBC = "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256"
DHE_GCM = "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256"


def leaf(**values: Any) -> Spoil:
    def spoil(facts: EndpointFacts) -> EndpointFacts:
        one = replace(certificate(), **values)
        tls = replace(good_tls(), chains=(served(**values),))
        return replace(facts, handshake=handshake(leaf=one), tls=tls)

    return spoil


def schemes(*names: str) -> Spoil:
    return changed(signature_schemes=(("TLSv1.2", (*SCHEMES, *names)),))


def groups(*names: str) -> Spoil:
    return changed(groups=(GroupFacts(names, ("TLSv1.2", "TLSv1.3"), complete=True),))


def both(*spoils: Spoil) -> Spoil:
    def spoil(facts: EndpointFacts) -> EndpointFacts:
        for each in spoils:
            facts = each(facts)
        return facts

    return spoil


NOTHING: Spoil = both()
#: Good facts meet these on users' ports, once the certificate fits.
FITTING: dict[str, Spoil] = {
    "intermediate": NOTHING,
    "old": both(
        offering("TLSv1", order=Order.SERVER),
        offering("TLSv1.2", order=Order.SERVER),
    ),
    "modern": both(refusing("TLSv1.2"), leaf(public_key=PublicKey("ECDSA", 256, "prime256v1"))),
    "rfc9325": NOTHING,
    "ncsc-nl-2025-05": leaf(public_key=PublicKey("RSA", 3072)),
}


@pytest.mark.parametrize("name", FITTING)
def test_met(name: str) -> None:
    facts = FITTING[name](deep(IMAPS))
    if name == "modern":
        facts = refusing("TLSv1.2")(facts)
    verdict, findings = compare(facts, load(name))
    assert verdict.breaches == ()
    assert verdict.met is True
    assert findings == ()
    assert (verdict.profile, verdict.title) == (name, load(name).title)


def test_bsi_is_met_with_its_own_suites_and_curves_only() -> None:
    suites = ("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256")

    def restricted(facts: EndpointFacts) -> EndpointFacts:
        assert facts.tls is not None
        protocols = tuple(
            replace(each, cipher_suites=suites if each.name == "TLSv1.2" else (TLS13[0], TLS13[2]))
            if each.offered is True
            else each
            for each in facts.tls.protocols
        )
        return with_tls(facts, protocols=protocols)

    profile = load("bsi-tr-03108")
    fitting = both(
        leaf(public_key=PublicKey("RSA", 3072)), restricted, groups("secp256r1", "secp384r1")
    )
    assert compare(fitting(deep(IMAPS)), profile)[0].met is True
    verdict, _ = compare(deep(IMAPS), profile)
    assert verdict.met is False
    assert "x25519" in verdict.breaches
    assert "TLS_CHACHA20_POLY1305_SHA256 in TLSv1.3" in verdict.breaches


@pytest.mark.parametrize("name", BUILT_IN)
def test_port_25_meets_with_what_helps_old_senders_unless_the_profile_makes_no_exception(
    name: str,
) -> None:
    facts = both(offering("TLSv1", ECDHE_CBC), offering("TLSv1.2", ECDHE_CBC))(deep(SMTP))
    verdict, _ = compare(facts, load(name))
    assert (verdict.met is True) is (name not in ("modern", "ncsc-nl-2025-05"))


#: Profile, what spoils, the finding, and words of the breach.
BREACHES: list[tuple[str, Spoil, str, str]] = [
    ("intermediate", offering("TLSv1.1", TLS12[0]), "profile-protocol", "TLSv1.1 is offered"),
    ("intermediate", offering("SSLv2"), "profile-protocol", "SSLv2 is offered"),
    ("modern", NOTHING, "profile-protocol", "TLSv1.2 is offered"),
    ("rfc9325", refusing("TLSv1.2"), "profile-protocol", "TLSv1.2 is not offered"),
    ("intermediate", offering("TLSv1.2", ECDHE_CBC), "profile-cipher-suite", ECDHE_CBC),
    ("intermediate", offering("TLSv1.2", DHE_GCM), "profile-cipher-suite", DHE_GCM),
    (
        "intermediate",
        offering("TLSv1.3", "TLS_AES_128_CCM_8_SHA256"),
        "profile-cipher-suite",
        "TLS_AES_128_CCM_8_SHA256 in TLSv1.3",
    ),
    (
        "rfc9325",
        offering("TLSv1.2", "TLS_RSA_WITH_3DES_EDE_CBC_SHA"),
        "profile-cipher-suite",
        "TLS_RSA_WITH_3DES_EDE_CBC_SHA",
    ),
    (
        "ncsc-nl-2025-05",
        offering("TLSv1.2", "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"),
        "profile-cipher-suite",
        "CBC_SHA",
    ),
    ("old", NOTHING, "profile-order", "the client's order"),
    ("intermediate", groups(*GROUPS, "x448"), "profile-group", "x448"),
    ("ncsc-nl-2025-05", groups(*GROUPS, "ffdhe2048"), "profile-group", "ffdhe2048"),
    (
        "ncsc-nl-2025-05",
        changed(diffie_hellman=(DiffieHellman(2048, 2, "00"),)),
        "profile-dh-size",
        "2048 bits, at least 3072",
    ),
    ("rfc9325", schemes("rsa_pkcs1_sha1"), "profile-signature", "rsa_pkcs1_sha1 in TLSv1.2"),
    ("old", schemes("rsa_pkcs1_md5"), "profile-signature", "rsa_pkcs1_md5"),
    (
        "modern",
        refusing("TLSv1.2"),
        "profile-certificate",
        "RSA 2048, ECDSA wanted",
    ),
    (
        "intermediate",
        leaf(public_key=PublicKey("ECDSA", 521, "secp521r1")),
        "profile-certificate",
        "secp521r1",
    ),
    (
        "intermediate",
        leaf(public_key=PublicKey("RSA", 1024)),
        "profile-certificate",
        "RSA 1024, at least 2048",
    ),
    ("intermediate", leaf(signature_hash="sha1"), "profile-certificate", "signed with sha1"),
    (
        "intermediate",
        leaf(not_before=certificate(lifetime=398).not_before),
        "profile-certificate",
        "valid for 398 days, at most 366",
    ),
    (
        "rfc9325",
        lambda facts: replace(facts, handshake=handshake(ChainFault.SELF_SIGNED)),
        "profile-certificate",
        "do not accept",
    ),
    ("rfc9325", behaving(compression=True), "profile-behaviour", "compression"),
    ("rfc9325", behaving(secure_renegotiation=False), "profile-behaviour", "no secure"),
    ("rfc9325", behaving(extended_master_secret=False), "profile-behaviour", "no extended"),
    (
        "intermediate",
        lambda facts: replace(facts, handshake=Unknown("no", Cause.STARTTLS_REFUSED), tls=None),
        "profile-no-tls",
        "no TLS",
    ),
]


@pytest.mark.parametrize(
    ("name", "spoil", "id_", "words"), BREACHES, ids=[f"{b[2]}-{b[0]}" for b in BREACHES]
)
def test_not_met(name: str, spoil: Spoil, id_: str, words: str) -> None:
    verdict, findings = compare(spoil(deep(SUBMISSION)), load(name))
    assert verdict.met is False
    assert any(words in breach for breach in verdict.breaches), verdict.breaches
    (own,) = [finding for finding in findings if finding.id == id_]
    assert words in own.evidence
    assert own.evidence.startswith(f"{name}: ")
    assert own.source == load(name).source
    assert own.severity is Severity.MEDIUM
    assert own.endpoint == deep(SUBMISSION).endpoint


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (NOTHING, "RSA 2048"),
        (offering("TLSv1.2", ECDHE_CBC), ECDHE_CBC),
        (offering("TLSv1.2", DHE_GCM), DHE_GCM),
        (groups(*GROUPS, "ffdhe3072"), "ffdhe3072"),
        (schemes("rsa_pkcs1_sha224"), "sha224"),
        (behaving(client_renegotiation=True), "renegotiation"),
    ],
)
def test_what_is_to_be_phased_out_is_met_with_a_remark(spoil: Spoil, words: str) -> None:
    verdict, (finding,) = compare(spoil(deep(IMAPS)), load("ncsc-nl-2025-05"))
    assert verdict.met is True
    assert (finding.id, finding.severity) == ("profile-phase-out", Severity.LOW)
    assert words in finding.evidence


def unknown(name: str) -> Spoil:
    def spoil(facts: EndpointFacts) -> EndpointFacts:
        assert facts.tls is not None
        protocols = tuple(
            replace(each, offered=Unknown("421")) if each.name == name else each
            for each in facts.tls.protocols
        )
        return with_tls(facts, protocols=protocols)

    return spoil


def partly(**changes: Any) -> Spoil:
    def spoil(facts: EndpointFacts) -> EndpointFacts:
        assert facts.tls is not None
        protocols = tuple(
            replace(each, complete=False, **changes) if each.name == "TLSv1.2" else each
            for each in facts.tls.protocols
        )
        return with_tls(facts, protocols=protocols)

    return spoil


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda facts: replace(facts, tls=None), "were not asked for"),
        (unknown("TLSv1"), "TLSv1 is offered"),
        (partly(refused=()), "are in TLSv1.2"),
        (changed(groups=()), "groups"),
        (changed(groups=(GroupFacts(GROUPS, ("TLSv1.3",)),)), "groups that it forbids"),
        (changed(refused_schemes=()), "rsa_pkcs1_md5"),
        (
            lambda facts: replace(
                facts, handshake=Unknown("x"), tls=replace(good_tls(), chains=())
            ),
            "the certificate",
        ),
    ],
)
def test_undetermined(spoil: Spoil, words: str) -> None:
    verdict, findings = compare(spoil(deep(IMAPS)), load("intermediate"))
    assert isinstance(verdict.met, Unknown)
    assert words in verdict.met.reason
    assert verdict.breaches == ()
    assert findings == ()


def test_a_refusal_of_all_that_is_forbidden_is_proof_enough() -> None:
    """Verdict by refutation: nothing complete, every forbidden name refused."""
    facts = partly()(deep(IMAPS))
    facts = replace(facts, tls=replace(good_tls(), depth=Depth.VERDICT))
    assert facts.tls is not None
    incomplete = tuple(replace(each, complete=False) for each in facts.tls.groups)
    facts = with_tls(facts, groups=incomplete)
    assert compare(facts, load("intermediate"))[0].met is True


def test_a_breach_counts_whatever_else_is_unknown() -> None:
    spoil = both(unknown("TLSv1"), offering("TLSv1.1", TLS12[0]))
    assert compare(spoil(deep(IMAPS)), load("intermediate"))[0].met is False


def test_suites_of_a_forbidden_version_are_not_told_twice() -> None:
    facts = offering("TLSv1.1", "TLS_RSA_WITH_AES_128_CBC_SHA")(deep(IMAPS))
    verdict, _ = compare(facts, load("intermediate"))
    assert verdict.breaches == ("TLSv1.1 is offered",)


def test_compression_is_no_question_with_tls_13_alone() -> None:
    spoil = both(refusing("TLSv1.2"), behaving(compression=Unknown("not asked")))
    facts = replace(spoil(deep(IMAPS)))
    own = parse(_OWN.format(more='compression = "forbidden"'), "own.toml")
    assert compare(facts, own)[0].met is True


def test_ones_own_profile_may_forbid_what_guidelines_only_discourage() -> None:
    more = 'early_data = "forbidden"\nclient_renegotiation = "forbidden"'
    own = parse(_OWN.format(more=more), "own.toml")
    spoil = behaving(early_data=True, client_renegotiation=True)
    _, findings = compare(spoil(deep(IMAPS)), own)
    (behaviour,) = [each for each in findings if each.id == "profile-behaviour"]
    assert "0-RTT" in behaviour.evidence
    assert "by the client" in behaviour.evidence
    unasked = behaving(early_data=NOT_ASKED)(deep(IMAPS))
    verdict, _ = compare(
        unasked, parse(_OWN.format(more=more).replace("ECDHE-RSA-", "DHE-RSA-"), "x")
    )
    assert verdict.met == Unknown("whether 0-RTT is accepted")


@pytest.mark.parametrize(("hours", "met"), [(23, True), (24, False)])
def test_an_hour_of_backdating_is_no_day(hours: int, met: bool) -> None:
    own = parse(_OWN.format(more="certificate_days = 90").replace("ECDHE-RSA-", "DHE-RSA-"), "x")
    begins = certificate().not_before - timedelta(hours=hours)
    assert compare(leaf(not_before=begins)(deep(IMAPS)), own)[0].met is met


_OWN = """
name = "own"
title = "Ours"
source = "the boss"
[mx]
same_as = "access"
[submission]
same_as = "access"
[access]
minimum_protocol = "TLSv1.2"
cipher_grade = "high"
exclude_ciphers = ["ECDHE-RSA-CHACHA20-POLY1305"]
named_groups = []
{more}
"""


def test_ones_own_profile() -> None:
    own = parse(_OWN.format(more='signature_schemes = ["rsa_pss_rsae_sha256"]'), "own.toml")
    verdict, findings = compare(deep(IMAPS), own)
    assert verdict.breaches == (
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256 in TLSv1.2",
        "rsa_pkcs1_sha256 in TLSv1.2",
    )
    assert ids(findings) == {"profile-cipher-suite", "profile-signature"}
    assert "secure --profile FILE" in findings[0].remedy


def test_the_remedy_names_the_profile() -> None:
    _, (finding,) = compare(offering("TLSv1.2", ECDHE_CBC)(deep(IMAPS)), load("intermediate"))
    assert "letterlock secure --profile intermediate writes" in finding.remedy


def _service(service: Service, **changes: Any) -> EndpointFacts:
    return replace(deep(service), **changes)


def test_judge_puts_verdicts_and_findings_together() -> None:
    closed = replace(
        good(IMAPS), closed=True, handshake=Unknown("refused", Cause.CONNECTION_REFUSED)
    )
    seen = target(deep(SUBMISSION), closed, _service(SMTP, greeting=greeting()))
    findings, verdict = judge(seen, [load("intermediate"), load("modern")])
    assert [each.endpoint.port for each in verdict.endpoints] == [587, 25]
    met = {each.profile: each.met for each in verdict.endpoints[0].profiles}
    assert met == {"intermediate": True, "modern": False}
    assert ids(findings) == {"profile-protocol", "profile-certificate", "port-closed"}
    assert verdict.at(closed.endpoint) is None
