"""What `check` writes besides the screen, from the command line."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from jsonschema import Draft202012Validator

from tests import warm
from tests.cli.test_check import POP3, closed_port
from tests.machine import HOSTNAME, ForbiddenError, Machine, follow_guide
from tests.probe.hostile import CA, serving, with_tls
from tests.report.test_json_schema import strict

ENVIRONMENT = {**os.environ, "COLUMNS": "80", "NO_COLOR": "1"}


def letterlock(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return warm.command(*arguments, environment=ENVIRONMENT, stdin=stdin)


@pytest.fixture
def ca_file(tmp_path: Path) -> str:
    file = str(tmp_path / "ca.pem")
    CA.cert_pem.write_to_path(file)
    return file


def served(port: int, ca_file: str, *more: str) -> tuple[str, ...]:
    return (
        "check", f"127.0.0.1:{port}", "--service", "pop3s", "--name", "mail.example.com",
        "--ca-file", ca_file, *more,
    )  # fmt: skip


def test_all_files_at_once(ca_file: str, tmp_path: Path) -> None:
    names = {
        "json": "a.json", "html": "a.html", "markdown": "a.md", "csv": "a.csv",
        "junit": "a.xml", "sarif": "a.sarif", "prometheus": "a.prom",
    }  # fmt: skip
    options = [word for name, file in names.items() for word in (f"--{name}", str(tmp_path / file))]
    with serving(with_tls(POP3)) as port:
        done = letterlock(*served(port, ca_file, *options))
    assert done.returncode in (0, 1), done.stderr
    assert "127.0.0.1" in done.stdout
    text = {name: (tmp_path / file).read_text("utf-8") for name, file in names.items()}
    schema = json.loads(letterlock("schema").stdout)
    Draft202012Validator(schema).validate(json.loads(text["json"]))
    assert json.loads(text["json"])["endpoints"][0]["port"] == port
    assert f'class="number">{port}</th>' in text["html"]
    assert f"| {port} | pop3s |" in text["markdown"]
    assert f",{port},pop3s," in text["csv"]
    assert len(ET.fromstring(text["junit"])[0]) == 2  # noqa: S314 - our own
    assert json.loads(text["sarif"])["version"] == "2.1.0"
    assert f'port="{port}",service="pop3s"}} 1' in text["prometheus"]


@pytest.mark.parametrize("option", ["--html", "--csv", "--junit", "--sarif"])
def test_stdout_instead_of_the_screen(ca_file: str, option: str) -> None:
    with serving(with_tls(POP3)) as port:
        done = letterlock(*served(port, ca_file, option, "-"))
    start = {"--html": "<!DOCTYPE", "--csv": "target,", "--junit": "<?xml", "--sarif": "{"}[option]
    assert done.stdout.lstrip().startswith(start)
    assert "Nothing to complain about" not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--json", "-", "--html", "-"), "--json - and --html - would both go to stdout"),
        (("--nagios", "--csv", "-"), "--csv - and --nagios would both go to stdout"),
        (("--html", "/does/not/exist/a.html"), "--html /does/not/exist/a.html cannot be written"),
        (("--sarif", "/"), "--sarif / cannot be written: it is a folder"),
    ],
)
def test_outputs_that_cannot_be(arguments: tuple[str, ...], text: str) -> None:
    done = letterlock("check", "127.0.0.1:1", "--service", "smtp", *arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert text in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_file_is_replaced_and_a_device_is_not(ca_file: str, tmp_path: Path) -> None:
    file = tmp_path / "old.prom"
    file.write_text("old")
    file.chmod(0o640)
    with serving(with_tls(POP3)) as port:
        letterlock(*served(port, ca_file, "--prometheus", str(file), "--csv", "/dev/null"))
    assert file.read_text().startswith("# HELP letterlock_")
    assert file.stat().st_mode & 0o777 == 0o640
    assert not Path("/dev/null").is_file()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ca.pem", "old.prom"]


@pytest.mark.machine
def test_a_real_server_told_in_full(tmp_path: Path) -> None:
    """Stock Postfix and Dovecot: the JSON keeps to the schema with nothing more, unknown nowhere a
    no, and the screen has each suite that the JSON has."""
    try:
        machine = Machine(tmp_path)
    except ForbiddenError as reason:
        pytest.skip(f"no private system here: {reason}")
    with machine:
        follow_guide(machine)
        machine.start()
        done = machine.warm_letterlock(
            "check", HOSTNAME, "--port", "25", "--port", "993", "--depth", "full", "--verbose",
            "--json", str(tmp_path / "a.json"),
        )  # fmt: skip
    report = json.loads((tmp_path / "a.json").read_text("utf-8"))
    Draft202012Validator(strict(json.loads(letterlock("schema").stdout))).validate(report)
    for endpoint in report["endpoints"]:
        assert endpoint["depth"] == "full"
        assert [each["name"] for each in endpoint["protocols"] if each["offered"] is True]
        for protocol in endpoint["protocols"]:
            assert protocol["offered"] is not None
            for suite in protocol["cipher_suites"]:
                assert suite in done.text
    assert "Known faults" in done.text


# --- a monitoring plugin


def test_nagios_ok(ca_file: str) -> None:
    with serving(with_tls(POP3)) as port:
        done = letterlock(*served(port, ca_file, "--nagios", "--fail-on", "critical"))
    assert done.returncode == 0, done.stdout
    assert done.stdout.startswith("LETTERLOCK OK - 127.0.0.1")
    assert "TLS on 1 of 1 ports, certificate for " in done.stdout
    assert " | days_left=" in done.stdout
    assert done.stdout.count("\n") == 1


def test_nagios_critical() -> None:
    with serving(with_tls(POP3)) as port:
        done = letterlock(
            "check", f"127.0.0.1:{port}", "--service", "pop3s", "--nagios", "--fail-on", "low"
        )
    assert done.returncode == 2
    assert done.stdout.startswith("LETTERLOCK CRITICAL - ")
    assert "chain-incomplete" in done.stdout


def test_nagios_unknown() -> None:
    done = letterlock("check", f"127.0.0.1:{closed_port()}", "--service", "smtp", "--nagios")
    assert done.returncode == 3
    assert done.stdout.startswith("LETTERLOCK UNKNOWN - ")


def test_nagios_tells_mistakes_on_stdout() -> None:
    done = letterlock("check", "bad host", "--nagios")
    assert done.returncode == 3
    assert done.stdout.startswith("LETTERLOCK UNKNOWN - ")
    assert "white space" in done.stdout
    assert done.stderr == ""


# --- many targets


def test_targets_from_a_file(ca_file: str, tmp_path: Path) -> None:
    with serving(with_tls(POP3)) as one, serving(with_tls(POP3)) as two:
        file = tmp_path / "servers"
        file.write_text(f"# ours\n\n  127.0.0.1:{one}  # the first\r\n127.0.0.1:{two}\n")
        done = letterlock(
            "check", f"127.0.0.1:{two}", "--targets", str(file), "--service", "pop3s",
            "--name", "mail.example.com", "--ca-file", ca_file, "--json", "-",
        )  # fmt: skip
    result = json.loads(done.stdout)
    assert [each["port"] for each in result["endpoints"]] == [two, one]


def test_targets_from_stdin() -> None:
    port = closed_port()
    done = letterlock(
        "check", "--targets", "-", "--service", "smtp", "--json", "-", stdin=f"127.0.0.1:{port}\n"
    )
    assert [each["port"] for each in json.loads(done.stdout)["endpoints"]] == [port]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"good.example\n\nbad..host\n", "servers:3: "),
        (b"# nothing\n\n", "names no target"),
        (b"\xff\n", "is not UTF-8 text"),
        (b"two words\n", "servers:1: "),
    ],
)
def test_targets_that_are_none(tmp_path: Path, content: bytes, text: str) -> None:
    file = tmp_path / "servers"
    file.write_bytes(content)
    done = letterlock("check", "--targets", str(file))
    assert done.returncode == 2
    assert text in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_targets_file_that_is_not_there() -> None:
    done = letterlock("check", "--targets", "/does/not/exist")
    assert done.returncode == 2
    assert "cannot be read: No such file or directory" in done.stderr


# --- diff


def test_diff(ca_file: str, tmp_path: Path) -> None:
    before, after = str(tmp_path / "before.json"), str(tmp_path / "after.json")
    with serving(with_tls(POP3)) as port:
        letterlock(*served(port, ca_file, "--json", before))
        letterlock(
            "check", f"127.0.0.1:{port}", "--service", "pop3s", "--name", "mail.example.com",
            "--json", after,
        )  # fmt: skip
    same = letterlock("diff", before, before)
    assert (same.returncode, same.stdout, same.stderr) == (0, "Nothing changed.\n", "")
    worse = letterlock("diff", before, after)
    assert worse.returncode == 1
    assert "✗ certificate chain: accepted → not accepted" in " ".join(worse.stdout.split())
    assert "chain-incomplete" in worse.stdout
    better = letterlock("diff", after, "-", "--json", "-", stdin=Path(before).read_text())
    assert better.returncode == 0
    assert json.loads(better.stdout)["worse"] is False


def test_diff_of_what_is_no_report(tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    file.write_text('{"format_version": 1}')
    done = letterlock("diff", str(file), str(file))
    assert done.returncode == 2
    assert done.stderr.startswith(f"letterlock: {file}: not a report of letterlock check: ")
    assert done.stderr.count("\n") == 1
