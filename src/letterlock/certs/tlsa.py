"""TLSA records (RFC 6698) for certificates, as SMTP uses them (RFC 7672)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import IntEnum

from letterlock.certs import der
from letterlock.certs.errors import CertificateError
from letterlock.certs.names import ascii_name
from letterlock.model.certificate import Certificate


class Usage(IntEnum):
    """RFC 6698 section 2.1.1, names by RFC 7218. SMTP uses DANE-TA and DANE-EE only
    (RFC 7672 section 3.1.3)."""

    PKIX_TA = 0
    PKIX_EE = 1
    DANE_TA = 2
    DANE_EE = 3


class Selector(IntEnum):
    """RFC 6698 section 2.1.2."""

    CERT = 0
    SPKI = 1


class Matching(IntEnum):
    """RFC 6698 section 2.1.3."""

    FULL = 0
    SHA2_256 = 1
    SHA2_512 = 2


@dataclass(frozen=True, slots=True)
class Tlsa:
    """The data of one record; `association` is raw."""

    usage: Usage
    selector: Selector
    matching: Matching
    association: bytes

    def __str__(self) -> str:
        return (
            f"{self.usage.value} {self.selector.value} {self.matching.value} "
            f"{self.association.hex()}"
        )


def tlsa(
    certificate: Certificate,
    usage: Usage = Usage.DANE_EE,
    selector: Selector = Selector.SPKI,
    matching: Matching = Matching.SHA2_256,
) -> Tlsa:
    """The record that a certificate matches; 3 1 1 unless told otherwise, which stays the same
    over renewals that keep the key (RFC 7671 section 5.1). For usages 0 and 2 the certificate is
    the CA's."""
    selected = (
        certificate.der
        if selector is Selector.CERT
        else der.subject_public_key_info(certificate.der)
    )
    match matching:
        case Matching.SHA2_256:
            association = hashlib.sha256(selected).digest()
        case Matching.SHA2_512:
            association = hashlib.sha512(selected).digest()
        case Matching.FULL:
            association = selected
    return Tlsa(usage, selector, matching, association)


def tlsa_of_key(spki: bytes) -> Tlsa:
    """The 3 1 1 record of a key, of which there need not be a certificate yet: its
    SubjectPublicKeyInfo as DER."""
    return Tlsa(Usage.DANE_EE, Selector.SPKI, Matching.SHA2_256, hashlib.sha256(spki).digest())


def owner(host: str, port: int) -> str:
    """Where the record belongs (RFC 6698 section 3). Raises CertificateError for a host name that
    is none, a wildcard, or a port out of range."""
    name = ascii_name(host)
    if name.startswith("*.") or not 0 < port < 65536:
        raise CertificateError(f"no TLSA record can be made for {host!r}, port {port}")
    return f"_{port}._tcp.{name}."
