"""What the user asked `secure` for, once every option is understood."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from letterlock.certs.store import StoredCertificate
from letterlock.install.names import ServedName
from letterlock.profiles.profile import Profile, RoleProfile
from letterlock.servers.sasl import Sasl
from letterlock.servers.sni_tables import SniTables
from letterlock.servers.strength import stronger_protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """The certificates as stored, the profile, and the guide's further settings as options.

    `minimum_protocol` and `exclude_ciphers` go beyond the profile, for users' ports;
    `wrapper_ports` are ports that speak TLS from the first byte; `dh_file` is a file of
    Diffie-Hellman parameters that the plan's changes write, `spare_dh_file` one for a Dovecot that
    does no TLS without. `names` are all that the certificate is for, the host first; with `sni`
    only clients that name one of them are served it, and the default certificate stays. `kept` are
    names that were served the default certificate which this one replaces, and go on being served
    theirs by SNI."""

    host: str
    stored: StoredCertificate
    profile: Profile
    require_tls: bool = False
    minimum_protocol: str | None = None
    exclude_ciphers: tuple[str, ...] = ()
    server_preference: bool = False
    wrapper_ports: tuple[int, ...] = ()
    dh_file: str | None = None
    spare_dh_file: str | None = None
    sasl: Literal["dovecot"] | None = None
    sni: bool = False
    names: tuple[ServedName, ...] = ()
    kept: tuple[ServedName, ...] = ()

    def users_floor(self, role: RoleProfile) -> str:
        """The lowest protocol for users: the profile's, or `--min-protocol` where that is
        higher."""
        return stronger_protocol(
            role.minimum_protocol, self.minimum_protocol or role.minimum_protocol
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the plan must know of the system beyond the configurations, gathered beforehand so
    that planning stays pure. `expand_ciphers` gives the suites OpenSSL makes of a cipher list,
    None where it does not understand it; `sni_tables` reads and builds Postfix's SNI tables;
    `own_names_file` is what our file of names for Dovecot holds; `dovecot_ports` are the ports on
    which Dovecot listens, `other_ports` those of Postfix instances other than the one planned for;
    `opens_ports` says whether a port that nobody serves yet may be opened in this one; `ca_file` is
    the file of the system's trust anchors."""

    expand_ciphers: Callable[[str], frozenset[str] | None]
    knows_group: Callable[[str], bool]
    sasl: Sasl | None
    sni_tables: SniTables | None = None
    own_names_file: bytes | None = None
    dovecot_ports: frozenset[int] = frozenset()
    other_ports: frozenset[int] = frozenset()
    opens_ports: bool = True
    ca_file: str | None = None

    def groups(self, role: RoleProfile) -> tuple[str, ...]:
        """The profile's named groups, those left out that this OpenSSL cannot do."""
        return tuple(group for group in role.named_groups if self.knows_group(group))
