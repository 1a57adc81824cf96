"""Hands a mail to an SMTP server that takes it from us."""

from __future__ import annotations

import contextlib
import ipaddress
import smtplib
import socket
import ssl
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from letterlock.model.errors import InputError, UndeterminedError
from letterlock.probe.resolve import own_name, parse_target

#: Seconds, for any one step of it.
_STEP = 20.0
#: Seconds, for the whole of it: a peer that sends a byte now and then is not waited for.
LONGEST = 60.0
#: The port of TLS from the first byte (RFC 8314 section 3.3).
_TLS_PORT = 465


@dataclass(frozen=True, slots=True)
class Smarthost:
    """`host` is a name in A-labels or an address."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Smarthost:
        """Of `host:port`. Raises InputError."""
        target = parse_target(text)
        if target.port is None or target.is_domain:
            raise InputError(f"{text!r} is no host and port", remedy="such as 127.0.0.1:25")
        return cls(target.name, target.port)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def send_mail(
    place: Smarthost,
    recipients: Sequence[str],
    message: bytes,
    ca_file: str = "",
    longest: float = LONGEST,
) -> None:
    """The message (RFC 5322, its lines end in CRLF) from nobody, as what is not to be answered
    (RFC 3834 section 3.3). Over TLS with a certificate for `host` that the system trusts, or one of
    `ca_file`; unencrypted only where the connection stays on this machine. A recipient that is
    refused for good does not keep it from the others.

    Raises UndeterminedError with the reason; then nobody has it, as far as the server said so."""
    going = _Going(place, ca_file)
    outcome: list[str | None] = []

    def hand_over() -> None:
        outcome.append(going.reason(recipients, message))

    # Of its own, since the limits of sockets are for each step and a step may be one byte.
    thread = threading.Thread(target=hand_over, name="letterlock-smarthost", daemon=True)
    thread.start()
    thread.join(longest)
    if not outcome:
        going.break_off()
        raise UndeterminedError(f"{place} did not take it within {longest:g} s")
    if (reason := outcome[0]) is not None:
        raise UndeterminedError(f"{place}: {reason}")


class _RefusedError(Exception):
    """What the server says instead of taking it."""


class _Going:
    """One attempt."""

    def __init__(self, place: Smarthost, ca_file: str) -> None:
        self._place = place
        self._ca_file = ca_file
        self.client: smtplib.SMTP | None = None
        self._broken_off = False

    def reason(self, recipients: Sequence[str], message: bytes) -> str | None:
        """Why it failed; None where it did not."""
        try:
            client = self._connected()
            with contextlib.closing(client):
                self._hand_over(client, recipients, message)
                with contextlib.suppress(smtplib.SMTPException, OSError):
                    client.quit()
        except _RefusedError as error:
            return str(error)
        except ssl.SSLCertVerificationError as error:
            return f"its certificate is not valid: {error.verify_message}"
        except smtplib.SMTPServerDisconnected:
            return "it hung up"
        except smtplib.SMTPResponseException as error:
            return _said(error.smtp_code, error.smtp_error)
        except smtplib.SMTPException as error:
            return str(error)
        except OSError as error:
            return str(error.strerror or error)
        except ValueError as error:  # a line that never ends, an address that cannot be said
            return type(error).__name__
        return None

    def break_off(self) -> None:
        """Nothing of it is done later."""
        self._broken_off = True
        if self.client is not None and self.client.sock is not None:
            with contextlib.suppress(OSError):
                self.client.sock.shutdown(socket.SHUT_RDWR)

    def _hand_over(self, client: smtplib.SMTP, recipients: Sequence[str], message: bytes) -> None:
        _begin(client, recipients)
        _address(client, recipients)
        if self._broken_off:
            raise _RefusedError("it took too long")
        _demand(*client.data(message))

    def _connected(self) -> smtplib.SMTP:
        name = own_name(look_up=False)
        host, port = self._place.host, self._place.port
        if port == _TLS_PORT:
            return _WithinTls(self, host, port, name, self._trust())
        client = _Plain(self, host, port, name)
        try:
            if not _stays_here(client):
                client.ehlo()
                if not client.has_extn("starttls"):
                    raise _RefusedError("it offers no STARTTLS, and is not on this machine")
                client.starttls(context=self._trust())
        except BaseException:
            client.close()
            raise
        return client

    def _trust(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        if self._ca_file:
            context.load_verify_locations(self._ca_file)
        return context


class _Plain(smtplib.SMTP):
    """Known to who breaks it off from before it is connected: a greeting may never end."""

    def __init__(self, going: _Going, host: str, port: int, name: str) -> None:
        going.client = self
        super().__init__(host, port, name, timeout=_STEP)


class _WithinTls(smtplib.SMTP_SSL):
    def __init__(
        self, going: _Going, host: str, port: int, name: str, trust: ssl.SSLContext
    ) -> None:
        going.client = self
        super().__init__(host, port, name, timeout=_STEP, context=trust)


def _stays_here(client: smtplib.SMTP) -> bool:
    peer = client.sock.getpeername()[0] if client.sock is not None else ""
    return ipaddress.ip_address(str(peer).partition("%")[0]).is_loopback


def _begin(client: smtplib.SMTP, recipients: Sequence[str]) -> None:
    """MAIL. Raises _RefusedError, smtplib's errors."""
    client.ehlo_or_helo_if_needed()
    options = [] if all(each.isascii() for each in recipients) else ["SMTPUTF8"]
    if options:
        if not client.has_extn("smtputf8"):
            raise _RefusedError("it takes no addresses beyond ASCII")
        client.command_encoding = "utf-8"
    _demand(*client.mail("", options))


def _address(client: smtplib.SMTP, recipients: Sequence[str]) -> None:
    """RCPT. One that may be taken later is waited for: else it would never hear of it. Raises
    _RefusedError."""
    answers = [client.rcpt(each) for each in recipients]
    refused = [each for each in answers if each[0] not in (250, 251)]
    later = [each for each in refused if each[0] < 500]
    if later or len(refused) == len(answers):
        raise _RefusedError(_said(*(later or refused)[0]))


def _demand(code: int, words: bytes) -> None:
    if code != 250:
        raise _RefusedError(_said(code, words))


def _said(code: int, words: bytes | str) -> str:
    if code < 0:
        return "it is no SMTP server"
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
    return f"{code} {' '.join(text.split())[:300]}"
