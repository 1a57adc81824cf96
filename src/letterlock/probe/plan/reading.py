"""X.509 for the planner's facts: chains judged, stapled responses and timestamps read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.x509 import ocsp

from letterlock.certs.trust import TrustStore
from letterlock.model.certificate import Certificate, ChainVerdict
from letterlock.model.tls_facts import Stapled
from letterlock.model.unknown import Unknown
from letterlock.model.wording import Wording
from letterlock.probe.chain import read_chain


@dataclass(frozen=True, slots=True)
class ChainReader:
    """Reads and judges for `name` at the moment `at`."""

    name: str
    trust: TrustStore
    at: datetime

    def chain(self, served: tuple[bytes, ...]) -> tuple[tuple[Certificate, ...], ChainVerdict]:
        return read_chain(served, self.name, self.trust, self.at)

    def stapled(self, response: bytes) -> Stapled:
        """Its certificate status (RFC 6960 section 2.2); its signature is not verified."""
        try:
            read = ocsp.load_der_ocsp_response(response)
            if read.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
                said = read.response_status.name.lower()
                return Stapled(Unknown(Wording("the responder said {status}", status=said)))
            return Stapled(read.certificate_status.name.lower())
        except ValueError as error:
            return Stapled(
                Unknown(Wording("the stapled response cannot be read: {error}", error=error))
            )

    def timestamps(self, leaf: bytes) -> int | Unknown:
        """RFC 6962 section 3.3."""
        try:
            extensions = x509.load_der_x509_certificate(leaf).extensions
            found = extensions.get_extension_for_class(
                x509.PrecertificateSignedCertificateTimestamps
            )
        except x509.ExtensionNotFound:
            return 0
        except (ValueError, TypeError, x509.DuplicateExtension) as error:
            return Unknown(
                Wording("the certificate's timestamps cannot be read: {error}", error=error)
            )
        return len(found.value)
