"""One run at a time, the other one named."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from letterlock.install.lock import locked
from letterlock.install.state import StateFolder
from letterlock.install.transaction import apply
from letterlock.model.errors import RefusedError
from tests.install import tree
from tests.install.stand_in import Watcher


@pytest.fixture
def state(tmp_path: Path) -> StateFolder:
    tree.build(tmp_path)
    state = StateFolder(tmp_path)
    state.prepare()
    return state


def test_the_second_run_refuses_and_names_the_first(state: StateFolder) -> None:
    before = tree.snapshot(state.root)
    named = rf"letterlock secure b\.example \(process {os.getpid()}\) is at work since 20"
    with state.lock("secure", "b.example"), pytest.raises(RefusedError, match=named):
        apply(tree.plan(), (), Watcher(()), state)
    assert tree.snapshot(state.root) == before
    assert apply(tree.plan(), (), Watcher(()), state).changed


def test_the_second_run_waits(state: StateFolder) -> None:
    held = threading.Event()
    order = []

    def first() -> None:
        with state.lock("secure", "b.example"):
            held.set()
            time.sleep(0.3)
            order.append("first")

    thread = threading.Thread(target=first)
    thread.start()
    held.wait()
    apply(tree.plan(), (), Watcher(()), state, wait=60)
    order.append("second")
    thread.join()
    assert order == ["first", "second"]


def test_a_killed_holder_holds_nothing(state: StateFolder) -> None:
    program = (
        "import sys, time; from pathlib import Path; from letterlock.install.lock import locked\n"
        f"with locked(Path({str(state.path / 'lock')!r}), 'secure', 'b.example'):\n"
        "    print('held', flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as holder:
        assert holder.stdout and holder.stdout.readline() == b"held\n"
        with pytest.raises(RefusedError, match=rf"process {holder.pid}\)"):
            state.lock("recover", "").__enter__()
        holder.kill()
    with state.lock("recover", ""):
        pass


def test_a_lock_without_a_name_in_it_is_still_a_lock(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with locked(path, "secure", "b.example"):
        os.truncate(path, 0)
        with pytest.raises(RefusedError, match="another run of letterlock is at work"):
            locked(path, "recover", "").__enter__()
