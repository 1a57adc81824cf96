"""Every generation, every state, end to end: secured, seen by that generation's own OpenSSL and by
sslyze, and put back to the byte."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.ports import PORTS, seen_by_openssl
from tests.lab.certificates import chain, deliver
from tests.lab.conftest import MakeLabMachine
from tests.lab.generation import LabMachine
from tests.lab.policy import judged, unexplained
from tests.lab.rows import KINDS, ROWS, Row
from tests.lab.states import put
from tests.machine import HOSTNAME
from tests.peers.seen import SSLYZE

_ROOTS = Path("/root/roots.pem")
#: What is no warning of something outdated.
_NO_WARNING = (
    # Debian's own commented-out submission services, which `secure` makes live, name settings that
    # each site is to make: without them they are empty, which is what they are for.
    "undefined parameter: mua_",
    # A grown main.cf's compatibility_level = 2 is the admin's to raise.
    "backwards-compatible default settings", "COMPATIBILITY_README", "disable backwards compat",
)  # fmt: skip


@pytest.mark.machine
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_row(row: Row, make_lab_machine: MakeLabMachine, tmp_path: Path) -> None:
    machine = make_lab_machine(row.generation)
    put(machine, row)
    machine.start()
    before = machine.tree("/etc")
    options, roots = deliver(tmp_path, KINDS[row.keys])
    machine.write(str(_ROOTS), roots.read_bytes())

    done = machine.warm_letterlock(
        "secure", HOSTNAME, *options, "--profile", row.profile, "--cert-layout", row.layout,
        "--sasl", "dovecot", "--yes",
    )  # fmt: skip
    assert (done.status, done.complaints) == (0, ()), done.text
    assert "TLS on 7 ports, seen at 14 addresses and ports" in done.text
    assert "not rehearsed" not in done.text

    assert_seen(machine, row)
    assert warnings(machine) == []
    if SSLYZE.exists():
        found = judged(machine, row, roots)
        assert [each for port in found for each in unexplained(row, port, found[port])] == []

    back = machine.warm_letterlock("rollback", "--yes")
    assert (back.status, back.complaints) == (0, ()), back.text
    assert machine.tree("/etc") == before, "byte for byte what it was"
    if not SSLYZE.exists():
        pytest.skip("all else is well, but sslyze is not installed to judge it")


def assert_seen(machine: LabMachine, row: Row) -> None:
    """Every port serves a leaf of each kind with its chain to that generation's s_client."""
    for kind in KINDS[row.keys]:
        # Which of two is served, the signatures decide that a client takes (RFC 8446 4.2.3).
        only = ("-sigalgs", _SIGNATURES[kind]) if len(KINDS[row.keys]) > 1 else ()
        expected = (chain(kind).leaf.facts.sha256, 3, "0 (ok)")
        for port in PORTS:
            seen = seen_by_openssl(machine, port, _ROOTS, *only)
            assert (seen.leaf, seen.certificates, seen.verdict) == expected, (kind, port)


_SIGNATURES = {"rsa": "RSA-PSS+SHA256:RSA+SHA256", "ecdsa": "ECDSA+SHA256"}


def warnings(machine: LabMachine) -> list[str]:
    """What either server's checkers say of the configuration."""
    checks = (("postfix", "check"), ("postconf", "-n"), ("postconf", "-M"), ("doveconf", "-n"))
    lines = [line for check in checks for line in machine.must(*check).complaints]
    return [line for line in lines if not any(each in line for each in _NO_WARNING)]
