"""What letterlock keeps of a host's certificates, and what a new one renews of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from letterlock.certs import material
from letterlock.certs.bundle import Bundle
from letterlock.certs.errors import CertificateError
from letterlock.certs.names import covers
from letterlock.certs.store import ECDSA_SUFFIX, STORE, Layout, StoredCertificate, plan_store
from letterlock.install.place import follow, outside
from letterlock.model.certificate import Certificate, KeyType
from letterlock.model.errors import InputError
from letterlock.renew.slots import Slot


class Kept:
    """The files that `slots` name, of which `written` are letterlock's own outside of its store;
    `host` is the only name that the new certificate is for, if any. `notes` say what stays as it
    is, and why."""

    def __init__(
        self,
        bundle: Bundle,
        host: str | None,
        root: Path,
        slots: Sequence[Slot],
        written: frozenset[str],
        at: datetime,
    ) -> None:
        self._bundle = bundle
        self._leaf = bundle.leaf
        self._host = host
        self._root = root
        self._slots = slots
        self._written = written
        self._at = at
        self._read: dict[str, Certificate | None] = {}
        self._stored: dict[str, StoredCertificate | None] = {}
        self.notes: list[str] = []

    def is_new(self, slot: Slot, store: StoredCertificate) -> bool:
        """Whether a slot will hold the new certificate, not one kept beside it."""
        other = store.alternative
        if other is None:
            return True
        ecdsa = Path(slot.certificate).stem.endswith(ECDSA_SUFFIX)
        pair = other if ecdsa else store.primary
        return pair.leaf_sha256 == self._leaf.sha256

    def held(self, path: str) -> Certificate | None:
        """The first certificate of a file; None for a key's file, or one that cannot be read."""
        if path not in self._read:
            self._read[path] = self._first(path)
        return self._read[path]

    def _first(self, path: str) -> Certificate | None:
        try:
            read = material.read(outside(self._root, follow(self._root, path)))
        except CertificateError:
            return None
        return read.certificates[0].certificate if read.certificates else None

    def host_of(self, slot: Slot) -> str | None:
        """The host whose certificate letterlock keeps in that file: in its store, or where
        `secure --cert-dir` put it."""
        path = Path(slot.certificate)
        if path.parent.name == "current" and str(path.parent.parent.parent) == STORE:
            return _host_of(path.parent.parent.name)
        if slot.certificate in self._written and path.suffix == ".pem":
            return _host_of(path.stem)
        return None

    def is_meant(self, host: str, slot: Slot) -> bool:
        """Whether the new certificate is for this host, whose slot it is."""
        return self._host in (None, host, slot.name) and covers(self._leaf, host)

    def renewed(self, host: str, slot: Slot) -> StoredCertificate | None:
        """What takes the place of a host's certificate; None where the new one does not renew
        it."""
        if not self.is_meant(host, slot):
            return None
        if host not in self._stored:
            fits = self._fits(host)
            self._stored[host] = self._store(host, slot) if fits else None
        return self._stored[host]

    def _fits(self, host: str) -> bool:
        """Whether the new certificate renews what is kept for a host; if not, why is noted."""
        for slot in self._slots:
            held = self.held(slot.certificate) if self.host_of(slot) == host else None
            if held is None:
                continue
            more = sorted(set(held.dns_names) - set(self._leaf.dns_names))
            if more and self._host is None:
                self.notes.append(
                    f"{host} keeps its certificate, which is also for {', '.join(more)}"
                )
                return False
            same_type = held.public_key.algorithm == self._leaf.public_key.algorithm
            if same_type and self._leaf.not_before < held.not_before:
                issued = f"{held.not_before:%Y-%m-%d}"
                self.notes.append(f"{host} keeps its certificate, which is newer: issued {issued}")
                return False
        return True

    def _store(self, host: str, slot: Slot) -> StoredCertificate:
        path, root = Path(slot.certificate), self._root
        if path.is_relative_to(STORE):
            bundles = (self._bundle, *self._beside(path.parent))
            return plan_store(host, bundles, Layout.SEPARATE, self._at, root)
        return plan_store(
            host,
            (self._bundle,),
            Layout.COMBINED if slot.key == slot.certificate else Layout.SEPARATE,
            self._at,
            root,
            certificate_folder=str(path.parent),
            key_folder=str(Path(slot.key).parent),
        )

    def _beside(self, current: Path) -> tuple[Bundle, ...]:
        """The stored certificate of the other key type, which the new version has too: to the byte
        and unjudged, for a renewal changes nothing but what was renewed."""
        folder = outside(self._root, follow(self._root, current))
        if not (folder / f"fullchain{ECDSA_SUFFIX}.pem").is_file():
            return ()
        if self._leaf.public_key.key_type is None:
            raise InputError(
                f"the store has an RSA and an ECDSA certificate, and the new one is of neither "
                f"type: {self._leaf.public_key}",
                remedy="letterlock secure --single replaces both",
            )
        is_rsa = self._leaf.public_key.key_type is KeyType.RSA
        suffix = ECDSA_SUFFIX if is_rsa else ""
        certificate = folder / f"fullchain{suffix}.pem"
        leaf = material.read(certificate).certificates[0].certificate
        key = material.read_bytes(folder / f"key{suffix}.pem")
        return (Bundle(leaf, (), None, certificate.read_bytes(), key),)


def _host_of(folder: str) -> str:
    return folder.replace("_wildcard.", "*.", 1)
