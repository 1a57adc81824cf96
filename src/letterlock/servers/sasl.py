"""Who answers AUTH for Postfix: an smtpd that offers it with nobody behind dies at the first
connection (`fatal: no SASL authentication mechanisms`)."""

from __future__ import annotations

from dataclasses import dataclass

from letterlock.servers.dovecot_configuration import DovecotConfiguration
from letterlock.servers.postfix_configuration import PostfixConfiguration
from letterlock.servers.tools import Tools

#: Where Cyrus SASL looks for an application's configuration; Debian's Postfix adds the first.
_CYRUS_FILES = (
    "/etc/postfix/sasl/smtpd.conf",
    "/etc/sasl2/smtpd.conf",
    "/usr/lib/sasl2/smtpd.conf",
    "/usr/lib64/sasl2/smtpd.conf",
    "/usr/lib/x86_64-linux-gnu/sasl2/smtpd.conf",
)


@dataclass(frozen=True, slots=True)
class Sasl:
    """`kind` is `smtpd_sasl_type`; `socket` the Dovecot auth socket that Postfix will ask (an
    absolute path, empty for Cyrus or TCP); `answered` whether somebody is configured to answer;
    `dovecot_can` whether an installed Dovecot could."""

    kind: str
    socket: str
    answered: bool
    dovecot_can: bool


def sasl_state(
    tools: Tools, postfix: PostfixConfiguration, dovecot: DovecotConfiguration | None
) -> Sasl:
    """What the present configurations of both servers come to."""
    kind = postfix.value("smtpd_sasl_type") or "cyrus"
    path = postfix.value("smtpd_sasl_path")
    if kind != "dovecot":
        answered = any(tools.outside(file).exists() for file in _CYRUS_FILES)
        return Sasl(kind, "", answered, dovecot is not None)
    if path.startswith("inet:"):
        return Sasl(kind, "", True, dovecot is not None)
    socket = path if path.startswith("/") else f"{postfix.value('queue_directory')}/{path}"
    listening = dovecot is not None and socket in dovecot.unix_listeners("auth")
    return Sasl(kind, socket, listening or tools.outside(socket).is_socket(), dovecot is not None)
