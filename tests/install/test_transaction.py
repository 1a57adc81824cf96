"""The transaction: what survives it, what it refuses, and every way back."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from letterlock.install import journal
from letterlock.install.interrupts import StoppedError
from letterlock.install.recover import Recovered, recover
from letterlock.install.state import StateFolder
from letterlock.install.transaction import Outcome, apply
from letterlock.model.errors import RefusedError
from letterlock.model.facts import EndpointFacts
from letterlock.model.plan import (
    Change,
    DirectoryChange,
    Expectation,
    FileChange,
    LinkChange,
    Plan,
)
from tests.install import tree
from tests.install.stand_in import ACCESS, MX, StandIn, Watcher, leaf

NOBODY = Watcher(())
MAIN = Path("/etc/postfix/main.cf")
MAIN_BYTES = b"myhostname = a.example\n# end\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    tree.build(tmp_path)
    return tmp_path


def plan_of(*changes: Change, servers: tuple[str, ...] = (), **more: object) -> Plan:
    return Plan("secure", "a.example", changes, servers, (), **more)  # type: ignore[arg-type]


def put(root: Path, *changes: Change) -> Outcome:
    return apply(plan_of(*changes), (), NOBODY, StateFolder(root))


def edit(after: bytes = b"tls = yes\n") -> FileChange:
    return FileChange(MAIN, MAIN_BYTES, after)


def refused(root: Path, *changes: Change) -> str:
    """The message; nothing may have changed, and no run be in the history."""
    before = tree.snapshot(root)
    with pytest.raises(RefusedError) as caught:
        put(root, *changes)
    assert tree.snapshot(root) == before
    assert StateFolder(root).runs() == ()
    return str(caught.value)


class TestWhatSurvives:
    def test_every_kind_of_change(self, root: Path) -> None:
        before = tree.snapshot(root)
        outcome = apply(tree.plan(), (), NOBODY, StateFolder(root))
        after = tree.snapshot(root)
        assert outcome.changed and outcome.run
        assert before.keys() - after.keys() == {"etc/postfix/obsolete.cf"}
        assert after.keys() - before.keys() == {
            "etc/ssl/host/2", "etc/ssl/host/2/key.pem", "etc/ssl/host/2/fullchain.pem",
            "etc/postfix/host.pem",
        }  # fmt: skip
        for name in before.keys() & after.keys():
            assert before[name][:5] == after[name][:5], name
        assert after["etc/ssl/host/2"][1] == 0o750
        assert after["etc/ssl/host/2/key.pem"][1] == 0o600
        assert after["etc/ssl/host/current"][5] == b"2"
        assert after["srv/dovecot/conf.d/real.conf"][5] == b"ssl = required\n"
        tree.keys_are_private(root)

    def test_the_state_folder_is_for_root_alone(self, root: Path) -> None:
        apply(tree.plan(), (), NOBODY, StateFolder(root))
        state = root / "var/lib/letterlock"
        for path in (state, *state.rglob("*")):
            wanted = 0o700 if path.is_dir() else 0o600
            assert stat.S_IMODE(path.stat().st_mode) == wanted, path
        assert "2.after" not in tree.state_names(root), "a new key is kept in one place only"

    @pytest.mark.parametrize("mask", [0o077, 0o000])
    def test_modes_are_exact_under_any_umask(self, root: Path, mask: int) -> None:
        former = os.umask(mask)
        try:
            apply(tree.plan(), (), NOBODY, StateFolder(root))
        finally:
            os.umask(former)
        after = tree.snapshot(root)
        assert after["etc/ssl/host/2"][1] == 0o750
        assert after["etc/ssl/host/2/key.pem"][1] == 0o600
        assert after["etc/ssl/host/2/fullchain.pem"][1] == 0o644
        assert stat.S_IMODE((root / "var/lib/letterlock").stat().st_mode) == 0o700
        tree.keys_are_private(root)

    def test_owner_acl_and_attributes_stay(self, root: Path) -> None:
        file = root / "etc/postfix/main.cf"
        if os.geteuid() == 0:
            os.chown(file, 65534, 65534)
            os.setxattr(file, "trusted.note", b"for root")
            os.setxattr(file, "security.note", b"a label")
        subprocess.run(["setfacl", "-m", "u:1:r,m::r", str(file)], check=True)
        before = tree.snapshot(root)["etc/postfix/main.cf"]
        assert b"system.posix_acl_access" in str(before).encode()
        put(root, edit())
        after = tree.snapshot(root)["etc/postfix/main.cf"]
        assert after[:5] == before[:5] and after[5] == b"tls = yes\n"

    def test_a_default_acl_gives_nobody_a_new_key(self, root: Path) -> None:
        folder = root / "etc/ssl/host"
        subprocess.run(["setfacl", "-d", "-m", "u:1:rwx,g::rwx,o::rwx", str(folder)], check=True)
        put(root, FileChange(Path("/etc/ssl/host/new.key"), None, tree.NEW_KEY, 0o640, secret=True))
        key = folder / "new.key"
        assert stat.S_IMODE(key.stat().st_mode) == 0o640
        assert "system.posix_acl_access" not in os.listxattr(key)

    def test_an_acl_that_the_old_file_lacks_is_not_picked_up(self, root: Path) -> None:
        folder = root / "etc/postfix"
        subprocess.run(["setfacl", "-d", "-m", "u:1:rwx", str(folder)], check=True)
        put(root, edit())
        assert "system.posix_acl_access" not in os.listxattr(folder / "main.cf")

    def test_rolling_back_gives_the_same_inode_and_time(self, root: Path) -> None:
        file = root / "etc/postfix/main.cf"
        os.utime(file, (1, 1))
        before = file.stat()
        with failing(root) as (servers, watcher), pytest.raises(RefusedError):
            apply(plan_of(edit(), servers=("Postfix",)), servers, watcher, StateFolder(root))
        after = file.stat()
        assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)

    def test_a_hard_link_is_told_of(self, root: Path) -> None:
        os.link(root / "etc/postfix/main.cf", root / "etc/postfix/other.cf")
        outcome = put(root, edit())
        assert "one of 2 hard links" in outcome.notes[0]
        assert (root / "etc/postfix/other.cf").read_bytes() == MAIN_BYTES

    def test_a_folder_that_is_there_stays_as_it_is(self, root: Path) -> None:
        put(root, DirectoryChange(Path("/etc/dovecot"), 0o700), edit())
        assert stat.S_IMODE((root / "srv/dovecot").stat().st_mode) == 0o755

    def test_a_folder_is_removed_only_when_empty(self, root: Path) -> None:
        (root / "etc/empty").mkdir()
        outcome = put(
            root,
            DirectoryChange(Path("/etc/empty"), remove=True),
            DirectoryChange(Path("/etc/postfix"), remove=True),
            FileChange(Path("/etc/postfix/obsolete.cf"), b"gone = soon\n", None),
        )
        assert not (root / "etc/empty").exists() and (root / "etc/postfix").is_dir()
        assert outcome.notes == ("/etc/postfix is not empty, so it stays",)

    def test_links_are_followed_inside_the_root(self, root: Path) -> None:
        """An absolute link in a tree given by --root leads into that tree, not into ours."""
        (root / "etc/postfix/main.cf").unlink()
        (root / "etc/postfix/main.cf").symlink_to("/etc/hostname")
        (root / "etc/hostname").write_bytes(MAIN_BYTES)
        put(root, edit())
        assert (root / "etc/hostname").read_bytes() == b"tls = yes\n"
        assert (root / "etc/postfix/main.cf").readlink() == Path("/etc/hostname")

    def test_nothing_to_change_leaves_no_run(self, root: Path) -> None:
        before = tree.snapshot(root)
        outcome = put(root, FileChange(MAIN, MAIN_BYTES, MAIN_BYTES))
        assert outcome == Outcome(None, False, ())
        assert tree.snapshot(root) == before and StateFolder(root).runs() == ()


class TestWhatIsRefused:
    def test_a_file_edited_since_the_plan(self, root: Path) -> None:
        (root / "etc/postfix/main.cf").write_bytes(b"somebody = else\n")
        assert "/etc/postfix/main.cf: was changed by somebody else" in refused(root, edit())

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            (FileChange(Path("/etc/postfix/none.cf"), b"x", b"y"), "it is gone"),
            (FileChange(MAIN, None, b"y"), "it was made"),
            (FileChange(Path("/etc/postfix"), None, b"y"), "is not a regular file"),
            (FileChange(Path("/etc/no/such/folder"), None, b"y"), "folder /etc/no/such does not"),
            (FileChange(Path("/etc/postfix/main.cf/x"), None, b"y"), "Not a directory"),
            (FileChange(Path("/etc/dovecot/conf.d/10-ssl.conf"), b"ssl = no\n", None), "link"),
            (LinkChange(Path("/etc/ssl/host/current"), "0", "2"), "its contents differ"),
            (LinkChange(MAIN, "0", "2"), "no symbolic link any more"),
            (DirectoryChange(MAIN), "is not a folder"),
            (FileChange(Path("etc/relative"), None, b"y"), "not an absolute path"),
            (FileChange(Path(os.fsdecode(b"/etc/\xff")), None, b"y"), "not UTF-8"),
        ],
    )
    def test_what_does_not_fit(self, root: Path, change: Change, said: str) -> None:
        assert said in refused(root, edit(), change)

    def test_a_dangling_link(self, root: Path) -> None:
        (root / "etc/postfix/dangling").symlink_to("/nowhere/at/all")
        change = FileChange(Path("/etc/postfix/dangling"), None, b"x")
        assert "link to /nowhere/at/all, which does not exist" in refused(root, change)

    def test_links_in_a_circle(self, root: Path) -> None:
        (root / "etc/one").symlink_to("two")
        (root / "etc/two").symlink_to("one")
        assert "in a circle" in refused(root, FileChange(Path("/etc/one"), None, b"x"))
        assert "in a circle" in refused(root, FileChange(Path("/etc/one/x"), None, b"x"))

    def test_one_file_by_two_names(self, root: Path) -> None:
        twice = (
            FileChange(Path("/etc/dovecot/conf.d/10-ssl.conf"), b"ssl = no\n", b"x"),
            FileChange(Path("/srv/dovecot/conf.d/real.conf"), b"ssl = no\n", b"y"),
        )
        assert "is the same file as /etc/dovecot/conf.d/10-ssl.conf" in refused(root, *twice)

    def test_an_immutable_folder(self, root: Path) -> None:
        folder = root / "etc/postfix"
        if subprocess.run(["chattr", "+i", str(folder)], capture_output=True).returncode:
            pytest.skip("chattr +i does not work on this file system")
        before = tree.snapshot(root)
        try:
            with pytest.raises(RefusedError, match="is read-only or immutable; nothing was"):
                put(root, FileChange(Path("/etc/ssl/host/first"), None, b"x"), edit())
        finally:
            subprocess.run(["chattr", "-i", str(folder)], check=True)
        assert tree.snapshot(root) == before

    def test_a_full_disk(self, tmp_path: Path) -> None:
        """A real one: a tmpfs with room for the journal and not for the file."""
        said = inside_small_tmpfs(tmp_path, """
