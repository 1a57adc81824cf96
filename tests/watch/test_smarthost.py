"""Mail by SMTP: taken by a real Postfix on this machine and beyond it, refused by it, and servers
that are none."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from letterlock.model.errors import InputError, UndeterminedError
from letterlock.probe.smarthost import Smarthost, send_mail
from letterlock.watch.channels import NotHandedOverError, channels
from letterlock.watch.message import test_document as a_document
from letterlock.watch.settings import Settings, check
from tests.machine import HOSTNAME, Machine
from tests.status.renewal import ROOT, set_up_by_hand
from tests.watch.mailbox import mailbox, mails

#: An address of the machine that is none of its loopback's.
BEYOND = "192.0.2.25"
DOCUMENT = a_document("mail.example.com", datetime(2026, 11, 27, tzinfo=UTC))


def tell(machine: Machine, smtp: str, *mail: str, ca_file: str = "") -> str:
    """What kept it from being handed over."""

    def hand_over() -> str:
        settings = Settings(mail=mail or ("postmaster",), smtp=smtp, ca_file=ca_file)
        (channel,) = channels(settings, Path("/"), postfix_runs=False)
        assert smtp in channel.shown
        try:
            channel.hand_over(DOCUMENT)
        except NotHandedOverError as error:
            return str(error)
        return ""

    return machine.call(hand_over)


def test_a_postfix_takes_it_or_says_why_not(stock_machine: Machine) -> None:
    machine = stock_machine
    set_up_by_hand(machine)
    mailbox(machine)
    machine.must("ip", "address", "add", f"{BEYOND}/32", "dev", "lo")
    machine.write("/etc/hosts", f"127.0.0.1 localhost\n{BEYOND} {HOSTNAME}\n")
    machine.write("/etc/postfix/who", "later@mail.example.com 450 4.2.0 come back\n")
    machine.must(
        "postconf", "-e", "smtpd_tls_loglevel = 1", "smtpd_recipient_restrictions ="
        " check_recipient_access texthash:/etc/postfix/who",
    )  # fmt: skip
    machine.start("Postfix")

    assert tell(machine, "127.0.0.1:25") == ""
    assert tell(machine, "localhost:25", "postmaster", f"no-such@{HOSTNAME}") == ""
    assert not [line for line in machine.log() if "TLS connection established" in line]
    assert tell(machine, f"{HOSTNAME}:25", ca_file=ROOT) == ""
    assert [line for line in machine.log() if "TLS connection established" in line]
    told = mails(machine, 3)
    assert len({each["Message-ID"] for each in told}) == 3
    for each in told:
        assert each["From"].startswith("letterlock <letterlock@")
        assert each["Subject"] == "[letterlock] mail.example.com: a test"
        assert each["Return-Path"] == "<>"
        assert "it reaches you" in each.get_content()

    for smtp, ca_file, why in (
        (f"{HOSTNAME}:25", "", "its certificate is not valid: unable to get local issuer"),
        (f"{HOSTNAME}:465", "", "its certificate is not valid: unable to get local issuer"),
        (f"{BEYOND}:25", ROOT, "its certificate is not valid: IP address mismatch"),
        ("127.0.0.1:26", "", "Connection refused"),
        ("no-such-host.invalid:25", "", "in name resolution"),
    ):
        assert why in tell(machine, smtp, ca_file=ca_file), smtp
    refused = tell(machine, "127.0.0.1:25", f"no-such@{HOSTNAME}")
    assert refused.startswith("127.0.0.1:25: 550 5.1.1 ")
    later = tell(machine, "127.0.0.1:25", f"no-such@{HOSTNAME}", "later@mail.example.com", "root")
    assert later.startswith("127.0.0.1:25: 450 4.2.0 "), "nobody has it twice"
    machine.must("postconf", "-e", "smtpd_tls_security_level = none")
    machine.must("postfix", "reload")
    clear = tell(machine, f"{HOSTNAME}:25", ca_file=ROOT)
    assert clear == f"{HOSTNAME}:25: it offers no STARTTLS, and is not on this machine"
    assert len(mails(machine, 3)) == 3


@contextmanager
def server(behave: Callable[[socket.socket], None]) -> Iterator[Smarthost]:
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            connection, _ = listener.accept()
            with connection:
                behave(connection)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield Smarthost("127.0.0.1", listener.getsockname()[1])
    finally:
        listener.close()
        thread.join(60)


def drip(connection: socket.socket) -> None:
    while True:
        connection.sendall(b"220-still here\r\n")
        time.sleep(0.05)


def talk(*lines: bytes) -> Callable[[socket.socket], None]:
    """A line for each that comes, and one at first."""

    def behave(connection: socket.socket) -> None:
        with connection.makefile("rb") as heard:
            for line in lines:
                connection.sendall(line)
                heard.readline()

    return behave


@pytest.mark.parametrize(
    ("behave", "why"),
    [
        (drip, "did not take it within 1 s"),
        (talk(), "it hung up"),
        (talk(b"554 go \x1b[31maway\r\n"), r"554 go \x1b[31maway"),
        (talk(b"HTTP/1.1 400 Bad Request\r\n"), "it is no SMTP server"),
        (talk(b"220 " + b"x" * 100_000), "Line too long"),
        (talk(b"220 x\r\n", b"250 x\r\n", b"451 later\r\n", b""), "451 later"),
        (talk(b"220 x\r\n", b"250 x\r\n", b"250 x\r\n"), "it hung up"),
    ],
)
def test_a_server_that_takes_nothing(behave: Callable[[socket.socket], None], why: str) -> None:
    with server(behave) as place, pytest.raises(UndeterminedError) as raised:
        send_mail(place, ["root"], b"A: b\r\n\r\n", longest=1 if behave is drip else 60)
    assert why.replace(r"\x1b", "\x1b") in str(raised.value)


def test_what_a_server_says_is_shown_as_text() -> None:
    with server(talk(b"554 \x1b[31m\xff\r\n")) as place:
        settings = Settings(mail=("root",), smtp=str(place))
        (channel,) = channels(settings, Path("/"), postfix_runs=False)
        with pytest.raises(NotHandedOverError, match=r"554 \\x1b\[31m"):
            channel.hand_over(DOCUMENT)


@pytest.mark.parametrize(
    "text", ["mail.example.com", "mail.example.com:", ":25", "a@b:25", "x:99999", "a b:25", "::1"]
)
def test_a_place_that_is_none(text: str) -> None:
    with pytest.raises(InputError):
        check(Settings(mail=("root",), smtp=text))
