"""Strikes `deploy` where it writes for itself, and here and there in the transaction, which
`test_points` strikes everywhere. A process of its own, small, since it forks once for each point.

The system is a folder: a name with a certificate in letterlock's store, which a `local_name` block
and an SNI table name. There are no servers in it; what is named is told, and postmap is a stand-in.
Prints one line of JSON.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from letterlock.certs.bundle import CertificateFiles, prepare
from letterlock.certs.store import Layout, plan_store
from letterlock.certs.trust import TrustStore
from letterlock.install.recover import recover
from letterlock.install.state import StateFolder
from letterlock.install.transaction import apply
from letterlock.model.errors import LetterlockError, Location
from letterlock.model.plan import Plan
from letterlock.model.status import Reference
from letterlock.renew import deliver
from letterlock.renew.deliver import Delivery
from letterlock.renew.handover import Handover
from letterlock.renew.pending import waiting
from letterlock.servers.postfix_references import sni_reference
from letterlock.servers.references import Named, SniAnswers
from letterlock.servers.sni_tables import SniTable, SniTables
from letterlock.servers.tools import Tools
from tests.faults import strace
from tests.faults.scenarios import NOBODY
from tests.faults.strace import Ended, Point
from tests.install.tree import Snapshot, snapshot
from tests.status.renewal import Authority

NAME, OTHER = "mail.example.com", "other.example.net"
STORED = tuple(f"/etc/ssl/letterlock/{NAME}/current/{file}.pem" for file in ("key", "fullchain"))
TABLE = "/etc/postfix/sni"
ERRORS = ("ENOSPC", "EACCES", "EIO")
#: Of the transaction's points every so many.
_EVERY = 7
#: Of all runs, so that a version in the store has one name.
_AT = datetime.now(UTC)


class _Clock:
    @staticmethod
    def now(_zone: object) -> datetime:
        return _AT


class _Postmap(SniTables):
    """An index is JSON here."""

    def build(self, kind: str, contents: Mapping[str, bytes]) -> bytes:  # noqa: ARG002
        return json.dumps({key: pem.decode() for key, pem in contents.items()}).encode()


def _named(root: Path) -> Named:
    source, index = ((root / f"{TABLE[1:]}{end}").read_bytes() for end in ("", ".db"))
    held = {key: pem.encode() for key, pem in json.loads(index).items()}
    table = SniTable("hash", TABLE, source, index, held=held)
    entries = table.document().entries()
    block = Reference("Dovecot", "ssl_cert", Location("/d"), "", STORED, (NAME,), ())
    own = tuple(sni_reference("Postfix", table.name, key, entries.get(key), ()) for key in held)
    reader = _Postmap(Tools(root), "/etc/postfix")
    return Named((block,), (SniAnswers("Postfix", reader, (table,), own, ()),))


@dataclass(frozen=True)
class Bench:
    """`template` is the system before; `given` what the ACME client hands over; `key` bytes of
    both private keys, which nobody else may read at any time."""

    workplace: Path
    template: Path
    given: Handover
    keys: tuple[bytes, ...]

    @classmethod
    def at(cls, workplace: Path) -> Bench:
        template = workplace / "template"
        for folder in ("etc/ssl", "etc/postfix", "var/lib"):
            (template / folder).mkdir(parents=True)
        authority = Authority.make()
        (workplace / "root.pem").write_bytes(authority.root.pem)
        trust = TrustStore.from_file(str(workplace / "root.pem"))
        keys = []
        for which in ("old", "new"):
            chain, key = authority.pair("p256", NAME)
            (workplace / f"{which}.pem").write_bytes(chain)
            (workplace / f"{which}.key").write_bytes(key)
            keys.append(key.splitlines()[1])
        files = [CertificateFiles(f"{workplace}/{w}.pem", f"{workplace}/{w}.key") for w in
                 ("old", "new")]  # fmt: skip
        old = prepare(files[0], NAME, trust, _AT)
        stored = plan_store(NAME, (old,), Layout.SEPARATE, datetime(2026, 1, 1, tzinfo=UTC),
                            template)  # fmt: skip
        apply(Plan("secure", NAME, stored.changes, (), ()), (), NOBODY, StateFolder(template))
        shutil.rmtree(template / "var/lib/letterlock")
        source = template / TABLE[1:]
        source.write_text(f"{NAME} {' '.join(STORED)}\n{OTHER} /none.pem\n")
        contents = {NAME: old.combined_pem.decode(), OTHER: "another's"}
        index = source.with_name("sni.db")
        index.touch(0o600)
        index.write_text(json.dumps(contents))
        given = Handover("certbot", NAME, files[1], ca_file=f"{workplace}/root.pem")
        return cls(workplace, template, given, tuple(keys))

    def delivery(self, root: Path) -> Delivery:
        stand_ins = {
            "find_servers": lambda _tools: (),
            "named": lambda _servers: _named(root),
            "datetime": _Clock,
        }
        for name, stand_in in stand_ins.items():
            setattr(deliver, name, stand_in)
        return Delivery(root=root, observe=lambda _trust: NOBODY, rehearse=False)

    def action(self, root: Path) -> strace.Action:
        def go() -> tuple[int, str]:
            try:
                self.delivery(root).deliver(self.given)
            except LetterlockError as error:
                return 4, str(error)
            return 0, ""

        return go

    def fresh(self, name: str) -> Path:
        root = self.workplace / name
        shutil.rmtree(root, ignore_errors=True)
        subprocess.run(["cp", "-a", str(self.template), str(root)], check=True)
        return root


@dataclass(frozen=True)
class Judge:
    bench: Bench
    old: Snapshot
    new: Snapshot

    def strike(self, number: int, point: Point, kept: bool) -> Iterable[str]:
        """What is wrong after a kill and after one error there; `kept`: what was handed over is
        on disk by then."""
        for error in (None, ERRORS[number % len(ERRORS)]):
            root = self.bench.fresh("root")
            go, place = self.bench.action(root), self.bench.workplace
            try:
                if error is None:
                    self._judge(root, strace.kill_at(go, place, point), (-9,), kept)
                else:
                    ended = strace.fail_at(go, place, point, error)
                    assert ended.struck(point), "the call was never reached"
                    told = "cannot be kept" in ended.stderr
                    self._judge(root, ended, (0, 4), kept=not told)
            except AssertionError as wrong:
                yield f"{error} at {point.text}: {wrong}"

    def _judge(self, root: Path, ended: Ended, allowed: tuple[int, ...], kept: bool) -> None:
        state = StateFolder(root)
        assert ended.status in allowed, f"ended with {ended.status}: {ended.stderr}"
        self._keys_are_private(root)
        recover(state, ())
        now = snapshot(root)
        assert now in (self.old, self.new), "neither the old state nor the new one"
        assert ended.status != 0 or now == self.new, "it says that it is done"
        left = waiting(state)
        assert not left.damaged, left
        assert now == self.new or left.pending or not kept, "neither done nor pending"
        delivery = self.bench.delivery(root)
        for attempt in delivery.retry_all():
            assert attempt.error is None, attempt.error
        if now == self.old and not left.pending:
            delivery.deliver(self.bench.given)
        assert snapshot(root) == self.new, "tried again, it is not the new state"
        assert waiting(state).pending == (), "it is pending still"

    def _keys_are_private(self, root: Path) -> None:
        for path in root.rglob("*"):
            if path.is_file() and any(key in path.read_bytes() for key in self.bench.keys):
                assert path.stat().st_mode & 0o077 == 0, f"{path} is readable by others"


def main() -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        bench = Bench.at(Path(folder))
        clean = bench.fresh("clean")
        points = strace.clean_points(bench.action(clean), bench.workplace)
        judge = Judge(bench, snapshot(bench.template), snapshot(clean))
        assert judge.old != judge.new
        record = max(n for n, each in enumerate(points[: _begun(points)]) if "pending" in each.text)
        wrong: list[str] = []
        struck = 0
        for number, point in enumerate(points):
            if "/pending" in point.text or number % _EVERY == 0:
                struck += 2
                wrong += judge.strike(number, point, kept=number > record)
        told = {"points": len(points), "struck": struck, "wrong": wrong}
        print(json.dumps(told))  # noqa: T201


def _begun(points: list[Point]) -> int:
    """Where the transaction begins: its run's folder is made."""
    return next(
        n for n, each in enumerate(points) if each.call == "mkdir" and "/runs/" in each.text
    )


if __name__ == "__main__":
    main()
