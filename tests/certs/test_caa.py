"""Which CA issued a certificate, and whether CAA records let it."""

from __future__ import annotations

import ssl
import tomllib
from importlib.resources import files

import pytest
import trustme

from letterlock.certs.caa import issuer_of, why_not
from letterlock.certs.x509 import facts
from letterlock.model.certificate import Certificate
from letterlock.model.dns_promises import CaaIssuer, CaaRecord
from letterlock.probe.resolve import parse_target


def chain(*organisations: str) -> list[Certificate]:
    """A leaf by a CA of the last of these organisations, and certificates by the others."""
    authorities = [trustme.CA(organization_name=name) for name in organisations]
    leaf = authorities[-1].issue_cert("mail.example.com").cert_chain_pems[0]
    pems = [leaf, *(one.cert_pem for one in reversed(authorities))]
    return [facts(ssl.PEM_cert_to_DER_cert(each.bytes().decode())) for each in pems]


@pytest.mark.parametrize(
    ("organisations", "issuer", "domain"),
    [
        (("Internet Security Research Group", "Let's Encrypt"), "Let's Encrypt", "letsencrypt.org"),
        (
            ("The USERTRUST Network", "A Brand of Somebody's"),
            "A Brand of Somebody's",
            "sectigo.com",
        ),
        (("SECTIGO LIMITED",), "SECTIGO LIMITED", "sectigo.com"),
        (("DigiCert Inc", "QuoVadis Limited"), "QuoVadis Limited", "digicert.com"),
        (("Example's own CA", "D-Trust GmbH"), "D-Trust GmbH", "d-trust.net"),
    ],
)
def test_issuers(organisations: tuple[str, ...], issuer: str, domain: str) -> None:
    found, domains = issuer_of(chain(*organisations))
    assert (found, domains[0]) == (issuer, domain)


def test_the_table_holds_each_organisation_once_and_domains_as_dns_does() -> None:
    text = files("letterlock.certs").joinpath("caa_domains.toml").read_text("utf-8")
    table = tomllib.loads(text)["ca"]
    named = [name.casefold() for each in table for name in each["organisations"]]
    assert len(named) == len(set(named))
    for domains in (each["domains"] for each in table):
        assert len(domains) == len(set(domains))
        assert domains == [parse_target(domain).name for domain in domains]


def test_a_ca_of_ones_own_is_not_judged() -> None:
    assert issuer_of(chain("Example's own CA")) == ("Example's own CA", ())


def record(tag: str, domain: str | None = None, *, flags: int = 0, fault: str = "") -> CaaRecord:
    issuer = CaaIssuer(domain) if domain is not None else None
    return CaaRecord(flags, tag, domain or "", issuer, fault)


OURS, OTHER, NOBODY = record("issue", "a.org"), record("issue", "b.org"), record("issue", "")
WILD, WILD_OTHER = record("issuewild", "a.org"), record("issuewild", "b.org")
BROKEN = record("issue", fault="is none")
UNKNOWN, CRITICAL = record("issuewildcard"), record("issue-wild", flags=128)


@pytest.mark.parametrize(
    ("records", "plain", "wildcard"),
    [
        ((), "", ""),
        ((OURS,), "", ""),
        ((OTHER, OURS), "", ""),
        ((OTHER,), "issue names b.org", "issue names b.org"),
        ((NOBODY,), "no CA may issue", "no CA may issue"),
        ((BROKEN,), "no CA may issue", "no CA may issue"),
        ((BROKEN, OURS), "", ""),
        ((record("iodef"),), "", ""),
        ((OURS, WILD_OTHER), "", "issuewild names b.org"),
        ((OTHER, WILD), "issue names b.org", ""),
        ((WILD_OTHER,), "", "issuewild names b.org"),
        ((OURS, UNKNOWN), "", ""),
        ((OURS, CRITICAL), "is critical, and unknown", "is critical, and unknown"),
    ],
)
def test_who_may_issue(records: tuple[CaaRecord, ...], plain: str, wildcard: str) -> None:
    for expected, is_wildcard in ((plain, False), (wildcard, True)):
        said = why_not(records, ("a.org",), wildcard=is_wildcard)
        assert expected in said
        assert bool(expected) is bool(said)


def test_of_a_ca_that_is_not_known_only_a_ban_on_all_is_told() -> None:
    assert not why_not((OTHER,), (), wildcard=False)
    assert why_not((NOBODY,), (), wildcard=False)
