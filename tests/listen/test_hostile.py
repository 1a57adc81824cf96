"""What strangers try: each is answered, bounded, and leaves the server as it was."""

from __future__ import annotations

import logging
import socket
import tracemalloc
from collections.abc import Iterator

import pytest

from letterlock.listen.limits import Gate, Limits, client_of
from letterlock.listen.places import Role
from letterlock.listen.seen import MOST_CODES, hello_facts
from letterlock.model.listening import Trap
from letterlock.wire.tls.client_extensions import ClientOffer
from letterlock.wire.tls.client_hello import Offer
from letterlock.wire.tls.key_shares import random_share
from tests.listen.running import NAMES, Client, Running, address, careless, running

#: Small, for the bounds to be met.
_LIMITS = Limits(connections=6, per_client=4, size=4096, errors=8, commands=12)


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running(_LIMITS) as server:
        yield server


@pytest.fixture(autouse=True)
def still_serves(server: Running) -> Iterator[None]:
    """Whatever was done to it, the next honest mail is taken."""
    yield
    with Client(server.port(Trap.GOOD)).open() as client:
        client.starttls(careless(), NAMES.host(Trap.GOOD))
        assert client.deliver(address(Trap.GOOD)).startswith("250 2.0.0")
    while not server.visit().mails:
        pass


def test_one_byte_at_a_time(server: Running) -> None:
    with Client(server.port(Trap.GOOD)) as client:
        assert client.reply().startswith("220 ")
        for byte in b"EHLO slow.example\r\n":
            client.socket.sendall(bytes((byte,)))
        assert client.reply().startswith("250-mx.good.traps.example")
        assert client.say("STARTTLS").startswith("220 ")
        hello = Offer((0x0303,), (0xC02B, 0xC02F), groups=(29, 23), signature_schemes=(0x0403,))
        for byte in hello.hello().to_records(size=50):
            client.socket.sendall(bytes((byte,)))
        assert client.socket.recv(1) == b"\x16"
    visit = server.visit()
    assert visit.tls is not None
    assert visit.tls.hello is not None
    assert visit.tls.hello.versions == ("TLSv1.2", "TLSv1.1", "TLSv1", "SSLv3")
    assert visit.tls.version == "TLSv1.2"
    assert visit.tls.failure == "the connection was closed during the handshake"


def test_commands_before_the_handshake_are_not_taken_for_what_comes_inside(server: Running) -> None:
    """CVE-2011-0411."""
    with Client(server.port(Trap.GOOD)).open() as client:
        client.socket.sendall(b"STARTTLS\r\nMAIL FROM:<evil@sender.example>\r\n")
        assert client.reply().startswith("554 5.5.0")
        assert client.is_closed()
    visit = server.visit()
    assert visit.injected
    assert visit.tls is None


def test_commands_that_come_in_place_of_the_handshake(server: Running) -> None:
    with Client(server.port(Trap.GOOD)).open() as client:
        assert client.say("STARTTLS").startswith("220 ")
        client.socket.sendall(b"MAIL FROM:<evil@sender.example>\r\n")
        assert client.is_closed()
    visit = server.visit()
    assert visit.tls is not None
    assert visit.tls.failure == "text instead of TLS"
    assert visit.mails == ()


@pytest.mark.parametrize(
    "garbage",
    [b"\x16\x03\x01\xff\xff" + b"\x00" * 70000, b"\x16\x03\x01\x00\x04\x01\xff\xff\xff",
     b"\x80" * 99, b"\x15\x03\x01\x00\x02\x02\x28", b"\x16\x03\x01\x00\x00" * 3000],
    ids=["huge-record", "huge-message", "sslv2", "alert", "empty-records"],
)  # fmt: skip
def test_garbage_for_a_handshake(server: Running, garbage: bytes) -> None:
    with Client(server.port(Trap.GOOD)).open() as client:
        assert client.say("STARTTLS").startswith("220 ")
        try:
            client.socket.sendall(garbage)
            client.socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        assert client.is_closed()
    visit = server.visit()
    assert visit.tls is not None
    assert not visit.tls.completed
    assert visit.tls.failure


