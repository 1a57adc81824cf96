"""What a server's own programs say of files that they have been asked about before.

A strike runs the same checkers on the same bytes as the one before it. So they are run once, by a
run that nothing strikes, and what they said is said again: while the files that the plan changes
are all as they were before it, or all as they are after it. In between they are really run."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from letterlock.model.plan import Change, DirectoryChange, FileChange, LinkChange
from letterlock.servers import tools
from letterlock.servers.tools import Completed, Tools

#: Whether after the change; the program and its arguments.
Key = tuple[bool, tuple[str, ...]]


@dataclass
class Known:
    """`changes` are the plan's. `learning`: the programs are run, and remembered."""

    changes: Sequence[Change]
    said: dict[Key, Completed] = field(default_factory=dict)
    learning: bool = True

    @contextmanager
    def instead(self) -> Iterator[None]:
        """Within it the tools say what is known. The files that they open for a program's output
        are opened all the same: these calls are struck too."""
        real = Tools.run

        def run(
            own: Tools,
            *argv: str,
            stdin: bytes | None = None,
            timeout: float = 30,
            terminal: bool = False,
        ) -> Completed:
            after = self._after()
            known = None if after is None or self.learning else self.said.get((after, argv))
            if known is None:
                done = real(own, *argv, stdin=stdin, timeout=timeout, terminal=terminal)
                if after is not None:
                    self.said[after, argv] = done
                return done
            with tools.memory_file(stdin or b""), tools.memory_file(), ExitStack() as stack:
                stack.enter_context(tools._terminal() if terminal else tools.memory_file())
                return known

        Tools.run = run  # type: ignore[method-assign, assignment]
        try:
            yield
        finally:
            Tools.run = real  # type: ignore[method-assign]

    def _after(self) -> bool | None:
        """None in between."""
        states = {
            _after(change) for change in self.changes if not isinstance(change, DirectoryChange)
        }
        return states.pop() if len(states) == 1 else None

    def keep(self, file: Path) -> None:
        file.write_bytes(pickle.dumps(self.said))

    def learn(self, file: Path) -> None:
        """From what another process kept: from here on it is known."""
        said: Any = pickle.loads(file.read_bytes())  # noqa: S301 our own test's
        self.said, self.learning = said, False


def _after(change: FileChange | LinkChange) -> bool | None:
    """Whether it is made; None for what is neither the old nor the new."""
    now: bytes | str | None = None
    if os.path.lexists(change.path):
        link = isinstance(change, LinkChange)
        now = str(change.path.readlink()) if link else change.path.read_bytes()
    return {change.before: False, change.after: True}.get(now)
