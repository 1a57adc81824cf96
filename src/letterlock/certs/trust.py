"""Trust anchors: the system's, or those of a file."""

from __future__ import annotations

import base64
import binascii
import os
import re
from collections.abc import Iterable
from pathlib import Path

from letterlock.certs import material
from letterlock.certs.errors import CertificateError
from letterlock.certs.signature import self_signed
from letterlock.certs.x509 import NameKey, facts, name_keys
from letterlock.model.certificate import Certificate
from letterlock.model.errors import Location
from letterlock.model.rooted import follow, outside
from letterlock.model.wording import Wording

#: Where distributions keep the roots in one file: Debian and Ubuntu, Fedora and RHEL, SUSE,
#: Alpine and the BSDs.
SYSTEM_FILES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
_ROOT = re.compile(rb"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)


def _below(root: Path, file: str) -> Path:
    return outside(root, follow(root, file))


_GIVEN = Wording("the given roots")


class TrustStore:
    """Self-signed certificates that a relying party believes. Only those count, as in OpenSSL
    without `-partial_chain`, which is what Postfix, Dovecot and their clients are.

    The file is read at the first question; of each certificate only the subject is read then.
    `source` names the store in messages."""

    def __init__(self, source: str, path: Path | None, given: Iterable[bytes] = ()) -> None:
        self.source = source
        self._path = path
        self._given = tuple(given)
        self._index: dict[NameKey, list[bytes]] | None = None
        #: Mozilla's roots, where chains are to be judged by both.
        self.mozilla: TrustStore | None = None

    @classmethod
    def system(cls, root: Path = Path("/")) -> TrustStore:
        """The system's store: the file that SSL_CERT_FILE names (openssl-env(7)), else the
        distribution's under `root`, else this system's: clients judge by stores of their own, and
        a minimal system has none. Where there is none at all the store is empty and says so."""
        named = os.environ.get("SSL_CERT_FILE")
        below = (_below(root, file) for file in SYSTEM_FILES) if root != Path("/") else ()
        candidates = [Path(named)] if named else [*below, *map(Path, SYSTEM_FILES)]
        for path in candidates:
            if path.is_file():
                return cls(Wording("the system's trust store ({path})", path=path), path)
        return cls(Wording("the system's trust store (none is installed)"), None)

    @classmethod
    def of_mozilla(cls) -> TrustStore:
        """The roots that Mozilla's programs believe for servers, as certifi has them."""
        import certifi

        source = Wording("Mozilla's roots of {version}", version=certifi.__version__)
        return cls(source, Path(certifi.where()))

    def beside_mozilla(self) -> TrustStore:
        """The same store; chains judged by it are judged by Mozilla's roots too."""
        self.mozilla = self.of_mozilla()
        return self

    @classmethod
    def from_file(cls, path: str | Path) -> TrustStore:
        """The roots in a PEM, DER or PKCS#7 file. Raises CertificateError where it has none."""
        found = material.read(path).certificates
        roots = [one.certificate for one in found if self_signed(one.certificate)]
        if not roots:
            raise CertificateError(
                "holds no root certificate",
                where=Location(str(path)),
                remedy="a CA file must hold the self-signed root itself",
            )
        return cls(str(path), None, (root.der for root in roots))

    @classmethod
    def of(cls, certificates: Iterable[Certificate], source: str = _GIVEN) -> TrustStore:
        """A store of certificates at hand."""
        return cls(source, None, (one.der for one in certificates))

    def __contains__(self, certificate: Certificate) -> bool:
        return certificate.der in self._named(name_keys(certificate.der)[0])

    def issuers_of(self, certificate: Certificate) -> tuple[Certificate, ...]:
        """The anchors whose subject is the certificate's issuer, in the store's order; signatures
        are the caller's to check."""
        return tuple(facts(found) for found in self._named(name_keys(certificate.der)[1]))

    def roots(self) -> tuple[bytes, ...]:
        """All anchors, as DER."""
        return tuple(root for same in self._by_name().values() for root in same)

    def _named(self, name: NameKey | None) -> list[bytes]:
        return [] if name is None else self._by_name().get(name, [])

    def _by_name(self) -> dict[NameKey, list[bytes]]:
        if self._index is None:
            self._index = self._indexed()
        return self._index

    def _indexed(self) -> dict[NameKey, list[bytes]]:
        index: dict[NameKey, list[bytes]] = {}
        for content in (*self._given, *self._from_system()):
            try:
                subject, issuer = name_keys(content)
            except CertificateError:
                continue
            if subject is not None and subject == issuer:
                index.setdefault(subject, []).append(content)
        return index

    def _from_system(self) -> Iterable[bytes]:
        if self._path is None:
            return
        for block in _ROOT.finditer(material.read_bytes(self._path)):
            try:
                yield base64.b64decode(block[1])
            except binascii.Error:
                continue
