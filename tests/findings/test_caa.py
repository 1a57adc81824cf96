"""What is said of CAA records and of TLS reporting."""

from __future__ import annotations

from dataclasses import replace

import pytest

from letterlock.findings.assess import assess
from letterlock.model.dns_answer import Answer, HostAddresses, ResolverFacts
from letterlock.model.dns_facts import HostDns
from letterlock.model.dns_promises import (
    CaaFacts,
    CaaIssuer,
    CaaMatch,
    CaaRecord,
    TlsRptFacts,
)
from letterlock.model.service import SMTP
from letterlock.model.unknown import Cause, Unknown
from tests.findings.sample import endpoint, good, target
from tests.findings.test_exchange import BOGUS, FAILED, SECURE, answer, domain, host

RECORD = CaaRecord(0, "issue", "letsencrypt.org", CaaIssuer("letsencrypt.org"))
MATCH = CaaMatch(endpoint(SMTP), "Sectigo Limited", ("sectigo.com",), "mail.example.com")


def told(
    *records: CaaRecord,
    found: Answer[CaaRecord] | Unknown | None = None,
    addresses: HostAddresses | None = None,
    match: CaaMatch = MATCH,
    wildcard: Answer[CaaRecord] | None = None,
) -> dict[str, str]:
    counts = Answer("example.com", records, SECURE) if found is None else found
    known = HostDns(
        "mail.example.com", "example.com", ResolverFacts("127.0.0.1", True), SECURE,
        addresses or host(), caa=CaaFacts(counts, wildcard or counts), issuers=(match,),
    )  # fmt: skip
    told = assess(replace(target(good(SMTP)), host=known))
    return {each.id: each.severity.value for each in told}


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ((), {"caa-missing": "info"}),
        ((RECORD,), {}),
        ((RECORD, CaaRecord(0, "issue", "?", fault="is none")), {"caa-malformed": "low"}),
        ((RECORD, CaaRecord(0, "issuewildcard", ";")), {"caa-unknown-tag": "low"}),
        ((RECORD, CaaRecord(128, "issuewildcard", ";")), {"caa-unknown-tag": "medium"}),
    ],
)
def test_of_the_records(records: tuple[CaaRecord, ...], expected: dict[str, str]) -> None:
    assert told(*records) == expected


def test_of_the_issuer() -> None:
    refused = replace(MATCH, why_not="issue names letsencrypt.org")
    assert told(RECORD, match=refused) == {"caa-forbids-renewal": "medium"}
    assert told(RECORD, match=replace(refused, issuer="")) == {"caa-forbids-renewal": "medium"}


def test_of_the_records_that_count_for_a_wildcard() -> None:
    above = Answer("example.com", (CaaRecord(0, "issuewild", "?", fault="is none"),), SECURE)
    own = Answer("mail.example.com", (RECORD,), SECURE)
    assert told(found=own, wildcard=above) == {"caa-malformed": "low"}


def test_where_the_question_fails() -> None:
    assert told(found=FAILED) == {"caa-lookup-fails": "medium"}
    nothing = HostAddresses("mail.example.com", FAILED, FAILED)
    assert told(found=FAILED, addresses=nothing) == {"could-not-determine": "info"}
    unreadable = Unknown("tag is not alphanumeric", Cause.BROKEN_DIALOGUE)
    assert told(found=unreadable) == {"could-not-determine": "info"}
    bogus: Answer[CaaRecord] = Answer("example.com", (), BOGUS)
    assert told(found=bogus) == {"dnssec-bogus": "high"}


TEXT = answer("v=TLSRPTv1; rua=mailto:a@b.example")


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (TlsRptFacts(TEXT, ("mailto:a@b.example",)), {}),
        (TlsRptFacts(answer()), {"tls-rpt-missing": "info"}),
        (TlsRptFacts(TEXT, fault="2 records"), {"tls-rpt-broken": "low"}),
        (TlsRptFacts(answer("x", security=BOGUS)), {"dnssec-bogus": "high"}),
        (TlsRptFacts(FAILED), {"could-not-determine": "info"}),
    ],
)
def test_tls_reporting(found: TlsRptFacts, expected: dict[str, str]) -> None:
    facts = replace(domain(host()), tls_rpt=found)
    told = assess(replace(target(), endpoints=(), domain=facts))
    assert {each.id: each.severity.value for each in told} == expected