def test_tls_within_tls_is_refused_and_what_was_said_before_is_forgotten(server: Running) -> None:
    with Client(server.port(Trap.GOOD)).open() as client:
        assert client.say("MAIL FROM:<me@sender.example>").startswith("250 2.0.0")
        client.starttls(careless())
        assert client.say(f"RCPT TO:<{address(Trap.GOOD)}>").startswith("503 5.5.1")
        assert client.say("STARTTLS").startswith("503 5.5.1")
        assert "STARTTLS" not in client.say("EHLO me")
    server.visit()


@pytest.mark.parametrize(
    ("line", "code"),
    [("VRFY root", "502 5.5.1"), ("EXPN root", "502 5.5.1"), ("HELP", "502 5.5.1"),
     ("AUTH PLAIN AGEAYg==", "502 5.5.1"), ("BDAT 5", "502 5.5.1"), ("STARTTLS now", "501 5.5.4"),
     ("XCLIENT ADDR=::1", "500 5.5.1"), ("\x00", "500 5.5.1"), ("", "500 5.5.2"),
     ("RCPT TO:<test-token@good.traps.example>", "503 5.5.1"), ("DATA", "503 5.5.1"),
     ("MAIL FROM:<a@b> SIZE=99999", "552 5.3.4"), ("EHLO", "501 5.5.4"),
     ("MAIL FROM:" + "(" * 985, "451 4.3.0"), ("x" * 5000, "500 5.5.2")],
)  # fmt: skip
def test_what_is_refused(server: Running, line: str, code: str) -> None:
    with Client(server.port(Trap.GOOD)).open() as client:
        assert client.say(line).startswith(f"{code} ")
        assert client.say("NOOP").startswith("250 2.0.0")
    server.visit()


@pytest.mark.parametrize(
    "recipient",
    ["root@localhost", "someone@elsewhere.example", "other-token@good.traps.example",
     "test-token@traps.example", "test-token@evil.good.traps.example", "postmaster",
     "test-token%elsewhere.example@good.traps.example", "@elsewhere.example:test-token@x",
     "test-token@[127.0.0.1]"],
)  # fmt: skip
def test_nothing_is_relayed(server: Running, recipient: str) -> None:
    with Client(server.port(Trap.GOOD)).open() as client:
        assert client.say("MAIL FROM:<me@sender.example>").startswith("250 ")
        answer = client.say(f"RCPT TO:<{recipient}>")
        assert answer.startswith(("550 5.1.1", "553 5.1.3")), answer
        assert client.say("DATA").startswith("503 5.5.1")
    visit = server.visit()
    assert (visit.recipients, visit.mails) == ((), ())
    assert visit.turned_away == (0 if answer.startswith("553") else 1)


def test_what_is_said_anew_is_forgotten_and_twice_counts_once(server: Running) -> None:
    """A second EHLO is a RSET (RFC 5321 section 4.1.4)."""
    with Client(server.port(Trap.GOOD)).open() as client:
        assert client.say("HELO old.example") == "250 mx.good.traps.example\r\n"
        recipient = f"RCPT TO:<{address(Trap.GOOD)}>"
        assert client.say("MAIL FROM:<me@sender.example>").startswith("250 ")
        assert client.say("EHLO again.example").startswith("250-")
        assert client.say(recipient).startswith("503 5.5.1")
        assert client.say("MAIL FROM:<me@sender.example>").startswith("250 ")
        for line in (recipient, recipient.lower().replace("rcpt to", "RCPT TO")):
            assert client.say(line).startswith("250 2.1.5")
        assert client.say("DATA now").startswith("501 5.5.4")
        assert client.say("DATA").startswith("354 ")
        assert client.say("hello\r\n.").startswith("250 2.0.0")
        assert client.say(recipient).startswith("503 5.5.1")
    visit = server.visit()
    assert visit.helo == "again.example"
    assert len(visit.recipients) == len(visit.mails) == 1


