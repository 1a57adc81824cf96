"""The one place that says whether a relying party accepts a chain, seen on the wire or on disk.

The path is found and checked here and not by `cryptography.x509.verification`: that one holds the
web's baseline requirements (it wants an authorityKeyIdentifier, refuses SHA-1 before it can be
named, knows no laboratory CA made by `openssl req -x509`) and answers with one undivided error.
OpenSSL is the measure, since Postfix, Dovecot and their peers are built on it: the tests compare
with `openssl verify -purpose sslserver -verify_hostname`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from letterlock.certs import constraints
from letterlock.certs.names import covers, spoken_for
from letterlock.certs.path import Path, paths
from letterlock.certs.signature import weak_hash
from letterlock.certs.trust import TrustStore
from letterlock.model.certificate import Certificate, ChainFault, ChainProblem, ChainVerdict
from letterlock.model.wording import Wording

#: NIST SP 800-57 part 1: 112 bits of security, as OpenSSL's security level 2.
LEAST_BITS = {"RSA": 2048, "DSA": 2048, "ECDSA": 224}


def judge(
    chain: Sequence[Certificate],
    name: str | None,
    trust: TrustStore,
    at: datetime,
    *,
    allow_self_signed: bool = False,
) -> ChainVerdict:
    """What a relying party would say to a chain, leaf first.

    Only the chain and the anchors of `trust` count: an intermediate that is missing from `chain`
    is missing, wherever else it may be known. `name` is a host name or an IP address, None when
    none was asked for. `at` is aware. `allow_self_signed` accepts a self-signed leaf, and a chain
    that brings its own unknown root.

    Raises CertificateError only when `name` is neither host name nor address."""
    if not chain:
        problem = ChainProblem(ChainFault.INVALID, Wording("no certificate was given"))
        return ChainVerdict((), None, (problem,))
    leaf = chain[0]
    found = best_path(paths(leaf, chain[1:], trust), at)
    problems = (
        *_name_problems(leaf, name),
        *path_problems(found, at),
        *_trust_problems(found, trust, allow_self_signed),
    )
    return ChainVerdict(
        found.certificates, found.anchor.subject if found.anchor else None, problems
    )


def best_path(candidates: Sequence[Path], at: datetime) -> Path:
    """The first path to an anchor that nothing is wrong with; else the first to an anchor; else
    the one that ends in a root or goes furthest."""
    for path in candidates:
        if path.anchor is not None and not any(path_problems(path, at)):
            return path
    return candidates[0]


def _name_problems(leaf: Certificate, name: str | None) -> Iterable[ChainProblem]:
    if name is not None and not covers(leaf, name):
        yield ChainProblem(
            ChainFault.NAME_MISMATCH,
            Wording(
                "the certificate is not for {name}: it has {names}",
                name=name,
                names=spoken_for(leaf),
            ),
        )


def path_problems(path: Path, at: datetime) -> tuple[ChainProblem, ...]:
    """Everything wrong with a path itself: dates, purpose, strength, constraints."""
    every = (
        path.certificates if path.anchor in (None, path.top) else (*path.certificates, path.anchor)
    )
    return (
        *(problem for one in every for problem in _date_problems(one, path, at)),
        *_purpose_problems(path.certificates[0]),
        *(problem for one in every for problem in _strength_problems(one, path)),
        *_constraint_problems(every, path),
    )


def called(certificate: Certificate, path: Path) -> str:
    """A certificate's part in a path, and its name where there can be several."""
    if certificate == path.certificates[0]:
        return Wording("the certificate")
    if certificate in (path.anchor, path.root):
        return Wording("the root certificate {subject}", subject=certificate.subject)
    return Wording("the intermediate certificate {subject}", subject=certificate.subject)


def _date_problems(one: Certificate, path: Path, at: datetime) -> Iterable[ChainProblem]:
    if at > one.not_after:
        yield ChainProblem(
            ChainFault.EXPIRED,
            Wording(
                "{certificate} expired on {time}",
                certificate=called(one, path),
                time=_day(one.not_after),
            ),
        )
    elif at < one.not_before:
        yield ChainProblem(
            ChainFault.NOT_YET_VALID,
            Wording(
                "{certificate} is not valid before {time}",
                certificate=called(one, path),
                time=_day(one.not_before),
            ),
        )


