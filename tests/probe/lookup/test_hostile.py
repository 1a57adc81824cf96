"""A resolver that lies, dawdles and babbles: every answer is an answer or an Unknown, in time."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import dns.flags
import dns.message
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from letterlock.model.dns_answer import Answer
from letterlock.model.unknown import Cause, Unknown
from letterlock.probe.lookup.caa import look_up_caa
from letterlock.probe.lookup.resolver import BROKEN_NAMES, MOST_RECORDS, Resolver

Reply = Callable[[dns.message.Message], bytes]


@contextmanager
def answering(reply: Reply) -> Iterator[Resolver]:
    """A resolver over UDP and TCP on one port."""
    with (
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.socket(type=socket.SOCK_DGRAM) as udp,
    ):
        port = tcp.getsockname()[1]
        udp.bind(("127.0.0.1", port))

        def over_udp() -> None:
            while True:
                data, peer = udp.recvfrom(4096)
                if not data:
                    return
                udp.sendto(reply(dns.message.from_wire(data)), peer)

        thread = threading.Thread(target=over_udp)
        thread.start()
        try:
            yield Resolver((("127.0.0.1", port),), patience=20)
        finally:
            with socket.socket(type=socket.SOCK_DGRAM) as end:
                end.sendto(b"", ("127.0.0.1", port))
            thread.join()


def reply_of(query: dns.message.Message, *records: str, flags: int = 0, rcode: int = 0) -> bytes:
    reply = dns.message.make_response(query, recursion_available=True)
    reply.flags |= flags
    reply.set_rcode(dns.rcode.Rcode(rcode))
    for record in records:
        name, kind, text = record.split(None, 2)
        reply.answer.append(dns.rrset.from_text(name, 60, "IN", kind, text))
    return reply.to_wire(max_size=65535)


def copies_ad(query: dns.message.Message) -> bytes:
    """Says that everything is authentic, as a resolver that validates does of most."""
    name = str(query.question[0].name)
    return reply_of(query, f"{name} SOA a. b. 1 1 1 1 1", flags=dns.flags.AD)


def test_the_ad_bit_alone_is_not_believed() -> None:
    with answering(copies_ad) as resolver:
        assert resolver.validates is False


def test_no_broken_name_to_try_it_with() -> None:
    def reply(query: dns.message.Message) -> bytes:
        root = str(query.question[0].name) == "."
        return copies_ad(query) if root else reply_of(query, rcode=dns.rcode.NXDOMAIN)

    with answering(reply) as resolver:
        assert isinstance(resolver.validates, Unknown)


def test_a_failure_that_comes_with_cd_too_is_no_bogus_answer() -> None:
    with answering(lambda query: reply_of(query, rcode=dns.rcode.SERVFAIL)) as resolver:
        found = resolver.look_up("x.example", "MX", str)
    assert isinstance(found, Unknown)
    assert found.cause is Cause.DNS_FAILURE
    assert "SERVFAIL" in found.reason


def test_a_failure_that_passes_is_no_bogus_answer() -> None:
    """The first try fails, CD and the next do not."""
    asked: list[bool] = []

    def reply(query: dns.message.Message) -> bytes:
        asked.append(bool(query.flags & dns.flags.CD))
        if len(asked) == 1:
            return reply_of(query, rcode=dns.rcode.SERVFAIL)
        return reply_of(query, "x.example. MX 10 a.example.")

    with answering(reply) as resolver:
        assert isinstance(resolver.look_up("x.example", "MX", str), Unknown)
    assert asked == [False, True, False]


@pytest.mark.parametrize(
    "records",
    [
        [f"x{n}.example. CNAME x{n + 1}.example." for n in range(40)],
        ["x0.example. CNAME x1.example.", "x1.example. CNAME x0.example."],
    ],
    ids=["a long chain", "a loop"],
)
def test_aliases_without_end(records: list[str]) -> None:
    with answering(lambda query: reply_of(query, *records)) as resolver:
        found = resolver.look_up("x0.example", "A", str)
    assert isinstance(found, Unknown) or not found.records


def test_more_records_than_are_looked_at() -> None:
    many = [f"x.example. A 127.0.{n // 250}.{n % 250 + 1}" for n in range(1000)]
    with answering(lambda query: reply_of(query, *many)) as resolver:
        found = resolver.look_up("x.example", "A", str)
    assert isinstance(found, Answer)
    assert len(found.records) == MOST_RECORDS


def test_cut_short_and_nobody_at_tcp() -> None:
    with answering(lambda query: reply_of(query, flags=dns.flags.TC)) as resolver:
        resolver.patience = 0.2
        found = resolver.look_up("x.example", "MX", str)
    assert isinstance(found, Unknown)


def test_an_answer_to_another_question() -> None:
    def reply(query: dns.message.Message) -> bytes:
        other = dns.message.make_query("other.example.", "A", id=query.id)
        return reply_of(other, "other.example. A 127.0.0.1")

    with answering(reply) as resolver:
        assert isinstance(resolver.look_up("x.example", "A", str), Unknown)


def test_a_record_that_cannot_be_read_is_no_missing_answer() -> None:
    """A hyphen, which no tag of CAA may have (RFC 8659 section 4.1)."""

    def reply(query: dns.message.Message) -> bytes:
        name, data = query.question[0].name, b"\0\x0aissue-wild;"
        found = dns.rrset.RRset(name, dns.rdataclass.IN, dns.rdatatype.CAA)
        found.add(dns.rdata.GenericRdata(found.rdclass, found.rdtype, data))
        answer = dns.message.make_response(query)
        answer.answer.append(found)
        return answer.to_wire()

    with answering(reply) as resolver:
        found = look_up_caa("x.example", resolver).found
    assert isinstance(found, Unknown)
    assert found.cause is Cause.BROKEN_DIALOGUE
    assert found.reason == "the answer for x.example makes no sense: tag is not alphanumeric"


@given(st.binary(max_size=60))
def test_any_bytes(data: bytes) -> None:
    with answering(lambda query: query.to_wire()[:2] + data) as resolver:
        resolver.patience = 0.02
        assert isinstance(resolver.look_up("x.example", "A", str), Unknown | Answer)


@pytest.mark.parametrize("name", ["x..example", "a" * 64 + ".example", "b." * 130])
def test_a_name_that_is_none(name: str) -> None:
    assert isinstance(Resolver((("127.0.0.1", 9),)).look_up(name, "A", str), Unknown)


def test_the_broken_names_are_more_than_one() -> None:
    assert len(set(BROKEN_NAMES)) > 1
