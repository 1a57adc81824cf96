"""LMTP and ManageSieve: Dovecot's own, in both directions of every question."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import pytest

from letterlock.cli.demo_ca import Delivery
from letterlock.model.service import LMTP, SIEVE, Endpoint, Service
from letterlock.model.unknown import Unknown
from letterlock.probe.ask import (
    AroundStarttls,
    ProcedureName,
    Replied,
    Tried,
)
from tests.machine import DOVECOT_MORE, HOSTNAME, ForbiddenError, Machine, follow_guide
from tests.peers.counting import counters
from tests.probe.procedures.direct import offering, put
from tests.weak_servers import Habits, mail

SERVICES = [LMTP, SIEVE]


# --- a small server that can be made to fail


def tried(name: ProcedureName, service: Service, habits: Habits) -> Tried:
    with mail(service, habits) as endpoint:
        outcome, connections = put(name, endpoint)
    assert isinstance(outcome, Tried), outcome
    assert connections == 1
    return outcome


@pytest.mark.parametrize("service", SERVICES)
def test_injected_commands(service: Service) -> None:
    injection = ProcedureName.STARTTLS_INJECTION
    assert tried(injection, service, Habits(keeps_injected=True)).present
    assert not tried(injection, service, Habits()).present
    assert not tried(injection, service, Habits(drops_injected=True)).present


@pytest.mark.parametrize("service", SERVICES)
def test_a_login_in_the_clear(service: Service) -> None:
    login = ProcedureName.LOGIN_BEFORE_TLS
    assert tried(login, service, Habits(takes_login=True)).present
    assert not tried(login, service, Habits()).present
    assert "AUTH PLAIN" in tried(login, service, Habits(offers_login=True)).evidence


@pytest.mark.parametrize("service", SERVICES)
def test_a_second_starttls(service: Service) -> None:
    with mail(service) as endpoint:
        outcome, _ = put(ProcedureName.SECOND_STARTTLS, endpoint)
    assert isinstance(outcome, Replied) and "TLS already active" in outcome.reply
    with mail(service, Habits(again=True)) as endpoint:
        assert put(ProcedureName.SECOND_STARTTLS, endpoint)[0] == Replied("accepted")


# --- Dovecot


@dataclass(frozen=True, slots=True)
class Serving:
    machine: Machine
    delivery: Delivery


@pytest.fixture(scope="module")
def dovecot() -> Iterator[Serving]:
    if not (DOVECOT_MORE / "version").exists():
        pytest.skip("Dovecot's LMTP and ManageSieve are missing: scripts/setup unpacks them")
    try:
        machine = Machine(unpacked=DOVECOT_MORE)
    except ForbiddenError as reason:
        pytest.skip(f"no private system here: {reason}")
    with machine:
        delivery = follow_guide(machine)
        machine.replace(
            "/etc/dovecot/conf.d/10-master.conf",
            "  unix_listener lmtp {",
            "  inet_listener lmtp {\n    port = 24\n  }\n  unix_listener lmtp {",
        )
        for name in ("lmtp", "sieve"):  # as the packages' postinst does
            file = f"/usr/share/dovecot/protocols.d/{name}.protocol"
            machine.write(file, f"protocols = $protocols {name}\n")
        machine.start("Dovecot")
        yield Serving(machine, delivery)
        machine.stop("Dovecot")


@pytest.mark.machine
@pytest.mark.parametrize("target", ["127.0.0.1:24", "127.0.0.1:4190"])
def test_check_finds_what_it_finds_on_other_ports(dovecot: Serving, target: str) -> None:
    before = counters(dovecot.machine)["TcpActiveOpens"]
    done = dovecot.machine.warm_letterlock(
        "check", target, "--name", HOSTNAME, "--depth", "full", "--json", "-",
        "--ca-file", str(dovecot.delivery.root),
    )  # fmt: skip
    made = counters(dovecot.machine)["TcpActiveOpens"] - before
    assert done.text, done.complaints
    (endpoint,) = json.loads(done.text)["endpoints"]
    assert endpoint["service"] == {"24": "lmtp", "4190": "sieve"}[target.rpartition(":")[2]]
    assert endpoint["connections"] == made
    assert endpoint["refused_connections"] == 0
    assert endpoint["left_out"] == []
    assert endpoint["greeting"]["starttls_offered"] is True
    assert endpoint["handshake"]["verdict"]["accepted"] is True
    offered = {each["name"]: each["offered"] for each in endpoint["protocols"]}
    assert offered["TLSv1.2"] is offered["TLSv1.3"] is True and offered["SSLv3"] is False
    assert endpoint["capabilities_inside"]


def everything(endpoint: Endpoint) -> dict[ProcedureName, object]:
    return {name: put(name, endpoint, offering())[0] for name in ProcedureName}


@pytest.mark.machine
@pytest.mark.parametrize("service", SERVICES)
def test_dovecot_has_no_fault(dovecot: Serving, service: Service) -> None:
    endpoint = Endpoint("127.0.0.1", service.port, service)
    for name, outcome in dovecot.machine.call(partial(everything, endpoint)).items():
        assert not isinstance(outcome, Unknown), (name, outcome)
        if isinstance(outcome, Tried):
            assert not outcome.present, (name, outcome)
        if isinstance(outcome, AroundStarttls):
            assert outcome.injection and not outcome.injection.present
        if isinstance(outcome, Replied):
            assert outcome.reply != "accepted"