changes = (*tree.plan().changes, FileChange(Path("/etc/big"), None, b"x" * 400_000))
put(Plan("secure", "a", changes, (), ()), lambda e, n: ())
""")  # fmt: skip
        assert "/etc/.letterlock-" in said and "No space left on device" in said
        assert "rolled back, everything is as it was" in said

    def test_a_disk_that_is_full_on_the_way_back(self, tmp_path: Path) -> None:
        """Nothing can be written any more, and still everything goes back; only the journal's
        last line has to wait."""
        said = inside_small_tmpfs(tmp_path, """
from tests.install.stand_in import MX, StandIn

class Full(StandIn):
    def validate(self):
        with (root / "filler").open("wb", buffering=0) as filler:
            try:
                while filler.write(b"x" * 512): pass
            except OSError: pass
        return ("not valid",)

server = Full(root, "Postfix", MX, "etc/postfix/main.cf", up=False)
put(tree.plan(("Postfix",)), lambda e, n: (), server)
(root / "filler").unlink()
print(*recover(StateFolder(root), ()))
""")  # fmt: skip
        assert "not valid" in said and "everything is as it was" in said, said


def inside_small_tmpfs(folder: Path, script: str) -> str:
    """Run a script in a mount namespace where `root` is a tmpfs of 256 KB with the tree on it;
    the tree has to be as before when it ends. What it printed."""
    if os.geteuid() != 0:
        pytest.skip("needs root to mount a small tmpfs")
    frame = f"""
