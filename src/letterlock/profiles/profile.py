"""A profile: per role, the bar that `secure` writes and `check` demands."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from letterlock.model.errors import InputError, Location
from letterlock.model.service import Role
from letterlock.profiles.suite_class import WORDS, is_word

ProtocolVersion = Literal["SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"]
CipherGrade = Literal["medium", "high"]

#: The versions from oldest to newest, in the spelling of both servers.
PROTOCOL_VERSIONS: tuple[ProtocolVersion, ...] = ("SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")

#: The profiles that come with the program.
BUILT_IN = ("modern", "intermediate", "old", "rfc9325", "ncsc-nl-2025-05", "bsi-tr-03108")

#: What a guideline says of a behaviour: yes, not for much longer, no.
Stance = Literal["allowed", "phase-out", "forbidden"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleProfile:
    """The bar for one role.

    `cipher_suites` (IANA names) are those of TLS 1.2 and below, None where the profile leaves
    them to the library; `openssl_ciphers` are the same in OpenSSL's names. `cipher_grade` and
    `exclude_ciphers` say it in Postfix's terms (postconf(5), smtpd_tls_mandatory_ciphers,
    smtpd_tls_exclude_ciphers). `named_groups` come in order of preference. `server_preference`
    None leaves the order to the client.

    The rest is what `check` demands beyond what `secure` can write; None demands nothing. What is
    to be phased out is met, with a remark. `required_protocols` must be offered;
    `allowed_groups` and the names of curves may be IANA's or OpenSSL's; the words of
    `phase_out_ciphers` are OpenSSL's, as in `exclude_ciphers`; hashes are those of signatures in
    the handshake (`sha1`) and in the certificate; bits are minima; `certificate_key_types` are
    RSA, ECDSA, Ed25519, Ed448."""

    minimum_protocol: ProtocolVersion
    cipher_grade: CipherGrade
    exclude_ciphers: tuple[str, ...]
    named_groups: tuple[str, ...]
    cipher_suites: tuple[str, ...] | None = None
    openssl_ciphers: tuple[str, ...] | None = None
    server_preference: bool = False
    required_protocols: tuple[ProtocolVersion, ...] = ()
    tls13_cipher_suites: tuple[str, ...] | None = None
    phase_out_cipher_suites: tuple[str, ...] = ()
    phase_out_ciphers: tuple[str, ...] = ()
    allowed_groups: tuple[str, ...] | None = None
    phase_out_groups: tuple[str, ...] = ()
    forbidden_signature_hashes: tuple[str, ...] = ()
    phase_out_signature_hashes: tuple[str, ...] = ()
    signature_schemes: tuple[str, ...] | None = None
    dh_bits: int | None = None
    rsa_bits: int | None = None
    phase_out_rsa_bits: int | None = None
    certificate_key_types: tuple[str, ...] | None = None
    certificate_curves: tuple[str, ...] | None = None
    certificate_hashes: tuple[str, ...] | None = None
    certificate_days: int | None = None
    accepted_certificate: bool = False
    compression: Stance = "allowed"
    client_renegotiation: Stance = "allowed"
    early_data: Stance = "allowed"
    secure_renegotiation: bool = False
    extended_master_secret: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundProfile:
    """What `secure` asks of mail that Postfix sends, beside TLS wherever it is offered. `log_level`
    is the least smtp_tls_loglevel (0 to 4); `trust_system`: the system's trust anchors are believed
    where none are set."""

    log_level: Annotated[int, msgspec.Meta(ge=0, le=4)] = 1
    trust_system: bool = True


@dataclass(frozen=True, slots=True)
class Profile:
    """What good TLS is, per role, and who says so."""

    name: str
    title: str
    source: str
    mx: RoleProfile
    submission: RoleProfile
    access: RoleProfile
    outbound: OutboundProfile = OutboundProfile()

    def role(self, role: Role) -> RoleProfile:
        match role:
            case Role.MX:
                return self.mx
            case Role.SUBMISSION:
                return self.submission
            case Role.ACCESS:
                return self.access


def load(name_or_path: str) -> Profile:
    """A built-in profile by name, or one's own by the path of its TOML file.

    Raises InputError with the file when it cannot be read or breaks the schema."""
    if name_or_path in BUILT_IN:
        text = files("letterlock.profiles").joinpath(f"{name_or_path}.toml").read_text("utf-8")
        return parse(text, f"{name_or_path}.toml")
    if "/" not in name_or_path and not name_or_path.endswith(".toml"):
        raise InputError(
            f"no profile is called {name_or_path!r}",
            remedy=f"choose one of {', '.join(BUILT_IN)}, or give the path of a TOML file",
        )
    try:
        text = Path(name_or_path).read_bytes().decode("utf-8")
    except OSError as error:
        raise InputError(
            f"the profile cannot be read: {error.strerror}", where=Location(name_or_path)
        ) from None
    except UnicodeDecodeError:
        raise InputError("the profile is not UTF-8 text", where=Location(name_or_path)) from None
    return parse(text, name_or_path)


def parse(text: str, path: str) -> Profile:
    """Read a profile's TOML. A role may say `same_as = "submission"`.

    Raises InputError naming the file and the key that is wrong."""
    try:
        data = tomllib.loads(text)
        for role in ("mx", "submission", "access"):
            other = data.get(role, {}).get("same_as")
            if other is not None:
                data[role] = data.get(other, {})
        _no_unknown_keys(data)
        profile = msgspec.convert(data, Profile)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, AttributeError) as error:
        raise InputError(f"not a valid profile: {error}", where=Location(path)) from None
    for role_profile in (profile.mx, profile.submission, profile.access):
        _known_words(role_profile, path)
    return profile


def _no_unknown_keys(data: dict[str, Any]) -> None:
    """A slip of the pen must not lower the bar unnoticed."""
    known = {field.name for field in fields(Profile)}
    role_known = {field.name for field in fields(RoleProfile)} | {"same_as"}
    outbound_known = {field.name for field in fields(OutboundProfile)}
    for key, value in data.items():
        if key not in known:
            raise msgspec.ValidationError(f"unknown key `{key}`")
        if isinstance(value, dict):
            for inner in value:
                if inner not in (outbound_known if key == "outbound" else role_known):
                    raise msgspec.ValidationError(f"unknown key `{inner}` - at `$.{key}`")


def _known_words(role: RoleProfile, path: str) -> None:
    for word in (*role.exclude_ciphers, *role.phase_out_ciphers):
        if not is_word(word):
            raise InputError(
                f"not a valid profile: {word!r} is neither a class of cipher suites nor a suite",
                where=Location(path),
                remedy=f"the classes are {', '.join(sorted(WORDS))}",
            )
