"""What is published beside what is wanted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from letterlock.certs.tlsa import Selector, Usage, tlsa
from letterlock.model.dns_answer import Answer, Security
from letterlock.model.dns_facts import TlsaRecord
from letterlock.model.dns_promises import (
    CaaFacts,
    CaaIssuer,
    CaaRecord,
    SrvRecord,
    StsFacts,
    StsMode,
    TlsRptFacts,
)
from letterlock.model.service import IMAPS
from letterlock.model.unknown import Unknown
from letterlock.records.compare import Published, compare
from letterlock.records.wanted import Serving, policy_of, wanted
from tests.findings.test_exchange import BOGUS, FAILED, SECURE, answer, host
from tests.records.test_wanted import DOMAIN, ECDSA, HOST, POLICY, STAGED

AT = f"_993._tcp.{HOST}."
SRV_AT = "_imaps._tcp.example.com."
SERVING = (Serving(993, IMAPS, (ECDSA,)),)


def record(
    usage: Usage = Usage.DANE_EE, selector: Selector = Selector.SPKI, of: int = 0
) -> TlsaRecord:
    made = tlsa(ECDSA[of], usage, selector)
    return TlsaRecord(made.usage, made.selector, made.matching, made.association)


SRV: Answer[SrvRecord] = Answer(SRV_AT, (SrvRecord(5, 9, 993, HOST),), SECURE)
CAA = Answer("example.com", (CaaRecord(0, "issue", "x", CaaIssuer("letsencrypt.org")),), SECURE)
STS = StsFacts(answer("v=STSv1; id=1"), "1", policy=POLICY)
RPT = TlsRptFacts(answer("v=TLSRPTv1; rua=mailto:x@y.example"), ("mailto:x@y.example",))


def told(
    *records: TlsaRecord,
    tlsa: Unknown | None = None,
    srv: Answer[SrvRecord] | Unknown = SRV,
    caa: Answer[CaaRecord] | Unknown = CAA,
    sts: StsFacts = STS,
    rpt: TlsRptFacts = RPT,
    staged: bool = False,
    security: Security = SECURE,
) -> list[str]:
    """All that is not just published."""
    found = wanted(HOST, SERVING, [STAGED] if staged else [], [DOMAIN])
    known = Answer(AT, records or (record(),), security)
    answered = known if tlsa is None else tlsa
    published = Published(
        {AT: answered}, {SRV_AT: srv}, {}, CaaFacts(caa, caa), {"example.com": sts},
        {"example.com": rpt},
    )  # fmt: skip
    standings = compare(found, published, SERVING, [DOMAIN])
    assert {each.data for each in standings} >= {each.data for each in found.records}
    return [f"{each.type} {each.state}" for each in standings if each.state != "published"]


def test_all_is_there() -> None:
    assert told() == []


@pytest.mark.parametrize(
    "extra",
    [
        record(Usage.DANE_EE, Selector.CERT),
        record(Usage.DANE_TA, Selector.SPKI, of=1),
        record(Usage.DANE_TA, Selector.CERT, of=1),
    ],
)
def test_what_fits_what_is_served_is_not_stale(extra: TlsaRecord) -> None:
    assert told(record(), extra) == []


def test_a_rollover_step_by_step() -> None:
    old = TlsaRecord(3, 1, 1, b"o" * 32)
    assert told(record(), staged=True) == ["TLSA passing", "TLSA missing"]
    assert told(old, staged=True) == ["TLSA missing", "TLSA missing", "TLSA stale"]
    assert told(record(), old) == ["TLSA stale"]


def test_services() -> None:
    elsewhere = replace(SRV, records=(SrvRecord(0, 1, 993, "b.example"),))
    assert told(srv=elsewhere) == ["SRV missing"]
    old_port = replace(SRV, records=(SrvRecord(0, 1, 10993, HOST),))
    assert told(srv=old_port) == ["SRV missing", "SRV stale"]
    declined = replace(SRV, records=(SrvRecord(0, 0, 0, "."),))
    assert told(srv=declined) == ["SRV missing", "SRV stale"]


def test_issuers() -> None:
    assert told(caa=replace(CAA, records=())) == ["CAA missing"]
    other = CaaRecord(0, "issue", "x", CaaIssuer("sectigo.com"))
    assert told(caa=replace(CAA, records=(other,))) == ["CAA missing"]


URI = ("accounturi", "https://a.example/Acct/1")


@pytest.mark.parametrize(
    ("wished", "there", "state"),
    [
        ("letsencrypt.org", CaaIssuer("letsencrypt.org", (URI,)), "published"),
        (
            "letsencrypt.org; accounturi=https://a.example/Acct/1",
            CaaIssuer("letsencrypt.org", (URI,)),
            "published",
        ),
        (
            "letsencrypt.org; accounturi=https://a.example/Acct/1",
            CaaIssuer("letsencrypt.org"),
            "missing",
        ),
        (";", CaaIssuer(""), "published"),
        (";", CaaIssuer("letsencrypt.org"), "missing"),
    ],
)
def test_conditions_of_an_issuer(wished: str, there: CaaIssuer, state: str) -> None:
    found = wanted(HOST, SERVING, [], [], [wished])
    caa = Answer("example.com", (CaaRecord(0, "issue", "x", there),), SECURE)
    known = {AT: Answer(AT, (record(),), SECURE)}
    published = Published(known, {}, {}, CaaFacts(caa, caa), {}, {})
    (standing,) = (one for one in compare(found, published, SERVING, []) if one.type == "CAA")
    assert standing.state == state


def test_policies() -> None:
    assert told(sts=StsFacts(answer())) == ["TXT missing"]
    testing = replace(STS, policy=replace(POLICY, mode=StsMode.TESTING))
    assert told(sts=testing) == ["TXT missing", "TXT stale"]
    assert told(sts=replace(STS, fault="answers 404")) == ["TXT missing", "TXT stale"]
    longer = replace(STS, policy=replace(POLICY, max_age=86400))
    assert told(sts=longer) == ["TXT missing", "TXT stale"]
    assert told(rpt=TlsRptFacts(answer())) == ["TXT missing"]


def test_a_record_that_is_there_before_its_policy_is_not_stale() -> None:
    text = f"v=STSv1; id={policy_of(DOMAIN).id}"
    early = StsFacts(answer(text), policy_of(DOMAIN).id, "answers 404", policy=FAILED)
    assert told(sts=early) == ["TXT missing"]
    twice = StsFacts(answer(text, "v=STSv1; id=1", "v=spf1 -all"), "", "2 records", policy=FAILED)
    assert told(sts=twice) == ["TXT missing", "TXT stale"]


def test_what_is_not_answered_is_not_missing() -> None:
    unknown = told(
        tlsa=FAILED, srv=FAILED, caa=FAILED, sts=StsFacts(FAILED), rpt=TlsRptFacts(FAILED)
    )
    assert unknown == ["TLSA unknown", "CAA unknown", "SRV unknown", "TXT unknown", "TXT unknown"]
    assert told(sts=replace(STS, policy=FAILED)) == ["TXT unknown"]


def test_a_bogus_answer_is_nobody_s() -> None:
    texts = answer("v=STSv1; id=1", security=BOGUS)
    unknown = told(
        record(),
        security=BOGUS,
        srv=replace(SRV, security=BOGUS),
        caa=replace(CAA, security=BOGUS),
        sts=StsFacts(texts),
        rpt=TlsRptFacts(texts),
    )
    assert unknown == ["TLSA unknown", "CAA unknown", "SRV unknown", "TXT unknown", "TXT unknown"]


def test_the_way_to_the_policy() -> None:
    domain = replace(DOMAIN, policy_host="www.example.com")
    found = wanted(HOST, SERVING, [], [domain])
    for there, state in (
        (host(), "published"),
        (host("x", answer(), answer()), "missing"),
        (host("x", FAILED, answer()), "unknown"),
    ):
        published = Published(
            {AT: Answer(AT, (record(),), SECURE)}, {SRV_AT: SRV},
            {"mta-sts.example.com.": there}, CaaFacts(CAA, CAA), {"example.com": STS},
            {"example.com": RPT},
        )  # fmt: skip
        standings = compare(found, published, SERVING, [domain])
        assert [each.state for each in standings if each.type == "CNAME"] == [state]
