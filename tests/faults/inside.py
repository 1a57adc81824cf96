"""Strikes the real `letterlock secure` at its points; runs inside a throw-away machine, stopped.

The plan is made once, which changes nothing; a child is forked for each point that carries it out
as the command line does. The servers' own checkers have been run on the old files and on the new
(tests/faults/known.py). Prints one line of JSON.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from letterlock.cli import secure
from letterlock.cli.certificate_options import CertificateOptions
from letterlock.cli.secure_options import CertLayout, RunOptions, SaslServer, SecureOptions
from letterlock.cli.secure_plan import Prepared
from letterlock.cli.secure_run import SecureRun
from letterlock.cli.secure_screen import PlanScreen
from letterlock.install.recover import recover
from letterlock.install.state import FOLDER, StateFolder
from letterlock.model.errors import LetterlockError
from tests.faults import strace
from tests.faults.known import Known
from tests.faults.strace import Ended, Point
from tests.machine import HOSTNAME, Entry, tree

FOLDERS = ("/etc/postfix", "/etc/dovecot", "/etc/ssl")
ERRORS = ("ENOSPC", "EACCES", "EIO")
#: Opened here, so that it is no call of the program's.
_NOWHERE = os.open(os.devnull, os.O_WRONLY)
RUN = RunOptions(dry_run=False, rehearse=False, start=False, yes=True, wait=0, json_file=None)
OPTIONS = SecureOptions(
    host=HOSTNAME, profile="intermediate", root=Path("/"), cert_layout=CertLayout.SEPARATE,
    cert_dir=None, key_dir=None, require_tls=False, minimum_protocol=None, exclude_ciphers=(),
    server_preference=False, wrapper_ports=(), dh_size=None, sasl=SaslServer.DOVECOT,
)  # fmt: skip


@dataclass(frozen=True)
class Bench:
    """`key` is the private key's bytes, which nobody else may read at any time."""

    prepared: Prepared
    known: Known
    workplace: Path
    template: Path
    key: bytes
    old: dict[str, Entry]
    new: dict[str, Entry]
    points: list[Point]

    def strike(self, point: Point, error: str | None) -> str | None:
        """Strike once, recover, compare, put back; what is wrong, if anything is."""
        go = _action(self.prepared, self.known)
        if error is None:
            ended = strace.kill_at(go, self.workplace, point)
        else:
            ended = strace.fail_at(go, self.workplace, point, error)
        changed = True
        try:
            changed = self._judge(ended, point, error) != self.old
        except AssertionError as wrong:
            return str(wrong)
        finally:
            put_back(self.template, changed)
        return None

    def _judge(self, ended: Ended, point: Point, error: str | None) -> dict[str, Entry]:
        """What the run left behind, once it is seen to be right."""
        allowed = (-9,) if error is None else (0, 4)
        assert ended.status in allowed, f"ended with {ended.status}: {ended.stderr}"
        assert error is None or ended.struck(point), "the call was never reached"
        self._key_is_private()
        recoveries = recover(StateFolder(), self.prepared.servers)
        assert not [note for recovery in recoveries for note in recovery.notes], recoveries
        now = tree(*FOLDERS)
        assert now in (self.old, self.new), f"neither state: {unlike(now, self.old)}"
        if error is not None:
            kept = self.new if ended.status == 0 else self.old
            assert now == kept, f"exit code {ended.status} but {unlike(now, kept)}"
        assert recover(StateFolder(), self.prepared.servers) == (), "recover finds work again"
        return now

    def _key_is_private(self) -> None:
        for path, entry in tree(*FOLDERS, FOLDER).items():
            if entry.kind == "file" and self.key in entry.contents:
                assert entry.mode & 0o077 == 0, f"{path} has mode {entry.mode:04o}"


def unlike(now: dict[str, Entry], wanted: dict[str, Entry]) -> str:
    return ", ".join(sorted(p for p in now.keys() | wanted if now.get(p) != wanted.get(p)))


def _action(prepared: Prepared, known: Known) -> strace.Action:
    def go() -> tuple[int, str]:
        os.dup2(_NOWHERE, 1)
        try:
            screen = PlanScreen(prepared, OPTIONS.host, quiet=True)
            with known.instead():
                SecureRun(prepared, OPTIONS, RUN, screen).execute()
        except LetterlockError as error:
            return 4, str(error)
        return 0, ""

    return go


def put_back(template: Path, changed: bool) -> None:
    """The machine as it was; letterlock's own folder too."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    if changed:
        for folder in FOLDERS:
            shutil.rmtree(folder)
            subprocess.run(["cp", "-a", f"{template}{folder}", folder], check=True)


def prepare_bench(workplace: Path, delivery: Path) -> Bench:
    certificate = CertificateOptions(
        certs=(f"{delivery}/{HOSTNAME}.crt",), keys=(f"{delivery}/{HOSTNAME}.key",),
        chain=(f"{delivery}/{HOSTNAME}.ca-bundle",), password_file=None, password_env=None,
        ca_file=f"{delivery}/root.pem", allow_self_signed=False, with_root=False,
        fetch_missing=False,
    )  # fmt: skip
    prepared = secure._prepare(OPTIONS, certificate)
    template = workplace / "template"
    for folder in FOLDERS:
        target = Path(f"{template}{folder}")
        target.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "-a", folder, str(target)], check=True)
    old = tree(*FOLDERS)
    known = Known(prepared.plan.changes)
    asked = strace.clean_points(_learning(prepared, known, workplace), workplace)
    new = tree(*FOLDERS)
    assert old != new
    put_back(template, changed=True)
    assert tree(*FOLDERS) == old
    known.learn(workplace / "known")
    assert {after for after, _ in known.said} == {False, True}
    points = strace.clean_points(_action(prepared, known), workplace)
    real = [point.call for point in asked if f"{workplace}/known" not in point.text]
    assert [point.call for point in points] == real, "they are those of the real checkers"
    assert tree(*FOLDERS) == new
    put_back(template, changed=True)
    key = (delivery / f"{HOSTNAME}.key").read_bytes().splitlines()[1]
    return Bench(prepared, known, workplace, template, key, old, new, points)


def _learning(prepared: Prepared, known: Known, workplace: Path) -> strace.Action:
    act = _action(prepared, known)

    def go() -> tuple[int, str]:
        ended = act()
        known.keep(workplace / "known")
        return ended

    return go


def main(delivery: str, fault: str, every: str) -> None:
    """`fault` is `killed` or `failing`; each point fails in one of three ways in turn, or, with
    `every`, in all of them."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        bench = prepare_bench(Path(folder), Path(delivery))
        wrong, struck = {}, 0
        for number, point in enumerate(bench.points):
            errors: tuple[str | None, ...] = (None,)
            if fault == "failing":
                errors = ERRORS if every == "every" else (ERRORS[number % len(ERRORS)],)
            for error in errors:
                struck += 1
                said = bench.strike(point, error)
                if said is not None:
                    wrong[f"{error} at {point.text}"] = said
    print(json.dumps({"points": len(bench.points), "struck": struck, "wrong": wrong}))  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
