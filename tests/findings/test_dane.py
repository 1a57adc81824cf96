"""What is said of TLSA records."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from hashlib import sha256

import pytest

from letterlock.findings.assess import assess
from letterlock.model.dns_answer import Answer, ResolverFacts, Security
from letterlock.model.dns_facts import DaneMatch, HostDns, RecordMatch, TlsaRecord, TlsaSet
from letterlock.model.facts import EndpointFacts
from letterlock.model.service import IMAPS, SMTP, Service
from letterlock.model.unknown import Unknown
from tests.findings.sample import NOW, endpoint, good, greeting, target
from tests.findings.test_exchange import BOGUS, FAILED, INSECURE, SECURE
from tests.findings.test_exchange import host as addresses

KEY, NEXT = TlsaRecord(3, 1, 1, b"k" * 32), TlsaRecord(3, 1, 1, b"n" * 32)
WHOLE = TlsaRecord(3, 0, 1, b"c" * 32)
ISSUER = TlsaRecord(2, 1, 1, b"i" * 32)
PKIX = TlsaRecord(1, 1, 1, b"p" * 32)
NOTHING = TlsaRecord(3, 1, 1, sha256(b"").digest())
MATCHES, OTHER = RecordMatch(KEY), RecordMatch(NEXT, why_not="the key served is another")
UNUSABLE = RecordMatch(PKIX, unusable="usage 1 is not for mail between servers")


def none(security: Security = SECURE) -> Answer[TlsaRecord]:
    return Answer("_25._tcp.a.example", (), security)


def found(
    *matches: RecordMatch,
    service: Service = SMTP,
    security: Security | Unknown = SECURE,
    exchange: Security | Unknown | None = SECURE,
    left: int = 60,
    served: EndpointFacts | None = None,
    tlsa: Answer[TlsaRecord] | Unknown | None = None,
    validates: bool = True,
) -> dict[str, str]:
    """Finding → severity of a host with these records, as they fare against its one chain."""
    at = endpoint(service)
    records = tuple(one.record for one in matches)
    known = Answer(f"_{at.port}._tcp.a.example", records, security) if tlsa is None else tlsa
    held = DaneMatch(at, "ECDSA", "ab" * 32, NOW + timedelta(days=left), matches)
    host = HostDns(
        "a.example",
        "example.com",
        ResolverFacts("127.0.0.1", validates),
        exchange,
        addresses(),
        (TlsaSet(at.port, known),),
        (held,) if matches and served is None else (),
    )
    whole = replace(target(served or good(service)), host=host)
    return {
        one.id: one.severity.value for one in assess(whole) if one.id.startswith(("d", "could"))
    }


@pytest.mark.parametrize(
    ("matches", "said"),
    [
        ((MATCHES, OTHER), {}),
        ((MATCHES,), {"dane-no-rollover": "info"}),
        ((OTHER,), {"dane-mismatch": "high", "dane-no-rollover": "info"}),
        ((MATCHES, OTHER, UNUSABLE), {"dane-unusable": "low"}),
        ((UNUSABLE,), {"dane-unusable": "medium"}),
        (
            (MATCHES, OTHER, RecordMatch(NOTHING, why_not="another")),
            {"dane-digest-of-nothing": "medium"},
        ),
        ((RecordMatch(WHOLE), OTHER), {"dane-pins-certificate": "low"}),
        ((MATCHES, RecordMatch(WHOLE)), {"dane-no-rollover": "info"}),
        ((RecordMatch(ISSUER), OTHER), {"dane-relies-on-issuer": "low"}),
        ((RecordMatch(ISSUER), MATCHES), {}),
    ],
)
def test_records(matches: tuple[RecordMatch, ...], said: dict[str, str]) -> None:
    assert found(*matches) == said


def test_a_pinned_certificate_before_its_renewal() -> None:
    assert found(RecordMatch(WHOLE), OTHER, left=20) == {"dane-pins-certificate": "medium"}


def test_a_users_port_is_milder() -> None:
    assert found(OTHER, OTHER, service=IMAPS)["dane-mismatch"] == "medium"


@pytest.mark.parametrize("ways", [{"security": INSECURE}, {"exchange": INSECURE}])
def test_not_signed(ways: dict[str, Security]) -> None:
    assert found(MATCHES, OTHER, **ways) == {"dane-insecure": "low"}  # type: ignore[arg-type]
    assert found(OTHER, OTHER, **ways)["dane-mismatch"] == "low"  # type: ignore[arg-type]


def test_a_resolver_that_does_not_validate_says_nothing_of_signatures() -> None:
    assert found(MATCHES, OTHER, security=FAILED, exchange=FAILED, validates=False) == {}


def test_no_tls() -> None:
    plain = replace(good(SMTP), greeting=greeting(starttls=False), handshake=None)
    assert found(MATCHES, OTHER, served=plain)["dane-without-tls"] == "high"


def test_none() -> None:
    assert found(tlsa=none()) == {"dane-missing": "info"}
    assert found(tlsa=none(), exchange=INSECURE) == {}
    assert found(tlsa=none(), service=IMAPS) == {}


def test_the_lookup_fails() -> None:
    assert found(tlsa=none(security=BOGUS)) == {"dane-lookup-fails": "high"}
    assert found(tlsa=FAILED) == {"dane-lookup-fails": "medium"}
    assert found(tlsa=FAILED, exchange=INSECURE) == {"could-not-determine": "info"}
