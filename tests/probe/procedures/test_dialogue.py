"""Injected commands, STARTTLS inside TLS, logins in the clear."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest

from letterlock.model.service import (
    IMAP,
    IMAPS,
    POP3,
    SMTP,
    SUBMISSION,
    SUBMISSIONS,
    Endpoint,
    MailProtocol,
    Service,
    TlsMode,
)
from letterlock.model.unknown import Cause, Unknown
from letterlock.probe.ask import (
    AroundStarttls,
    EarlyData,
    HandshakeResult,
    ProcedureName,
    ProcedureResult,
    Renegotiated,
    Replied,
    Resumed,
    Tried,
)
from letterlock.probe.limits import Limits
from tests.conftest import MakeMachine
from tests.machine import Machine, follow_guide
from tests.probe.hostile import answers, resets_after, serving, silent
from tests.probe.procedures.direct import offering, put
from tests.weak_servers import Habits, mail

SERVICES = [SMTP, IMAP, POP3]
ABOUT_THE_CLEAR = (
    ProcedureName.AROUND_STARTTLS,
    ProcedureName.STARTTLS_INJECTION,
    ProcedureName.LOGIN_BEFORE_TLS,
)


def tried(name: ProcedureName, service: Service, habits: Habits) -> Tried:
    with mail(service, habits) as endpoint:
        outcome, connections = put(name, endpoint)
    assert isinstance(outcome, Tried), outcome
    assert connections == 1
    return outcome


@pytest.mark.parametrize("service", SERVICES)
def test_injected_commands_that_are_carried_out(service: Service) -> None:
    injection = ProcedureName.STARTTLS_INJECTION
    assert tried(injection, service, Habits(keeps_injected=True)).present
    assert not tried(injection, service, Habits()).present
    assert not tried(injection, service, Habits(drops_injected=True)).present


@pytest.mark.parametrize("service", SERVICES)
def test_a_server_that_takes_the_command_for_tls_is_sound(service: Service) -> None:
    """Its TLS library reads NOOP where a ClientHello should be, and hangs up or says so."""
    greeting = {
        SMTP: (b"220 hi\r\n", b"250 STARTTLS\r\n", b"220 go\r\n"),
        IMAP: (b"* OK [CAPABILITY IMAP4rev1 STARTTLS] hi\r\n", b"A1 OK go\r\n"),
        POP3: (b"+OK hi\r\n", b"+OK\r\nSTLS\r\n.\r\n", b"+OK go\r\n"),
    }[service]
    alert = bytes.fromhex("15030100020246")
    for script in (resets_after(*greeting), answers(*greeting, alert)):
        with serving(script) as port:
            outcome, _ = put(ProcedureName.STARTTLS_INJECTION, Endpoint("127.0.0.1", port, service))
        assert isinstance(outcome, Tried), outcome
        assert not outcome.present


@pytest.mark.parametrize("service", SERVICES)
def test_a_second_starttls(service: Service) -> None:
    with mail(service) as endpoint:
        outcome, _ = put(ProcedureName.SECOND_STARTTLS, endpoint)
    assert isinstance(outcome, Replied)
    assert "TLS already active" in outcome.reply
    with mail(service, Habits(again=True)) as endpoint:
        assert put(ProcedureName.SECOND_STARTTLS, endpoint)[0] == Replied("accepted")


@pytest.mark.parametrize("service", SERVICES)
def test_a_login_that_is_not_offered(service: Service) -> None:
    """The little server fails its test where anything but `*` follows."""
    login = ProcedureName.LOGIN_BEFORE_TLS
    taken = tried(login, service, Habits(takes_login=True))
    assert taken.present
    assert taken.evidence.startswith(("AUTH PLAIN", "AUTHENTICATE PLAIN"))
    refused = tried(login, service, Habits())
    assert not refused.present
    assert "not in the clear" in refused.evidence
    offered = tried(login, service, Habits(offers_login=True))
    assert not offered.present
    assert "AUTH PLAIN" in offered.evidence


# --- all of it over one connection


def around(service: Service, habits: Habits, *, login: bool = True) -> AroundStarttls:
    with mail(service, habits) as endpoint:
        outcome, connections = put(ProcedureName.AROUND_STARTTLS, endpoint, offering(login=login))
    assert isinstance(outcome, AroundStarttls), outcome
    assert connections == 1
    return outcome


@pytest.mark.parametrize("service", SERVICES)
def test_one_connection_tells_all_of_a_sound_server(service: Service) -> None:
    """But for POP3's second STLS, which has a connection of its own."""
    told = around(service, Habits())
    assert told.login and "not in the clear" in told.login.evidence
    assert told.injection == Tried(
        present=False, evidence="what was sent before TLS is not answered inside it"
    )
    assert told.session and told.session.serialised
    assert "serialised" not in repr(told)
    if service is POP3:
        assert told.second is None
    else:
        assert told.second and "TLS already active" in told.second.reply
    assert around(service, Habits(), login=False).login is None


