"""TLSA records held against a chain as served (RFC 6698, 7671; for SMTP RFC 7672)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime

from letterlock.certs import der
from letterlock.certs.errors import CertificateError
from letterlock.certs.judge import judge
from letterlock.certs.names import covers, spoken_for
from letterlock.certs.tlsa import Matching, Selector, Usage
from letterlock.certs.trust import TrustStore
from letterlock.certs.x509 import facts, load
from letterlock.model.certificate import Certificate, ChainFault, ChainVerdict
from letterlock.model.dns_facts import RecordMatch, TlsaRecord
from letterlock.model.wording import Wording, joined

_LENGTHS = {Matching.SHA2_256: 32, Matching.SHA2_512: 64}
_PKIX = (Usage.PKIX_TA, Usage.PKIX_EE)
#: What a DANE client leaves to the record (RFC 7671 section 5): strength is not its question.
_NOT_ASKED = (ChainFault.WEAK_KEY, ChainFault.WEAK_SIGNATURE, ChainFault.NAME_MISMATCH)


def hold_against(
    record: TlsaRecord,
    chain: Sequence[Certificate],
    verdict: ChainVerdict,
    names: Sequence[str],
    at: datetime,
    *,
    between_servers: bool,
) -> RecordMatch:
    """What a client that does DANE says to a chain, leaf first. `names` are those of which the
    certificate must have one under usages that ask for names, `verdict` is the public CAs',
    `between_servers` port 25's rules (RFC 7672 section 3.1.3)."""
    reason = unusable(record, between_servers=between_servers)
    if reason:
        return RecordMatch(record, unusable=reason)
    if not chain:
        return RecordMatch(record, why_not=Wording("no certificate was served"))
    match record.usage:
        case Usage.DANE_EE:
            return RecordMatch(record, why_not=_not_this(record, chain[0]))
        case Usage.DANE_TA:
            return RecordMatch(record, why_not=_not_from(record, chain, names, at))
    within = chain[:1] if record.usage == Usage.PKIX_EE else verdict.path
    if not any(_is(record, one) for one in within):
        return RecordMatch(
            record, why_not=Wording("no certificate of the path is the one it names")
        )
    problems = joined("; ", (each.text for each in verdict.problems))
    return RecordMatch(record, why_not=problems)


def unusable(record: TlsaRecord, *, between_servers: bool) -> str:
    """Why a client passes a record over; empty where it can be used."""
    if record.usage not in tuple(Usage):
        return Wording("usage {number} is not assigned", number=record.usage)
    if between_servers and record.usage in _PKIX:
        return Wording("usage {number} is not for mail between servers", number=record.usage)
    if record.selector not in tuple(Selector):
        return Wording("selector {number} is not assigned", number=record.selector)
    if record.matching not in tuple(Matching):
        return Wording("matching type {number} is not assigned", number=record.matching)
    wanted = _LENGTHS.get(Matching(record.matching))
    if wanted is not None and len(record.association) != wanted:
        return Wording(
            "{bytes} bytes where a digest has {wanted}",
            bytes=len(record.association),
            wanted=wanted,
        )
    if wanted is None and not _is_whole(record):
        if record.selector == Selector.CERT:
            return Wording("its data is no certificate")
        return Wording("its data is no public key")
    return ""


def _is_whole(record: TlsaRecord) -> bool:
    try:
        if record.selector == Selector.CERT:
            load(record.association)
            return True
        return der.first(record.association).whole == record.association != b""
    except CertificateError:
        return False


def _is(record: TlsaRecord, certificate: Certificate) -> bool:
    try:
        selected = (
            certificate.der
            if record.selector == Selector.CERT
            else der.subject_public_key_info(certificate.der)
        )
    except CertificateError:
        return False
    match record.matching:
        case Matching.SHA2_256:
            selected = hashlib.sha256(selected).digest()
        case Matching.SHA2_512:
            selected = hashlib.sha512(selected).digest()
    return selected == record.association


def _not_this(record: TlsaRecord, leaf: Certificate) -> str:
    """Nothing but the match counts: neither names nor dates (RFC 7671 section 5.1)."""
    if _is(record, leaf):
        return ""
    if record.selector == Selector.CERT:
        return Wording("the certificate served is another")
    return Wording("the key served is another")


def _not_from(
    record: TlsaRecord, chain: Sequence[Certificate], names: Sequence[str], at: datetime
) -> str:
    """The issuer must be served too (RFC 7671 section 5.2.1), unless the record holds it in full;
    names and dates count."""
    issuers = [one for one in chain[1:] if _is(record, one)]
    if not issuers and record.matching == Matching.FULL and record.selector == Selector.CERT:
        issuers = [facts(record.association)]
    if not issuers:
        return Wording("no CA certificate in the chain served is the one it names")
    if not any(_covered(chain[0], name) for name in names):
        return Wording(
            "the certificate is not for {name}: it has {names}",
            name=joined(" or ", names),
            names=spoken_for(chain[0]),
        )
    said = [_problems(chain, issuer, at) for issuer in issuers]
    return "" if any(not problems for problems in said) else said[0]


def _covered(leaf: Certificate, name: str) -> bool:
    try:
        return covers(leaf, name)
    except CertificateError:
        return False


def _problems(chain: Sequence[Certificate], issuer: Certificate, at: datetime) -> str:
    verdict = judge(chain, None, _Issuer(issuer), at)
    return joined("; ", (each.text for each in verdict.problems if each.fault not in _NOT_ASKED))


class _Issuer(TrustStore):
    """One certificate, self-signed or not, as the only trust anchor."""

    def __init__(self, issuer: Certificate) -> None:
        super().__init__(Wording("the TLSA record"), None)
        self._issuer = issuer

    def __contains__(self, certificate: Certificate) -> bool:
        return certificate.der == self._issuer.der

    def issuers_of(self, certificate: Certificate) -> tuple[Certificate, ...]:
        return () if certificate.der == self._issuer.der else (self._issuer,)
