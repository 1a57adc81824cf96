"""How questions are put: counted, governed, resumed, cut short; on real servers and on hostile
ones."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import count

import pytest

from letterlock.certs.trust import TrustStore
from letterlock.model.facts import EndpointFacts, Greeting, Handshake
from letterlock.model.service import (
    IMAP,
    POP3S,
    SERVICES,
    SMTP,
    Endpoint,
    Service,
)
from letterlock.model.unknown import Cause, Unknown
from letterlock.probe.ask import Hello, Procedure, ProcedureName, TlsOptions
from letterlock.probe.examine import Examination, Manners, examine
from letterlock.probe.limits import Limits
from letterlock.wire.tls.answer import Outcome as Ending
from tests.machine import HOSTNAME, ForbiddenError, Machine, follow_guide
from tests.probe.asking import Listed, hello
from tests.probe.hostile import (
    Script,
    after_hello,
    answers,
    floods,
    line,
    resets_after,
    serving,
    silent,
    trickles,
    wait_for_the_end,
    with_tls,
)

BANNER = b"220 mail.example.com ESMTP\r\n"
EHLO = b"250-mail.example.com\r\n250 STARTTLS\r\n"
READY = b"220 2.0.0 Ready to start TLS\r\n"
POP3 = answers(b"+OK hi\r\n", b"+OK\r\nUIDL\r\n.\r\n", b"+OK bye\r\n")
LIMITS = Limits(connect=5, banner=5, reply=5, handshake=5, farewell=0.3, received=1 << 18)
PATIENT = Limits(connect=5, banner=0.7, reply=0.7, handshake=0.7, farewell=0.3, received=1 << 18)


def inquire(
    endpoints: Sequence[Endpoint],
    what: Sequence[Hello | Procedure],
    manners: Manners,
    weight: int = 1,
) -> tuple[Examination, dict[Endpoint, Listed]]:
    planners: dict[Endpoint, Listed] = {}

    def plan(first: EndpointFacts, _at: datetime) -> Listed:
        planners[first.endpoint] = Listed(first, what, weight)
        return planners[first.endpoint]

    examination = Examination(HOSTNAME, lambda: endpoints, plan)
    examine([examination], TrustStore.of(()), manners)
    return examination, planners


def ask(
    script: Script, times: int, service: Service = SMTP, manners: Manners | None = None
) -> tuple[EndpointFacts, Listed | None]:
    """Put as many hellos to one server."""
    with serving(script) as port:
        endpoint = Endpoint("127.0.0.1", port, service)
        manners = manners or Manners(limits=LIMITS, ehlo_name="probe.example.org")
        examination, planners = inquire([endpoint], [hello()] * times, manners)
        (facts,) = examination.facts()
    return facts, planners.get(endpoint)


def then(*scripts: Script, after: Script) -> Script:
    """The first connections get a script each, all further ones `after`."""
    number = count()

    def script(connection: socket.socket) -> None:
        turn = next(number)
        (scripts[turn] if turn < len(scripts) else after)(connection)

    return script


def smtp_with_tls() -> Script:
    inside = answers(b"", EHLO, b"221 bye\r\n")
    return with_tls(inside, BANNER, EHLO, READY)


# --- real servers


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    try:
        machine = Machine(tmp_path_factory.mktemp("shared"))
    except ForbiddenError as reason:
        pytest.skip(f"no private system here: {reason}")
    with machine:
        follow_guide(machine)
        main = "/etc/postfix/main.cf"
        settings = (
            "smtpd_client_event_limit_exceptions =\n"
            "postscreen_greet_wait = 1s\npostscreen_greet_action = enforce\n"
            "postscreen_access_list =\npostscreen_cache_map =\n"
        )
        services = (
            "2501 inet n - y - - smtpd -o smtpd_client_connection_rate_limit=4\n"
            "2502 inet n - y - - smtpd -o smtpd_client_connection_count_limit=1\n"
            "2503 inet n - y - 1 postscreen\nsmtpd pass - - y - - smtpd\n"
        )
        machine.write(main, machine.read(main) + settings.encode())
        master = "/etc/postfix/master.cf"
        machine.write(master, machine.read(master) + services.encode())
        machine.start()
        yield machine


def opened(machine: Machine) -> int:
    """The kernel's own count of the connections made in the machine: attempts less failures
    (RFC 4022, tcpActiveOpens and tcpAttemptFails)."""
    lines = machine.must("cat", "/proc/net/snmp").text.splitlines()
    names, values = (line.split() for line in lines if line.startswith("Tcp:"))
    counters = dict(zip(names[1:], map(int, values[1:]), strict=True))
    return counters["ActiveOpens"] - counters["AttemptFails"]


@pytest.mark.machine
def test_seven_ports_and_every_connection_counted(machine: Machine) -> None:
    endpoints = [Endpoint("127.0.0.1", service.port, service) for service in SERVICES]
    handshake = Procedure(ProcedureName.HANDSHAKE, TlsOptions(HOSTNAME))
    what = [hello()] * 12 + [handshake]
    manners = Manners(ehlo_name="probe.example.org")
    logged = len(machine.log())
    before = opened(machine)
    examination, planners = machine.system.call(lambda: inquire(endpoints, what, manners))
    # Dovecot and Postfix speak to each other over UNIX sockets only.
    assert examination.connections == opened(machine) - before == 7 * 14
    for endpoint, facts in zip(endpoints, examination.facts(), strict=True):
        assert isinstance(facts.handshake, Handshake)
        assert facts.tls is not None
        assert (facts.tls.connections, facts.tls.refused, facts.tls.left_out) == (14, 0, ())
        answers = planners[endpoint].answers
        assert {answer.outcome for answer in answers} == {Ending.FLIGHT}
        assert {answer.chain[0] for answer in answers if answer.chain} == {
            facts.handshake.chain[0].der
        }
    text = "\n".join(machine.log()[logged:])
    assert "improper command pipelining" not in text
    assert "ehlo=1 starttls=0/1 commands=1/2" in text


@pytest.mark.machine
def test_rate_limited_per_minute(machine: Machine) -> None:
    """Postfix lets in 4 a minute: nothing is misreported, the rest is what the time is too short
    for, and said to be so."""
    endpoint = Endpoint("127.0.0.1", 2501, SMTP)
    manners = Manners(ehlo_name="probe.example.org", max_seconds=20)
    examination, planners = machine.system.call(
        lambda: inquire([endpoint], [hello()] * 10, manners)
    )
    (facts,) = examination.facts()
    outcomes = planners[endpoint].outcomes.values()
    assert len(planners[endpoint].answers) == 3
    causes = {outcome.cause for outcome in outcomes if isinstance(outcome, Unknown)}
    assert causes == {Cause.THROTTLED}
    assert facts.tls is not None
    assert facts.tls.refused <= 3
    refusals = [line for line in machine.log() if "rate limit exceeded" in line]
    assert len(refusals) == facts.tls.refused


@pytest.mark.machine
def test_one_client_at_a_time(machine: Machine) -> None:
    """Too many at once is not taken for too many a minute: everything is asked, soon."""
    endpoint = Endpoint("127.0.0.1", 2502, SMTP)
    manners = Manners(ehlo_name="probe.example.org", max_seconds=50)
    _, planners = machine.system.call(lambda: inquire([endpoint], [hello()] * 12, manners))
    assert len(planners[endpoint].answers) == 12


@pytest.mark.machine
def test_postscreen_holds_its_banner_back_every_time(machine: Machine) -> None:
    endpoint = Endpoint("127.0.0.1", 2503, SMTP)
    manners = Manners(ehlo_name="probe.example.org")
    _, planners = machine.system.call(lambda: inquire([endpoint], [hello()] * 4, manners))
    assert len(planners[endpoint].answers) == 4
    assert not [line for line in machine.log() if "PREGREET" in line]


# --- turned away, cut off


def test_a_question_turned_away_is_asked_again() -> None:
    good = smtp_with_tls()
    busy = answers(b"421 4.7.0 busy\r\n")
    facts, planner = ask(then(good, good, busy, good, after=good), 4)
    assert planner is not None
    assert facts.tls is not None
    assert len(planner.answers) == 4
    assert (facts.tls.connections, facts.tls.refused) == (6, 1)


@pytest.mark.parametrize(
    "trouble",
    [
        resets_after(),
        resets_after(BANNER),
        answers(BANNER, b"451 4.3.0 later\r\n"),
        answers(BANNER, EHLO, b"454 4.7.0 too many new TLS sessions\r\n"),
    ],
    ids=["reset", "reset at EHLO", "451 to EHLO", "454 to STARTTLS"],
)
def test_trouble_in_the_middle_is_got_over(trouble: Script) -> None:
    good = smtp_with_tls()
    facts, planner = ask(then(good, good, trouble, after=good), 3)
    assert planner is not None
    assert facts.tls is not None
    assert len(planner.answers) == 3
    assert facts.tls.refused == 1


def test_a_server_that_has_had_enough_of_us_is_left_alone() -> None:
    """Unknown for all that is left, and not a connection for each."""
    good = smtp_with_tls()
    manners = Manners(limits=LIMITS, ehlo_name="probe.example.org", max_seconds=8)
    facts, planner = ask(then(good, good, after=resets_after()), 30, manners=manners)
    assert planner is not None
    assert facts.tls is not None
    assert len(planner.answers) == 1
    assert facts.tls.connections <= 9
    assert len(facts.tls.left_out) == 29


def test_resets_on_an_implicit_port_are_got_over() -> None:
    good, gone = with_tls(POP3), resets_after()
    _, planner = ask(then(good, good, gone, gone, gone, gone, after=good), 6, POP3S)
    assert planner is not None
    causes = [each.cause for each in planner.outcomes.values() if isinstance(each, Unknown)]
    assert set(causes) <= {Cause.DISCONNECTED}
    assert len(planner.answers) >= 4


def test_a_first_visit_turned_away_is_no_finding_of_a_missing_starttls() -> None:
    manners = Manners(limits=LIMITS, ehlo_name="probe.example.org", max_seconds=5)
    facts, planner = ask(answers(b"421 busy\r\n"), 3, manners=manners)
    assert planner is None
    assert isinstance(facts.greeting, Unknown)
    assert facts.greeting.cause is Cause.THROTTLED
    assert facts.tls is None


# --- bounds


@pytest.mark.parametrize(
    "answer",
    [
        silent,
        after_hello(b"", trickles(b"\x16\x03\x03\x3f\xff", 0.02)),
        after_hello(b"\x16\x03\x03\xff\xff", floods(with_=b"\x00")),
        after_hello(b"", floods(with_=b"\x16\x03\x03\x00\x04\x00\x00\x00\x00")),
        after_hello(b"\x00\x01\x02\x03\xff\n"),
        after_hello(b"\x15\x03"),
        resets_after(),
    ],
    ids=["silent", "trickle", "huge record", "endless records", "garbage", "half", "reset"],
)
def test_whatever_answers_a_hello(answer: Script) -> None:
    good = with_tls(POP3)
    manners = Manners(limits=PATIENT, ehlo_name="probe.example.org")
    _, planner = ask(then(good, after=answer), 2, POP3S, manners)
    assert planner is not None
    for outcome in planner.outcomes.values():
        if isinstance(outcome, Unknown):
            assert outcome.cause in (Cause.TIMEOUT, Cause.DISCONNECTED, Cause.BROKEN_DIALOGUE)
        else:
            assert outcome in planner.answers
            assert not planner.answers[0].agreed


def test_as_many_connections_as_allowed() -> None:
    manners = Manners(limits=LIMITS, ehlo_name="probe.example.org", max_connections=5)
    facts, planner = ask(smtp_with_tls(), 9, manners=manners)
    assert planner is not None
    assert facts.tls is not None
    assert facts.tls.connections == 5
    assert len(planner.answers) == 4
    assert [out.endswith("budget") for out in facts.tls.left_out] == [True] * 5


def test_a_question_dearer_than_what_is_left_is_not_begun() -> None:
    with serving(with_tls(POP3)) as port:
        endpoint = Endpoint("127.0.0.1", port, POP3S)
        resume = Procedure(ProcedureName.RESUME, TlsOptions(HOSTNAME))
        manners = Manners(limits=LIMITS, ehlo_name="probe.example.org", max_connections=3)
        examination, planners = inquire([endpoint], [resume, hello()], manners, weight=3)
    (first, second) = planners[endpoint].outcomes.values()
    assert isinstance(first, Unknown)
    assert first.cause is second.cause is Cause.BUDGET  # type: ignore[union-attr]
    assert examination.connections == 1


def test_the_time_is_up() -> None:
    """What is known stands, what is not says why; at most as long as allowed."""
    manners = Manners(limits=LIMITS, ehlo_name="probe.example.org", max_seconds=2)
    good = smtp_with_tls()
    facts, planner = ask(then(good, good, after=silent), 3, manners=manners)
    assert planner is not None
    assert facts.tls is not None
    assert len(planner.answers) == 1
    assert all(out.endswith(Cause.BUDGET) for out in facts.tls.left_out)


def test_so_many_a_minute() -> None:
    begun: list[float] = []
    good = smtp_with_tls()

    def noting(connection: socket.socket) -> None:
        begun.append(time.monotonic())
        good(connection)

    manners = Manners(limits=LIMITS, ehlo_name="probe.example.org", rate=240)
    ask(noting, 4, manners=manners)
    assert len(begun) == 5
    assert begun[-1] - begun[0] > 0.5


# --- manners


def test_a_handshake_that_is_not_gone_on_with_is_called_off() -> None:
    """RFC 8446 section 6.1: user_canceled, then close_notify."""
    heard: list[bytes] = []
    first = smtp_with_tls()
    flight = b"\x16\x03\x03\x00\x04\x0e\x00\x00\x00"
    server_hello = b"\x16\x03\x03\x00\x2a\x02\x00\x00\x26\x03\x03" + bytes(32) + b"\x00\xc0\x2f\x00"

    def script(connection: socket.socket) -> None:
        for turn in (BANNER, EHLO, READY):
            connection.sendall(turn)
            if turn is not READY:
                line(connection)
        connection.recv(4096)
        connection.sendall(server_hello + flight)
        rest = b""
        while data := connection.recv(4096):
            rest += data
        heard.append(rest)

    facts, planner = ask(then(first, after=script), 1)
    assert planner is not None
    assert planner.answers[0].outcome is Ending.FLIGHT, planner.answers
    assert facts.tls is not None
    assert heard == [b"\x15\x03\x03\x00\x02\x01\x5a\x15\x03\x03\x00\x02\x01\x00"]


def test_what_is_known_need_not_be_asked_again() -> None:
    """EHLO has to be said each time; CAPABILITY has not."""
    heard: list[list[bytes]] = []

    def script(connection: socket.socket) -> None:
        heard.append([])
        connection.sendall(b"* OK [CAPABILITY IMAP4rev1] hi\r\n")
        while True:
            tag, command = line(connection).split(None, 1)
            heard[-1].append(command.strip())
            if command.strip() == b"STARTTLS":
                connection.sendall(tag + b" OK\r\n")
                with_tls(silent)(connection)
            connection.sendall(b"* CAPABILITY IMAP4rev1 STARTTLS\r\n" + tag + b" OK\r\n")

    ask(script, 0, IMAP)
    assert heard[0] == [b"LOGOUT"]


def test_never_more_at_once_than_agreed() -> None:
    most, now, lock = 0, 0, threading.Lock()
    good = smtp_with_tls()

    def counted(connection: socket.socket) -> None:
        nonlocal most, now
        with lock:
            now += 1
            most = max(most, now)
        try:
            good(connection)
            wait_for_the_end(connection)
        finally:
            with lock:
                now -= 1

    with serving(counted) as one, serving(counted) as two:
        endpoints = [Endpoint("127.0.0.1", port, SMTP) for port in (one, two)]
        manners = Manners(limits=LIMITS, ehlo_name="probe.example.org")
        inquire(endpoints, [hello()] * 15, manners)
    # The server notices later than we do that a connection has ended.
    assert 2 <= most <= 12


def test_many_targets_share_an_address() -> None:
    """Their facts stay apart."""
    good = smtp_with_tls()
    planners: list[Listed] = []

    def plan(first: EndpointFacts, _at: datetime) -> Listed:
        planners.append(Listed(first, [hello()] * 3))
        return planners[-1]

    def finder(port: int) -> Callable[[], list[Endpoint]]:
        return lambda: [Endpoint("127.0.0.1", port, SMTP)]

    finished: list[str] = []
    with serving(good) as one, serving(good) as two:
        examinations = [Examination(name, finder(one), plan) for name in ("a.example", "b.example")]
        examinations.append(Examination("c.example", finder(two), plan))
        manners = Manners(limits=LIMITS, ehlo_name="probe.example.org")
        examine(
            examinations, TrustStore.of(()), manners, done=lambda each: finished.append(each.name)
        )
    assert sorted(finished) == ["a.example", "b.example", "c.example"]
    assert [each.connections for each in examinations] == [4, 4, 4]
    for examination in examinations:
        (facts,) = examination.facts()
        assert facts.name == examination.name
        assert isinstance(facts.greeting, Greeting)
