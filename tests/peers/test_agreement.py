"""On real servers that differ, what we find is what the best checkers find, suite by suite."""

from __future__ import annotations

import shutil
from pathlib import Path

import certifi
import pytest

from letterlock.model.cipher_suites import iana_name
from letterlock.model.service import BY_PORT, Endpoint
from tests.lab.policy import ask
from tests.machine import HOSTNAME, Machine
from tests.peers.conftest import Running
from tests.peers.seen import SSLYZE, Runner, Seen, here, letterlock, s_client, sslscan, sslyze
from tests.peers.servers import everything, gnutls
from tests.weak_servers import tlslite

needs_sslscan = pytest.mark.skipif(not shutil.which("sslscan"), reason="sslscan is not installed")
needs_sslyze = pytest.mark.skipif(not SSLYZE.exists(), reason="sslyze is not installed")
needs_gnutls = pytest.mark.skipif(not shutil.which("gnutls-serv"), reason="no gnutls-serv here")

#: sslyze's OpenSSL knows none of these.
_UNKNOWN_TO_SSLYZE = {
    "TLS_DH_anon_WITH_CAMELLIA_128_CBC_SHA256",
    "TLS_DH_anon_WITH_CAMELLIA_256_CBC_SHA256",
}
#: What sslscan's OpenSSL lacks it asks for in hellos of its own, after all others: their place in
#: its list says nothing.
_OUT_OF_SSLSCANS_ORDER = ("_RC4_", "_3DES_", "_NULL_")


def same_as_sslscan(ours: Seen, theirs: Seen) -> None:
    """Suites, in the server's order where it is the server's; groups; its one certificate is among
    ours. SSLv3 is not compared: sslscan tells only that it is offered, not its suites."""
    assert ours.versions - {"SSLv3"} == theirs.versions
    for version in theirs.versions:
        assert set(ours.suites[version]) == set(theirs.suites[version]), version
        if order(ours, version) == "server":
            assert telling(ours.suites[version]) == telling(theirs.suites[version]), version
    assert ours.groups == theirs.groups
    assert theirs.leaves
    assert theirs.leaves <= ours.leaves


def order(ours: Seen, version: str) -> str:
    (found,) = (each for each in ours.whole["protocols"] if each["name"] == version)
    return str(found["order"])


def telling(suites: tuple[str, ...]) -> list[str]:
    return [each for each in suites if not any(part in each for part in _OUT_OF_SSLSCANS_ORDER)]


def same_as_sslyze(ours: Seen, theirs: Seen) -> None:
    """Suites, certificates of each key type, groups but for those of finite fields, which it does
    not ask for. It tells no order."""
    assert ours.versions == theirs.versions
    for version in theirs.versions:
        known = set(ours.suites[version]) - _UNKNOWN_TO_SSLYZE
        assert known == set(theirs.suites[version]) - _UNKNOWN_TO_SSLYZE, version
    assert {each for each in ours.groups if not each.startswith("ffdhe")} == theirs.groups
    assert ours.leaves == theirs.leaves


def same_as_s_client(ours: Seen, run: Runner, endpoint: Endpoint) -> None:
    """What one handshake with this machine's OpenSSL agrees on is among what we found."""
    for option, version in (("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")):
        agreed = s_client(run, endpoint, HOSTNAME, option)
        assert bool(agreed.get("cipher")) == (version in ours.versions), version
        if agreed.get("cipher"):
            assert iana_name(agreed["cipher"]) in ours.suites[version]
            assert agreed["leaf"] in ours.leaves


def complete(ours: Seen) -> None:
    assert ours.whole["left_out"] == []
    assert ours.whole["refused_connections"] == 0


def inside(machine: Machine) -> Runner:
    return lambda argv: machine.run(*argv, timeout=240).text


def at(port: int) -> Endpoint:
    return Endpoint("127.0.0.1", port, BY_PORT[port])


@needs_sslscan
@needs_sslyze
@pytest.mark.parametrize("port", [25, 993])
def test_stock_postfix_and_dovecot(stock: Running, port: int) -> None:
    run, endpoint = inside(stock.machine), at(port)
    ours = letterlock(run, endpoint, HOSTNAME)
    complete(ours)
    same_as_sslscan(ours, sslscan(run, endpoint, HOSTNAME))
    same_as_s_client(ours, run, endpoint)
    if port == 25:
        same_as_sslyze(ours, sslyze(run, endpoint, HOSTNAME))


@needs_sslscan
@needs_sslyze
@pytest.mark.parametrize("port", [25, 110, 465])
def test_what_secure_made(hardened: Running, port: int) -> None:
    run, endpoint = inside(hardened.machine), at(port)
    ours = letterlock(run, endpoint, HOSTNAME)
    complete(ours)
    same_as_sslscan(ours, sslscan(run, endpoint, HOSTNAME))
    same_as_s_client(ours, run, endpoint)
    if port == 465:
        same_as_sslyze(ours, sslyze(run, endpoint, HOSTNAME))


@needs_sslscan
@needs_sslyze
@pytest.mark.parametrize("server_order", [True, False])
def test_all_that_openssl_has(server_order: bool) -> None:
    """Anonymous, without encryption, static RSA, CBC, ARIA, Camellia; two kinds of keys."""
    with everything(server_order=server_order) as endpoint:
        ours = letterlock(here, endpoint, HOSTNAME)
        complete(ours)
        assert {order(ours, version) for version in ours.versions} == {
            "server" if server_order else "client"
        }
        same_as_sslscan(ours, sslscan(here, endpoint, HOSTNAME))
        same_as_s_client(ours, here, endpoint)
        if server_order:
            theirs = sslyze(here, endpoint, HOSTNAME)
            same_as_sslyze(ours, theirs)
            asked_in_few_connections(endpoint, theirs)


def asked_in_few_connections(endpoint: Endpoint, theirs: Seen) -> None:
    """The laboratory's way of asking (tests/lab/sslyze_in_few.py) finds what sslyze's own does."""
    told = ask(None, HOSTNAME, Path(certifi.where()), {endpoint.port: ("old", "smtp")})
    found = told[endpoint.port]
    suites = {version: set(accepted) for version, accepted in found["suites"].items() if accepted}
    assert suites == {version: set(accepted) for version, accepted in theirs.suites.items()}
    assert set(found["groups"]) == theirs.groups


@needs_sslscan
@needs_gnutls
def test_gnutls() -> None:
    every = "VERS-ALL:+CIPHER-ALL:+KX-ALL:+MAC-ALL:+GROUP-ALL:+SIGN-ALL"
    with gnutls(f"NORMAL:+{every}:%SERVER_PRECEDENCE") as endpoint:
        ours = letterlock(here, endpoint, HOSTNAME)
        complete(ours)
        same_as_sslscan(ours, sslscan(here, endpoint, HOSTNAME))


@needs_sslyze
def test_sslv3_and_rc4() -> None:
    """By tlslite-ng, since no library of this machine has them any more but sslyze's own."""
    with tlslite() as endpoint:
        ours = letterlock(here, endpoint, HOSTNAME)
        complete(ours)
        theirs = sslyze(here, endpoint, HOSTNAME)
    assert "SSLv3" in ours.versions
    assert "TLS_RSA_WITH_RC4_128_MD5" in ours.suites["SSLv3"]
    same_as_sslyze(ours, theirs)
