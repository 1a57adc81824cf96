"""`letterlock listen` on the command line: what is wrong is said before anything listens."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest
import trustme
from jsonschema import Draft202012Validator

from tests import warm

_ENVIRONMENT = {"PATH": os.environ["PATH"], "LC_ALL": "C", "HOME": "/root", "NO_COLOR": "1"}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("listen")
    authority = trustme.CA(key_type=trustme.KeyType.ECDSA)
    authority.cert_pem.write_to_path(folder / "ca.pem")
    for name, hosts in (
        ("good", ["mx.good.traps.example"]),
        ("greedy", ["mx.good.traps.example", "*.wrong-name.traps.example"]),
        ("other", ["mail.example.com"]),
    ):
        issued = authority.issue_cert(*hosts, key_type=trustme.KeyType.ECDSA)
        issued.private_key_and_cert_chain_pem.write_to_path(folder / f"{name}.pem")
    return folder


def run(folder: Path, *arguments: str) -> tuple[int, str, str]:
    words = ("listen", "traps.example", *arguments)
    done = warm.command(*words, environment=_ENVIRONMENT, folder=str(folder))
    return done.returncode, done.stdout, done.stderr


_GOOD = ("--cert=good.pem", "--ca-file=ca.pem")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "--cert is missing"),
        (("--cert=good.pem",), "the chain is incomplete"),
        (("--cert=none.pem",), "none.pem: no such file"),
        (("--cert=other.pem", "--ca-file=ca.pem"), "mx.good.traps.example"),
        (("--cert=greedy.pem", "--ca-file=ca.pem"), "it is to be the wrong one"),
        ((*_GOOD, "--listen=traps.example"), "--listen traps.example: not an address"),
        ((*_GOOD, "--listen=evil=127.0.0.1"), "no trap is called 'evil'"),
        ((*_GOOD, "--token=short"), "--token short: not a token"),
        ((*_GOOD, "--token=a@b.example.com"), "not a token"),
        ((*_GOOD, "--user=root"), "--user root: "),
        ((*_GOOD, "--expired-key=x"), "--expired-key without --expired-cert"),
        ((*_GOOD, "--expired-cert=ca.pem"), "a certificate and one private key are needed"),
        ((*_GOOD, "--json=/nowhere/x"), "/nowhere/x cannot be written"),
        ((*_GOOD, "--database=mysql://u:p@h/d"), "--database names mysql"),
        ((*_GOOD, "--for=0"), "--for"),
        ((*_GOOD, "--listen=policy=127.0.0.1:1443"), "not for mta-sts.mta-sts.traps.example"),
    ],
)
def test_what_is_wrong_is_said(files: Path, arguments: tuple[str, ...], says: str) -> None:
    status, out, errors = run(files, *arguments)
    assert (status, out) == (2, "")
    assert errors.startswith("letterlock: ")
    assert errors.count("\n") == 1
    assert says in errors


def test_an_address_that_cannot_be_had(files: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, _, errors = run(files, *_GOOD, f"--listen=127.0.0.1:{port}")
    assert status == 3
    assert f"cannot listen on 127.0.0.1:{port} (Address already in use)" in errors


def place(last: int) -> str:
    """Another one in another test run."""
    pid = os.getpid()
    return f"--listen=127.{1 + pid // 256 % 250}.{pid % 256}.{last}:2525"


def test_a_page_that_was_never_begun(files: Path) -> None:
    status, out, errors = run(files, *_GOOD, place(8), f"--data={files / 'none'}")
    assert (status, out) == (2, "")
    assert errors.count("\n") == 1
    assert "letterlock.db is not there, or not ours to write to" in errors
    assert "begin letterlock serve first" in errors
    assert not (files / "none").exists()


def test_nobody_came(files: Path) -> None:
    status, out, errors = run(files, *_GOOD, place(9), "--for=0.1")
    assert (status, errors) == (0, "")
    assert "@tlsa-mismatch.traps.example" in out
    assert out.endswith("Nobody came.\n")


def test_the_records_without_a_certificate(files: Path) -> None:
    status, out, _ = run(files, "--setup", "--listen=0.0.0.0")
    assert status == 0
    assert "; mx.good A or AAAA: the address that --listen good=ADDRESS names" in out


def test_its_schema_is_one() -> None:
    done = warm.command("schema", "listen", environment=_ENVIRONMENT)
    Draft202012Validator.check_schema(json.loads(done.stdout))
