"""Throw-away systems: this machine's own Postfix and Dovecot, booted in a private system of their
own, on their real ports and paths. Any number at once; nothing of the host's changes.

    def test_something(stock_machine: Machine) -> None:
        stock_machine.start()
        done = stock_machine.letterlock("secure", "mail.example.com", …)
        assert done.status == 0, done.complaints
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import socket
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from letterlock.cli import scenery
from letterlock.cli.demo_ca import Delivery, deliver
from letterlock.install.namespace import PrivateFolder, PrivateSystem, let_cool, private_system
from letterlock.model.unknown import Unknown
from letterlock.servers.tools import Completed, Tools
from tests import warm

Result = TypeVar("Result")

REPOSITORY = Path(__file__).resolve().parent.parent
PROGRAM = REPOSITORY / ".venv/bin/letterlock"
HOSTNAME = scenery.HOSTNAME
#: Dovecot's LMTP and ManageSieve as scripts/setup unpacks them.
DOVECOT_MORE = REPOSITORY / ".cache/dovecot-more"
_LOG_MARK = "the tests are here: "

_PROGRAMS = {
    "Postfix": (
        "/usr/sbin/postfix", "/usr/sbin/postconf", "/usr/sbin/postmap", "/usr/sbin/sendmail",
        "/usr/lib/postfix", "/etc/postfix",
    ),
    "Dovecot": (
        "/usr/sbin/dovecot", "/usr/bin/doveconf", "/usr/bin/doveadm", "/usr/lib/dovecot",
        "/etc/dovecot",
    ),
}  # fmt: skip


class ForbiddenError(Exception):
    """This kernel or container allows no private system; str() says why."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What one name in a tree is. `contents` is a file's bytes or a link's text."""

    kind: str
    mode: int
    owner: tuple[int, int]
    contents: bytes
    attributes: tuple[tuple[str, bytes], ...]


