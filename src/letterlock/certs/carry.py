"""The certificate of the other key type that the store holds: carried over when one of the two is
renewed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from letterlock.certs.bundle import Bundle, CertificateFiles, leaf_and_authorities, prepare
from letterlock.certs.errors import CertificateError
from letterlock.certs.store import ECDSA_SUFFIX, STORE, folder_name
from letterlock.certs.trust import TrustStore
from letterlock.model.certificate import KeyType

#: Which of two stored certificates has files with that suffix.
_TYPES = {"": KeyType.RSA, ECDSA_SUFFIX: KeyType.ECDSA}


@dataclass(frozen=True, slots=True)
class Carried:
    """`bundle` is what goes into the new version too, None where there is nothing; `notices` say
    so, or why not."""

    bundle: Bundle | None
    notices: tuple[str, ...] = ()


def carry_over(
    host: str,
    given: Bundle,
    trust: TrustStore,
    at: datetime,
    root: Path = Path("/"),
    *,
    allow_self_signed: bool = False,
) -> Carried:
    """What the present version of the store has beside the certificate that `given` renews. It is
    judged as if it were given today, and dropped once it has expired.

    Raises CertificateError where it is not fit for another reason: to go on without it is for a
    person to decide."""
    suffix = _other_suffix(host, given, root)
    if suffix is None:
        return Carried(None)
    folder = _current(host, root)
    certificate = folder / f"fullchain{suffix}.pem"
    key = folder / f"key{suffix}.pem"
    try:
        leaf, _ = leaf_and_authorities(str(certificate), None, at)
        named = f"the {leaf.public_key.algorithm} certificate in the store"
        if leaf.not_after < at:
            gone = f"{named} expired on {leaf.not_after:%Y-%m-%d} and is no longer served"
            return Carried(None, (gone,))
        files = CertificateFiles(str(certificate), str(key))
        other = prepare(files, host, trust, at, allow_self_signed=allow_self_signed)
    except CertificateError as error:
        raise CertificateError(
            f"the {_TYPES[suffix]} certificate in the store cannot be kept beside the new one: "
            f"{error.what}",
            where=error.where,
            remedy="renew it too, or serve the new one alone with --single",
        ) from error
    # To the byte as it is, with its root where that was asked for then.
    kept = replace(
        other,
        fullchain_pem=certificate.read_bytes(),
        key_pem=key.read_bytes(),
        notices=(),
    )
    until = f"{named} is kept beside the new one until it expires, {leaf.not_after:%Y-%m-%d}"
    return Carried(kept, (f"{until}; --single drops it",))


def _current(host: str, root: Path) -> Path:
    return root / STORE.lstrip("/") / folder_name(host) / "current"


def _other_suffix(host: str, given: Bundle, root: Path) -> str | None:
    """Which of two stored pairs is of the other key type; None where there are no two, or none of
    them is what is renewed."""
    folder = _current(host, root)
    if not (folder / f"fullchain{ECDSA_SUFFIX}.pem").is_file():
        return None
    match given.leaf.public_key.key_type:
        case KeyType.RSA:
            return ECDSA_SUFFIX
        case KeyType.ECDSA:
            return ""
        case None:
            return None