def _day(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M} UTC"


def _purpose_problems(leaf: Certificate) -> Iterable[ChainProblem]:
    fault = constraints.serves(leaf)
    if fault:
        yield ChainProblem(ChainFault.NO_SERVER_AUTH, _has(Wording("the certificate"), fault))


def _strength_problems(one: Certificate, path: Path) -> Iterable[ChainProblem]:
    key = one.public_key
    least = LEAST_BITS.get(key.algorithm)
    if least is not None and key.bits < least:
        yield ChainProblem(
            ChainFault.WEAK_KEY,
            Wording(
                "{certificate} has a key of {algorithm} {bits} bits, under {least}",
                certificate=called(one, path),
                algorithm=key.algorithm,
                bits=key.bits,
                least=least,
            ),
        )
    weak = weak_hash(one)
    # Nobody checks the signature that an anchor or a root puts under itself.
    if weak and one not in (path.anchor, path.root):
        yield ChainProblem(
            ChainFault.WEAK_SIGNATURE,
            Wording(
                "{certificate} is signed with {hash}",
                certificate=called(one, path),
                hash=_HASHES[weak],
            ),
        )


_HASHES = {"md5": "MD5", "sha1": "SHA-1"}


def _constraint_problems(every: Sequence[Certificate], path: Path) -> Iterable[ChainProblem]:
    for one in every:
        fault = constraints.unusable(one)
        if fault:
            yield ChainProblem(ChainFault.INVALID, _has(called(one, path), fault))
    for position, issuer in enumerate(every[1:], 1):
        intermediates = sum(not one.self_issued for one in every[1:position])
        fault = constraints.may_issue(issuer, intermediates) or _forbidden(every[:position], issuer)
        if fault:
            yield ChainProblem(ChainFault.INVALID, _has(called(issuer, path), fault))


def _has(certificate: str, fault: str) -> Wording:
    return Wording("{certificate} {fault}", certificate=certificate, fault=fault)


def _forbidden(below: Sequence[Certificate], issuer: Certificate) -> str | None:
    """Self-issued intermediates are exempt from name constraints (RFC 5280 section 6.1.3)."""
    for position, one in enumerate(below):
        if position == 0 or not one.self_issued:
            name = constraints.forbidden_name(one, issuer)
            if name:
                return Wording("may not certify {name}", name=name)
    return None


def _trust_problems(path: Path, trust: TrustStore, allow: bool) -> Iterable[ChainProblem]:
    if path.anchor is not None:
        return
    top = path.top
    if path.root is None:
        yield _unfinished(path, trust)
    elif not allow and len(path.certificates) == 1:
        yield ChainProblem(
            ChainFault.SELF_SIGNED,
            Wording("the certificate is self-signed and not in {roots}", roots=trust.source),
        )
    elif not allow:
        yield ChainProblem(
            ChainFault.NO_TRUST_ANCHOR,
            Wording(
                "the chain ends in the root certificate {subject}, which is not in {roots}",
                subject=top.subject,
                roots=trust.source,
            ),
        )


def _unfinished(path: Path, trust: TrustStore) -> ChainProblem:
    """Whether an intermediate or a root is missing cannot be known for sure. A certificate that
    says where its issuer is to be had, or a leaf alone, lacks an intermediate."""
    top = path.top
    if len(path.certificates) > 1 and not top.issuer_urls:
        return ChainProblem(
            ChainFault.NO_TRUST_ANCHOR,
            Wording(
                "{certificate} was issued by {issuer}, which is not in {roots}",
                certificate=called(top, path),
                issuer=top.issuer,
                roots=trust.source,
            ),
        )
    issuer = top.issuer
    if top.issuer_urls:
        issuer = Wording("{issuer}, to be had at {url}", issuer=issuer, url=top.issuer_urls[0])
    return ChainProblem(
        ChainFault.INCOMPLETE,
        Wording(
            "the chain is incomplete: the issuer of {certificate}, {issuer}, is neither in it nor "
            "in {roots}",
            certificate=called(top, path),
            issuer=issuer,
            roots=trust.source,
        ),
    )
