"""What an ACME client hands over: a certificate that it has just got or holds in its storage."""

from __future__ import annotations

from dataclasses import dataclass, field

from letterlock.certs.bundle import CertificateFiles


@dataclass(frozen=True, slots=True)
class Embedded:
    """Certificate with chain, and key, where they stand inside of another file."""

    certificate: bytes
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Handover:
    """`client` is the ACME client's name, `files` for a person's own; `subject` what the client
    calls the certificate (its first name, or its lineage); `host` the only server name that it
    is for, None: every one that the servers use it for. `contents` are the files it lies in.
    `ca_file` and `allow_self_signed` as `secure` has them."""

    client: str
    subject: str
    contents: CertificateFiles | Embedded
    host: str | None = None
    ca_file: str | None = None
    allow_self_signed: bool = False
