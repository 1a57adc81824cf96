"""Where it listens, and the records that say so."""

from __future__ import annotations

import os
import socket

import dns.zone
import pytest

from letterlock.listen.addresses import Names
from letterlock.listen.places import Place, Role, Whose, bind, handed_over, place
from letterlock.listen.privileges import account
from letterlock.listen.zone import policy, snippet
from letterlock.model.errors import InputError, UndeterminedError
from letterlock.model.listening import Trap

NAMES = Names("traps.example")


@pytest.mark.parametrize(
    ("text", "trap", "address", "port"),
    [
        ("192.0.2.1", None, "192.0.2.1", 25),
        ("good=192.0.2.1:2525", Trap.GOOD, "192.0.2.1", 2525),
        ("expired=2001:db8::1", Trap.EXPIRED, "2001:db8::1", 25),
        ("mta-sts=[2001:DB8::1]:26", Trap.MTA_STS, "2001:db8::1", 26),
        ("[::]", None, "::", 25),
        ("policy=192.0.2.1", Role.POLICY, "192.0.2.1", 443),
    ],
)
def test_places(text: str, trap: Whose, address: str, port: int) -> None:
    assert place(text) == Place(trap, address, port)


@pytest.mark.parametrize(
    ("texts", "why"),
    [
        (["bad=192.0.2.1", "=192.0.2.1"], "no trap is called"),
        (
            ["", "mail.example.com", "[::1", "[::1]25", "[192.0.2.1", "good=", "1.2.3",
             "good=good=192.0.2.1", ":25", "mail.example.com:0"],
            "not an address of this machine",
        ),
        (
            ["192.0.2.1:x", "192.0.2.1:0", "192.0.2.1:65536", "192.0.2.1:", "[::1]:",
             "192.0.2.1:+25", "192.0.2.1:２５", "192.0.2.1:²", "192.0.2.1: 25", "[::1]:0",
             "192.0.2.1:" + "9" * 5000],
            "no port is called",
        ),
    ],
)  # fmt: skip
def test_places_that_are_none(texts: list[str], why: str) -> None:
    for text in texts:
        with pytest.raises(InputError) as caught:
            place(text)
        assert f"--listen {text}: {why}" in str(caught.value)


def test_an_address_in_use_is_named_and_the_others_are_let_go() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        wanted = (Place(None, "127.0.0.2", port), Place(Trap.GOOD, "127.0.0.1", port))
        with pytest.raises(UndeterminedError, match=rf"127\.0\.0\.1:{port} \(Address already"):
            bind(wanted)
        (again,) = bind(wanted[:1])
        again.socket.close()


def test_sockets_that_systemd_hands_over() -> None:
    pid = str(os.getpid())
    assert handed_over({}) == ()
    assert handed_over({"LISTEN_PID": "1", "LISTEN_FDS": "1"}) == ()
    with socket.create_server(("127.0.0.1", 0)) as made:
        environment = {"LISTEN_PID": pid, "LISTEN_FDS": "1", "LISTEN_FDNAMES": "expired"}
        (found,) = handed_over(environment, os.dup(made.fileno()))
        with found.socket:
            assert found.trap is Trap.EXPIRED
            assert found.socket.getsockname() == made.getsockname()


@pytest.mark.parametrize("name", ["root", "no-such-user"])
def test_who_it_must_not_become(name: str) -> None:
    with pytest.raises(InputError, match=f"--user {name}: "):
        account(name)


def test_the_records_are_a_zone() -> None:
    places = [Place(Trap.GOOD, "192.0.2.1", 25), Place(Trap.GOOD, "2001:db8::1", 25),
              Place(None, "192.0.2.9", 25), Place(Role.POLICY, "192.0.2.10", 443)]  # fmt: skip
    text = snippet(NAMES, places, "3 1 1 " + "ab" * 32)
    begin = "@ 60 SOA ns hostmaster 1 1 1 1 1\n@ 60 NS ns.elsewhere.example.\n"
    zone = dns.zone.from_text(begin + text, origin="traps.example.")
    for trap in Trap:
        (mail,) = zone.find_rdataset(trap.value, "MX")
        assert str(mail.exchange) == f"mx.{trap.value}"
    assert zone.find_rdataset("mx.good", "AAAA")
    assert str(zone.find_rdataset("mx.expired", "A")[0]) == "192.0.2.9"
    assert zone.find_rdataset("_25._tcp.mx.good", "TLSA")
    assert zone.find_rdataset("_25._tcp.mx.tlsa-mismatch", "TLSA")
    assert zone.find_rdataset("_mta-sts.mta-sts", "TXT")
    assert str(zone.find_rdataset("mta-sts.mta-sts", "A")[0]) == "192.0.2.10"


def test_the_policy() -> None:
    assert policy(NAMES) == (
        "version: STSv1\r\nmode: enforce\r\nmx: mx.mta-sts.traps.example\r\nmax_age: 86400\r\n"
    )
