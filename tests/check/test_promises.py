"""Records of a host held against what it serves."""

from __future__ import annotations

from dataclasses import replace

import pytest

from letterlock.check.promises import held_against
from letterlock.model.certificate import ChainVerdict
from letterlock.model.dns_answer import Answer, ResolverFacts
from letterlock.model.dns_facts import HostDns
from letterlock.model.dns_promises import CaaFacts, CaaIssuer, CaaMatch, CaaRecord
from letterlock.model.facts import EndpointFacts, Handshake
from letterlock.model.service import IMAPS, SMTP
from tests.certs.test_caa import chain
from tests.findings.sample import NAME, good, target
from tests.findings.test_exchange import SECURE, host

LEAF, AUTHORITY = chain("Let's Encrypt")


def named(*names: str, digest: str = "ab" * 32) -> Handshake:
    """Served without the CA's certificate, which the verified path has."""
    leaf = replace(LEAF, dns_names=names, sha256=digest)
    verdict = ChainVerdict((leaf, AUTHORITY), "a root", ())
    return Handshake("TLSv1.3", "TLS_AES_128_GCM_SHA256", "x25519", (leaf,), verdict, 0.01)


def issuers(*served: EndpointFacts) -> tuple[CaaMatch, ...]:
    def only(domain: str) -> Answer[CaaRecord]:
        record = CaaRecord(0, "issue", domain, CaaIssuer(domain))
        return Answer("example.com", (record,), SECURE)

    caa = CaaFacts(only("letsencrypt.org"), only("sectigo.com"))
    known = HostDns(NAME, None, ResolverFacts("127.0.0.1", True), None, host(), caa=caa)
    return held_against(known, target(*served)).issuers


@pytest.mark.parametrize(
    ("names", "name", "refused"),
    [
        ((NAME,), NAME, ""),
        (("MAIL.Example.com", "*.example.com"), "MAIL.Example.com", ""),
        (("*.example.com",), "*.example.com", "issue names sectigo.com"),
    ],
)
def test_the_name_decides_which_records_count(
    names: tuple[str, ...], name: str, refused: str
) -> None:
    (found,) = issuers(replace(good(SMTP), handshake=named(*names)))
    assert (found.name, found.why_not) == (name, refused)
    assert (found.issuer, found.domains) == ("Let's Encrypt", ("letsencrypt.org",))


def test_each_certificate_once_and_none_of_another_name() -> None:
    first = replace(good(SMTP), handshake=named(NAME))
    again = replace(good(IMAPS), handshake=named(NAME), further=(named("x.example", digest="0"),))
    (found,) = issuers(first, again)
    assert found.endpoint == first.endpoint


def test_the_verified_path_knows_the_ca_that_was_not_served() -> None:
    stranger, *_ = chain("Somebody's brand")
    leaf = replace(stranger, dns_names=(NAME,))
    served = replace(
        named(NAME), chain=(leaf,), verdict=ChainVerdict((leaf, AUTHORITY), "a root", ())
    )
    (found,) = issuers(replace(good(SMTP), handshake=served))
    assert (found.issuer, found.domains) == ("Somebody's brand", ("letsencrypt.org",))
