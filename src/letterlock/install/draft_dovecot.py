"""The planned files of Dovecot while the rules of the plan work on them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from letterlock.conf.dovecot_tree import DovecotTree
from letterlock.model.plan import FileChange, Reason
from letterlock.servers.dovecot_configuration import DovecotConfiguration
from letterlock.servers.modernize_dovecot import modernized
from letterlock.servers.spelling_form import Value
from letterlock.servers.vocabulary import Spelling, vocabulary


@dataclass(slots=True)
class DovecotDraft:
    """The tree of files while the rules work on it, why each line changed, and notices.

    `before` has its TLS settings under the names of its version already, so that a rule need know
    no others, and each line where it is on disk; what was read is `before.tree.original`."""

    before: DovecotConfiguration
    tree: DovecotTree = field(init=False)
    reasons: dict[str, list[Reason]] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)
    #: Files on disk that the configuration does not include, such as a leftover of ours.
    besides: dict[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        modern = modernized(self.before.tree, self.before.version)
        self.before = self.before.with_tree(modern.in_place)
        self.tree = modern.tree
        self.reasons = modern.by_file()
        self.notices = [*modern.notices]

    def spelling(self, concept: str) -> Spelling | None:
        return vocabulary("dovecot").spelling(concept, self.before.version)

    def able(self, ability: str) -> bool:
        return vocabulary("dovecot").able(ability, self.before.version)

    def present(self, concept: str) -> Value | None:
        """What Dovecot makes of a concept today, as a policy says it; None where this version
        cannot say it, or where its text does not tell."""
        row = self.spelling(concept)
        return row.read(self.before.value(row.name)) if row else None

    def say(self, concept: str, value: Value, why: str) -> None:
        row = self.spelling(concept)
        if row is None:
            self.notices.append(
                f"Dovecot {self.before.version} has no setting for {concept.replace('-', ' ')}"
            )
            return
        self.set(row.name, row.write(value), why, row.source)

    def set(
        self, name: str, value: str, why: str, source: str, block: tuple[str, ...] = ()
    ) -> None:
        edited = self.tree.with_setting(name, value, block)
        self.take(edited, Reason(f"{' '.join((*block, name))}: {why}", source))

    def drop(self, name: str, why: str, source: str, block: tuple[str, ...] = ()) -> None:
        edited = self.tree.without(name, block)
        self.take(edited, Reason(f"{' '.join((*block, name))} removed: {why}", source))

    def take(self, edited: DovecotTree, reason: Reason) -> None:
        """Another tree, because of this reason in every file that differs."""
        before = {path: bytes(file) for path, file in self.tree.changed().items()}
        for path, file in edited.changed().items():
            if before.get(path, self._as_read(path)) != bytes(file):
                self.reasons.setdefault(path, []).append(reason)
        for path in edited.removed():
            self.reasons.setdefault(path, []).append(reason)
        self.tree = edited

    def _as_read(self, path: str) -> bytes | None:
        """A file before the rules of the plan, its settings under today's names already."""
        if any(file.path == path for file in self.before.tree.files()):
            return bytes(self.before.tree.file(path))
        return self.besides.get(path)

    def changes(self) -> tuple[FileChange, ...]:
        """The files that differ from what was read."""
        after: dict[str, bytes | None] = {
            path: bytes(file) for path, file in self.tree.changed().items()
        }
        after |= dict.fromkeys(self.tree.removed())
        return tuple(
            FileChange(
                Path(path),
                self.original(path),
                contents,
                reasons=tuple(dict.fromkeys(self.reasons.get(path, ()))),
            )
            for path, contents in after.items()
        )

    def original(self, path: str) -> bytes | None:
        """What a file holds on disk, also where the configuration did not include it."""
        loaded = self.before.tree.original(path)
        return self.besides.get(path) if loaded is None else loaded
