"""What `letterlock secure` was asked, option by option, still unread."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum, auto
from pathlib import Path
from typing import Self

from letterlock.model.errors import InputError


class CertLayout(StrEnum):
    """`--cert-layout`."""

    SEPARATE = "separate"
    COMBINED = "combined"


class SaslServer(StrEnum):
    """`--sasl`."""

    DOVECOT = "dovecot"


class Placing(Enum):
    """`--default`, `--sni`, or neither: what is found decides."""

    AS_FOUND = auto()
    DEFAULT = auto()
    SNI = auto()

    @classmethod
    def of(cls, *, default: bool, sni: bool) -> Self:
        if default and sni:
            raise InputError("--default and --sni exclude each other")
        return cls.DEFAULT if default else cls.SNI if sni else cls.AS_FOUND


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
    placing: Placing = Placing.AS_FOUND
    also: tuple[str, ...] = ()
    instance: str | None = None


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
