"""Whether Postfix sends post-quantum: with OpenSSL 3.5 the group is there in both, but 3.10 has a
list of its own (tls_eecdh_auto_curves), where 3.11's begins with X25519MLKEM768."""

from __future__ import annotations

import pytest

from letterlock.model.listening import Trap
from tests.lab.generation import FORKY, TRIXIE, Generation, LabMachine, missing
from tests.listen.running import address, running_inside
from tests.machine import ForbiddenError

pytestmark = pytest.mark.machine


@pytest.mark.parametrize(
    ("generation", "group"), [(TRIXIE, "x25519"), (FORKY, "X25519MLKEM768")], ids=str
)
def test_how_it_sends(generation: Generation, group: str) -> None:
    if reason := missing(generation):
        pytest.skip(reason)
    try:
        machine = LabMachine(generation)
    except ForbiddenError as forbidden:
        pytest.skip(f"no private system here: {forbidden}")
    with machine, running_inside(machine) as server:
        machine.must(
            "postconf", "-e", "smtp_tls_security_level=may", "master_service_disable=inet",
            "inet_protocols=ipv4", "smtp_tls_CAfile=",  # a root of the lab has no CAs
            f"relayhost=[127.0.0.1]:{server.port(Trap.GOOD)}",
        )  # fmt: skip
        machine.start("Postfix")
        text = b"Subject: test\n\nhello\n"
        machine.must("sendmail", "-f", "me@sender.example", address(Trap.GOOD), stdin=text)
        visit = server.visit()
    assert len(visit.mails) == 1
    seen = visit.tls
    assert seen is not None
    assert seen.hello is not None
    assert (seen.version, seen.group) == ("TLSv1.3", group)
    assert seen.post_quantum is (group == "X25519MLKEM768")
    assert bool(seen.hello.post_quantum_groups) is seen.post_quantum
