"""The names that a domain's traps have, and whose mail is taken."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from letterlock.model.listening import Trap

#: A token as it stands before the @: short enough for a local part (RFC 5321 section 4.5.3.1.1).
_TOKEN = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}[a-z0-9]")
#: Without letters and digits that are taken for each other.
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


def new_token() -> str:
    """80 bits, guessed by nobody."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(16))


def is_token(text: str) -> bool:
    return _TOKEN.fullmatch(text) is not None


def digest(token: str) -> str:
    """What is kept of a token: nobody can write to the test who reads the result."""
    return hashlib.sha256(token.encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Names:
    """`domain` is an A-label without the last dot, in lower case."""

    domain: str

    def mail_domain(self, trap: Trap) -> str:
        """What stands behind the @."""
        return f"{trap.value}.{self.domain}"

    def host(self, trap: Trap) -> str:
        """What its MX record names, and its certificate is for (or not)."""
        return f"mx.{trap.value}.{self.domain}"

    def trap_of_host(self, name: str) -> Trap | None:
        """By a host's or a mail domain's name: some senders send the latter as SNI."""
        wanted = name.rstrip(".").lower()
        return next(
            (trap for trap in Trap if wanted in (self.host(trap), self.mail_domain(trap))), None
        )


class Recipients:
    """Whose mail is taken: TOKEN@TRAP.DOMAIN, of known tokens."""

    def __init__(self, names: Names, tokens: Iterable[str]) -> None:
        self._names = names
        self._digests = {digest(token) for token in tokens}
        self._others: frozenset[str] = frozenset()

    def add(self, token: str) -> None:
        self._digests.add(digest(token))

    def remove(self, token: str) -> None:
        self._digests.discard(digest(token))

    def also(self, digests: frozenset[str]) -> None:
        """Beside those that were named here: these, in place of those of before. From any
        thread."""
        self._others = digests

    def read(self, address: str) -> tuple[Trap, str] | None:
        """Trap and token's digest of one of our addresses; None for any other."""
        local, _, domain = address.rpartition("@")
        token = local.lower()
        trap = next(
            (each for each in Trap if domain.lower() == self._names.mail_domain(each)), None
        )
        if trap is None or not is_token(token):
            return None
        known = digest(token)
        return (trap, known) if known in self._digests or known in self._others else None
