"""What a machine's Postfix delivers to postmaster."""

from __future__ import annotations

import time
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

from tests.machine import Machine

_MAILBOX = "/var/mail/listmaster"


def mailbox(machine: Machine) -> None:
    """Give postmaster a mailbox."""
    machine.write("/etc/aliases", "postmaster: listmaster\n")
    machine.must("useradd", "--no-create-home", "listmaster")
    machine.must("newaliases")


def mails(machine: Machine, delivered: int) -> list[EmailMessage]:
    """What is in it, once local(8) has put that many into it."""
    deadline = time.monotonic() + 120
    while sum("status=sent (delivered to mailbox)" in line for line in machine.log()) < delivered:
        assert time.monotonic() < deadline, machine.log()[-20:]
    parts = machine.read(_MAILBOX).split(b"\nFrom ")
    found = [message_from_bytes(part.partition(b"\n")[2], policy=default) for part in parts]
    return [each for each in found if isinstance(each, EmailMessage)]
