"""A page over HTTPS, or HTTP where that is asked for, from addresses that are known already: the
name is not resolved again, so that nobody can have it lead elsewhere in between."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from letterlock.certs.trust import TrustStore
from letterlock.model.errors import UndeterminedError
from letterlock.probe.fetch import Bounds

if TYPE_CHECKING:
    import httpx2

#: Seconds, for any one step of it.
_STEP = 10.0
#: Addresses of a host that are tried, each after the one before it could not be connected to.
_MOST_ADDRESSES = 4


@dataclass(frozen=True, slots=True)
class Page:
    """What a server answered to GET: `media_type` in lower case without its parameters, empty where
    none was said; `body` only where the status is 200."""

    status: int
    media_type: str
    body: bytes


class UntrustedError(UndeterminedError):
    """Somebody answers, with a certificate that is not valid for the host."""


def _everywhere(_address: str) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class _Wanted:
    host: str
    path: str
    secure: bool
    port: int

    @property
    def authority(self) -> str:
        usual = 443 if self.secure else 80
        return self.host if self.port == usual else f"{self.host}:{self.port}"

    def url_at(self, address: str) -> str:
        at = f"[{address}]" if ":" in address else address
        return f"http{'s' if self.secure else ''}://{at}:{self.port}{self.path}"


@dataclass(slots=True)
class Web:
    """Fetches pages. `trust` are the roots that certificates must lead to, with Mozilla's where it
    has them beside it; `admits` says of an address whether it may be gone to: what serves strangers
    refuses its own network here. Threads without an event loop may share one."""

    trust: TrustStore
    admits: Callable[[str], bool] = _everywhere
    port: int = 443
    plain_port: int = 80
    _context: ssl.SSLContext | None = field(default=None, repr=False)

    def get(
        self,
        host: str,
        path: str,
        addresses: Sequence[str],
        bounds: Bounds,
        *,
        secure: bool = True,
    ) -> Page:
        """`https://HOST/PATH`, not `secure`: `http://`, from the first of `addresses` that can be
        connected to. The certificate must be valid for the host; no redirect is followed, no cookie
        or proxy used.

        Raises UndeterminedError when it cannot be had, with the reason; UntrustedError where that
        is the certificate."""
        permitted = [one for one in addresses if self.admits(one)][:_MOST_ADDRESSES]
        if not permitted:
            raise UndeterminedError(
                f"{host} has no address that may be gone to"
                if addresses
                else f"{host} has no address"
            )
        wanted = _Wanted(host, path, secure, self.port if secure else self.plain_port)
        return asyncio.run(self._get(wanted, permitted, bounds))

    async def _get(self, wanted: _Wanted, addresses: Sequence[str], bounds: Bounds) -> Page:
        import httpx2

        host = wanted.host
        try:
            async with asyncio.timeout(bounds.longest):
                return await self._from_first(wanted, addresses, bounds)
        except TimeoutError:
            raise UndeterminedError(f"{host} takes longer than {bounds.longest:g} s") from None
        except (httpx2.HTTPError, httpx2.InvalidURL, ValueError, OSError) as error:
            if fault := _certificate_fault(error):
                what = f"{host}: its certificate is not valid: {fault.rstrip('.')}"
                raise UntrustedError(what) from error
            words = " ".join(str(error).split()) or type(error).__name__
            raise UndeterminedError(f"{host}: {words}") from error

    async def _from_first(self, wanted: _Wanted, addresses: Sequence[str], bounds: Bounds) -> Page:
        import httpx2

        async with httpx2.AsyncClient(
            verify=self._verifying(), timeout=_STEP, follow_redirects=False, trust_env=False
        ) as client:
            for address in addresses[:-1]:
                try:
                    return await _from(client, wanted, address, bounds)
                except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
                    if _certificate_fault(error):
                        raise
            return await _from(client, wanted, addresses[-1], bounds)

    def _verifying(self) -> ssl.SSLContext:
        """The common name does not count (RFC 9525 section 6.3)."""
        if self._context is None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.hostname_checks_common_name = False
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            stores = [self.trust, *filter(None, [self.trust.mozilla])]
            for root in {root for store in stores for root in store.roots()}:
                # One that OpenSSL cannot read spoils no other.
                try:
                    context.load_verify_locations(cadata=root)
                except ssl.SSLError:
                    continue
            self._context = context
        return self._context


async def _from(client: httpx2.AsyncClient, wanted: _Wanted, address: str, bounds: Bounds) -> Page:
    headers = {
        "Host": wanted.authority,
        "Accept-Encoding": "identity",
        "Cache-Control": "no-cache",
    }
    # The name goes out as SNI, and is what the certificate is held against.
    named = {"sni_hostname": wanted.host}
    async with client.stream(
        "GET", wanted.url_at(address), headers=headers, extensions=named
    ) as response:
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        whole = response.status_code == 200
        body = await _body(wanted.host, response, bounds) if whole else b""
        return Page(response.status_code, kind, body)


async def _body(host: str, response: httpx2.Response, bounds: Bounds) -> bytes:
    coding = response.headers.get("content-encoding", "identity").strip().lower()
    if coding != "identity":
        raise UndeterminedError(f"{host} sends it coded ({coding[:20]!r}), which was not asked for")
    received = bytearray()
    async for part in response.aiter_raw():
        received += part
        if len(received) > bounds.largest:
            raise UndeterminedError(f"{host} gives more than {bounds.largest // 1024} KiB")
    return bytes(received)


def _certificate_fault(error: BaseException | None) -> str:
    """OpenSSL's words for what is wrong with a certificate; empty where it is another fault."""
    seen = 0
    while error is not None and seen < 8:
        if isinstance(error, ssl.SSLCertVerificationError):
            return error.verify_message
        error, seen = error.__cause__ or error.__context__, seen + 1
    return ""
