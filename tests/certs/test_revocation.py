"""OCSP responses and CRLs, right and wrong (RFC 6960, RFC 5280 section 5)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given, settings
from hypothesis import strategies as st

from letterlock.certs.errors import CertificateError
from letterlock.certs.revocation import crl_answer, crl_urls, ocsp_answer, ocsp_request
from letterlock.model.revocation import Status, Told
from tests.certs.authority import NOW, Issued, issue, key_usage, make_leaf, make_root

SHA1 = hashes.SHA1()  # noqa: S303 what responders are asked by
URL = "http://ca.example/list.crl"
CA = make_root("The CA")
OTHER = make_root("The CA")  # of the same name, with another key


def points(*urls: str) -> list[x509.DistributionPoint]:
    names = [x509.UniformResourceIdentifier(url) for url in urls]
    return [x509.DistributionPoint(names, None, None, None)]


LEAF = make_leaf(CA, "mail.example.com", extra=[(x509.CRLDistributionPoints(points(URL)), False)])
NEIGHBOUR = make_leaf(CA, "other.example.com")
OCSP_SIGNING = [ExtendedKeyUsageOID.OCSP_SIGNING]
RESPONDER = issue("Responder", CA, purposes=OCSP_SIGNING)
DAY = timedelta(days=1)


def response(
    signer: Issued = CA,
    *,
    about: Issued = LEAF,
    issuer: Issued = CA,
    status: ocsp.OCSPCertStatus = ocsp.OCSPCertStatus.GOOD,
    start: datetime = NOW - DAY,
    end: datetime | None = NOW + DAY,
    embed: bool = True,
    by_key: bool = False,
    hashed: Any = None,
) -> bytes:
    """An OCSP response signed by `signer`, whose certificate it brings along with `embed`."""
    revoked = status is ocsp.OCSPCertStatus.REVOKED
    encoding = ocsp.OCSPResponderEncoding.HASH if by_key else ocsp.OCSPResponderEncoding.NAME
    builder = ocsp.OCSPResponseBuilder().add_response(
        about.certificate,
        issuer.certificate,
        hashed or SHA1,
        status,
        start,
        end,
        NOW - 2 * DAY if revoked else None,
        x509.ReasonFlags.key_compromise if revoked else None,
    )
    builder = builder.responder_id(encoding, signer.certificate)
    if embed and signer is not CA:
        builder = builder.certificates([signer.certificate])
    return builder.sign(signer.private_key, hashes.SHA256()).public_bytes(Encoding.DER)


def ask(answer: bytes, at: datetime = NOW) -> Told:
    return ocsp_answer(answer, LEAF.der, CA.der, at)


REVOKED = ocsp.OCSPCertStatus.REVOKED


@pytest.mark.parametrize("signer", [CA, RESPONDER], ids=["the CA", "its responder"])
@pytest.mark.parametrize("by_key", [False, True])
@pytest.mark.parametrize("hashed", [SHA1, hashes.SHA256()], ids=["SHA-1", "SHA-256"])
def test_good_and_revoked(signer: Issued, by_key: bool, hashed: Any) -> None:
    good = response(signer, by_key=by_key, hashed=hashed)
    assert ask(good) == Told(Status.GOOD, next_update=NOW + DAY)
    bad = response(signer, by_key=by_key, hashed=hashed, status=REVOKED)
    assert ask(bad) == Told(Status.REVOKED, NOW - 2 * DAY, "keyCompromise", NOW + DAY)


def test_an_answer_without_an_end_holds_for_a_day() -> None:
    assert ask(response(start=NOW - timedelta(hours=23), end=None)).next_update is None
    with pytest.raises(CertificateError, match="was valid until"):
        ask(response(start=NOW - timedelta(hours=25), end=None))


BAD: dict[str, tuple[Callable[[], bytes], str]] = {
    "another CA of the name": (lambda: response(OTHER), "did not appoint"),
    "a stranger": (
        lambda: response(issue("Responder", OTHER, purposes=OCSP_SIGNING)),
        "did not appoint",
    ),
    "a leaf of the CA": (lambda: response(NEIGHBOUR), "no OCSP responder"),
    "itself": (lambda: response(LEAF), "no OCSP responder"),
    "a responder that has expired": (
        lambda: response(issue("Old", CA, purposes=OCSP_SIGNING, after=NOW - DAY)),
        "responder CN=Old was valid until",
    ),
    "a responder not yet valid": (
        lambda: response(issue("New", CA, purposes=OCSP_SIGNING, before=NOW + DAY)),
        "responder CN=New is not valid before",
    ),
    "a responder below the responder": (
        lambda: response(issue("Below", RESPONDER, purposes=OCSP_SIGNING)),
        "did not appoint",
    ),
    "a responder whose certificate is missing": (
        lambda: response(RESPONDER, embed=False),
        "signed by neither",
    ),
    "out of date": (lambda: response(end=NOW - timedelta(minutes=6)), "was valid until"),
    "of the future": (lambda: response(start=NOW + timedelta(minutes=6)), "is not valid before"),
    "about another certificate": (lambda: response(about=NEIGHBOUR), "about another certificate"),
    "about another CA's": (lambda: response(issuer=OTHER), "about another certificate"),
    "unknown": (
        lambda: response(status=ocsp.OCSPCertStatus.UNKNOWN),
        "does not know the certificate",
    ),
    "try later": (
        lambda: ocsp.OCSPResponseBuilder.build_unsuccessful(
            ocsp.OCSPResponseStatus.TRY_LATER
        ).public_bytes(Encoding.DER),
        "the responder says: try later",
    ),
    "empty": (lambda: b"", "not an OCSP response"),
    "a page": (lambda: b"<html>blocked</html>", "not an OCSP response"),
    "cut off": (lambda: response()[:-1], "not an OCSP response"),
    "with more behind it": (lambda: response() + b"\0", "not an OCSP response"),
    "a bit over": (lambda: response()[:-1] + bytes([response()[-1] ^ 1]), "signed by neither|not"),
}


@pytest.mark.parametrize("case", BAD, ids=list(BAD))
def test_answers_that_do_not_count(case: str) -> None:
    make, text = BAD[case]
    with pytest.raises(CertificateError, match=text):
        ask(make())


def test_clocks_may_differ_a_little() -> None:
    assert ask(response(start=NOW + timedelta(minutes=4))).status is Status.GOOD
    assert ask(response(end=NOW - timedelta(minutes=4))).status is Status.GOOD


def test_the_question_names_the_certificate() -> None:
    asked = ocsp.load_der_ocsp_request(ocsp_request(LEAF.der, CA.der))
    assert asked.serial_number == LEAF.certificate.serial_number
    assert asked.hash_algorithm.name == "sha1"


# --- lists


def crl(
    signer: Issued = CA,
    *revoked: Issued,
    reason: x509.ReasonFlags | None = x509.ReasonFlags.superseded,
    start: datetime = NOW - DAY,
    end: datetime = NOW + DAY,
    extra: tuple[tuple[x509.ExtensionType, bool], ...] = (),
    encoding: Encoding = Encoding.DER,
) -> bytes:
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(signer.certificate.subject)
        .last_update(start)
        .next_update(end)
    )
    for value, critical in extra:
        builder = builder.add_extension(value, critical)
    for one in revoked:
        entry = (
            x509.RevokedCertificateBuilder()
            .serial_number(one.certificate.serial_number)
            .revocation_date(NOW - 2 * DAY)
        )
        if reason is not None:
            entry = entry.add_extension(x509.CRLReason(reason), False)
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(signer.private_key, hashes.SHA256()).public_bytes(encoding)


def look(data: bytes, issuer: Issued = CA, leaf: Issued = LEAF) -> Told:
    return crl_answer(data, leaf.der, issuer.der, NOW)


def scope(**limits: Any) -> tuple[tuple[x509.ExtensionType, bool], ...]:
    usual: dict[str, Any] = {
        "full_name": [x509.UniformResourceIdentifier(URL)],
        "relative_name": None,
        "only_contains_user_certs": False,
        "only_contains_ca_certs": False,
        "only_some_reasons": None,
        "indirect_crl": False,
        "only_contains_attribute_certs": False,
    }
    return ((x509.IssuingDistributionPoint(**(usual | limits)), True),)


@pytest.mark.parametrize("encoding", [Encoding.DER, Encoding.PEM])
def test_a_list(encoding: Encoding) -> None:
    assert look(crl(CA, NEIGHBOUR, encoding=encoding)) == Told(Status.GOOD, next_update=NOW + DAY)
    found = look(crl(CA, NEIGHBOUR, LEAF, encoding=encoding))
    assert found == Told(Status.REVOKED, NOW - 2 * DAY, "superseded", NOW + DAY)
    assert look(crl(CA, LEAF, reason=None)).reason is None


def test_a_list_of_the_certificates_own_kind_and_place() -> None:
    assert look(crl(CA, LEAF, extra=scope())).status is Status.REVOKED
    assert look(crl(CA, extra=scope(only_contains_user_certs=True))).status is Status.GOOD


elsewhere = [x509.UniformResourceIdentifier("http://ca.example/other.crl")]
BAD_LISTS: dict[str, tuple[Callable[[], bytes], str]] = {
    "another CA's of the name": (lambda: crl(OTHER), "not signed by the CA"),
    "another CA's": (lambda: crl(make_root("Somebody")), "the CRL is of CN=Somebody"),
    "out of date": (
        lambda: crl(start=NOW - 2 * DAY, end=NOW - timedelta(minutes=6)),
        "was valid until",
    ),
    "of the future": (lambda: crl(start=NOW + timedelta(minutes=6)), "is not valid before"),
    "changes only": (lambda: crl(extra=((x509.DeltaCRLIndicator(1), True),)), "changes only"),
    "for CAs": (lambda: crl(extra=scope(only_contains_ca_certs=True)), "other certificates"),
    "indirect": (lambda: crl(extra=scope(indirect_crl=True)), "other certificates"),
    "some reasons": (
        lambda: crl(extra=scope(only_some_reasons=frozenset({x509.ReasonFlags.key_compromise}))),
        "other certificates",
    ),
    "of another place": (lambda: crl(extra=scope(full_name=elsewhere)), "another distribution"),
    "with what nobody knows": (
        lambda: crl(
            extra=((x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\5\0"), True),)
        ),
        "unknown extension 1.2.3.4",
    ),
    "empty": (lambda: b"", "not a CRL"),
    "a page": (lambda: b"<html>", "not a CRL"),
    "no PEM": (lambda: b"-----BEGIN X509 CRL-----\n", "not a CRL"),
    "cut off": (lambda: crl()[:-1], "not a CRL"),
}


@pytest.mark.parametrize("case", BAD_LISTS, ids=list(BAD_LISTS))
def test_lists_that_do_not_count(case: str) -> None:
    make, text = BAD_LISTS[case]
    with pytest.raises(CertificateError, match=text):
        look(make())


def test_a_ca_that_may_not_sign_lists() -> None:
    mute = make_root("The CA", usage=key_usage(key_cert_sign=True))
    with pytest.raises(CertificateError, match="not for signing CRLs"):
        look(crl(mute), mute, make_leaf(mute, "mail.example.com"))


def test_where_lists_are() -> None:
    assert crl_urls(LEAF.der) == (URL,)
    assert crl_urls(NEIGHBOUR.der) == ()
    name = [x509.UniformResourceIdentifier(URL)]
    some = x509.DistributionPoint(name, None, frozenset({x509.ReasonFlags.key_compromise}), None)
    other = x509.DistributionPoint(name, None, None, [x509.DirectoryName(CA.certificate.subject)])
    ldap = points("ldap://ca.example/x", URL)
    for list_, urls in (([some], ()), ([other], ()), (ldap, ("ldap://ca.example/x", URL))):
        leaf = make_leaf(CA, "x.example", extra=[(x509.CRLDistributionPoints(list_), False)])
        assert crl_urls(leaf.der) == urls


# --- whatever comes

GOOD_RESPONSE, GOOD_LIST = response(RESPONDER), crl(CA, NEIGHBOUR, extra=scope())
READERS: dict[str, tuple[Callable[[bytes], Told], bytes]] = {
    "OCSP": (ask, GOOD_RESPONSE),
    "CRL": (look, GOOD_LIST),
}


@pytest.mark.parametrize("kind", READERS)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_changed_byte_never_makes_another_answer(kind: str, data: st.DataObject) -> None:
    """An error, or the same answer, where what was changed is not signed."""
    read, good = READERS[kind]
    at = data.draw(st.integers(0, len(good) - 1))
    changed = good[:at] + bytes([data.draw(st.integers(0, 255))]) + good[at + 1 :]
    try:
        assert read(changed) == read(good)
    except CertificateError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize("kind", READERS)
@settings(max_examples=100, deadline=None)
@given(data=st.binary(max_size=200))
def test_nothing_but_certificate_error(kind: str, data: bytes) -> None:
    with pytest.raises(CertificateError):
        READERS[kind][0](data)
