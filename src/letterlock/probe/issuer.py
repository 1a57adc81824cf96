"""Fetches the certificate of an issuer from where a certificate says it is."""

from __future__ import annotations

import time

from letterlock.model.errors import UndeterminedError

#: A certificate has some 2 kB, a PKCS#7 of several some 10 kB.
LARGEST = 128 * 1024
#: Seconds, for the whole of it.
LONGEST = 15.0
#: Seconds, for any one step of it.
_STEP = 5.0
_MOST_REDIRECTS = 3


def fetch_issuer(url: str) -> bytes:
    """What an http or https URL gives (RFC 5280 section 4.2.2.1: DER or PKCS#7), at most LARGEST
    bytes within LONGEST seconds. What comes is verified by its signature, not by its way.

    Raises UndeterminedError when it cannot be had."""
    import httpx2

    deadline = time.monotonic() + LONGEST
    received = bytearray()
    try:
        with (
            httpx2.Client(
                timeout=_STEP, follow_redirects=True, max_redirects=_MOST_REDIRECTS
            ) as client,
            client.stream("GET", url, headers={"Accept-Encoding": "identity"}) as response,
        ):
            response.raise_for_status()
            for part in response.iter_raw():  # not decoded: a few bytes could become many
                received += part
                if len(received) > LARGEST:
                    raise UndeterminedError(f"{url} gives more than {LARGEST // 1024} KiB")
                if time.monotonic() > deadline:
                    raise UndeterminedError(f"{url} takes longer than {LONGEST:g} s")
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError, OSError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UndeterminedError(
            f"{url} cannot be fetched ({reason})", remedy="give it with --chain"
        ) from error
    return bytes(received)
