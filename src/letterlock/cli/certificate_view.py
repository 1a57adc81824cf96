"""Certificates for eyes and for machines."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from letterlock.certs.material import LoadedCertificate
from letterlock.model.certificate import Certificate


def as_data(loaded: LoadedCertificate, at: datetime) -> dict[str, Any]:
    """Every fact as JSON has it; times in RFC 3339, the serial number as hex, since it has up to
    20 bytes."""
    one = loaded.certificate
    return {
        "where": str(loaded.where),
        "subject": one.subject,
        "issuer": one.issuer,
        "serial_number": serial(one),
        "dns_names": one.dns_names,
        "ip_addresses": one.ip_addresses,
        "not_before": one.not_before.isoformat(),
        "not_after": one.not_after.isoformat(),
        "days_left": one.days_left(at),
        "public_key": {
            "algorithm": one.public_key.algorithm,
            "bits": one.public_key.bits,
            "curve": one.public_key.curve,
        },
        "signature_algorithm": one.signature_algorithm,
        "signature_hash": one.signature_hash,
        "is_ca": one.is_ca,
        "self_issued": one.self_issued,
        "extended_key_usage": one.extended_key_usage,
        "issuer_urls": one.issuer_urls,
        "ocsp_urls": one.ocsp_urls,
        "must_staple": one.must_staple,
        "oddities": one.oddities,
        "sha256": one.sha256,
        "spki_sha256": one.spki_sha256,
    }


def rows(one: Certificate, at: datetime) -> Iterable[tuple[str, str]]:
    """Label and text of each fact there is."""
    left = one.days_left(at)
    term = f"expired {-left} days ago" if left < 0 else f"{left} days left"
    if at < one.not_before:
        term = "not valid yet"
    every = (
        ("Subject", one.subject),
        ("Names", ", ".join((*one.dns_names, *one.ip_addresses)) or "none (no subjectAltName)"),
        ("Issuer", one.issuer + (" (self-issued)" if one.self_issued else "")),
        ("Serial number", serial(one)),
        ("Valid from", f"{one.not_before:%Y-%m-%d %H:%M} UTC"),
        ("Valid until", f"{one.not_after:%Y-%m-%d %H:%M} UTC, {term}"),
        ("Public key", str(one.public_key)),
        ("Signature", one.signature_algorithm),
        ("Kind", "CA" if one.is_ca else "end entity"),
        ("Purposes", _purposes(one)),
        ("Issuer at", ", ".join(one.issuer_urls)),
        ("OCSP at", ", ".join(one.ocsp_urls)),
        ("Must-staple", "yes" if one.must_staple else ""),
        ("Odd", ", ".join(one.oddities)),
        ("SHA-256", one.sha256),
        ("Key SHA-256", one.spki_sha256),
    )
    return ((label, text) for label, text in every if text)


def serial(one: Certificate) -> str:
    """As OpenSSL prints it: pairs of hexadecimal digits."""
    digits = f"{abs(one.serial_number):X}"
    padded = digits.zfill(len(digits) + len(digits) % 2)
    sign = "-" if one.serial_number < 0 else ""
    return sign + ":".join(padded[start : start + 2] for start in range(0, len(padded), 2))


def _purposes(one: Certificate) -> str:
    return "any" if one.extended_key_usage is None else ", ".join(one.extended_key_usage)
