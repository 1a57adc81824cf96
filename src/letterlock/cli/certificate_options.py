"""The options that name a certificate, its chain and its key: shared by `secure` and `cert`."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from letterlock.model.errors import InputError, Location

if TYPE_CHECKING:
    from collections.abc import Callable

    from letterlock.certs.bundle import Bundle, CertificateFiles
    from letterlock.certs.chain import Chain
    from letterlock.certs.material import LoadedCertificate
    from letterlock.certs.trust import TrustStore

CertFile = Annotated[
    str,
    typer.Option(
        "--cert",
        metavar="FILE",
        help="The certificate: PEM, DER, PKCS#7 or PKCS#12; its chain may be in the same file.",
    ),
]
CertFiles = Annotated[
    list[str] | None,
    typer.Option(
        "--cert",
        metavar="FILE",
        help="The certificate: PEM, DER, PKCS#7 or PKCS#12; its chain may be in the same file. "
        "Twice: one with an RSA key and one with an ECDSA key.",
    ),
]
KeyFiles = Annotated[
    list[str] | None,
    typer.Option(
        "--key",
        metavar="FILE",
        help="Its private key; not needed where the certificate's file holds it. For each "
        "certificate, in any order.",
    ),
]
KeyFile = Annotated[
    str | None,
    typer.Option(
        "--key",
        metavar="FILE",
        help="Its private key; not needed where the certificate's file holds it.",
    ),
]
ChainFiles = Annotated[
    list[str] | None,
    typer.Option(
        "--chain",
        metavar="FILE",
        help="Intermediate certificates, in any order; may be repeated.",
    ),
]
PasswordFile = Annotated[
    Path | None,
    typer.Option(
        "--password-file",
        metavar="FILE",
        help="The first line of FILE is the password of the key or PKCS#12 file.",
    ),
]
PasswordEnv = Annotated[
    str | None,
    typer.Option(
        "--password-env",
        metavar="VAR",
        help="The environment variable VAR holds that password.",
    ),
]
CaFile = Annotated[
    str | None,
    typer.Option(
        "--ca-file",
        metavar="FILE",
        help="Believe the root certificates in FILE instead of the system's.",
    ),
]
AllowSelfSigned = Annotated[
    bool,
    typer.Option(
        "--allow-self-signed",
        help="Take a certificate that no trust anchor vouches for (laboratories).",
    ),
]
WithRoot = Annotated[
    bool, typer.Option("--with-root", help="Keep the root certificate at the chain's end.")
]
FetchMissing = Annotated[
    bool,
    typer.Option(
        "--fetch-missing",
        help="Fetch a missing intermediate from the URL that its certificate gives.",
    ),
]


@dataclass(frozen=True, slots=True)
class CertificateOptions:
    """What was said on the command line about a certificate, or about several."""

    certs: tuple[str, ...]
    keys: tuple[str, ...] = ()
    chain: tuple[str, ...] = ()
    password_file: Path | None = None
    password_env: str | None = None
    ca_file: str | None = None
    allow_self_signed: bool = False
    with_root: bool = False
    fetch_missing: bool = False
    #: Below which the roots are that are believed without `ca_file`.
    root: Path = Path("/")


def read_bundle(options: CertificateOptions, host: str | None) -> Bundle:
    """The bundle of the files named, fit for `host`. Raises CertificateError for what must not be
    installed, UndeterminedError where a missing issuer cannot be fetched."""
    from letterlock.certs.bundle import prepare

    return prepare(
        _files(options),
        host,
        trust_store(options.ca_file, options.root),
        datetime.now(UTC),
        password=password_provider(options.password_file, options.password_env),
        allow_self_signed=options.allow_self_signed,
        with_root=options.with_root,
        fetch=_fetch(options),
    )


def read_pairs(options: CertificateOptions, host: str | None) -> tuple[Bundle, ...]:
    """The same where there may be a certificate with an RSA key and one with an ECDSA key."""
    from letterlock.certs.pairs import DeliveredFiles, prepare_pairs

    return prepare_pairs(
        DeliveredFiles(options.certs, options.keys, options.chain),
        host,
        trust_store(options.ca_file),
        datetime.now(UTC),
        password=password_provider(options.password_file, options.password_env),
        allow_self_signed=options.allow_self_signed,
        with_root=options.with_root,
        fetch=_fetch(options),
    )


def read_chain(options: CertificateOptions, host: str | None) -> Chain:
    """The same without a private key."""
    from letterlock.certs.bundle import prepare_chain

    return prepare_chain(
        _files(options),
        host,
        trust_store(options.ca_file, options.root),
        datetime.now(UTC),
        password=password_provider(options.password_file, options.password_env),
        allow_self_signed=options.allow_self_signed,
        fetch=_fetch(options),
    )


def read_own(options: CertificateOptions) -> LoadedCertificate:
    """The server's own certificate in the files named, nothing of it judged. Raises
    CertificateError."""
    from letterlock.certs.bundle import own_certificate

    password = password_provider(options.password_file, options.password_env)
    return own_certificate(_files(options), password, datetime.now(UTC))


def _files(options: CertificateOptions) -> CertificateFiles:
    from letterlock.certs.bundle import CertificateFiles

    key = options.keys[0] if options.keys else None
    return CertificateFiles(options.certs[0], key, options.chain)


def _fetch(options: CertificateOptions) -> Callable[[str], bytes] | None:
    if not options.fetch_missing:
        return None
    from letterlock.probe.issuer import fetch_issuer

    return fetch_issuer


def trust_store(ca_file: str | None, root: Path = Path("/")) -> TrustStore:
    """The roots of `--ca-file`, else those of the system below `root`."""
    from letterlock.certs.trust import TrustStore

    return TrustStore.system(root) if ca_file is None else TrustStore.from_file(ca_file)


def password_provider(file: Path | None, variable: str | None) -> Callable[[str], bytes] | None:
    """How to learn a password: a file, an environment variable, else a prompt on a terminal; None
    where there is no way. The file and the variable are read only when a password is needed."""
    if file is not None and variable is not None:
        raise InputError("--password-file and --password-env exclude each other")
    if file is not None:
        return lambda _: _first_line(file)
    if variable is not None:
        return lambda _: _environment(variable)
    return _prompt if sys.stdin.isatty() else None


def _first_line(file: Path) -> bytes:
    try:
        with file.open("rb") as lines:
            return lines.readline(4096).rstrip(b"\r\n")
    except OSError as error:
        raise InputError(
            f"the password file cannot be read ({error.strerror})", where=Location(str(file))
        ) from error


def _environment(variable: str) -> bytes:
    value = os.environ.get(variable)
    if value is None:
        raise InputError(f"the environment variable {variable} is not set")
    return os.fsencode(value)


def _prompt(path: str) -> bytes:
    import getpass

    return getpass.getpass(f"Password for {path}: ").encode("utf-8")
