"""What a test's certificates have to be, for each trap's one fault to be its only one: who refuses
for another fault would be taken for a sender that checks."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from functools import cache

from letterlock.certs.bundle import Bundle, CertificateFiles, own_certificate, prepare
from letterlock.certs.errors import CertificateError
from letterlock.certs.keys import Password
from letterlock.certs.material import read
from letterlock.certs.names import covers, spoken_for
from letterlock.certs.trust import TrustStore
from letterlock.listen.addresses import Names
from letterlock.listen.places import Role, Whose
from letterlock.listen.zone import policy_host
from letterlock.model.certificate import Certificate
from letterlock.model.errors import Location
from letterlock.model.listening import Trap


def demand_names(
    leaf: Certificate, names: Names, where: Location, served: Collection[Whose]
) -> None:
    """That the good certificate is for the hosts that show it, of those that are `served`, but for
    the one whose name is to be wrong. Raises CertificateError, with all that are missing."""
    missing = [host for host in _shown_at(names, served) if not covers(leaf, host)]
    if missing:
        remedy = "order one for all of them" if len(missing) > 1 else "order one for it too"
        if policy_host(names) in missing:
            remedy += "; without --listen policy=… a web server of yours serves the policy"
        raise CertificateError(
            f"the certificate is not for {' and '.join(missing)}: it has {spoken_for(leaf)}",
            where=where,
            remedy=remedy,
        )
    wrong = names.host(Trap.WRONG_NAME)
    if covers(leaf, wrong):
        raise CertificateError(
            f"the certificate is for {wrong} too, where it is to be the wrong one",
            where=where,
            remedy=f"order one that names {names.host(Trap.GOOD)} itself",
        )


def _shown_at(names: Names, served: Collection[Whose]) -> Iterator[str]:
    yield names.host(Trap.GOOD)
    if None in served or Trap.TLSA_MISMATCH in served:
        yield names.host(Trap.TLSA_MISMATCH)
    if Role.POLICY in served:
        yield policy_host(names)


def expired(
    files: CertificateFiles,
    names: Names,
    trust: TrustStore,
    now: datetime,
    *,
    password: Password | None = None,
    allow_self_signed: bool = False,
) -> Bundle:
    """A certificate that was right for its trap until it ran out. Raises CertificateError for one
    that has not, and for what would have been held against it on its last day."""
    once = cache(password) if password else None
    where = Location(files.certificate)
    if files.key is None and not read(files.certificate, once).keys:
        raise CertificateError(
            "the private key is missing", where=where, remedy="--expired-key names its file"
        )
    leaf = own_certificate(files, once, now).certificate
    if leaf.not_after >= now:
        raise CertificateError(
            f"the certificate has not run out: it is valid until {leaf.not_after:%Y-%m-%d}",
            where=where,
            remedy="without --expired-cert a throw-away CA makes one that has",
        )
    return prepare(
        files,
        names.host(Trap.EXPIRED),
        trust,
        leaf.not_after,
        password=once,
        allow_self_signed=allow_self_signed,
    )
