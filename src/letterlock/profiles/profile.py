"""A profile: per role, the bar that `secure` writes and `check` demands."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Literal

import msgspec

from letterlock.model.errors import InputError, Location
from letterlock.model.service import Role

ProtocolVersion = Literal["SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"]
CipherGrade = Literal["medium", "high"]

#: The versions from oldest to newest, in the spelling of both servers.
PROTOCOL_VERSIONS: tuple[ProtocolVersion, ...] = ("SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")

#: The profiles that come with the program.
BUILT_IN = ("modern", "intermediate", "old")


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleProfile:
    """The bar for one role.

    `cipher_suites` (IANA names) are those of TLS 1.2 and below, None where the profile leaves
    them to the library; `openssl_ciphers` are the same in OpenSSL's names. `cipher_grade` and
    `exclude_ciphers` say it in Postfix's terms (postconf(5), smtpd_tls_mandatory_ciphers,
    smtpd_tls_exclude_ciphers). `named_groups` come in order of preference. `server_preference`
    None leaves the order to the client."""

    minimum_protocol: ProtocolVersion
    cipher_grade: CipherGrade
    exclude_ciphers: tuple[str, ...]
    named_groups: tuple[str, ...]
    cipher_suites: tuple[str, ...] | None = None
    openssl_ciphers: tuple[str, ...] | None = None
    server_preference: bool = False


@dataclass(frozen=True, slots=True)
class Profile:
    """What good TLS is, per role, and who says so."""

    name: str
    title: str
    source: str
    mx: RoleProfile
    submission: RoleProfile
    access: RoleProfile

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
        return msgspec.convert(data, Profile)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, AttributeError) as error:
        raise InputError(f"not a valid profile: {error}", where=Location(path)) from None
