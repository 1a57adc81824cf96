"""What only Dovecot 1 says in its own way: TLS ports are protocols, and sockets have no names."""

from __future__ import annotations

from letterlock.install.draft_dovecot import DovecotDraft
from letterlock.servers.version import Version
from letterlock.servers.vocabulary import vocabulary

_TWO = Version(2, 0)
_SOURCE = "dovecot-example.conf of 1.0 to 1.2"


def tls_protocols(draft: DovecotDraft) -> None:
    """`imaps` and `pop3s` for those of `imap` and `pop3` that are served."""
    version = draft.before.version
    if version >= _TWO:
        return
    said = draft.tree.get("protocols")
    default = vocabulary("dovecot").default("protocols", version) or ""
    words = (default if said is None else said).replace(",", " ").split()
    missing = [f"{word}s" for word in ("imap", "pop3") if word in words and f"{word}s" not in words]
    if missing:
        why = "TLS from the first byte on ports 993 and 995 (RFC 8314 section 3)"
        draft.set("protocols", " ".join([*words, *missing]), why, _SOURCE)


def auth_socket_of_1(draft: DovecotDraft, socket: str) -> None:
    """The socket at which Postfix asks."""
    block = ("auth default", "socket listen", "client")
    for name, value in (
        ("path", socket),
        ("mode", "0660"),
        ("user", "postfix"),
        ("group", "postfix"),
    ):
        draft.set(name, value, "Postfix asks Dovecot here (--sasl dovecot)", _SOURCE, block)