@pytest.mark.parametrize("service", SERVICES)
def test_one_connection_tells_of_each_fault(service: Service) -> None:
    login = around(service, Habits(takes_login=True))
    assert login.login and login.login.present
    assert login.injection and not login.injection.present
    injected = around(service, Habits(keeps_injected=True))
    assert injected.injection and injected.injection.present
    assert injected.second is None
    dropped = around(service, Habits(drops_injected=True))
    assert dropped.injection and not dropped.injection.present
    assert dropped.second is None and dropped.session is None
    again = around(service, Habits(again=True))
    assert again.injection and not again.injection.present
    assert again.second == (None if service is POP3 else Replied("accepted"))


@pytest.mark.parametrize("service", SERVICES)
def test_a_server_that_ends_it_at_the_login_is_asked_the_rest_alone(service: Service) -> None:
    greeting = {
        SMTP: (b"220 hi\r\n", b"250 STARTTLS\r\n"),
        IMAP: (b"* OK [CAPABILITY IMAP4rev1 LOGINDISABLED STARTTLS] hi\r\n",),
        POP3: (b"+OK hi\r\n", b"+OK\r\nSTLS\r\n.\r\n"),
    }[service]
    with serving(resets_after(*greeting)) as port:
        outcome, _ = put(
            ProcedureName.AROUND_STARTTLS,
            Endpoint("127.0.0.1", port, service),
            offering(login=True),
        )
    assert outcome == AroundStarttls()


@pytest.mark.parametrize("name", list(ProcedureName))
def test_a_server_that_is_silent_costs_its_time_and_no_more(name: ProcedureName) -> None:
    with serving(silent) as port:
        outcome, _ = put(name, Endpoint("127.0.0.1", port, SMTP), limits=Limits.within(0.1))
    assert isinstance(outcome, Unknown)
    assert outcome.cause is Cause.TIMEOUT


@pytest.mark.parametrize("name", list(ProcedureName))
def test_a_server_that_resets_at_the_clienthello(name: ProcedureName) -> None:
    turns = (b"220 hi\r\n", b"250 STARTTLS\r\n", b"220 go\r\n")
    with serving(resets_after(*turns)) as port:
        outcome, _ = put(name, Endpoint("127.0.0.1", port, SMTP))
    if isinstance(outcome, Unknown):
        assert outcome.cause is Cause.DISCONNECTED
    else:
        assert name in ABOUT_THE_CLEAR
        found = outcome.injection if isinstance(outcome, AroundStarttls) else outcome
        assert isinstance(found, Tried)
        assert not found.present


# --- the real ones


@pytest.fixture
def guided(make_machine: MakeMachine) -> Iterator[Machine]:
    machine = make_machine()
    follow_guide(machine)
    machine.start()
    yield machine
    machine.stop()


def everything(endpoint: Endpoint, version: str) -> dict[ProcedureName, ProcedureResult | Unknown]:
    """Every procedure that is one for this endpoint."""
    implicit = endpoint.service.tls is TlsMode.IMPLICIT
    return {
        name: put(name, endpoint, offering(maximum=version))[0]
        for name in ProcedureName
        if not (implicit and name in ABOUT_THE_CLEAR)
    }


def check_around(told: AroundStarttls, service: Service, version: str) -> None:
    """Dovecot takes what is injected for a ClientHello and hangs up."""
    postfix = service.protocol is MailProtocol.SMTP
    assert told.injection and not told.injection.present
    assert (told.second is not None) is postfix
    assert (told.session is not None) is (postfix and version == "TLSv1.3")


def check_sound(
    name: ProcedureName, outcome: ProcedureResult | Unknown, service: Service, version: str
) -> None:
    match outcome:
        case Tried():
            assert not outcome.present, (service.name, name, outcome)
        case HandshakeResult():
            assert outcome.version == version
            assert len(outcome.chain) > 1
        case Renegotiated():
            assert not outcome.accepted
        case Resumed():
            assert (version == "TLSv1.3") == (outcome.ticket_tls13 is not None)
        case Replied():
            assert "TLS" in outcome.reply
        case AroundStarttls():
            check_around(outcome, service, version)
        case EarlyData():
            assert outcome == EarlyData(0)
        case Unknown():
            assert (name, version) == (ProcedureName.EARLY_DATA, "TLSv1.2"), outcome


@pytest.mark.machine
@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_real_servers_have_none_of_it(guided: Machine, version: str) -> None:
    for service in (SMTP, SUBMISSION, SUBMISSIONS, IMAP, IMAPS, POP3):
        endpoint = Endpoint("127.0.0.1", service.port, service)
        for name, outcome in guided.call(partial(everything, endpoint, version)).items():
            check_sound(name, outcome, service, version)
    assert not [text for text in guided.log() if "panic" in text or "fatal" in text]
