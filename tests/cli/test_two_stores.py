"""`check` where the system believes a CA that Mozilla does not."""

from __future__ import annotations

import json

import pytest

from tests.machine import HOSTNAME, Machine


@pytest.mark.machine
def test_a_private_ca_in_the_systems_store(guide_machine: Machine) -> None:
    guide_machine.start("Dovecot")
    done = guide_machine.warm_letterlock(
        "check", "127.0.0.1:993", "--name", HOSTNAME, "--depth", "verdict", "--json", "-",
        SSL_CERT_FILE="/root/guide/root.pem",
    )  # fmt: skip
    told = json.loads(done.text)
    verdict = told["endpoints"][0]["handshake"]["verdict"]
    assert verdict["accepted"] and not verdict["mozilla"]["accepted"]
    (finding,) = [each for each in told["findings"] if each["id"] == "roots-differ"]
    assert "Mozilla does not" in finding["evidence"]
    ours = guide_machine.warm_letterlock(
        "check", "127.0.0.1:993", "--name", HOSTNAME, "--depth", "verdict", "--json", "-",
        "--ca-file", "/root/guide/root.pem",
    )  # fmt: skip
    assert "mozilla" not in json.loads(ours.text)["endpoints"][0]["handshake"]["verdict"]
