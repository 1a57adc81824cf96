"""Heartbleed, CCS injection, ROBOT and Ticketbleed: seen where they are, and only there."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from letterlock.model.service import IMAP, POP3S, SMTP, Endpoint, Service
from letterlock.model.unknown import Cause, Unknown
from letterlock.probe.ask import ProcedureName, ProcedureResult, Tried
from letterlock.wire.tls.code_points import ContentType, ExtensionType
from letterlock.wire.tls.extensions import Extension
from tests import weak_servers
from tests.probe.hostile import wait_for_the_end
from tests.probe.procedures.direct import PATIENT, offering, put
from tests.weak_servers import gnutls, openssl, tlslite, tlslite_settings

Server = Callable[..., AbstractContextManager[Endpoint]]

FAULTS = (ProcedureName.HEARTBLEED, ProcedureName.CCS, ProcedureName.ROBOT)


def tried(name: ProcedureName, endpoint: Endpoint, **chosen: object) -> Tried:
    outcome, _ = put(name, endpoint, offering(**chosen))
    assert isinstance(outcome, Tried), outcome
    return outcome


@pytest.mark.parametrize(
    ("name", "server", "service"),
    [
        (ProcedureName.HEARTBLEED, weak_servers.heartbleed, SMTP),
        (ProcedureName.HEARTBLEED, weak_servers.heartbleed, POP3S),
        (ProcedureName.CCS, weak_servers.ccs_injection, SMTP),
        (ProcedureName.CCS, weak_servers.ccs_injection, POP3S),
        (ProcedureName.TICKETBLEED, weak_servers.ticketbleed, IMAP),
    ],
)
def test_the_vulnerable_and_the_sound(
    name: ProcedureName, server: Server, service: Service
) -> None:
    with server(vulnerable=True, service=service) as endpoint:
        outcome, _ = put(name, endpoint, limits=replace(PATIENT, reply=2))
        assert isinstance(outcome, Tried)
        assert outcome.present
    with server(vulnerable=False, service=service) as endpoint:
        assert not tried(name, endpoint).present


def test_of_heartbleed_only_the_length_is_told() -> None:
    with weak_servers.heartbleed(vulnerable=True) as endpoint:
        assert tried(ProcedureName.HEARTBLEED, endpoint).evidence == (
            "an empty heartbeat was answered by 83 bytes"
        )


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("version", ["TLSv1", "TLSv1.2"])
def test_todays_openssl_has_none(name: ProcedureName, version: str) -> None:
    with openssl() as endpoint:
        assert not tried(name, endpoint, maximum=version).present


@pytest.mark.parametrize("name", FAULTS)
def test_a_server_of_tls13_alone_is_out_of_reach(name: ProcedureName) -> None:
    with openssl("-tls1_3") as endpoint:
        outcome, connections = put(name, endpoint)
    assert isinstance(outcome, Tried)
    assert not outcome.present
    assert connections == 1


@pytest.mark.parametrize("name", FAULTS)
def test_another_library_has_none_either(name: ProcedureName) -> None:
    """tlslite-ng with heartbeats, which it checks, down to SSLv3."""
    with tlslite(tlslite_settings(heartbeat=True)) as endpoint:
        assert not tried(name, endpoint).present
        if name is not ProcedureName.HEARTBLEED:
            assert not tried(name, endpoint, minimum="SSLv3", maximum="SSLv3").present


@pytest.mark.parametrize("name", [*FAULTS, ProcedureName.TICKETBLEED])
def test_gnutls_has_none(name: ProcedureName) -> None:
    """With heartbeats, which it checks."""
    with gnutls("--heartbeat") as endpoint:
        outcome = tried(name, endpoint)
    assert not outcome.present
    if name is ProcedureName.HEARTBLEED:
        assert outcome.evidence == "a heartbeat that claims too much is not answered"


def test_ticketbleed_needs_tickets() -> None:
    with openssl("-no_ticket") as endpoint:
        outcome, connections = put(ProcedureName.TICKETBLEED, endpoint)
    assert outcome == Tried(present=False, evidence="no session tickets below TLS 1.3")
    assert connections == 1


# --- ROBOT


def put_robot(oracle: weak_servers.Oracle) -> tuple[ProcedureResult | Unknown, int]:
    with weak_servers.robot(oracle) as endpoint:
        return put(ProcedureName.ROBOT, endpoint)


def test_a_server_that_says_the_same_to_everything() -> None:
    outcome, connections = put_robot(weak_servers.steadfast)
    assert outcome == Tried(
        present=False, evidence="every padding was answered by the alert bad_record_mac"
    )
    assert connections == 5


@pytest.mark.parametrize(
    ("oracle", "strength"),
    [(weak_servers.weak_oracle, "weak"), (weak_servers.strong_oracle, "strong")],
)
def test_an_oracle_is_told_with_its_strength(oracle: weak_servers.Oracle, strength: str) -> None:
    outcome, connections = put_robot(oracle)
    assert isinstance(outcome, Tried)
    assert outcome.present
    assert f"a {strength} oracle" in outcome.evidence
    assert connections == 10


def test_silence_to_one_padding_is_an_answer_too() -> None:
    """A server that hangs where the padding is right, as F5's did. Only there is the patience
    used up, so that it can be long enough for a slow machine's other answers."""

    def hangs(block: bytes) -> int:
        right = block.startswith(b"\x00\x02") and block[-49:-46] == b"\x00\x03\x03"
        return weak_servers.HANG if right else 40

    with weak_servers.robot(hangs) as endpoint:
        outcome, _ = put(ProcedureName.ROBOT, endpoint, limits=replace(PATIENT, reply=3))
    assert isinstance(outcome, Tried)
    assert outcome.present
    assert "silence" in outcome.evidence