import os
from pathlib import Path
from letterlock.install.recover import recover
from letterlock.install.state import StateFolder
from letterlock.install.transaction import apply
from letterlock.model.errors import RefusedError
from letterlock.model.plan import FileChange, Plan
from tests.install import tree
root = Path({str(folder)!r})
assert os.system(f"mount -t tmpfs -o size=256k tmpfs {{root}}") == 0
tree.build(root)
before = tree.snapshot(root)
def put(plan, observe, *servers):
    try:
        apply(plan, servers, observe, StateFolder(root))
    except RefusedError as error:
        print(error)
{script}
assert tree.snapshot(root) == before
assert recover(StateFolder(root), ()) == ()
"""
    done = subprocess.run(
        ["unshare", "--mount", sys.executable, "-c", frame],
        capture_output=True, text=True, cwd=Path(__file__).parents[2], check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextmanager
def failing(root: Path) -> Iterator[tuple[tuple[StandIn, ...], Watcher]]:
    """A server that finds the new configuration invalid."""
    server = StandIn(root, "Postfix", MX, "etc/postfix/main.cf", invalid=("bad line",))
    yield (server,), Watcher((server,))


CERTIFICATE = "etc/ssl/host/served.pem"


class TestServers:
    @pytest.fixture
    def postfix(self, root: Path) -> StandIn:
        (root / CERTIFICATE).write_bytes(b"old leaf")
        return StandIn(root, "Postfix", MX, CERTIFICATE)

    def renewal(self, *expectations: Expectation) -> Plan:
        change = FileChange(Path("/" + CERTIFICATE), b"old leaf", b"new leaf")
        wanted = expectations or (Expectation(MX, "a.example", leaf(b"new leaf").sha256),)
        return Plan("secure", "a.example", (change,), ("Postfix",), wanted)

    def run(
        self, root: Path, *servers: StandIn, plan: Plan | None = None, start: bool = False
    ) -> Outcome:
        return apply(
            plan or self.renewal(), servers, Watcher(servers), StateFolder(root),
            patience=0.5, start=start,
        )  # fmt: skip

    def failed(self, root: Path, *servers: StandIn, plan: Plan | None = None) -> str:
        before = tree.snapshot(root)
        with pytest.raises(RefusedError) as caught:
            self.run(root, *servers, plan=plan)
        assert tree.snapshot(root) == before
        assert [name for name in tree.state_names(root) if name not in ("lock", "journal")] == []
        return str(caught.value)

    def test_the_new_certificate_is_seen(self, root: Path, postfix: StandIn) -> None:
        outcome = self.run(root, postfix)
        assert postfix.done == ["validate", "reload"]
        (facts,) = outcome.facts
        assert facts.handshake == postfix.look("a.example").handshake

    def test_a_slow_reload_is_waited_for(self, root: Path, postfix: StandIn) -> None:
        postfix.slowness = 2
        assert self.run(root, postfix).changed

    def test_an_invalid_configuration(self, root: Path, postfix: StandIn) -> None:
        postfix.invalid = ("main.cf: bad line 3",)
        said = self.failed(root, postfix)
        assert "not valid: Postfix: main.cf: bad line 3; rolled back, everything is as" in said
        assert postfix.served == b"old leaf"

    def test_a_reload_that_fails(self, root: Path, postfix: StandIn) -> None:
        postfix.failing_reloads = {0}
        assert "Postfix does not reload; rolled back, everything" in self.failed(root, postfix)
        assert postfix.done == ["validate", "reload", "reload"]
        assert postfix.served == b"old leaf"

    def test_one_that_ends_after_it_came_back(self, root: Path) -> None:
        """As Postfix does that finds a port taken: it is no stopped server, of which nothing is
        expected."""

        class Dying(StandIn):
            asked = 0

            def running(self) -> bool:
                self.asked += "reload" in self.done
                self.up = self.up and self.asked <= 1
                return self.up

            def look(self, name: str) -> EndpointFacts:
                self.up = self.up and "reload" not in self.done
                return super().look(name)

            def start(self) -> None:
                super().start()
                self.done.remove("reload")

        (root / CERTIFICATE).write_bytes(b"old leaf")
        postfix = Dying(root, "Postfix", MX, CERTIFICATE)
        assert "not as expected on the wire: 127.0.0.1:25 (smtp)" in self.failed(root, postfix)
        assert postfix.done == ["validate", "start"]
        assert postfix.served == b"old leaf"

    def test_the_way_back_fails_too(self, root: Path, postfix: StandIn) -> None:
        """The files are back, the server is told of by name, and recover ends it."""
        postfix.failing_reloads = {0, 1}
        before = tree.snapshot(root)
        with pytest.raises(RefusedError, match="rolled back, except: Postfix: Postfix does not"):
            self.run(root, postfix)
        assert tree.snapshot(root) == before
        (recovery,) = recover(StateFolder(root), (postfix,))
        assert recovery.result is Recovered.OLD_STATE
        assert postfix.done[-1] == "reload" and postfix.served == b"old leaf"

    def test_another_certificate_on_the_wire(self, root: Path, postfix: StandIn) -> None:
        plan = self.renewal(Expectation(MX, "a.example", leaf(b"quite another").sha256))
        said = self.failed(root, postfix, plan=plan)
        assert "127.0.0.1:25 (smtp): another certificate than the installed one is served" in said

    def test_nothing_answers_any_more(self, root: Path, postfix: StandIn) -> None:
        """Dovecot has nothing to show by itself, but it answered before."""
        (root / "dove").write_bytes(b"leaf")
        dovecot = StandIn(root, "Dovecot", ACCESS, "dove")
        changes = (FileChange(Path("/dove"), b"leaf", b""),)
        plan = Plan("secure", "a.example", changes, ("Dovecot",), ())
        said = self.failed(root, postfix, dovecot, plan=plan)
        assert "127.0.0.1:993 (imaps): did TLS before, and now no TLS is offered" in said
        assert postfix.done == []

    def test_a_stopped_server_stays_stopped(self, root: Path, postfix: StandIn) -> None:
        postfix.up = False
        outcome = self.run(root, postfix)
        assert outcome.notes == ("Postfix is stopped and stays so; nothing to see on the wire",)
        assert postfix.done == ["validate"] and not postfix.up

    def test_start(self, root: Path, postfix: StandIn) -> None:
        postfix.up = False
        assert self.run(root, postfix, start=True).facts
        assert postfix.up

    def test_what_was_started_is_stopped_again(self, root: Path, postfix: StandIn) -> None:
        postfix.up = False
        plan = self.renewal(Expectation(MX, "a.example", leaf(b"quite another").sha256))
        with pytest.raises(RefusedError, match="another certificate"):
            self.run(root, postfix, plan=plan, start=True)
        assert not postfix.up and (root / CERTIFICATE).read_bytes() == b"old leaf"

    def test_no_change_but_a_stale_certificate(self, root: Path, postfix: StandIn) -> None:
        """A renewal that nobody told the server: files right, wire wrong."""
        (root / CERTIFICATE).write_bytes(b"new leaf")
        wanted = (Expectation(MX, "a.example", leaf(b"new leaf").sha256),)
        outcome = self.run(root, postfix, plan=Plan("secure", "a.example", (), (), wanted))
        assert not outcome.changed and postfix.done == ["validate", "reload"]
        assert self.run(root, postfix, plan=Plan("secure", "a.example", (), (), wanted)).facts
        assert postfix.done == ["validate", "reload"]

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
    def test_a_signal_in_the_middle(
        self, root: Path, postfix: StandIn, number: signal.Signals
    ) -> None:
        handler = signal.getsignal(number)

        def watch(endpoints, name, key_type=None):  # type: ignore[no-untyped-def]
            if postfix.done:
                os.kill(os.getpid(), number)
                os.kill(os.getpid(), number)
            return Watcher((postfix,))(endpoints, name, key_type)

        before = tree.snapshot(root)
        with pytest.raises(StoppedError, match=f"interrupted by {number.name}; rolled back"):
            apply(self.renewal(), (postfix,), watch, StateFolder(root))
        assert tree.snapshot(root) == before and postfix.served == b"old leaf"
        unchanged = replace(self.renewal(), changes=())
        with pytest.raises(StoppedError, match=f"interrupted by {number.name}; nothing was chang"):
            apply(unchanged, (postfix,), watch, StateFolder(root))
        assert signal.getsignal(number) is handler

    def test_whoever_listens_may_be_gone(self, root: Path, postfix: StandIn) -> None:
        postfix.failing_reloads = {0}
        before = tree.snapshot(root)

        def report(text: str) -> None:
            if "rolling back" in text:
                raise BrokenPipeError

        with pytest.raises(RefusedError, match="rolled back, everything is as it was"):
            apply(self.renewal(), (postfix,), Watcher((postfix,)), StateFolder(root), report=report)
        assert tree.snapshot(root) == before

    def test_somebody_edits_while_it_is_verified(self, root: Path, postfix: StandIn) -> None:
        """Their contents stay; the rest goes back; both are said."""

        def watch(endpoints, name, key_type=None):  # type: ignore[no-untyped-def]
            if postfix.done:
                (root / CERTIFICATE).write_bytes(b"an edit by hand")
            return Watcher((postfix,))(endpoints, name, key_type)

        plan = Plan(
            "secure", "a.example", (*self.renewal().changes, edit()), ("Postfix",),
            (Expectation(MX, "a.example", leaf(b"quite another").sha256),),
        )  # fmt: skip
        with pytest.raises(RefusedError, match=r"/served.pem was changed meanwhile, so it stays"):
            apply(plan, (postfix,), watch, StateFolder(root), patience=0)
        assert (root / CERTIFICATE).read_bytes() == b"an edit by hand"
        assert (root / "etc/postfix/main.cf").read_bytes() == MAIN_BYTES
        (run,) = StateFolder(root).runs()
        assert run.blob("1.before") == b"old leaf"
        assert isinstance(run.records[-1], journal.Undone) and run.records[-1].kept
