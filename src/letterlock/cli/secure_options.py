"""What `letterlock secure` was asked, option by option, still unread."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class CertLayout(StrEnum):
    """`--cert-layout`."""

    SEPARATE = "separate"
    COMBINED = "combined"


class SaslServer(StrEnum):
    """`--sasl`."""

    DOVECOT = "dovecot"


@dataclass(frozen=True, slots=True, kw_only=True)
class SecureOptions:
    """The options that shape the plan. `host` is empty only with `modernize`; the versions are
    those that a server is taken to be of, from its files alone."""

    host: str
    profile: str
    root: Path
    cert_layout: CertLayout
    cert_dir: str | None
    key_dir: str | None
    require_tls: bool
    minimum_protocol: str | None
    exclude_ciphers: tuple[str, ...]
    server_preference: bool
    wrapper_ports: tuple[int, ...]
    dh_size: int | None
    sasl: SaslServer | None
    single: bool = False
    modernize: bool = False
    postfix_version: str | None = None
    dovecot_version: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """The options that say how the plan is carried out. `wait` is in seconds; `json_file` is a
    path or `-`."""

    dry_run: bool
    rehearse: bool
    start: bool
    yes: bool
    wait: float
    json_file: str | None