def test_inside_tls_it_begins_anew(server: Running) -> None:
    """RFC 3207 section 4.2."""
    with Client(server.port(Trap.GOOD)).open() as client:
        assert client.say("STARTTLS").startswith("220 ")
        with careless().wrap_socket(client.socket) as inside:
            inside.sendall(b"MAIL FROM:<me@sender.example>\r\n")
            assert inside.recv(4096).startswith(b"503 5.5.1 ")
    server.visit()


def test_only_errors_of_the_clients_count(server: Running) -> None:
    with Client(server.port(Trap.GOOD)).open() as client:
        for _ in range(_LIMITS.errors):
            assert client.say("MAIL FROM:" + "(" * 985).startswith("451 4.3.0")
        assert client.say("NOOP").startswith("250 ")
    server.visit()


def test_who_was_let_go_says_nothing_more(server: Running) -> None:
    """Though it was there already."""
    recipient = f"RCPT TO:<{address(Trap.GOOD)}>\r\n".encode()
    with Client(server.port(Trap.GOOD)).open() as client:
        assert client.say("MAIL FROM:<>").startswith("250 ")
        client.socket.sendall(b"MAIL\r\n" * _LIMITS.errors + recipient)
        assert client.is_closed()
    visit = server.visit()
    assert (visit.recipients, visit.ended) == ((), "too many errors")


def test_a_dot_at_the_end_of_a_long_line_ends_no_message(server: Running) -> None:
    """It stands alone in what is read last, not on its line."""
    with Client(server.port(Trap.GOOD)).open() as client:
        client.say("MAIL FROM:<>")
        client.say(f"RCPT TO:<{address(Trap.GOOD)}>")
        client.say("DATA")
        client.socket.sendall(b"y" * 1999 + b".")
        client.socket.sendall(b"\r\nMAIL FROM:<smuggled@sender.example>\r\n.\r\n")
        assert client.reply().startswith("250 2.0.0 seen")
    (mail,) = server.visit().mails
    assert mail.size == 2002 + len("MAIL FROM:<smuggled@sender.example>\r\n")


def test_a_message_too_large_and_lines_without_end(server: Running) -> None:
    with Client(server.port(Trap.GOOD)).open() as client:
        line = "y" * 3000
        assert client.deliver(address(Trap.GOOD), line).startswith("250 2.0.0")
        assert client.deliver(address(Trap.GOOD), f"{line}\r\n.x\n.\n{line}").startswith(
            "552 5.3.4"
        )
        full = "y" * (_LIMITS.size - 2)
        assert client.deliver(address(Trap.GOOD), full).startswith("250 2.0.0")
        assert client.deliver(address(Trap.GOOD), f"{full}y").startswith("552 5.3.4")
        client.say("MAIL FROM:<>")
        client.say(f"RCPT TO:<{address(Trap.GOOD)}>")
        client.say("DATA")
        client.socket.sendall(b"z" * 5 * _LIMITS.size)
        assert client.reply().startswith("421 4.3.4")
    assert [mail.size for mail in server.visit().mails] == [3002, _LIMITS.size]


def test_a_message_without_end_is_not_kept_in_memory(server: Running) -> None:
    """aiosmtpd 1.4.6 would keep every piece of a line that does not end."""
    with Client(server.port(Trap.GOOD)).open() as client:
        client.say("MAIL FROM:<>")
        client.say(f"RCPT TO:<{address(Trap.GOOD)}>")
        client.say("DATA")
        tracemalloc.start()
        try:
            for _ in range(2000):
                client.socket.sendall(b"z" * 10000)
        except OSError:
            pass
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 2_000_000
    visit = server.visit()
    assert (visit.mails, visit.ended) == ((), "the message did not end")


