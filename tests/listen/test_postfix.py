"""Debian's Postfix, at each level of TLS it has, sends to each trap over a signed zone."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import jsonschema
import pytest
import trustme

from letterlock.model.listening import Trap
from letterlock.report.listening_schema import SCHEMA
from tests.dns_lab import DnsLab
from tests.machine import PROGRAM, ForbiddenError, Machine

pytestmark = pytest.mark.machine
DOMAIN = "traps.example"
_DELIVERED, _CLEAR, _REFUSED, _NEVER = "delivered", "delivered-clear", "refused", "never-came"
_TRAPS = tuple(Trap)
_EVERYWHERE_IN_TLS = (_DELIVERED,) * 4 + (_CLEAR,) + (_DELIVERED,) * 2
_VALIDATED = (_DELIVERED, _REFUSED, _REFUSED, _REFUSED, _REFUSED, _DELIVERED, _REFUSED)
#: smtp_tls_security_level → what comes of a mail to good, expired, wrong-name, self-signed,
#: no-starttls, tlsa-mismatch, mta-sts.
TABLE = {
    "": (_CLEAR,) * 7,
    "none": (_CLEAR,) * 7,
    "may": _EVERYWHERE_IN_TLS,
    "encrypt": (*_EVERYWHERE_IN_TLS[:4], _REFUSED, *_EVERYWHERE_IN_TLS[5:]),
    "dane": (*_EVERYWHERE_IN_TLS[:5], _REFUSED, _DELIVERED),
    "dane-only": (_DELIVERED, _NEVER, _NEVER, _NEVER, _NEVER, _REFUSED, _NEVER),
    "verify": _VALIDATED,
    "secure": _VALIDATED,
}


def token(level: str) -> str:
    return f"level-{level or 'empty'}"


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[dict[str, Any]]]:
    """All that `letterlock listen --json` wrote."""
    try:
        machine = Machine(tmp_path_factory.mktemp("shared"))
    except ForbiddenError as reason:
        pytest.skip(f"no private system here: {reason}")
    with machine:
        _certificates(machine)
        places = [f"--listen={trap}=127.0.2.{at + 1}" for at, trap in enumerate(_TRAPS)]
        setup = machine.warm_letterlock(
            "listen", DOMAIN, "--setup", "--cert=/root/good.pem", *places
        )
        assert setup.status == 0, setup.complaints
        lab = DnsLab(machine)
        lab.zone(DOMAIN, *setup.text.splitlines())
        lab.start()
        pid = _begin(machine, places)
        _senders(machine)
        machine.start("Postfix")
        for level in TABLE:
            recipients = [f"{token(level)}@{trap}.{DOMAIN}" for trap in _TRAPS]
            sender = f"{token(level)}@sender.example"
            machine.must("sendmail", "-f", sender, *recipients, stdin=b"Subject: test\n\nhello\n")
        _wait_for_deliveries(machine)
        machine.must("kill", pid)
        yield _written(machine)


def _certificates(machine: Machine) -> None:
    """A CA that Postfix believes: its certificate of today, and one that ran out yesterday."""
    authority = trustme.CA(key_type=trustme.KeyType.ECDSA)
    good = authority.issue_cert(f"mx.good.{DOMAIN}", f"mx.tlsa-mismatch.{DOMAIN}")
    ended = datetime.now(UTC) - timedelta(days=1)
    expired = authority.issue_cert(f"mx.expired.{DOMAIN}", not_after=ended)
    machine.write("/root/good.pem", good.private_key_and_cert_chain_pem.bytes(), 0o600)
    machine.write("/root/expired.pem", expired.private_key_and_cert_chain_pem.bytes(), 0o600)
    machine.write("/etc/ssl/ca.pem", authority.cert_pem.bytes())


def _begin(machine: Machine, places: list[str]) -> str:
    tokens = " ".join(f"--token={token(level)}" for level in TABLE)
    command = (
        f"{PROGRAM} listen {DOMAIN} --cert=/root/good.pem --ca-file=/etc/ssl/ca.pem "
        f"--expired-cert=/root/expired.pem {' '.join(places)} {tokens} "
        "--json=/root/visits.jsonl >/root/screen 2>&1 & echo $!"
    )
    pid = machine.must("sh", "-c", command).text.strip()
    _until(lambda: 25 in machine.listening(), "it does not listen")
    _until(lambda: _user(machine, pid) == "nobody", "it stays root")
    return pid


def _user(machine: Machine, pid: str) -> str:
    return machine.must("ps", "-o", "user=", "-p", pid).text.strip()


def _senders(machine: Machine) -> None:
    """A transport for each level, with a source address of its own, chosen by the sender."""
    services, table = [], []
    for at, level in enumerate(TABLE):
        name = token(level)
        table.append(f"{name}@sender.example {name}:")
        services.append(
            f"{name} unix - - n - - smtp\n  -o smtp_tls_security_level={level}\n"
            f"  -o smtp_bind_address=127.0.3.{at + 1}\n"
        )
    master = machine.read("/etc/postfix/master.cf").decode()
    machine.write("/etc/postfix/master.cf", master + "".join(services))
    machine.write("/etc/postfix/levels", "\n".join(table) + "\n")
    machine.must(
        "postconf", "-e", "sender_dependent_default_transport_maps=texthash:/etc/postfix/levels",
        "inet_interfaces=127.0.0.1", "inet_protocols=ipv4", "master_service_disable=inet",
        "smtp_dns_support_level=dnssec", "smtp_host_lookup=dns", "smtp_tls_CAfile=/etc/ssl/ca.pem",
        "smtp_tls_CApath=", "relayhost=", "myorigin=sender.example",
    )  # fmt: skip


def _wait_for_deliveries(machine: Machine) -> None:
    wanted = len(TABLE) * len(_TRAPS)
    _until(lambda: sum(" status=" in line for line in machine.log()) >= wanted, "mails are missing")


def _until(happened: Any, otherwise: str) -> None:
    deadline = time.monotonic() + 120
    while not happened():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.05)


def _written(machine: Machine) -> list[dict[str, Any]]:
    screen: list[str] = []

    def ended() -> bool:
        screen[:] = machine.read("/root/screen").decode().splitlines()
        return any(line.startswith("level-secure:") for line in screen)

    _until(ended, f"it does not end: {screen}")
    text = machine.read("/root/visits.jsonl").decode()
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("level", TABLE, ids=lambda level: level or "empty")
def test_what_arrives(lines: list[dict[str, Any]], level: str) -> None:
    verdicts = {trap: row["verdict"] for trap, row in rows(lines, level).items()}
    assert verdicts == dict(zip(_TRAPS, TABLE[level], strict=True))


def rows(lines: list[dict[str, Any]], level: str) -> dict[str, dict[str, Any]]:
    (sheet,) = [each for each in lines if each.get("label") == token(level)]
    return {row["trap"]: row for row in sheet["rows"]}


def test_how_it_came(lines: list[dict[str, Any]]) -> None:
    by_dane, plain = rows(lines, "dane"), rows(lines, "may")
    assert by_dane["good"]["tls"]["hello"]["server_name"] == f"mx.good.{DOMAIN}"
    assert plain["good"]["tls"]["hello"]["server_name"] is None
    assert plain["good"]["tls"]["version"] == "TLSv1.3"
    assert plain["good"]["tls"]["group"] in plain["good"]["tls"]["hello"]["groups"]
    assert rows(lines, "")["good"]["tls"] is None


def test_what_a_refusal_was_seen_by(lines: list[dict[str, Any]]) -> None:
    """Postfix completes the handshake, and leaves where it does not trust what it was shown."""
    seen = rows(lines, "verify")
    assert seen["expired"]["why"] == "after the handshake"
    assert seen["no-starttls"]["why"] == "no TLS offered"


def test_every_line_is_as_the_schema_says(lines: list[dict[str, Any]]) -> None:
    reader = jsonschema.Draft202012Validator(SCHEMA)
    for line in lines:
        reader.validate(line)
    assert {line["kind"] for line in lines} == {"visit", "sheet"}
    visits = [json.dumps(line) for line in lines if line["kind"] == "visit"]
    assert not any("level-" in visit for visit in visits)
