"""Where it listens, and the records that say so."""

from __future__ import annotations

import fcntl
import os
import pwd
import re
import socket
import subprocess
import sys

import dns.zone
import pytest

from letterlock.listen.addresses import Names, is_token, new_token
from letterlock.listen.places import EVERYWHERE, Place, Role, Whose, bind, handed_over, place
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


def test_where_they_are_unless_told_otherwise() -> None:
    assert [str(each) for each in EVERYWHERE] == ["0.0.0.0:25", "[::]:25"]
    assert {each.trap for each in EVERYWHERE} == {None}


def test_an_address_in_use_is_named_and_the_others_are_let_go() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        wanted = (Place(None, "127.0.0.2", port), Place(Trap.GOOD, "127.0.0.1", port))
        with pytest.raises(UndeterminedError) as caught:  # and its frames are kept
            bind(wanted)
        assert str(caught.value) == f"cannot listen on 127.0.0.1:{port} (Address already in use)"
        (again,) = bind(wanted[:1])
        again.socket.close()


def test_an_address_is_there_again_at_once() -> None:
    """Though connections that the server closed are in TIME_WAIT for a minute."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    for _ in range(2):
        (here,) = bind([Place(None, "127.0.0.1", port)])
        with here.socket, socket.create_connection(("127.0.0.1", port)) as client:
            here.socket.accept()[0].close()
            assert client.recv(1) == b""


def test_both_families_on_one_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    both = bind([Place(None, each.address, port) for each in EVERYWHERE])
    assert [str(each) for each in both] == [f"0.0.0.0:{port}", f"[::]:{port}"]
    for each in both:
        each.socket.close()


def test_sockets_that_systemd_hands_over() -> None:
    pid = str(os.getpid())
    assert handed_over({}) == ()
    assert handed_over({"LISTEN_PID": "1", "LISTEN_FDS": "1"}) == ()
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.2", 0)) as two,
    ):
        first = fcntl.fcntl(one, fcntl.F_DUPFD_CLOEXEC, 500)
        os.dup2(two.fileno(), first + 1)
        os.dup2(two.fileno(), first + 2)
        environment = {"LISTEN_PID": pid, "LISTEN_FDS": "3", "LISTEN_FDNAMES": "policy:other"}
        found = handed_over(environment, first)
        assert [each.trap for each in found] == [Role.POLICY, None, None]
        for each, made in zip(found, (one, two, two), strict=True):
            with each.socket:
                assert each.socket.getsockname() == made.getsockname()


@pytest.mark.parametrize("name", ["root", "no-such-user"])
def test_who_it_must_not_become(name: str) -> None:
    with pytest.raises(InputError, match=f"--user {name}: "):
        account(name)


_AS_NOBODY = """
import os
from letterlock.listen.places import Place, bind
from letterlock.listen.privileges import account, become
from letterlock.model.errors import UndeterminedError

os.setgroups([0, 4])
become(account("nobody"))
become(account("nobody"))
kept = ("Uid:", "Gid:", "Groups:", "CapPrm:", "CapEff:")
print(*(line.split() for line in open("/proc/self/status") if line.startswith(kept)), sep="\\n")
for back in (os.setuid, os.seteuid, os.setgid):
    try:
        back(0)
    except PermissionError:
        print("no way back")
try:
    bind([Place(None, "127.0.0.1", 24)])
except UndeterminedError as error:
    print(error)
"""


def test_who_it_becomes_stays_that() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root becomes another")
    done = subprocess.run(
        [sys.executable, "-c", _AS_NOBODY], capture_output=True, text=True, check=True
    )
    user = pwd.getpwnam("nobody")
    uid, gid = str(user.pw_uid), str(user.pw_gid)
    *rest, refused = done.stdout.splitlines()
    assert rest == [
        str(["Uid:", *[uid] * 4]), str(["Gid:", *[gid] * 4]), "['Groups:']",
        str(["CapPrm:", "0" * 16]), str(["CapEff:", "0" * 16]), *["no way back"] * 3,
    ]  # fmt: skip
    assert refused == (
        "cannot listen on 127.0.0.1:24 (Permission denied); "
        "ports below 1024 need root or systemd's sockets"
    )


def test_tokens() -> None:
    assert re.fullmatch("[a-z2-9]{16}", new_token())
    assert new_token() != new_token()
    for text in ("ab", "a.b_c-d", "a" * 64, "0" * 8):
        assert is_token(text), text
    for text in ("", "a", "a" * 65, "a+b", "-ab", "ab.", "Ab", "a b", "ä" * 8):
        assert not is_token(text), text


def test_whose_host_a_name_is() -> None:
    for name in ("mx.expired.traps.example", "MX.expired.traps.example.", "expired.traps.example"):
        assert NAMES.trap_of_host(name) is Trap.EXPIRED
    for name in ("traps.example", "", "mx.mx.expired.traps.example", "mx.expired.traps.example.x"):
        assert NAMES.trap_of_host(name) is None


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
