"""Fetches the certificate of an issuer from where a certificate says it is."""

from __future__ import annotations

from letterlock.model.errors import UndeterminedError
from letterlock.probe.fetch import Bounds, fetch

#: A certificate has some 2 kB, a PKCS#7 of several some 10 kB.
LARGEST = 128 * 1024
_BOUNDS = Bounds(LARGEST, longest=15.0, redirects=3)


def fetch_issuer(url: str) -> bytes:
    """What an http or https URL gives (RFC 5280 section 4.2.2.1: DER or PKCS#7), within bounds.
    What comes is verified by its signature, not by its way.

    Raises UndeterminedError when it cannot be had."""
    try:
        return fetch(url, _BOUNDS)
    except UndeterminedError as error:
        raise UndeterminedError(error.what, remedy="give it with --chain") from error
