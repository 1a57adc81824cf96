"""What `letterlock demo` says on the terminal."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from letterlock.cli.demo_ca import Delivery
    from letterlock.servers.tools import Tools

_WIDEST = 100


class DemoScreen:
    """The story, chapter by chapter; silent when the result goes to standard output as JSON."""

    def __init__(self, *, quiet: bool) -> None:
        self.quiet = quiet
        self._console = Console(quiet=quiet, highlight=False)
        self._chapter = 0

    @property
    def width(self) -> int:
        return min(self._console.width, _WIDEST)

    def chapter(self, title: str) -> None:
        self._chapter += 1
        self._console.print()
        self._console.print(Text(f"{self._chapter}  {title}", style="bold reverse"))

    def say(self, text: str, style: str = "") -> None:
        self._console.print(Text(text, style=style), width=self.width)

    def command(self, *arguments: str) -> None:
        words = [shlex.quote(word) for word in arguments]
        lines, line = [], "$ letterlock"
        for word in words:
            if len(line) + 1 + len(word) > self.width - 2:
                lines.append(f"{line} \\")
                line = "     "
            line += f" {word}"
        self._console.print(Text("\n".join([*lines, line]), style="bold cyan"))
        self._console.print()

    def scene(self, tools: Tools, delivery: Delivery) -> None:
        postfix = tools.run("postconf", "-h", "mail_version").text.strip()
        dovecot = tools.run("dovecot", "--version").text.split(" ")[0].strip()
        openssl = " ".join(tools.run("openssl", "version").text.split(" ")[:2])
        self.say(
            f"Postfix {postfix} and Dovecot {dovecot}, this machine's own programs, run on their "
            "real ports in private namespaces, with the configuration files of Debian's packages."
        )
        self.say(f"A test CA has delivered, as CAs do, to {delivery.key.parent}:")
        self.say(f"  {delivery.certificate.name:30} the certificate alone, with Windows line ends")
        self.say(f"  {delivery.bundle.name:30} two intermediates, and the root between them")
        self.say(f"  {delivery.key.name:30} the key")
        if openssl:
            self.say(f"In the end {openssl}'s own client is asked as well.", "dim")

    def secured(self, document: dict[str, Any]) -> None:
        rehearsal = document["rehearsal"]
        if rehearsal["state"] == "passed":
            ports = len(rehearsal["ports"])
            self._done(
                f"rehearsed: both servers booted with the new files, {ports} ports spoken to"
            )
        else:
            self.say(f"! not rehearsed: {rehearsal.get('reason', rehearsal['state'])}", "yellow")
        for change in document["plan"]["changes"]:
            if change["kind"] == "file" and change["action"] == "edit":
                lines = change["diff"].splitlines()
                added = sum(line.startswith("+") and line[:3] != "+++" for line in lines)
                gone = sum(line.startswith("-") and line[:3] != "---" for line in lines)
                self._done(f"{change['path']}: {added} lines in, {gone} out")
        made = [c["path"] for c in document["plan"]["changes"] if c["action"] == "create"]
        if made:
            self._done(f"{len(made)} new files and folders, such as {made[-1]}")
        places = len(document["endpoints"])
        self._done(f"reloaded, and verified live: a full handshake at {places} addresses and ports")
        self.say(f"  `letterlock rollback {document['run']}` would undo it", "dim")

    def _done(self, text: str) -> None:
        line = Text.assemble(("✓ ", "green"), text)
        self._console.print(line, width=self.width)

    def compare(
        self,
        before: dict[str, Any],
        after: dict[str, Any],
        openssl: dict[str, str | None],
        leaf: str | None,
    ) -> None:
        """The seven ports before and after, side by side."""
        table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="dim")
        table.add_column("port", justify="right")
        for title in ("service", "before", "after", *(["openssl"] if openssl else [])):
            table.add_column(title, no_wrap=True)
        then = {one["port"]: one for one in before["endpoints"]}
        for now in after["endpoints"]:
            port = now["port"]
            cells = [Text(str(port)), Text(now["service"]), _cell(then[port]), _cell(now)]
            if openssl:
                same = openssl.get(str(port)) == leaf
                cells.append(Text("✓ verified", "green") if same else Text("✗ refused", "red"))
            table.add_row(*cells)
        self._console.print(table)
        self._console.print()
        self._console.print(f"Findings before: {_counted(before)}. After: {_counted(after)}.")

    def end(self, told: dict[str, Any], files: int) -> None:
        self.chapter("What was proven")
        if told["proven"]:
            self._done(
                "all seven mail ports serve the delivered certificate with its full chain, and a "
                "client that trusts only the CA's root accepts it for mail.example.com"
            )
        else:
            self.say("✗ not every port serves the delivered certificate acceptably", "red")
        if told["own_files_unchanged"]:
            self._done(
                f"this machine's own {files} files and folders in /etc/postfix, /etc/dovecot and "
                "/etc/ssl are as they were; the private system is gone"
            )
        else:
            self.say("✗ files of this machine's own changed meanwhile", "red")
        self.say("Not shown here: DNS, MX, DANE, and clients other than OpenSSL.", "dim")


def _cell(endpoint: dict[str, Any]) -> Text:
    """The version, then what is wrong with the certificate, or its days. Short enough that before
    and after stand side by side on 80 columns."""
    if endpoint["closed"]:
        return Text("closed", "red")
    handshake = endpoint["handshake"]
    if handshake is None or "unknown" in handshake:
        return Text("no TLS", "red")
    verdict, version = handshake["verdict"], handshake["version"]
    if verdict["accepted"]:
        return Text(f"{version} ✓ {handshake['chain'][0]['days_left']} days", "green")
    return Text(f"{version} ✗ {verdict['problems'][0]['fault']}", "red")


_SEVERITIES = ("critical", "high", "medium", "low")


def _counted(document: dict[str, Any]) -> str:
    """How many different things there are to complain about, each at its worst."""
    worst: dict[str, str] = {}
    for severity in reversed(_SEVERITIES):
        worst |= {
            one["id"]: severity for one in document["findings"] if one["severity"] == severity
        }
    counts = ((list(worst.values()).count(severity), severity) for severity in _SEVERITIES)
    return ", ".join(f"{count} {severity}" for count, severity in counts if count) or "none"
