"""What a path must keep to besides signatures and dates: RFC 5280 sections 4.2 and 6.1, as far as
OpenSSL, which mail servers and clients are built on, enforces it for a TLS server."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from cryptography import x509

from letterlock.certs.x509 import extensions, load, name_key, name_keys
from letterlock.model.certificate import Certificate
from letterlock.model.wording import Wording, joined

#: Critical extensions that OpenSSL processes (X509_supported_extension(3)); any other critical one
#: makes a certificate unacceptable (RFC 5280 section 4.2).
_PROCESSED = {
    "2.5.29.14",  # subjectKeyIdentifier
    "2.5.29.15",  # keyUsage
    "2.5.29.17",  # subjectAltName
    "2.5.29.19",  # basicConstraints
    "2.5.29.30",  # nameConstraints
    "2.5.29.31",  # cRLDistributionPoints
    "2.5.29.32",  # certificatePolicies
    "2.5.29.33",  # policyMappings
    "2.5.29.35",  # authorityKeyIdentifier
    "2.5.29.36",  # policyConstraints
    "2.5.29.37",  # extendedKeyUsage
    "2.5.29.54",  # inhibitAnyPolicy
}
#: Extensions that, malformed, make a path unusable.
_VITAL = {
    "subjectKeyIdentifier",
    "keyUsage",
    "subjectAltName",
    "basicConstraints",
    "nameConstraints",
    "authorityKeyIdentifier",
    "extendedKeyUsage",
    "extensions",
}
_SERVER_PURPOSES = ("serverAuth", "msSGC", "nsSGC")


def serves(certificate: Certificate) -> str | None:
    """Why a leaf may not be a TLS server, or None. `anyExtendedKeyUsage` alone is not enough for
    OpenSSL's `sslserver` purpose (openssl-verification-options(1))."""
    usage = certificate.extended_key_usage
    if usage is not None and not set(usage).intersection(_SERVER_PURPOSES):
        return Wording("has no serverAuth purpose, only {purposes}", purposes=joined(", ", usage))
    allowed = extensions(certificate.der).get(x509.KeyUsage)
    if allowed is None:
        return None
    if allowed.digital_signature or allowed.key_encipherment or allowed.key_agreement:
        return None
    return Wording("has a key usage that allows no TLS handshake")


def unusable(certificate: Certificate) -> str | None:
    """Why no path may contain a certificate, leaf or issuer, or None."""
    if None in name_keys(certificate.der):
        return Wording("has a subject or issuer that cannot be read")
    known = extensions(certificate.der)
    for name in known.malformed:
        if name in _VITAL or name.startswith("second "):
            return Wording("has a malformed extension ({name})", name=name)
    for extension in known.readable:
        if extension.critical and extension.oid.dotted_string not in _PROCESSED:
            return Wording(
                "has a critical extension that clients do not know ({name})",
                name=extension.oid.dotted_string,
            )
    return None


def may_issue(issuer: Certificate, below: int) -> str | None:
    """Why a certificate may not stand above `below` intermediates (not counting self-issued ones,
    RFC 5280 section 6.1.4), or None."""
    known = extensions(issuer.der)
    basic, usage = known.get(x509.BasicConstraints), known.get(x509.KeyUsage)
    if basic is None and load(issuer.der).version is x509.Version.v1 and issuer.self_issued:
        return None  # roots from before X.509 had extensions
    if basic is None or not basic.ca:
        return Wording("is no CA certificate (basicConstraints)")
    if usage is not None and not usage.key_cert_sign:
        return Wording("may not sign certificates (keyUsage)")
    purposes = issuer.extended_key_usage
    if purposes is not None and not set(purposes).intersection(_SERVER_PURPOSES):
        return Wording(
            "is a CA for {purposes} only, not for servers", purposes=joined(", ", purposes)
        )
    if basic.path_length is not None and basic.path_length < below:
        return Wording(
            "allows {allowed} intermediates below it, not {below}",
            allowed=basic.path_length,
            below=below,
        )
    return None


def forbidden_name(certificate: Certificate, issuer: Certificate) -> str | None:
    """Which name of a certificate the name constraints of a CA above it do not allow, or None
    (RFC 5280 section 4.2.1.10)."""
    constraints = extensions(issuer.der).get(x509.NameConstraints)
    if constraints is None:
        return None
    excluded = tuple(constraints.excluded_subtrees or ())
    permitted = tuple(constraints.permitted_subtrees or ())
    for name in _names(certificate):
        if any(_within(name, subtree) for subtree in excluded):
            return _text(name)
        same_kind = [subtree for subtree in permitted if type(subtree) is type(name)]
        if same_kind and not any(_within(name, subtree) for subtree in same_kind):
            return _text(name)
    return None


def _names(certificate: Certificate) -> Iterable[x509.GeneralName]:
    if name_keys(certificate.der)[0]:
        yield x509.DirectoryName(load(certificate.der).subject)
    names = extensions(certificate.der).get(x509.SubjectAlternativeName)
    if names is not None:
        yield from names


def _text(name: x509.GeneralName) -> str:
    if isinstance(name, x509.DirectoryName):
        return name.value.rfc4514_string()
    return str(name.value)


def _within(name: x509.GeneralName, subtree: x509.GeneralName) -> bool:
    match name, subtree:
        case x509.DNSName(), x509.DNSName():
            return _host_within(name.value, subtree.value)
        case x509.IPAddress(), x509.IPAddress():
            return _address_within(name.value, subtree.value)
        case x509.DirectoryName(), x509.DirectoryName():
            above = name_key(subtree.value)
            return name_key(name.value)[: len(above)] == above
        case x509.RFC822Name(), x509.RFC822Name():
            return _mailbox_within(name.value, subtree.value)
    return False


def _host_within(host: str, subtree: str) -> bool:
    host, subtree = host.lower(), subtree.lower()
    if not subtree or host == subtree:
        return True
    return host.endswith(subtree if subtree.startswith(".") else f".{subtree}")


def _address_within(address: object, network: object) -> bool:
    if not isinstance(network, ipaddress.IPv4Network | ipaddress.IPv6Network):
        return False
    return isinstance(address, ipaddress.IPv4Address | ipaddress.IPv6Address) and address in network


def _mailbox_within(mailbox: str, subtree: str) -> bool:
    """A mailbox, a host, or with a leading dot a domain."""
    if "@" in subtree:
        return mailbox.lower() == subtree.lower()
    host = mailbox.rpartition("@")[2].lower()
    return host == subtree.lower() or (subtree.startswith(".") and host.endswith(subtree.lower()))