def test_of_hellos_without_end_little_is_kept() -> None:
    tracemalloc.start()
    kept = [hello_facts(ClientOffer((0x0303,), tuple(range(at, 30_000)))) for at in range(20)]
    kept += [hello_facts(ClientOffer((0x0303,), (at,) * 2)) for at in (1, 1)]
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 1_000_000
    assert len(kept[0].cipher_suites) <= MOST_CODES
    assert kept[-1] is kept[-2]


def test_who_only_errs_is_let_go(server: Running) -> None:
    with Client(server.port(Trap.GOOD)).open() as client:
        answers = [client.say("MAIL") for _ in range(_LIMITS.errors)]
        assert answers[-1].startswith("501 5.5.4")
        assert client.reply().startswith("421 4.7.0")
        assert client.is_closed()
    assert server.visit().ended == "too many errors"


def test_a_command_too_often(server: Running) -> None:
    with Client(server.port(Trap.GOOD)).open() as client:
        answers = [client.say("NOOP") for _ in range(_LIMITS.commands + 1)]
        assert answers[-1].startswith("421 4.7.0")
        assert client.is_closed()
    assert server.visit().ended == "too many commands"


def test_who_asks_for_what_there_is_not_is_let_go(server: Running) -> None:
    with Client(server.port(Trap.GOOD)).open() as client:
        answers = [client.say(f"NOISE{at}") for at in range(5)]
        assert [each[:9] for each in answers] == ["500 5.5.1"] * 4 + ["502 5.5.1"]
        assert client.is_closed()
    assert server.visit().ended == "too many errors"


def test_more_connections_than_one_may_have(server: Running) -> None:
    inside = [Client(server.port(Trap.GOOD)).open() for _ in range(_LIMITS.per_client)]
    with Client(server.port(Trap.GOOD)) as client:
        assert client.reply().startswith("421 4.7.0")
        assert client.is_closed()
    for each in inside:
        each.close()
        server.visit()


