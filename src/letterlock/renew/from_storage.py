"""Where each ACME client keeps its certificates, and those of them that are for a host."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from letterlock.certs import material
from letterlock.certs.bundle import CertificateFiles
from letterlock.certs.errors import CertificateError
from letterlock.certs.names import ascii_name, covers
from letterlock.model.certificate import Certificate
from letterlock.model.errors import InputError, Location
from letterlock.renew.from_hook import lego_files
from letterlock.renew.handover import Embedded, Handover


@dataclass(frozen=True, slots=True)
class Storage:
    """`place` is where the client keeps its certificates unless told otherwise (None: nowhere
    that is the same everywhere); `read` gives each certificate found there."""

    place: str | None
    read: Callable[[Path], Iterator[Handover]]


def from_storage(client: str, place: str | None, host: str) -> tuple[Handover, ...]:
    """The certificates in a client's storage that speak for `host`, oldest first: one, or one of
    each key type, or of each CA asked.

    Raises InputError where there is none, or no such storage."""
    storage = STORAGES[client]
    where = place or storage.place
    if where is None:
        raise InputError(
            f"{client} keeps its certificates in no fixed place",
            remedy=f"name it: --from {client}:FILE",
        )
    folder = Path(where).expanduser()
    if not folder.exists():
        raise InputError("no such file or folder", where=Location(str(folder)),
                         remedy=f"name the place: --from {client}:PLACE")  # fmt: skip
    name = ascii_name(host)
    found = []
    for handover in storage.read(folder):
        leaf = _leaf(handover)
        if leaf is not None and covers(leaf, name):
            found.append((leaf.not_before, replace(handover, host=name)))
    if not found:
        raise InputError(
            f"{client} has no certificate for {name} there", where=Location(str(folder))
        )
    return tuple(handover for _, handover in sorted(found, key=lambda pair: pair[0]))


def _leaf(handover: Handover) -> Certificate | None:
    """The certificate itself; None for what cannot be read, which is then no candidate."""
    contents = handover.contents
    try:
        if isinstance(contents, Embedded):
            read = material.parse(contents.certificate, handover.subject)
        else:
            read = material.read(contents.certificate)
    except CertificateError:
        return None
    leaves = [one.certificate for one in read.certificates if not one.certificate.is_ca]
    return leaves[0] if leaves else None


def _pairs(
    client: str, folder: Path, pattern: str, key: Callable[[Path], Path]
) -> Iterator[Handover]:
    for certificate in sorted(folder.glob(pattern)):
        its_key = key(certificate)
        if certificate.is_file() and its_key.is_file():
            files = CertificateFiles(str(certificate), str(its_key))
            yield Handover(client, certificate.parent.name, files)


def _certbot(folder: Path) -> Iterator[Handover]:
    """live/LINEAGE/{fullchain,privkey}.pem (its README beside them)."""
    return _pairs("certbot", folder, "live/*/fullchain.pem", lambda c: c.with_name("privkey.pem"))


def _dehydrated(folder: Path) -> Iterator[Handover]:
    """CERTDIR is certs/ below BASEDIR (docs/examples/config); Debian's BASEDIR is
    /var/lib/dehydrated."""
    return _pairs(
        "dehydrated", folder, "certs/*/fullchain.pem", lambda c: c.with_name("privkey.pem")
    )


def _acme_sh(folder: Path) -> Iterator[Handover]:
    """DOMAIN/ or DOMAIN_ecc/ with fullchain.cer and DOMAIN.key (acme.sh, _initpath)."""

    def key(certificate: Path) -> Path:
        return certificate.with_name(f"{certificate.parent.name.removesuffix('_ecc')}.key")

    return _pairs("acme.sh", folder, "*/fullchain.cer", key)


def _uacme(folder: Path) -> Iterator[Handover]:
    """CONFDIR/IDENTIFIER/cert.pem, CONFDIR/private/IDENTIFIER/key.pem (uacme(1))."""
    return _pairs(
        "uacme", folder, "*/cert.pem", lambda c: folder / "private" / c.parent.name / "key.pem"
    )


def _caddy(folder: Path) -> Iterator[Handover]:
    """certificates/ISSUER/NAME/NAME.{crt,key} (certmagic, storage.go KeyBuilder)."""
    return _pairs("caddy", folder, "certificates/*/*/*.crt", lambda c: c.with_suffix(".key"))


def _lego(folder: Path) -> Iterator[Handover]:
    """certificates/NAME.{crt,key} (cmd/certs_storage.go)."""
    for certificate in sorted(folder.glob("certificates/*.crt")):
        key = certificate.with_suffix(".key")
        if not certificate.name.endswith(".issuer.crt") and key.is_file():
            yield Handover("lego", certificate.stem, lego_files(str(certificate), str(key)))


class _TraefikDomain(msgspec.Struct):
    main: str = ""


class _TraefikCertificate(msgspec.Struct):
    """`certificate` and `key` are PEM; Go writes bytes in base64, as msgspec reads them."""

    certificate: bytes
    key: bytes
    domain: _TraefikDomain = msgspec.field(default_factory=_TraefikDomain)


class _TraefikResolver(msgspec.Struct, rename={"certificates": "Certificates"}):
    certificates: list[_TraefikCertificate] | None = None


def _traefik(file: Path) -> Iterator[Handover]:
    """acme.json: resolver → Certificates → domain, certificate, key (pkg/provider/acme/store.go,
    provider.go, Traefik 2 and 3)."""
    contents = material.read_bytes(file)
    try:
        resolvers = msgspec.json.decode(contents, type=dict[str, _TraefikResolver | None])
    except msgspec.DecodeError as error:
        raise InputError(
            f"is no acme.json of Traefik ({error})", where=Location(str(file))
        ) from None
    for resolver in resolvers.values():
        for each in (resolver.certificates or []) if resolver else []:
            embedded = Embedded(each.certificate, each.key)
            yield Handover("traefik", each.domain.main or file.name, embedded)


STORAGES = {
    "certbot": Storage("/etc/letsencrypt", _certbot),
    "lego": Storage(os.environ.get("LEGO_PATH", "~/.lego"), _lego),
    "acme.sh": Storage(os.environ.get("LE_CONFIG_HOME", "~/.acme.sh"), _acme_sh),
    "dehydrated": Storage("/var/lib/dehydrated", _dehydrated),
    "uacme": Storage("/etc/ssl/uacme", _uacme),
    "caddy": Storage("/var/lib/caddy/.local/share/caddy", _caddy),
    "traefik": Storage(None, _traefik),
}