class Machine:
    """One throw-away system with Debian's stock configuration, its servers stopped.

    `shared` is a folder that is the same inside and outside (a test's tmp_path); `without` names
    the server that is not installed there (`Postfix`, `Dovecot`); `unpacked` is a folder of
    packages' files that are installed there only. Raises ForbiddenError."""

    def __init__(
        self,
        shared: Path | None = None,
        without: str | None = None,
        *,
        unpacked: Path | None = None,
    ) -> None:
        plan = scenery.layout(writable=(str(shared),) if shared else ())
        if without or unpacked:
            plan = replace(plan, folders=(*plan.folders, PrivateFolder("/usr", overlay=True)))
        system = private_system(plan)
        if isinstance(system, Unknown):
            raise ForbiddenError(system.reason)
        self.system: PrivateSystem = system
        self.installed = tuple(name for name in _PROGRAMS if name != without)
        try:
            if unpacked:
                files = unpacked / "usr"
                self.call(lambda: shutil.copytree(files, "/usr", symlinks=True, dirs_exist_ok=True))
            self.call(scenery.put_up)
            if without:
                self.call(lambda: uninstall(without))
        except BaseException:
            system.close()
            raise

    # --- its programs

    @property
    def tools(self) -> Tools:
        return self.system.tools

    def run(self, *argv: str, stdin: bytes | None = None, timeout: float = 60) -> Completed:
        """Run a program inside, to its end."""
        return self.tools.run(*argv, stdin=stdin, timeout=timeout)

    def must(self, *argv: str, stdin: bytes | None = None) -> Completed:
        """Run a program that a test takes for granted."""
        done = self.run(*argv, stdin=stdin)
        assert done.ok, f"{argv}: {done.status}: {done.text}{done.complaints}"
        return done

    def letterlock(
        self, *arguments: str, stdin: bytes | None = None, **environment: str
    ) -> Completed:
        """Run our program as a user does, in 100 columns without colour."""
        settings = {"NO_COLOR": "1", "COLUMNS": "100"} | environment
        pairs = [f"{name}={value}" for name, value in settings.items()]
        return self.run("env", *pairs, str(PROGRAM), *arguments, stdin=stdin, timeout=120)

    def warm_letterlock(self, *arguments: str, stdin: bytes = b"", **environment: str) -> Completed:
        """The same, begun in milliseconds (tests/warm.py)."""
        usual = {"PATH": os.environ["PATH"], "LC_ALL": "C", "HOME": "/root"}
        settings = usual | {"NO_COLOR": "1", "COLUMNS": "100"} | environment
        return warm.run(
            *arguments, environment=settings, stdin=stdin, inside=self.system.pid, folder="/"
        )

    def start(self, *names: str) -> None:
        """Start the servers named, or all that are installed; quicker than `postfix start`."""
        wanted = names or self.installed
        if "Dovecot" in wanted:
            self.must("dovecot")
        if "Postfix" in wanted:
            # postfix-script(1) leaves out its checks of every file's owner at this mark.
            self.call(lambda: (scenery.QUEUE / "quick-start").touch())
            self.must("postfix", "start")

    def stop(self, *names: str) -> None:
        wanted = names or self.installed
        if "Postfix" in wanted:
            self.run("postfix", "stop")
        if "Dovecot" in wanted:
            self.run("doveadm", "stop")

    def processes(self) -> dict[int, str]:
        """Process id, as seen inside, → the command line."""
        lines = self.must("ps", "-e", "-o", "pid=,args=").text.splitlines()
        pairs = (line.split(None, 1) for line in lines)
        return {int(pid): command for pid, command in pairs if not command.startswith("ps ")}

    def listening(self) -> set[int]:
        """The TCP ports that something inside listens on."""
        lines = self.must("ss", "-H", "-ltn").text.splitlines()
        return {int(line.split()[3].rpartition(":")[2]) for line in lines}

    def s_client(self, port: int, starttls: str | None = None, name: str = HOSTNAME) -> Completed:
        """A handshake by `openssl s_client`; `starttls` is smtp, imap or pop3."""
        upgrade = ("-starttls", starttls) if starttls else ()
        return self.run(
            "openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-servername", name,
            "-showcerts", *upgrade, stdin=b"",
        )  # fmt: skip

    # --- its files

    def call(self, function: Callable[[], Result]) -> Result:
        """Call a function in a thread that has the machine's files and network."""
        return self.system.call(function, files=True)

    def read(self, path: str) -> bytes:
        return self.call(Path(path).read_bytes)

    def write(self, path: str, contents: bytes | str, mode: int = 0o644) -> None:
        data = contents.encode() if isinstance(contents, str) else contents

        def write() -> None:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            Path(path).write_bytes(data)
            Path(path).chmod(mode)
            let_cool(Path(path))

        self.call(write)

    def replace(self, path: str, old: str, new: str) -> None:
        """Replace a text that occurs in a file."""
        text = self.read(path).decode()
        assert old in text, f"{path} has no {old!r}"
        mode = self.call(lambda: stat.S_IMODE(os.stat(path).st_mode))  # noqa: PTH116
        self.write(path, text.replace(old, new), mode)

    def tree(self, *folders: str) -> dict[str, Entry]:
        """Every name below the folders: bytes, modes, owners, xattrs, link texts."""
        return self.call(lambda: tree(*folders))

    def log(self) -> tuple[str, ...]:
        """All lines that had been sent to the log before the call; the one who writes it down may
        be behind, so it is given a mark to come to."""
        mark = f"{_LOG_MARK}{secrets.token_hex(8)}"
        self.call(lambda: _log(mark))
        deadline = time.monotonic() + 60
        while mark not in (lines := self.system.log()):
            assert time.monotonic() < deadline, "the log is not written"
            time.sleep(0.02)
        return tuple(line for line in lines if not line.startswith(_LOG_MARK))

    # --- its certificate

    def delivery(self, hostname: str = HOSTNAME, folder: str = "/root/delivery") -> Delivery:
        """What a CA delivers for a host name, in a folder inside."""

        def make() -> Delivery:
            Path(folder).mkdir(parents=True, exist_ok=True)
            return deliver(Path(folder), hostname)

        return self.call(make)

    # --- its end

    def close(self) -> None:
        self.system.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _log(text: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as logger:
        logger.connect("/dev/log")
        logger.send(text.encode())


def tree(*tops: str) -> dict[str, Entry]:
    """Every name from the tops down, links not followed."""
    found = {top: _entry(top) for top in tops if os.path.lexists(top)}
    for top in tops:
        for place, folders, files in os.walk(top):
            for name in (*folders, *files):
                path = f"{place.rstrip('/')}/{name}"
                found[path] = _entry(path)
    return found


_KINDS = {
    stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFLNK: "link", stat.S_IFSOCK: "socket",
    stat.S_IFIFO: "fifo", stat.S_IFCHR: "device", stat.S_IFBLK: "device",
}  # fmt: skip


def _entry(path: str) -> Entry:
    status = os.lstat(path)
    kind = _KINDS[stat.S_IFMT(status.st_mode)]
    contents = b""
    # Without pathlib, which takes more time than the calls, thousands of files in a test.
    if kind == "file":
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123
            contents = file.read()
    elif kind == "link":
        contents = os.fsencode(os.readlink(path))  # noqa: PTH115
    names = os.listxattr(path, follow_symlinks=False)
    attributes = tuple(
        (name, os.getxattr(path, name, follow_symlinks=False)) for name in sorted(names)
    )
    owner = (status.st_uid, status.st_gid)
    return Entry(kind, stat.S_IMODE(status.st_mode), owner, contents, attributes)


def uninstall(server: str) -> None:
    for program in map(Path, _PROGRAMS[server]):
        if program.is_dir():
            shutil.rmtree(program)
        else:
            program.unlink(missing_ok=True)


def follow_guide(machine: Machine, *, combined: bool = False) -> Delivery:
    """Leave a stock machine as the hosting company's guide does (FACTS.md), in the spelling that
    these versions still take: certificate and chain in one file, the key beside it or, with
    `combined`, in it; Dovecot answers Postfix's SASL questions, without which the guide's
    submission services would die."""
    delivery = machine.delivery(folder="/root/guide")
    leaf, chain, key = (
        machine.read(str(path)).replace(b"\r\n", b"\n")
        for path in (delivery.certificate, delivery.bundle, delivery.key)
    )
    certificate_file = f"/etc/ssl/certs/{HOSTNAME}.crt"
    key_file = f"/etc/ssl/private/{HOSTNAME}.key"
    if combined:
        certificate_file = key_file = f"/etc/ssl/private/{HOSTNAME}.pem"
        machine.write(certificate_file, leaf + chain + key, 0o600)
    else:
        machine.write(certificate_file, leaf + chain)
        machine.write(key_file, key, 0o600)
    _guide_postfix(machine, certificate_file, key_file)
    _guide_dovecot(machine, certificate_file, key_file)
    return delivery


def _guide_postfix(machine: Machine, certificate_file: str, key_file: str) -> None:
    if "Postfix" not in machine.installed:
        return
    main = "/etc/postfix/main.cf"
    snakeoil = "ssl-cert-snakeoil"
    machine.replace(main, f"/etc/ssl/certs/{snakeoil}.pem", certificate_file)
    same = "$smtpd_tls_cert_file" if key_file == certificate_file else key_file
    machine.replace(main, f"/etc/ssl/private/{snakeoil}.key", same)
    # Debian 13 writes it with spaces.
    level = re.search(r"smtpd_tls_security_level ?= ?may", machine.read(main).decode())
    machine.replace(main, level[0] if level else "", "smtpd_use_tls=yes")
    if "Dovecot" not in machine.installed:
        return
    sasl = "smtpd_sasl_type = dovecot\nsmtpd_sasl_path = private/auth\n"
    machine.write(main, machine.read(main) + sasl.encode())
    services = """
submission inet n       -       y       -       -       smtpd
  -o syslog_name=postfix/submission
  -o smtpd_tls_security_level=may
  -o smtpd_sasl_auth_enable=yes
smtps     inet  n       -       y       -       -       smtpd
  -o syslog_name=postfix/smtps
  -o smtpd_tls_wrappermode=yes
  -o smtpd_sasl_auth_enable=yes
"""
    master = "/etc/postfix/master.cf"
    machine.write(master, machine.read(master) + services.lstrip().encode())


def _guide_dovecot(machine: Machine, certificate_file: str, key_file: str) -> None:
    if "Dovecot" not in machine.installed:
        return
    file = "/etc/dovecot/conf.d/10-ssl.conf"
    machine.replace(file, "/etc/dovecot/private/dovecot.pem", certificate_file)
    machine.replace(file, "/etc/dovecot/private/dovecot.key", key_file)
    if "Postfix" in machine.installed:
        machine.replace(
            "/etc/dovecot/conf.d/10-master.conf",
            "  #unix_listener /var/spool/postfix/private/auth {\n  #  mode = 0666\n  #}\n",
            "  unix_listener /var/spool/postfix/private/auth {\n    mode = 0666\n  }\n",
        )