@pytest.mark.parametrize("trap", [Trap.GOOD, None])
def test_hostile_names_stay_text(
    server: Running,
    trap: Trap | None,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """And none of them is on the service's screen or in its log."""
    name = b"\x1b[2Jx\xff<script>\x00.traps.example"
    with Client(server.port(trap)).open("<b>\x1b]0;x") as client:
        assert client.say("STARTTLS").startswith("220 ")
        offer = Offer(
            (0x0303,), (0xC02B, 0x0A0A, 0xFEDC), server_name=name, groups=(0x11EC, 0xFDFD)
        )
        client.socket.sendall(offer.hello().to_records())
        assert client.is_closed()
    visit = server.visit()
    assert visit.helo == "<b>\\x1b]0;x"
    assert visit.tls is not None
    assert visit.tls.hello is not None
    assert visit.tls.hello.server_name == "\\x1b[2Jx\\xff<script>\\x00.traps.example"
    assert visit.tls.hello.cipher_suites[1:2] == ("0xfedc",)
    assert visit.tls.hello.groups == ("X25519MLKEM768", "0xfdfd")
    assert visit.tls.hello.post_quantum_groups == ("X25519MLKEM768",)
    assert capfd.readouterr().err == ""
    assert not logging.getLogger("mail.log").propagate, "aiosmtpd's lines hold what clients say"


def test_a_post_quantum_group_is_agreed_on(server: Running) -> None:
    offer = Offer(
        (0x0304,), (0x1301,), groups=(0x11EC, 29), signature_schemes=(0x0403,),
        key_shares=((0x11EC, random_share(0x11EC)),),
    )  # fmt: skip
    with Client(server.port(Trap.GOOD)).open() as client:
        assert client.say("STARTTLS").startswith("220 ")
        client.socket.sendall(offer.hello().to_records())
        assert client.socket.recv(1) == b"\x16"
    visit = server.visit()
    assert visit.tls is not None
    assert (visit.tls.group, visit.tls.post_quantum) == ("X25519MLKEM768", True)
    assert visit.tls.version == "TLSv1.3"


def test_a_hello_without_a_share_is_asked_again(server: Running) -> None:
    offer = Offer((0x0304,), (0x1301,), groups=(24,), signature_schemes=(0x0403,))
    with Client(server.port(Trap.GOOD)).open() as client:
        assert client.say("STARTTLS").startswith("220 ")
        client.socket.sendall(offer.hello().to_records())
        assert client.socket.recv(1) == b"\x16"
    visit = server.visit()
    assert visit.tls is not None
    assert visit.tls.retried


def test_silence_ends() -> None:
    with running(Limits(idle=0.1)) as quick:
        with Client(quick.port(Trap.GOOD)) as client:
            while not client.reply().startswith("421 4.4.2"):
                pass
            assert client.is_closed()
        assert quick.visit().ended == "the client was silent for too long"


def test_who_does_not_go_is_sent_away() -> None:
    with running(Limits(session=0.1)) as quick:
        with Client(quick.port(Trap.GOOD)) as client:
            assert client.is_closed()
        assert quick.visit().ended == "the session took too long"


def test_a_handshake_that_does_not_go_on_ends() -> None:
    with running(Limits(handshake=0.1)) as quick:
        with Client(quick.port(Trap.GOOD)).open() as client:
            assert client.say("STARTTLS").startswith("220 ")
            assert client.is_closed()
        visit = quick.visit()
        assert visit.tls is not None
        assert visit.tls.failure == "the handshake took too long"
        with Client(quick.port(Role.POLICY)) as client:
            assert client.is_closed()


def test_of_the_policys_house_too(server: Running) -> None:
    """A client's mails and fetches count together."""
    with Client(server.port(Trap.GOOD)).open():
        inside = [Client(server.port(Role.POLICY)) for _ in range(_LIMITS.per_client - 1)]
        with Client(server.port(Role.POLICY)) as client:
            assert client.is_closed()
        for each in inside:
            each.close()
    server.visit()


def test_strangers_push_out_no_visit_of_the_test() -> None:
    with running(Limits(remembered=1)) as server:
        with Client(server.port(Trap.NO_STARTTLS)).open() as client:
            client.deliver(address(Trap.NO_STARTTLS))
        kept = server.visit()
        for _ in range(2):
            Client(server.port(Trap.GOOD)).open().close()
            stranger = server.visit()
        assert server.listener.visits == (kept, stranger)


def test_who_is_there_at_the_end_is_told() -> None:
    with running() as server:
        client = Client(server.port(Trap.GOOD)).open()
    with client:
        assert server.visit().ended == "the test was ended"
        assert client.is_closed()


def test_who_is_counted_together() -> None:
    assert client_of("192.0.2.1") == client_of("::ffff:192.0.2.1")
    assert client_of("2001:db8::1") == client_of("2001:db8::ffff:2")
    assert client_of("2001:db8::1") != client_of("2001:db8:0:1::1")
    assert client_of("fe80::1%eth0") == "fe80::/64"
    gate = Gate(Limits(connections=2, per_client=1))
    assert gate.enter("192.0.2.1") is None
    assert gate.enter("192.0.2.1") == "too many connections from your address"
    assert gate.enter("192.0.2.2") is None
    assert gate.enter("192.0.2.3") == "too many connections"
    gate.leave("192.0.2.1")
    assert gate.enter("192.0.2.2") == "too many connections from your address"
    assert gate.enter("2001:db8::1") is None
    gate.leave("192.0.2.2")
    assert gate.enter("2001:db8::2") == "too many connections from your address"
    gate.leave("2001:db8::1")
    assert not gate._inside, "of who has left nothing is kept"


def test_the_limits_that_the_reference_promises() -> None:
    promised = Limits(
        connections=100, per_client=10, session=300, idle=60, handshake=30, size=2**20, commands=50,
        errors=20, remembered=2000,
    )  # fmt: skip
    assert Limits() == promised
