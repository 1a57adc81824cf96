"""The third answer beside yes and no."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Cause(StrEnum):
    """What kind of obstacle kept us from knowing, for rules to tell apart; the reason says more."""

    OTHER = "other"
    #: Nothing listens there (a reset to the SYN).
    CONNECTION_REFUSED = "connection-refused"
    #: No route, or an ICMP error.
    UNREACHABLE = "unreachable"
    #: The connection attempt was not answered in time.
    NO_ANSWER = "no-answer"
    #: It is not gone to: an address that is not admitted.
    NOT_ADMITTED = "not-admitted"
    #: Connected, and then a step took too long.
    TIMEOUT = "timeout"
    #: The server asked to come back later: 421, BYE, too many connections.
    THROTTLED = "throttled"
    #: The connection was closed or reset in the middle.
    DISCONNECTED = "disconnected"
    #: Bytes that break the rules of the mail protocol or the limits on size.
    BROKEN_DIALOGUE = "broken-dialogue"
    #: A command was turned down.
    COMMAND_REFUSED = "command-refused"
    #: STARTTLS was offered and then turned down.
    STARTTLS_REFUSED = "starttls-refused"
    #: The server ended the handshake with an alert.
    TLS_ALERT = "tls-alert"
    #: The handshake failed on our side: what the server sent is not acceptable TLS.
    TLS_ERROR = "tls-error"
    #: The resolver did not answer, failed, or does not validate.
    DNS_FAILURE = "dns-failure"
    PLAIN_ON_TLS_PORT = "plain-on-tls-port"
    TLS_ON_PLAIN_PORT = "tls-on-plain-port"
    #: As many connections as allowed were made.
    BUDGET = "budget"
    #: The run was cut short.
    INTERRUPTED = "interrupted"
    #: An earlier step failed, so that this one was not reached.
    NOT_REACHED = "not-reached"
    #: The question does not arise: nothing is missing.
    NOT_APPLICABLE = "not-applicable"


@dataclass(frozen=True, slots=True)
class Unknown:
    """Could not be determined, because of `reason`: neither a pass nor an exception."""

    reason: str
    cause: Cause = Cause.OTHER

    def __str__(self) -> str:
        return f"unknown ({self.reason})"

    def __bool__(self) -> bool:
        raise TypeError("Unknown is neither true nor false: ask with isinstance")
