"""What the program is doing when it is killed or failed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from letterlock.install.recover import recover
from letterlock.install.rollback import last_done, plan_rollback
from letterlock.install.state import StateFolder
from letterlock.install.transaction import apply
from letterlock.model.errors import LetterlockError
from tests.faults import strace
from tests.install import tree
from tests.install.stand_in import Watcher

NOBODY = Watcher(())


@dataclass(frozen=True)
class Scenario:
    """`prepare` makes the tree below a root, with a folder for its own use; `act` is what is
    struck. `always` are further strace expressions for every run of it, such as a call that never
    works. `least` is a sane minimum of points."""

    name: str
    prepare: Callable[[Path, Path], None]
    act: Callable[[Path], None]
    least: int
    always: tuple[str, ...] = ()


def action(act: Callable[[Path], None], root: Path) -> strace.Action:
    """The act with the exit code that the command line would give."""

    def go() -> tuple[int, str]:
        try:
            act(root)
        except LetterlockError as error:
            return 4, str(error)
        return 0, ""

    return go


def recover_all(root: Path) -> None:
    recover(StateFolder(root), ())


def secure(root: Path) -> None:
    apply(tree.plan(), (), NOBODY, StateFolder(root))


def roll_back(root: Path) -> None:
    state = StateFolder(root)
    apply(plan_rollback(state, last_done(state)), (), NOBODY, state)


def _untouched(root: Path, _workplace: Path) -> None:
    tree.build(root)


def _secured_and_edited(root: Path, _workplace: Path) -> None:
    tree.build(root)
    secure(root)
    main = root / "etc/postfix/main.cf"
    main.write_bytes(main.read_bytes() + b"mine = 1\n")


def _killed_at(call: str, part_of_text: str, occurrence: int) -> Callable[[Path, Path], None]:
    """A tree whose run was killed when it called `call` on something of that name."""

    def prepare(root: Path, workplace: Path) -> None:
        clean = workplace / "clean run"
        clean.mkdir()
        tree.build(clean)
        points = strace.clean_points(action(secure, clean), workplace)
        matching = [each for each in points if each.call == call and part_of_text in each.text]
        tree.build(root)
        ended = strace.kill_at(action(secure, root), workplace, matching[occurrence])
        assert ended.status == -9

    return prepare


SCENARIOS = (
    Scenario("apply", _untouched, secure, 90),
    Scenario(
        "apply without hard links", _untouched, secure, 100,
        ("inject=link,linkat:error=EPERM",),
    ),
    Scenario("rollback", _secured_and_edited, roll_back, 90),
    Scenario("recover to the old state", _killed_at("rename", "obsolete.cf", 0), recover_all, 25),
    Scenario("recover to the new state", _killed_at("unlink", ".old", 1), recover_all, 8),
    Scenario("recover while staging", _killed_at("fsync", "conf.d", 0), recover_all, 20),
)  # fmt: skip
