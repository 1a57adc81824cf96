"""`letterlock listen` on the command line: what is wrong is said before anything listens."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from jsonschema import Draft202012Validator

from letterlock.cli import listen_run
from letterlock.cli.certificate_options import CertificateOptions, read_bundle
from letterlock.listen import places as listen_places
from letterlock.listen.addresses import Names
from letterlock.model.errors import UndeterminedError
from tests import warm

_ENVIRONMENT = {"PATH": os.environ["PATH"], "LC_ALL": "C", "HOME": "/root", "NO_COLOR": "1"}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("listen")
    root = trustme.CA(key_type=trustme.KeyType.ECDSA)
    root.cert_pem.write_to_path(folder / "ca.pem")
    authority = root.create_child_ca(trustme.KeyType.ECDSA)
    yesterday = datetime.now(UTC) - timedelta(days=1)
    good = ("mx.good.traps.example", "mx.tlsa-mismatch.traps.example")
    for name, hosts, until in (
        ("good", good, None),
        ("all", (*good, "mta-sts.mta-sts.traps.example"), None),
        ("greedy", (*good, "*.wrong-name.traps.example"), None),
        ("single", good[:1], None),
        ("other", ("mail.example.com",), None),
        ("old", good, yesterday),
        ("expired", ("mx.expired.traps.example",), yesterday),
        ("lasting", ("mx.expired.traps.example",), None),
    ):
        issued = authority.issue_cert(*hosts, key_type=trustme.KeyType.ECDSA, not_after=until)
        issued.private_key_and_cert_chain_pem.write_to_path(folder / f"{name}.pem")
        issued.private_key_pem.write_to_path(folder / f"{name}.key")
        leaf, *above = issued.cert_chain_pems
        turned = b"".join(each.bytes() for each in (*above, leaf))
        (folder / f"{name}-turned.pem").write_bytes(turned)
    foreign = trustme.CA().issue_cert("mx.expired.traps.example", not_after=yesterday)
    foreign.private_key_and_cert_chain_pem.write_to_path(folder / "foreign.pem")
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
        (("--cert=good.pem",), "was issued by"),
        (("--cert=none.pem",), "none.pem: no such file"),
        (
            ("--cert=other.pem", "--ca-file=ca.pem"),
            "other.pem: the certificate is not for mx.good.traps.example and "
            "mx.tlsa-mismatch.traps.example: it has mail.example.com; order one for all of them\n",
        ),
        (
            ("--cert=single.pem", "--ca-file=ca.pem"),
            "not for mx.tlsa-mismatch.traps.example: it has mx.good.traps.example; order one ",
        ),
        (("--cert=greedy.pem", "--ca-file=ca.pem"), "it is to be the wrong one"),
        (("--cert=old.pem", "--ca-file=ca.pem"), "the certificate expired on "),
        (("--cert=good-turned.pem", "--ca-file=ca.pem"), "no private key was given; use --key"),
        (
            ("--cert=good-turned.pem", "--key=all.key", "--ca-file=ca.pem"),
            "all.key:1: the private key does not belong to the certificate",
        ),
        (("--setup", "--cert=good-turned.pem", "--key=all.key"), "all.key:1: the private key does"),
        (("--setup", "--cert=single.pem"), "not for mx.tlsa-mismatch.traps.example: it has"),
        (("--setup", "--cert=good.pem", "--listen=policy=::1"), "not for mta-sts.mta-sts.traps."),
        (("--setup", "--cert=good.key"), "good.key: is a private key, not a certificate"),
        ((*_GOOD, "--listen=traps.example"), "--listen traps.example: not an address"),
        ((*_GOOD, "--listen=evil=127.0.0.1"), "no trap is called 'evil'"),
        ((*_GOOD, "--token=short"), "--token short: not a token"),
        ((*_GOOD, "--token=a@b.example.com"), "not a token"),
        ((*_GOOD, "--user=root"), "--user root: "),
        ((*_GOOD, "--expired-key=x"), "--expired-key without --expired-cert"),
        ((*_GOOD, "--expired-cert=ca.pem"), "the private key is missing; --expired-key names its"),
        ((*_GOOD, "--expired-cert=lasting.pem"), "lasting.pem: the certificate has not run out"),
        (
            (*_GOOD, "--expired-cert=old.pem"),
            "is not for mx.expired.traps.example: it has mx.good.",
        ),
        (
            (*_GOOD, "--expired-cert=expired-turned.pem", "--expired-key=old.key"),
            "old.key:1: the private key does not belong",
        ),
        ((*_GOOD, "--expired-cert=foreign.pem"), "foreign.pem:6: the chain is incomplete"),
        ((*_GOOD, "--json=/nowhere/x"), "/nowhere/x cannot be written"),
        ((*_GOOD, "--database=mysql://u:p@h/d"), "--database names mysql"),
        ((*_GOOD, "--for=0"), "--for"),
        (
            (*_GOOD, "--listen=policy=127.0.0.1:1443"),
            "not for mta-sts.mta-sts.traps.example: it has mx.good.traps.example, "
            "mx.tlsa-mismatch.traps.example; order one for it too; without --listen policy=… a web",
        ),
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


def test_what_is_good_enough(files: Path) -> None:
    """A chain in any order, the good host's name alone where the other's trap is not served, and
    one that ran out, right until then."""
    status, _, errors = run(
        files, "--cert=single-turned.pem", "--key=single.key", "--ca-file=ca.pem", "--for=0.1",
        place(10).replace("=", "=good="), "--expired-cert=expired-turned.pem",
        "--expired-key=expired.key",
    )  # fmt: skip
    assert (status, errors) == (0, "")


def test_a_certificate_that_runs_out_meanwhile(
    files: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(listen_run, "become", lambda _: None)
    cert = str(files / "good.pem")
    bundle = read_bundle(CertificateOptions((cert,), ca_file=str(files / "ca.pem")), None)
    leaf = replace(bundle.leaf, not_after=datetime.now(UTC))
    places = (listen_places.place(place(11).removeprefix("--listen=")),)
    wishes = listen_run.Wishes(
        Names("traps.example"), replace(bundle, leaf=leaf), cert, None, places, (), "nobody", None,
        None,
    )  # fmt: skip
    with pytest.raises(UndeterminedError, match=r"good\.pem has run out, and the test was ended"):
        listen_run.run(wishes)
    assert capsys.readouterr().out.endswith("Nobody came.\n")


@pytest.mark.parametrize("key", [(), ("--key=good.key",)], ids=["without", "with"])
def test_the_record_is_of_the_servers_own_certificate(files: Path, key: tuple[str, ...]) -> None:
    status, out, errors = run(files, "--setup", "--cert=good-turned.pem", *key)
    assert (status, errors) == (0, "")
    key_of = ("openssl", "pkey", "-in", files / "good.key", "-pubout", "-outform", "DER")
    public = subprocess.run(key_of, capture_output=True, check=True).stdout
    assert f"_25._tcp.mx.good TLSA 3 1 1 {hashlib.sha256(public).hexdigest()}\n" in out


def test_the_records_without_a_certificate(files: Path) -> None:
    status, out, _ = run(files, "--setup", "--listen=0.0.0.0")
    assert status == 0
    assert "; mx.good A or AAAA: the address that --listen good=ADDRESS names" in out


def test_its_schema_is_one() -> None:
    done = warm.command("schema", "listen", environment=_ENVIRONMENT)
    Draft202012Validator.check_schema(json.loads(done.stdout))