def test_a_fickle_server_is_not_judged() -> None:
    answers = iter([20, 40, 20, 20, 20, 20, 20, 20, 20, 20])
    outcome, _ = put_robot(lambda _: next(answers))
    assert isinstance(outcome, Unknown)
    assert "differ from one try to the next" in outcome.reason


def test_the_suites_to_try_are_those_named() -> None:
    """By another suite than the one that the server would choose."""
    with weak_servers.robot(weak_servers.weak_oracle, suites="AES256-SHA") as endpoint:
        named = ("TLS_RSA_WITH_AES_256_CBC_SHA",)
        assert tried(ProcedureName.ROBOT, endpoint, cipher_suites=named).present
        others = ("TLS_RSA_WITH_AES_128_CBC_SHA",)
        assert not tried(ProcedureName.ROBOT, endpoint, cipher_suites=others).present


def test_without_static_rsa_there_is_nothing_to_try() -> None:
    with openssl(suites="ECDHE:@SECLEVEL=0") as endpoint:
        outcome, connections = put(ProcedureName.ROBOT, endpoint)
    assert outcome == Tried(
        present=False,
        evidence="no suite with static RSA key exchange: the alert handshake_failure",
    )
    assert connections == 1


# --- what is odd


def test_an_early_change_cipher_spec_met_with_silence_is_not_judged() -> None:
    with weak_servers.scripted(wait_for_the_end) as endpoint:
        outcome, _ = put(ProcedureName.CCS, endpoint, limits=replace(PATIENT, reply=0.3))
    assert isinstance(outcome, Unknown)
    assert outcome.cause is Cause.TIMEOUT


def test_a_server_without_alerts() -> None:
    """It hangs up at once where it is sound; where it hangs up later, that may have other
    reasons."""
    quick = replace(PATIENT, reply=0.3)
    with weak_servers.ccs_injection(vulnerable=False, mute=True) as endpoint:
        assert not tried(ProcedureName.CCS, endpoint).present
    with weak_servers.ccs_injection(vulnerable=True, mute=True) as endpoint:
        outcome, _ = put(ProcedureName.CCS, endpoint, limits=quick)
    assert isinstance(outcome, Unknown)
    assert outcome.cause is Cause.TLS_ERROR


def test_a_server_that_answers_no_heartbeat_in_the_middle_of_a_handshake() -> None:
    extensions = (Extension(ExtensionType.HEARTBEAT, b"\x01"),)
    with weak_servers.scripted(wait_for_the_end, extensions=extensions) as endpoint:
        outcome, _ = put(ProcedureName.HEARTBLEED, endpoint, limits=replace(PATIENT, reply=0.3))
    assert isinstance(outcome, Tried)
    assert not outcome.present


def test_garbage_after_the_flight_ends_it() -> None:
    def reaction(connection: socket.socket) -> None:
        weak_servers.record(connection)
        connection.sendall(b"\xff" * 4096)
        wait_for_the_end(connection)

    with weak_servers.scripted(reaction) as endpoint:
        assert not tried(ProcedureName.CCS, endpoint).present


@settings(max_examples=30, deadline=None)
@given(
    said=st.binary(max_size=120) | st.binary(max_size=60).map(lambda data: b"\x15\x03\x03" + data)
)
def test_whatever_is_said_there_is_an_outcome(said: bytes) -> None:
    """A server that says `said` to the provocation and hangs up has neither fault, unless `said`
    holds a heartbeat."""

    def reaction(connection: socket.socket) -> None:
        weak_servers.record(connection)
        connection.sendall(said)

    extensions = (Extension(ExtensionType.HEARTBEAT, b"\x01"),)
    with weak_servers.scripted(reaction, extensions=extensions) as endpoint:
        for name in (ProcedureName.CCS, ProcedureName.HEARTBLEED):
            assert not tried(name, endpoint).present


def test_records_without_end_are_read_to_a_bound() -> None:
    def reaction(connection: socket.socket) -> None:
        weak_servers.record(connection)
        while True:
            weak_servers.say(connection, ContentType.HANDSHAKE, bytes(16000))

    with weak_servers.scripted(reaction) as endpoint:
        assert not tried(ProcedureName.CCS, endpoint).present
