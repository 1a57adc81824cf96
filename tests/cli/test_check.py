"""`letterlock check` as a user runs it: what is printed where, and the exit code."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest

from tests import warm
from tests.machine import HOSTNAME, PROGRAM, ForbiddenError, Machine, follow_guide
from tests.probe.hostile import CA, answers, line, serving, silent, with_tls

ENVIRONMENT = {**os.environ, "COLUMNS": "80", "NO_COLOR": "1"}
POP3 = answers(b"+OK hi\r\n", b"+OK\r\nUIDL\r\n.\r\n", b"+OK bye\r\n")


def check(*arguments: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    return warm.command("check", *arguments, environment=ENVIRONMENT, timeout=timeout)


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@pytest.fixture
def ca_file(tmp_path: Path) -> str:
    file = str(tmp_path / "ca.pem")
    CA.cert_pem.write_to_path(file)
    return file


# --- real servers


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    try:
        machine = Machine(tmp_path_factory.mktemp("shared"))
    except ForbiddenError as reason:
        pytest.skip(f"no private system here: {reason}")
    with machine:
        follow_guide(machine)
        machine.start()
        yield machine


@pytest.mark.machine
def test_seven_ports_of_a_real_server(machine: Machine) -> None:
    done = machine.warm_letterlock(
        "check", HOSTNAME, "--ca-file", "/root/guide/root.pem", COLUMNS="80"
    )
    assert done.status == 1, done.complaints
    rows = re.findall(r"^ *(\d+)  (\w+) .* 1\.3 1\.2 .*✓ 89 d", done.text, re.MULTILINE)
    assert [(int(port), service) for port, service in rows] == [
        (25, "smtp"), (110, "pop3"), (143, "imap"), (465, "submissions"), (587, "submission"),
        (993, "imaps"), (995, "pop3s"),
    ]  # fmt: skip
    assert "cleartext-login" in done.text
    assert "port 587: open before TLS: AUTH PLAIN" in done.text
    assert "TLS on 7 of 7 ports" in done.text
    assert not done.complaints


@pytest.mark.machine
def test_each_depth_tells_more_and_counts_what_it_cost(machine: Machine) -> None:
    """On port 25, by the server's own count of our connections; issue 3's bounds."""
    counts, known = [], []
    for depth in ("verdict", "standard", "full"):
        before = connects(machine)
        done = machine.warm_letterlock("check", f"{HOSTNAME}:25", "--depth", depth, "--json", "-")
        result = json.loads(done.text)
        (endpoint,) = result["endpoints"]
        assert result["targets"][0]["connections"] == connects(machine) - before
        counts.append(result["targets"][0]["connections"])
        known.append(sum(len(each["cipher_suites"]) for each in endpoint["protocols"]))
    assert counts == sorted(counts)
    assert known == sorted(known)
    assert counts[0] <= 12
    assert counts[1] <= 40
    assert counts[2] <= 115


def connects(machine: Machine) -> int:
    return sum("postfix/smtpd" in line and ": connect from" in line for line in machine.log())


@pytest.mark.machine
def test_a_budget_is_kept_and_said(machine: Machine) -> None:
    before = connects(machine)
    done = machine.warm_letterlock(
        "check", f"{HOSTNAME}:25", "--depth", "full", "--max-connections", "9"
    )
    assert connects(machine) - before == 9
    assert done.status in (1, 3)
    assert "connection budget" in " ".join(done.text.split())
    assert "9 connections" in done.text


@pytest.mark.machine
def test_held_against_a_profile(machine: Machine) -> None:
    done = machine.warm_letterlock(
        "check", f"{HOSTNAME}:993", "--depth", "verdict", "--profile", "modern", "--json", "-"
    )
    assert done.status == 1
    assert any(each["id"].startswith("profile-") for each in json.loads(done.text)["findings"])


@pytest.mark.machine
def test_fail_on(machine: Machine) -> None:
    arguments = ("check", f"{HOSTNAME}:587", "--ca-file", "/root/guide/root.pem")
    assert machine.warm_letterlock(*arguments, "--fail-on", "critical").status == 0
    assert machine.warm_letterlock(*arguments, "--fail-on", "high").status == 1


@pytest.mark.machine
def test_json_on_stdout_and_in_a_file(machine: Machine) -> None:
    done = machine.warm_letterlock("check", "localhost", "--name", HOSTNAME, "--json", "-")
    assert done.status == 1
    result = json.loads(done.text)
    places = [(each["address"], each["port"]) for each in result["endpoints"]]
    ports = [25, 110, 143, 465, 587, 993, 995]
    assert places == [(address, port) for address in ("127.0.0.1", "::1") for port in ports]
    assert {each["id"] for each in result["findings"]} >= {"cleartext-login", "no-trust-anchor"}
    machine.warm_letterlock("check", f"{HOSTNAME}:993", "--json", "/root/result.json")
    written = json.loads(machine.read("/root/result.json"))
    assert [each["port"] for each in written["endpoints"]] == [993]


@pytest.mark.machine
@pytest.mark.parametrize(("option", "address"), [("--ipv4", "127.0.0.1"), ("-6", "::1")])
def test_one_family(machine: Machine, option: str, address: str) -> None:
    done = machine.warm_letterlock("check", "localhost", option, "--port", "25", "--json", "-")
    assert [each["address"] for each in json.loads(done.text)["endpoints"]] == [address]


# --- what may go wrong


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["mail example.com"], "contains white space"),
        (["a..b"], "an empty label"),
        (["a.example:0"], "'0' is not a port number"),
        (["joe@example.com:25"], "is not a mail domain"),
        (["good.example", "bad host"], "contains white space"),
        (["127.0.0.1:4433"], "none of the mail ports; say --service"),
        (["127.0.0.1", "--service", "gopher"], "--service gopher is unknown"),
        (["127.0.0.1", "--port", "70000"], "'70000' is not a port number"),
        (["127.0.0.1", "-6"], "127.0.0.1 is an IPv4 address"),
        (["127.0.0.1", "--name", "a b"], "contains white space"),
        (["127.0.0.1", "--name", "a.example:25"], "has a port"),
        (["127.0.0.1", "--ehlo", "a\r\nMAIL FROM:<>"], "contains white space"),
        (["127.0.0.1", "--ehlo", "[a\r\nQUIT]"], "not an address literal"),
        (["127.0.0.1", "--timeout", "0"], "not between 0 and 600"),
        (["127.0.0.1", "--timeout", "nan"], "not between 0 and 600"),
        (["127.0.0.1", "--max-time", "0"], "not between 0 and 86400"),
        (["127.0.0.1", "--max-connections", "0"], "less than one"),
        (["127.0.0.1", "--rate", "0"], "not a number of connections a minute"),
        (["127.0.0.1", "--rate", "nan"], "not a number of connections a minute"),
        (["127.0.0.1", "--depth", "deepest"], "'deepest' is not one of"),
        (["127.0.0.1", "--profile", "gopher"], "no profile is called 'gopher'"),
        (["127.0.0.1", "--ca-file", "/does/not/exist"], "/does/not/exist"),
        (["127.0.0.1", "--fail-on", "bad"], "is not one of 'info', 'low'"),
        (["--port", "25"], "there is no target"),
    ],
)
def test_usage_errors(arguments: list[str], text: str) -> None:
    done = check(*arguments)
    assert done.returncode == 2
    assert text in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("below", ["no/result.json", "."])
def test_a_json_file_that_cannot_be_written(tmp_path: Path, below: str) -> None:
    file = str(tmp_path / below)
    done = check(f"127.0.0.1:{closed_port()}", "--service", "smtp", "--json", file)
    assert done.returncode == 2
    assert re.fullmatch(rf"letterlock: .*{re.escape(file)}.* cannot be written: .*\n", done.stderr)


def test_nothing_there() -> None:
    done = check(f"127.0.0.1:{closed_port()}", "--service", "smtp")
    assert done.returncode == 3
    assert "Nothing could be verified." in done.stdout


def test_a_name_that_does_not_resolve_does_not_stop_the_others(ca_file: str) -> None:
    with serving(with_tls(POP3)) as port:
        done = check(
            "does-not-exist.invalid", f"127.0.0.1:{port}", "--service", "pop3s",
            "--name", "mail.example.com", "--ca-file", ca_file,
        )  # fmt: skip
    assert done.returncode == 3
    assert "does-not-exist.invalid cannot be resolved" in done.stderr
    assert "✓" in done.stdout


def test_a_server_that_does_not_answer_is_not_a_pass(ca_file: str) -> None:
    with serving(with_tls(POP3)) as good, serving(silent) as bad:
        ports = [argument for port in (good, bad) for argument in ("--port", str(port))]
        done = check(
            "127.0.0.1", *ports, "--service", "pop3s", "--timeout", "5",
            "--name", "mail.example.com", "--ca-file", ca_file,
        )  # fmt: skip
    assert done.returncode == 3
    words = " ".join(done.stdout.split())
    assert "timed out after 5 s waiting for the TLS handshake" in words
    assert "1 port could not be determined. TLS on 1 of 2 ports" in words


def test_a_good_server(ca_file: str) -> None:
    with serving(with_tls(POP3)) as port:
        done = check(
            f"127.0.0.1:{port}", "--service", "pop3s", "--name", "mail.example.com",
            "--ca-file", ca_file,
        )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert "TLS on 1 of 1 ports;" in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("given", "said"),
    [("probe.Example.org", b"probe.example.org"), ("[192.0.2.7]", b"[192.0.2.7]")],
)
def test_the_name_in_ehlo(given: str, said: bytes) -> None:
    heard = []

    def script(connection: socket.socket) -> None:
        connection.sendall(b"220 hi\r\n")
        heard.append(line(connection))

    with serving(script) as port:
        check(f"127.0.0.1:{port}", "--service", "smtp", "--ehlo", given)
    assert heard == [b"EHLO " + said + b"\r\n"]


# --- cut short, and on a terminal


@contextmanager
def half_a_server(visited: dict[str, threading.Event]) -> Iterator[list[str]]:
    """Arguments for one port that answers and one that never will; `visited` is told when the one
    is called again, so that its first answer is known, and when the other has been called."""
    visits = count(1)

    def tell(name: str) -> None:
        if name in visited:
            visited[name].set()

    def answer(connection: socket.socket) -> None:
        if next(visits) > 1:
            tell("good")
        with_tls(POP3)(connection)

    def ignore(connection: socket.socket) -> None:
        tell("bad")
        silent(connection)

    with serving(answer) as good, serving(ignore) as bad:
        ports = [argument for port in (good, bad) for argument in ("--port", str(port))]
        yield ["127.0.0.1", *ports, "--service", "pop3s", "--name", "mail.example.com"]


def test_what_is_known_survives_ctrl_c(ca_file: str, tmp_path: Path) -> None:
    file = tmp_path / "result.json"
    visited = {"good": threading.Event(), "bad": threading.Event()}
    with half_a_server(visited) as arguments:
        options = ["--ca-file", ca_file, "--json", str(file)]
        command = [str(PROGRAM), "check", *arguments, *options]
        started = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT
        )
        assert visited["good"].wait(60)
        assert visited["bad"].wait(60)
        started.send_signal(signal.SIGINT)
        stdout, stderr = started.communicate(timeout=60)
    assert started.returncode == 130
    assert "✓" in stdout
    assert "the run was interrupted before" in " ".join(stdout.split())
    assert stderr == "letterlock: interrupted; the rest was not looked at\n"
    good, bad = json.loads(file.read_text())["endpoints"]
    assert good["handshake"]["verdict"]["accepted"]
    assert bad["handshake"]["cause"] == "interrupted"


def test_what_is_known_survives_ctrl_c_in_the_middle_of_the_questions(tmp_path: Path) -> None:
    """The server turns us away from the ninth connection on; we are interrupted in the pause."""
    file = tmp_path / "result.json"
    number, refused = count(1), threading.Event()
    good = with_tls(
        answers(b"", b"250 mail.example.com\r\n", b"221 bye\r\n"),
        b"220 mail.example.com ESMTP\r\n",
        b"250-mail.example.com\r\n250 STARTTLS\r\n",
        b"220 ready\r\n",
    )

    def script(connection: socket.socket) -> None:
        if next(number) < 9:
            good(connection)
            return
        refused.set()
        answers(b"421 4.7.0 too many connections\r\n")(connection)

    with serving(script) as port:
        started = subprocess.Popen(
            [str(PROGRAM), "check", f"127.0.0.1:{port}", "--service", "smtp", "--json", str(file)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=ENVIRONMENT,
        )
        assert refused.wait(60)
        started.send_signal(signal.SIGINT)
        stdout, stderr = started.communicate(timeout=60)
    assert started.returncode == 130, stderr
    assert "Traceback" not in stderr
    assert "interrupted" in " ".join(stdout.split())
    (endpoint,) = json.loads(file.read_text())["endpoints"]
    assert endpoint["greeting"]["starttls_offered"]
    offered = {each["name"]: each["offered"] for each in endpoint["protocols"]}
    assert offered["TLSv1.3"] is True
    assert "interrupted" in json.dumps(endpoint)


def test_a_bar_on_a_terminal_for_what_takes_long() -> None:
    with half_a_server({}) as arguments:
        ours, theirs = pty.openpty()
        done = subprocess.run(
            [PROGRAM, "check", *arguments, "--timeout", "2.5"],
            stdout=subprocess.PIPE,
            stderr=theirs,
            env=ENVIRONMENT | {"TERM": "xterm"},
            timeout=60,
            check=False,
        )
        os.close(theirs)
        shown = os.read(ours, 65536).decode()
        os.close(ours)
    assert done.returncode == 1
    assert "1/2" in shown
    assert b"\x1b" not in done.stdout
