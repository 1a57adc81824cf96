"""Configurations as they were in a version's time, and what `secure` makes of them in that
version's words, kept in `golden/`. `python -m tests.install.golden_versions` writes what is made
anew; read the difference before committing it."""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from letterlock.model.plan import FileChange, Plan
from letterlock.servers.dovecot import Dovecot
from letterlock.servers.postfix import Postfix
from letterlock.servers.tools import Tools
from letterlock.servers.version import Version
from tests.install.planning import COMBINED, CYRUS, plan, surroundings

FOLDER = Path(__file__).parent / "golden"
_FILE = re.compile(r"^== (/\S+)\n", re.MULTILINE)


@dataclass(frozen=True)
class Golden:
    """`before` names the input in golden/before; `options` are the intent's."""

    server: str
    version: str
    before: str
    options: dict[str, Any] = field(default_factory=dict)
    suffix: str = ""

    @property
    def name(self) -> str:
        return f"{self.server}-{self.version}{self.suffix}.txt"


CASES = (
    Golden("postfix", "2.2.12", "postfix-2005"),
    Golden("postfix", "2.3.19", "postfix-2005"),
    Golden("postfix", "2.5.17", "postfix-2005"),
    Golden("postfix", "2.6.19", "postfix-guide"),
    Golden("postfix", "2.10.10", "postfix-guide"),
    Golden("postfix", "3.1.0", "postfix-guide"),
    Golden("postfix", "3.1.0", "postfix-guide", {"stored": COMBINED}, "-combined"),
    Golden("postfix", "3.4.29", "postfix-guide", {"stored": COMBINED}, "-combined"),
    Golden("postfix", "3.6.0", "postfix-guide", {"profile": "modern"}, "-modern"),
    Golden("postfix", "3.9.0", "postfix-guide"),
    Golden("postfix", "3.11.0", "postfix-outbound"),
    Golden("postfix", "99.0", "postfix-guide"),
    Golden("dovecot", "1.0.15", "dovecot-1"),
    Golden("dovecot", "1.2.17", "dovecot-1", {"require_tls": True}, "-required"),
    Golden("dovecot", "2.0.21", "dovecot-guide"),
    Golden("dovecot", "2.1.17", "dovecot-guide"),
    Golden("dovecot", "2.2.22", "dovecot-guide"),
    Golden("dovecot", "2.2.22", "dovecot-guide", {"profile": "old"}, "-old"),
    Golden(
        "dovecot", "2.3.0", "dovecot-2015", {"spare_dh_file": "/etc/ssl/letterlock/ffdhe3072.pem"}
    ),
    Golden("dovecot", "2.3.13", "dovecot-2015"),
    Golden("dovecot", "2.3.19", "dovecot-1"),
    Golden("dovecot", "2.4.1", "dovecot-2015"),
    Golden("dovecot", "99.0", "dovecot-guide"),
)


def unpacked(text: str) -> dict[str, str]:
    """`== PATH` and what follows it, per file."""
    pieces = _FILE.split(text)[1:]
    return dict(zip(pieces[::2], pieces[1::2], strict=True))


def read_plan(case: Golden, files: dict[str, str]) -> Plan:
    """The plan for files that are there alone, without any program of the server's."""
    with tempfile.TemporaryDirectory() as folder:
        for path, text in files.items():
            outside = Path(folder, path.lstrip("/"))
            outside.parent.mkdir(parents=True, exist_ok=True)
            outside.write_text(text)
        tools, version = Tools(Path(folder)), Version.parse(case.version)
        around = surroundings(CYRUS, ca_file="/etc/ssl/certs/ca-certificates.crt")
        if case.server == "postfix":
            return plan(Postfix.assume(tools, version).read(), around=around, **case.options)
        dovecot = Dovecot.assume(tools, version).read()
        return plan(dovecot=dovecot, around=around, **case.options)


def applied(files: dict[str, str], plan: Plan) -> dict[str, str]:
    """The files once the plan is in force."""
    edited = {
        str(change.path): (change.after or b"").decode()
        for change in plan.changes
        if isinstance(change, FileChange)
    }
    return files | edited


def before(case: Golden) -> dict[str, str]:
    return unpacked((FOLDER / "before" / f"{case.before}.txt").read_text())


def told(case: Golden) -> str:
    """The planned files, then the notices."""
    files = before(case)
    made = read_plan(case, files)
    pieces = (f"== {path}\n{text}" for path, text in applied(files, made).items())
    return "".join(pieces) + "== notices\n" + "".join(f"{line}\n" for line in made.notices)


if __name__ == "__main__":
    for case in CASES:
        (FOLDER / case.name).write_text(told(case))
