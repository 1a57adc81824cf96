"""Host names and addresses, and which of them a certificate speaks for (RFC 9525)."""

from __future__ import annotations

import ipaddress
import re

import idna

from letterlock.certs.errors import CertificateError
from letterlock.model.certificate import Certificate
from letterlock.model.wording import Wording, counted, joined

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

#: A label as RFC 1123 section 2.1 has it, plus the underscore that intranets use.
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")


def address(text: str) -> Address | None:
    """The IP address that `text` spells, in brackets or not, or None."""
    try:
        return ipaddress.ip_address(text.strip().removeprefix("[").removesuffix("]"))
    except ValueError:
        return None


def ascii_name(text: str) -> str:
    """A host name as DNS and certificates have it: lower case, A-labels (RFC 5891), no final dot.
    A leading `*.` label stays.

    Raises CertificateError for what is no host name."""
    name = text.strip().rstrip(".") if text.strip() != "." else ""
    wildcard = name.startswith("*.")
    bare = name.removeprefix("*.")
    try:
        encoded = bare.lower() if bare.isascii() else _encode(bare)
    except (idna.IDNAError, UnicodeError) as error:
        raise CertificateError(f"{text!r} is not a host name ({error})") from error
    labels = encoded.split(".")
    if len(encoded) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise CertificateError(
            f"{text!r} is not a host name", remedy="give one such as mail.example.com"
        )
    return f"*.{encoded}" if wildcard else encoded


def _encode(name: str) -> str:
    return idna.encode(name, uts46=True, transitional=False).decode("ascii").lower()


def covers(certificate: Certificate, name: str) -> bool:
    """Whether a certificate speaks for `name`, a host name or an IP address, by its
    subjectAltName (RFC 9525 section 6; the common name no longer counts).

    Raises CertificateError when `name` is neither."""
    from service_identity.hazmat import DNS_ID, IPAddress_ID

    wanted = address(name)
    if wanted is not None:
        return any(
            IPAddress_ID(wanted).verify(pattern) for pattern in _address_patterns(certificate)
        )
    host = ascii_name(name)
    if host.startswith("*."):
        return host in (one.lower() for one in certificate.dns_names)
    identity = DNS_ID(host)
    return any(identity.verify(pattern) for pattern in _dns_patterns(certificate))


def _dns_patterns(certificate: Certificate):  # type: ignore[no-untyped-def]
    """One unusable name in a certificate does not spoil the others."""
    from service_identity import CertificateError as UnusableError
    from service_identity.hazmat import DNSPattern

    for name in certificate.dns_names:
        try:
            yield DNSPattern.from_bytes(name.encode("ascii"))
        except (UnusableError, UnicodeError):
            continue


def _address_patterns(certificate: Certificate):  # type: ignore[no-untyped-def]
    from service_identity.hazmat import IPAddressPattern

    for text in certificate.ip_addresses:
        yield IPAddressPattern(ipaddress.ip_address(text))


def spoken_for(certificate: Certificate) -> str:
    """The names a certificate has, for a sentence; long lists are cut."""
    names = (*certificate.dns_names, *certificate.ip_addresses)
    if not names:
        return Wording("no subjectAltName at all")
    shown = joined(", ", names[:6])
    if len(names) <= 6:
        return shown
    return counted(
        "{names} and {count} more", "{names} and {count} more", len(names) - 6, names=shown
    )
