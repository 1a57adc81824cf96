"""Asks CAs whether certificates are revoked: OCSP first, then CRLs. Only where it was asked for,
since it tells the CA who is looked at, and fetches what a stranger's certificate names."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime

from letterlock.certs.errors import CertificateError
from letterlock.certs.revocation import crl_answer, crl_urls, ocsp_answer, ocsp_request
from letterlock.certs.signature import signed
from letterlock.certs.trust import TrustStore
from letterlock.certs.x509 import facts
from letterlock.model.certificate import Certificate, ChainVerdict
from letterlock.model.errors import UndeterminedError
from letterlock.model.facts import EndpointFacts, Handshake
from letterlock.model.revocation import Revocation, Told
from letterlock.model.unknown import Cause, Unknown
from letterlock.model.wording import Wording, joined
from letterlock.probe.fetch import Bounds, fetch, fetchable
from letterlock.probe.guard import Guard, anywhere

#: A response has some 2 kB with its signer's certificate.
OCSP_BOUNDS = Bounds(64 * 1024, longest=10.0)
#: Large CAs' unpartitioned lists have some MB.
CRL_BOUNDS = Bounds(8 * 1024 * 1024, longest=20.0, redirects=3)
#: Addresses tried of each kind, certificates of one target, and seconds for them all.
_MOST_URLS = 2
_MOST_CERTIFICATES = 8
_LONGEST = 60.0
#: Bytes of lists that are kept.
_KEPT = 16 * 1024 * 1024

_NOWHERE = Unknown(Wording("the certificate names neither OCSP nor CRL"), Cause.NOT_APPLICABLE)
_NO_ISSUER = Unknown(Wording("its issuer's certificate is not at hand"), Cause.NOT_REACHED)
_NO_TIME = Unknown(Wording("no time was left to ask"), Cause.BUDGET)


class Inquirer:
    """Asks for many targets; whatever was fetched once serves for all of them. May be used from
    several threads, each without an event loop."""

    def __init__(self, trust: TrustStore, guard: Guard = anywhere) -> None:
        self._trust = trust
        self._guard = guard
        self._lists: dict[str, bytes | UndeterminedError] = {}
        self._room = _KEPT
        self._known: dict[str, Revocation] = {}

    def __call__(self, endpoints: Sequence[EndpointFacts]) -> tuple[Revocation, ...]:
        """Of every certificate in the paths that clients would take, but for the anchors."""
        deadline = time.monotonic() + _LONGEST
        pairs = dict(
            pair for verdict in _verdicts(endpoints) for pair in _pairs(verdict, self._trust)
        )
        return tuple(
            self._revocation(subject, issuer, deadline)
            for subject, issuer in list(pairs.items())[:_MOST_CERTIFICATES]
        )

    def _revocation(
        self, subject: Certificate, issuer: Certificate | None, deadline: float
    ) -> Revocation:
        known = self._known.get(subject.sha256)
        if known is None:
            known = self._ask(subject, issuer, deadline)
            self._known[subject.sha256] = known
        return known

    def _ask(self, subject: Certificate, issuer: Certificate | None, deadline: float) -> Revocation:
        """The first answer; where there is none, why each address gave none."""
        if issuer is None:
            return Revocation(subject, _NO_ISSUER)
        failures = []
        for source, ask in self._ways(subject.der, issuer.der):
            if time.monotonic() > deadline:
                return Revocation(subject, _NO_TIME)
            try:
                return Revocation(subject, ask(), source)
            except CertificateError as error:
                failures.append(f"{source}: {error.what}")
            except UndeterminedError as error:
                failures.append(error.what)
        if not failures:
            return Revocation(subject, _NOWHERE)
        return Revocation(subject, Unknown(joined("; ", failures)))

    def _ways(self, subject: bytes, issuer: bytes) -> Iterator[tuple[str, Callable[[], Told]]]:
        for url in _usable(_ocsp_urls(subject)):
            yield f"OCSP {url}", lambda url=url: self._by_ocsp(url, subject, issuer)  # type: ignore[misc]
        for url in _usable(crl_urls(subject)):
            yield f"CRL {url}", lambda url=url: self._by_list(url, subject, issuer)  # type: ignore[misc]

    def _by_ocsp(self, url: str, subject: bytes, issuer: bytes) -> Told:
        question = ocsp_request(subject, issuer)
        kind = "application/ocsp-request"
        answer = fetch(url, OCSP_BOUNDS, post=question, kind=kind, guard=self._guard)
        return ocsp_answer(answer, subject, issuer, datetime.now(UTC))

    def _by_list(self, url: str, subject: bytes, issuer: bytes) -> Told:
        found = self._lists.get(url) or self._fetched(url)
        if isinstance(found, UndeterminedError):
            raise found
        return crl_answer(found, subject, issuer, datetime.now(UTC))

    def _fetched(self, url: str) -> bytes | UndeterminedError:
        """Kept for the next certificate, as long as there is room; what could not be had, too."""
        try:
            found: bytes | UndeterminedError = fetch(url, CRL_BOUNDS, guard=self._guard)
        except UndeterminedError as error:
            found = error
        size = len(found) if isinstance(found, bytes) else 0
        if size <= self._room:
            self._room -= size
            self._lists[url] = found
        return found


def _ocsp_urls(subject: bytes) -> tuple[str, ...]:
    return facts(subject).ocsp_urls


def _usable(urls: Sequence[str]) -> list[str]:
    return [url for url in dict.fromkeys(urls) if fetchable(url)][:_MOST_URLS]


def _verdicts(endpoints: Sequence[EndpointFacts]) -> Iterator[ChainVerdict]:
    for each in endpoints:
        handshakes = (each.handshake, *each.further)
        yield from (one.verdict for one in handshakes if isinstance(one, Handshake))
        if each.tls is not None:
            yield from (chain.verdict for chain in each.tls.chains)


def _pairs(
    verdict: ChainVerdict, trust: TrustStore
) -> Iterator[tuple[Certificate, Certificate | None]]:
    """Each certificate of the path with its issuer; of a self-signed one nobody but itself could
    say anything."""
    if verdict.anchor is None and verdict.mozilla is not None and verdict.mozilla.anchor:
        verdict = verdict.mozilla
    for position, subject in enumerate(verdict.path):
        if not subject.self_issued:
            above = verdict.path[position + 1 : position + 2]
            yield subject, above[0] if above else _anchor(subject, trust)


def _anchor(subject: Certificate, trust: TrustStore) -> Certificate | None:
    stores = [trust] if trust.mozilla is None else [trust, trust.mozilla]
    found = (one for store in stores for one in store.issuers_of(subject))
    return next((one for one in found if signed(subject.der, one.der)), None)
