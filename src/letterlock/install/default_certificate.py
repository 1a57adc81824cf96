"""Which certificate a server serves to clients that name nobody, and whether a new one takes its
place or stands beside it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from letterlock.certs import material
from letterlock.certs.errors import CertificateError
from letterlock.certs.names import covers, spoken_for
from letterlock.certs.store import ECDSA_SUFFIX, STORE, folder_name
from letterlock.install.names import KeyAndChain, ServedName
from letterlock.model.certificate import Certificate
from letterlock.servers.dovecot_configuration import DovecotConfiguration
from letterlock.servers.postfix_configuration import PostfixConfiguration
from letterlock.servers.vocabulary import vocabulary

_KEPT = re.compile(rf"{re.escape(STORE)}/(?P<folder>[^/]+)/current/")


@dataclass(frozen=True, slots=True)
class DefaultCertificate:
    """A server's default certificate: the file, the store's folder where it is one of
    letterlock's, and the leaf where the file can be read."""

    server: str
    file: str
    folder: str | None
    leaf: Certificate | None


def default_certificates(
    postfix: PostfixConfiguration | None, dovecot: DovecotConfiguration | None, root: Path
) -> tuple[DefaultCertificate, ...]:
    """Those of both servers; none for a server that names no file."""
    files = []
    if postfix:
        chains = postfix.value("smtpd_tls_chain_files").replace(",", " ").split()
        files.append(("Postfix", chains[-1] if chains else postfix.value("smtpd_tls_cert_file")))
    if dovecot:
        row = vocabulary("dovecot").spelling("certificate", dovecot.version)
        value = (dovecot.tree.get(row.name) or dovecot.value(row.name)) if row else ""
        files.append(("Dovecot", value.removeprefix("<").strip()))
    return tuple(_described(server, file, root) for server, file in files if file.startswith("/"))


def _described(server: str, file: str, root: Path) -> DefaultCertificate:
    kept = _KEPT.match(file)
    try:
        found = material.read(root / file.lstrip("/")).certificates
        leaf = found[0].certificate if found else None
    except CertificateError:
        leaf = None
    return DefaultCertificate(server, file, kept["folder"] if kept else None, leaf)


def belongs_beside(
    host: str, defaults: Iterable[DefaultCertificate], present: Collection[str]
) -> bool:
    """Whether the certificate for `host` is to be served by SNI beside the default, where the user
    has not said: the default is one that letterlock keeps for another host, or the host is one of
    `present`, the names with an entry of their own, and the default does not speak for it."""
    present_defaults = tuple(defaults)
    folders = {default.folder for default in present_defaults} - {None}
    if folder_name(host) in folders:
        return False
    if folders:
        return True
    covered = any(default.leaf and covers(default.leaf, host) for default in present_defaults)
    return host in present and not covered


def replaced_notices(host: str, defaults: Iterable[DefaultCertificate]) -> tuple[str, ...]:
    """What is to be said where a default that others vouch for is replaced by that of `host`."""
    said = {}
    for default in defaults:
        leaf = default.leaf
        if leaf and leaf.dns_names and not leaf.self_issued and not covers(leaf, host):
            said[leaf.sha256] = (
                f"the default certificate was one for {spoken_for(leaf)} ({default.file}): clients "
                "of those names are served the new one; --sni keeps the default and adds "
                f"{host} beside it"
            )
    return tuple(said.values())


def kept_names(
    host: str, defaults: Iterable[DefaultCertificate], root: Path
) -> tuple[ServedName, ...]:
    """The other host whose default certificate, one of letterlock's, makes room for that of `host`:
    the name that it is to be served by from then on, with its present files."""
    found: dict[str, ServedName] = {}
    for default in defaults:
        if default.folder is None or default.leaf is None or default.folder == folder_name(host):
            continue
        name = default.folder.replace("_wildcard.", "*.", 1)
        combined = "/combined" in default.file
        found.setdefault(name, ServedName(name, tuple(_kept_pairs(default.folder, combined, root))))
    return tuple(found.values())


def _kept_pairs(folder: str, combined: bool, root: Path) -> Iterator[KeyAndChain]:
    current = f"{STORE}/{folder}/current"
    for suffix in ("", ECDSA_SUFFIX):
        files = [f"{current}/{each}{suffix}.pem" for each in ("key", "fullchain")]
        paths = [root / file.lstrip("/") for file in files]
        if not paths[1].exists():
            continue
        leaf = material.read(paths[1]).certificates[0].certificate
        pem = b"".join(material.read_bytes(path) for path in paths)
        one = [f"{current}/combined{suffix}.pem"] * 2 if combined else files
        yield KeyAndChain(one[0], one[1], pem, leaf.sha256, leaf.public_key.key_type)
