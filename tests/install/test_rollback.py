"""Rollback, history and recover, through the command line."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path

import pytest

from letterlock.install.history import Result, history
from letterlock.install.rollback import ConflictError, last_done, plan_rollback
from letterlock.install.state import StateFolder
from letterlock.install.transaction import apply
from letterlock.model.errors import InputError, RefusedError
from letterlock.model.plan import FileChange, Plan
from tests import warm
from tests.install import tree
from tests.install.stand_in import Watcher

PROGRAM = Path(__file__).resolve().parents[2] / ".venv/bin/letterlock"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    tree.build(tmp_path)
    return tmp_path


@pytest.fixture
def secured(root: Path) -> Path:
    secure(root)
    return root


def secure(root: Path) -> str:
    outcome = apply(tree.plan(), (), Watcher(()), StateFolder(root))
    assert outcome.run
    return outcome.run


def roll_back(root: Path, run: str | None = None) -> str:
    state = StateFolder(root)
    outcome = apply(plan_rollback(state, run or last_done(state)), (), Watcher(()), state)
    assert outcome.run
    return outcome.run


def letterlock(root: Path, verb: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "NO_COLOR": "1"}
    return warm.command(verb, "--root", str(root), *arguments, environment=environment)


class TestPlan:
    def test_untouched_since_everything_is_as_it_was(self, root: Path) -> None:
        before = tree.snapshot(root)
        secure(root)
        roll_back(root)
        assert tree.snapshot(root) == before

    def test_and_back_again(self, root: Path) -> None:
        before = tree.snapshot(root)
        secure(root)
        secured = tree.snapshot(root)
        undoing = roll_back(root)
        roll_back(root, undoing)
        assert tree.snapshot(root) == secured
        assert [entry.result for entry in history(StateFolder(root))] == [
            Result.DONE, Result.UNDONE, Result.DONE,
        ]  # fmt: skip
        roll_back(root)
        assert tree.snapshot(root) == before

    def test_lines_of_others_stay(self, secured: Path) -> None:
        main = secured / "etc/postfix/main.cf"
        main.write_bytes(b"# mine\n" + main.read_bytes() + b"mine = 1\n")
        roll_back(secured)
        assert main.read_bytes() == b"# mine\nmyhostname = a.example\n# end\nmine = 1\n"

    @pytest.mark.parametrize(
        ("path", "contents", "said"),
        [
            ("etc/postfix/main.cf", b"smtpd_tls_security_level = dane\n", "/etc/postfix/main.cf:1"),
            ("etc/ssl/host/key.pem", b"another key", "/etc/ssl/host/key.pem"),
            ("etc/ssl/host/2/fullchain.pem", b"renewed", "/etc/ssl/host/2/fullchain.pem"),
            ("etc/postfix/obsolete.cf", b"made again", "/etc/postfix/obsolete.cf"),
        ],
    )
    def test_conflicts(self, secured: Path, path: str, contents: bytes, said: str) -> None:
        (secured / path).write_bytes(contents)
        with pytest.raises(ConflictError) as caught:
            plan_rollback(StateFolder(secured), last_done(StateFolder(secured)))
        assert [str(each.where) for each in caught.value.conflicts] == [said]
        assert said in str(caught.value)

    def test_a_link_that_leads_elsewhere_now(self, secured: Path) -> None:
        (secured / "etc/ssl/host/current").unlink()
        (secured / "etc/ssl/host/current").symlink_to("3")
        with pytest.raises(ConflictError, match="current"):
            plan_rollback(StateFolder(secured), last_done(StateFolder(secured)))

    def test_what_is_gone_already_is_no_conflict(self, secured: Path) -> None:
        (secured / "etc/postfix/host.pem").unlink()
        (secured / "etc/ssl/host/2/fullchain.pem").unlink()
        roll_back(secured)
        assert not (secured / "etc/ssl/host/2").exists()

    def test_a_folder_with_something_of_others_in_it_stays(self, secured: Path) -> None:
        (secured / "etc/ssl/host/2/note").write_bytes(b"mine")
        roll_back(secured)
        assert [path.name for path in (secured / "etc/ssl/host/2").iterdir()] == ["note"]

    def test_an_earlier_run_under_a_later_one(self, secured: Path) -> None:
        """Their lines apart: the first goes, the second stays."""
        main = secured / "etc/postfix/main.cf"
        first = last_done(StateFolder(secured))
        after = main.read_bytes() + b"later = 1\n"
        change = FileChange(Path("/etc/postfix/main.cf"), main.read_bytes(), after)
        plan = Plan("secure", "b.example", (change,), (), ())
        apply(plan, (), Watcher(()), StateFolder(secured))
        roll_back(secured, first)
        assert main.read_bytes() == b"myhostname = a.example\n# end\nlater = 1\n"
        assert last_done(StateFolder(secured)) != first

    def test_what_cannot_be_undone(self, secured: Path) -> None:
        state = StateFolder(secured)
        first = last_done(state)
        second = roll_back(secured)
        with pytest.raises(RefusedError, match=f"not in force: it was undone by {second}"):
            plan_rollback(state, first)
        with pytest.raises(InputError, match="no run to undo"):
            last_done(state)
        with pytest.raises(InputError, match="no runs have an id that begins with 1999"):
            plan_rollback(state, "1999")
        with pytest.raises(InputError, match="2 runs have an id"):
            plan_rollback(state, "20")


class TestCommandLine:
    def test_rollback(self, root: Path) -> None:
        before = tree.snapshot(root)
        run = secure(root)
        shown = letterlock(root, "rollback", "--dry-run")
        assert shown.returncode == 0 and "-smtpd_tls_security_level = may" in shown.stdout
        assert "PRIVATE KEY" not in shown.stdout
        asked = letterlock(root, "rollback")
        assert asked.returncode == 2 and "say --yes" in asked.stderr
        assert tree.snapshot(root) != before
        done = letterlock(root, "rollback", "--yes")
        assert done.returncode == 0 and f"Run {run} is undone by run " in done.stdout
        assert tree.snapshot(root) == before
        again = letterlock(root, "rollback", "--yes", run)
        assert again.returncode == 4 and "is not in force" in again.stderr

    def test_rollback_as_json(self, secured: Path) -> None:
        run = last_done(StateFolder(secured))
        done = letterlock(secured, "rollback", "--yes", "--json", "-")
        document = json.loads(done.stdout)
        assert document["undoes"] == run
        assert document["run"] == history(StateFolder(secured))[-1].id
        assert "PRIVATE KEY" not in done.stdout

    def test_a_conflict_shows_both_sides_and_changes_nothing(self, secured: Path) -> None:
        main = secured / "etc/postfix/main.cf"
        main.write_bytes(main.read_bytes().replace(b"= may", b"= dane"))
        before = tree.snapshot(secured)
        done = letterlock(secured, "rollback", "--yes")
        assert done.returncode == 4
        assert tree.snapshot(secured) == before
        assert done.stderr.splitlines()[:5] == [
            "/etc/postfix/main.cf:2: the run wrote this and somebody changed it since",
            "  now:",
            "    smtpd_tls_security_level = dane",
            "  the run wrote:",
            "    smtpd_tls_security_level = may",
        ]

    def test_history(self, root: Path) -> None:
        assert letterlock(root, "history").stdout == "No run yet.\n"
        run = secure(root)
        undoing = roll_back(root)
        lines = letterlock(root, "history").stdout.splitlines()
        assert len(lines) == 3
        assert lines[1].startswith(run) and lines[1].endswith(f"undone by {undoing}")
        assert lines[2].endswith(f"done (undoes {run})")
        first, second = json.loads(letterlock(root, "history", "--json", "-").stdout)
        assert (first["result"], first["undone_by"]) == ("undone", undoing)
        assert (second["verb"], second["undoes"]) == ("rollback", run)
        assert "/etc/postfix/main.cf" in first["files"]

    def test_recover_with_nothing_to_do(self, secured: Path) -> None:
        before = tree.snapshot(secured)
        done = letterlock(secured, "recover")
        assert (done.returncode, done.stdout) == (0, "Nothing was cut short.\n")
        assert letterlock(secured, "recover", "--json", "-").stdout.strip() == "[]"
        assert tree.snapshot(secured) == before

    def test_another_users_folder_is_refused_in_one_line(self) -> None:
        if os.geteuid() != 0:
            pytest.skip("needs root to become somebody else")
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            root.chmod(0o755)
            tree.build(root)
            secure(root)
            somebody = ["setpriv", "--reuid=65534", "--clear-groups"]
            if subprocess.run([*somebody, "test", "-x", str(PROGRAM)], check=False).returncode:
                pytest.skip("this checkout is in a folder that other users may not enter")
            done = subprocess.run(
                [*somebody, str(PROGRAM), "history", "--root", folder],
                capture_output=True, text=True, check=False,
            )  # fmt: skip
        assert done.returncode == 4, done.stderr
        assert "Permission denied; run it as root" in done.stderr
        assert len(done.stderr.splitlines()) == 1
