"""sslyze's policy check as a judge from outside: what its guideline, Mozilla's 5.7 of 2023, asks
otherwise than we do, and why. Whatever else it says is a fault."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tests.e2e.ports import DOVECOT_PORTS, PORTS, POSTFIX_PORTS
from tests.lab.generation import BULLSEYE, Generation, LabMachine
from tests.lab.rows import ROWS, Row
from tests.machine import HOSTNAME
from tests.peers.seen import SSLYZE

_PYTHON = SSLYZE.with_name("python")
_JUDGE = Path(__file__).with_name("sslyze_judge.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """`issue` is sslyze's name for it, `offered` matches each thing it would not have. It is
    expected in rows that have all the values named, on these ports."""

    why: str
    issue: str
    offered: str = ".*"
    ports: tuple[int, ...] = tuple(PORTS)
    generation: Generation | None = None
    profile: str | None = None
    keys: str | None = None

    def covers(self, row: Row, port: int, issue: str, said: str) -> bool:
        wanted = (self.generation, self.profile, self.keys)
        own = (row.generation, row.profile, row.keys)
        here = all(want in (None, have) for want, have in zip(wanted, own, strict=True))
        named, _, _ = said.partition("should")
        names = re.findall(r"'([^']+)'", named)
        return (
            here
            and port in self.ports
            and issue == self.issue
            and all(re.fullmatch(self.offered, name) for name in names)
        )


_PORT_25 = (
    "port 25: what is refused to another mail server comes in the clear instead, so any TLS is "
    "better; a guideline for web sites has no such choice to make (RFC 7435)"
)
_OTHER_KEY = "which key there is, is not the profile's to say: modern is for ECDSA, old for RSA"
_OLD_DOVECOT = (
    "Dovecot before 2.3.15 cannot refuse TLS 1.2; `secure` says so, and gives it intermediate's "
    "suites"
)
DIFFERENCES = (
    Difference(why=_PORT_25, issue="tls_versions", offered=r"TLSv1(\.[12])?", ports=(25,)),
    Difference(
        why=_PORT_25,
        issue="ciphers",
        offered=r"TLS_(ECDHE|DHE|RSA)_(?!.*(EXPORT|anon|NULL|RC4|_DES|MD5)).*",
        ports=(25,),
    ),
    *(
        Difference(why=_OTHER_KEY, issue=issue, profile=profile, keys=keys)
        for issue in ("certificate_types", "certificate_signatures")
        for profile, keys in (("modern", "rsa"), ("old", "ecdsa"))
    ),
    Difference(
        why=_OLD_DOVECOT,
        issue="tls_versions",
        offered=r"TLSv1\.2",
        ports=DOVECOT_PORTS,
        generation=BULLSEYE,
        profile="modern",
    ),
    Difference(
        why=_OLD_DOVECOT,
        issue="ciphers",
        offered=r"TLS_ECDHE_(RSA|ECDSA)_WITH_(AES_\d+_GCM|CHACHA20_POLY1305)_SHA\d+",
        ports=DOVECOT_PORTS,
        generation=BULLSEYE,
        profile="modern",
    ),
    Difference(
        why="Postfix is told classes of suites: old has DHE and has SHA-1, so it has both at once",
        issue="ciphers",
        offered=r"TLS_DHE_RSA_WITH_AES_\d+_CBC_SHA",
        ports=POSTFIX_PORTS,
        profile="old",
    ),
)


def unexplained(row: Row, port: int, issues: dict[str, str]) -> list[str]:
    """What of one port's issues no difference covers."""
    return [
        f"port {port}: {issue}: {said}"
        for issue, said in issues.items()
        if not any(each.covers(row, port, issue, said) for each in DIFFERENCES)
    ]


def judged_ports(row: Row) -> tuple[int, ...]:
    """Of the ports that share a server's one TLS configuration one, by turns."""
    turn = ROWS.index(row)
    submission = (465, 587)[turn % 2]
    return (25, submission, DOVECOT_PORTS[turn % len(DOVECOT_PORTS)])


def judged(machine: LabMachine, row: Row, roots: Path) -> dict[int, dict[str, str]]:
    """Port → sslyze's issues by their names, under the row's own profile."""
    ports = {port: (row.profile, PORTS[port]) for port in judged_ports(row)}
    told = ask(f"/proc/{machine.system.pid}/ns/net", HOSTNAME, roots, ports)
    return {port: each["issues"] for port, each in told.items()}


def ask(
    net: str | None, name: str, roots: Path, ports: dict[int, tuple[str, str | None]]
) -> dict[int, dict[str, Any]]:
    """What sslyze_judge.py answers about ports in the network namespace that the file `net` names,
    None for this one; of each the guideline's configuration and the protocol of its STARTTLS."""
    process = _judge()
    assert process.stdin and process.stdout
    question = {"net": net, "name": name, "roots": str(roots), "ports": ports}
    process.stdin.write(json.dumps(question) + "\n")
    process.stdin.flush()
    answer = process.stdout.readline()
    assert answer, "it ended; standard error has the reason"
    told = {int(port): each for port, each in json.loads(answer).items()}
    assert set(told) == set(ports), "sslyze could not find out everything"
    return told


@cache
def _judge() -> subprocess.Popen[str]:
    """It ends with its standard input, so with this process."""
    return subprocess.Popen(
        [_PYTHON, _JUDGE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
