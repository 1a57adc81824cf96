"""Dovecot's TLS settings under the names of the version that reads them: an upgrade leaves the old
ones behind, and 2.4 does not start with them."""

from __future__ import annotations

from dataclasses import dataclass

from letterlock.conf.dovecot_tree import DovecotTree, Occurrence
from letterlock.conf.errors import ConfError
from letterlock.model.plan import Reason
from letterlock.servers.spelling_form import Value
from letterlock.servers.strength import stronger_protocol
from letterlock.servers.version import Version
from letterlock.servers.vocabulary import Spelling, vocabulary

#: Where Dovecot takes a TLS setting; in any other block a name means something else.
_BLOCKS = ("protocol", "local_name", "local", "remote")
_TWO = Version(2, 0)
_PLAIN = {"imaps": "imap", "pop3s": "pop3"}
_GONE = "Dovecot 2.0 upgrade notes: the imaps and pop3s protocols are gone"


@dataclass(frozen=True, slots=True)
class Modernized:
    """`tree` under the new names; `in_place` the same with blank lines for what is removed, so that
    every line is where it was; why each file changed; what could not be brought over."""

    tree: DovecotTree
    in_place: DovecotTree
    reasons: tuple[tuple[str, Reason], ...] = ()
    notices: tuple[str, ...] = ()

    def by_file(self) -> dict[str, list[Reason]]:
        """The reasons of each file."""
        found: dict[str, list[Reason]] = {}
        for path, reason in self.reasons:
            found.setdefault(path, []).append(reason)
        return found


def modernized(tree: DovecotTree, version: Version) -> Modernized:
    """The configuration in the words of a version; the same tree where it has them already. Each
    setting stays at its place, with its comment."""
    work = _Work(tree, version)
    words = vocabulary("dovecot")
    for row in words.outdated(version):
        for held in _settings(tree, row.name):
            work.bring_over(held, row)
    for gone in words.obsolete:
        if gone.known_to(version):
            for held in _settings(tree, gone.name):
                work.remove(held, gone.why, gone.source)
    if version >= _TWO:
        work.protocols()
    return work.done()


def _settings(tree: DovecotTree, name: str) -> tuple[Occurrence, ...]:
    return tuple(
        held
        for held in tree.occurrences(name)
        if all(section.partition(" ")[0] in _BLOCKS for section in held.block_path)
    )


class _Work:
    """A tree on its way to the words of a version. Lines stay where they are until the end."""

    def __init__(self, tree: DovecotTree, version: Version) -> None:
        self._before = tree
        self._version = version
        self._tree = tree
        self._gone: list[Occurrence] = []
        self._closed: list[str] = []
        self._reasons: list[tuple[str, Reason]] = []
        self._notices: list[str] = []

    def _say(self, path: str, text: str, source: str) -> None:
        self._reasons.append((path, Reason(text, source)))

    def remove(self, held: Occurrence, why: str, source: str) -> None:
        """Let one setting go."""
        if held not in self._gone:
            self._gone.append(held)
            self._say(held.path, f"{held.name} removed: {why}", source)

    def bring_over(self, held: Occurrence, row: Spelling) -> None:
        """Give one setting the name, and the form, that its concept has now."""
        present = vocabulary("dovecot").spelling(row.concept, self._version)
        if present is None:
            self.remove(held, f"Dovecot {self._version} has no such setting", row.source)
            return
        value = row.read(held.value)
        if value is None:
            self._notices.append(
                f"{held.location}: {held.name} = {_short(held.value)} cannot be brought over to "
                f"{present.name} by itself: write it anew"
            )
            return
        if superseded := _superseded(self._before, held, value, row, present, self._version):
            self.remove(held, superseded, present.source)
            return
        try:
            self._tree = self._tree.renamed(held, present.name, present.write(value))
        except ConfError as error:
            self._notices.append(str(error))
            return
        why = f"{held.name} is {present.name} in Dovecot {self._version}"
        self._say(held.path, why, present.source)

    def protocols(self) -> None:
        """`imaps` and `pop3s` are listeners of `imap` and `pop3` since 2.0."""
        for held in self._before.occurrences("protocols", ()):
            words = held.value.replace(",", " ").split()
            if not {"imaps", "pop3s"} & set(words):
                continue
            plain = dict.fromkeys(_PLAIN.get(word, word) for word in words)
            self._tree = self._tree.renamed(held, held.name, " ".join(plain))
            self._say(held.path, "protocols: imaps and pop3s are imap's and pop3's own", _GONE)
            self._closed = [
                _PLAIN[word] for word in words if word in _PLAIN and _PLAIN[word] not in words
            ]

    def done(self) -> Modernized:
        """What it has come to."""
        tree = in_place = self._tree
        for held in sorted(self._gone, key=lambda each: each.line, reverse=True):
            tree, in_place = tree.without_setting(held), in_place.blanked(held)
        for protocol in self._closed:
            block = (f"service {protocol}-login", f"inet_listener {protocol}")
            tree = tree.with_setting("port", "0", block)
            in_place = in_place.with_setting("port", "0", block)
            where = tree.occurrences("port", block)[-1].path
            self._say(where, f"{protocol} without TLS stays closed", _GONE)
        return Modernized(tree, in_place, tuple(self._reasons), tuple(self._notices))


def _superseded(
    tree: DovecotTree,
    held: Occurrence,
    value: Value,
    row: Spelling,
    present: Spelling,
    version: Version,
) -> str:
    """Why an old setting has nothing to add, nothing where it has: the new name is set beside it,
    or it asks no more than this version does by itself."""
    if tree.occurrences(present.name, held.block_path):
        return f"{present.name} is set"
    if value == "" or (row.concept == "tls-debugging" and value is False):
        return "it says nothing"
    default = vocabulary("dovecot").default(present.name, version)
    if row.concept != "minimum-protocol" or not isinstance(value, str) or default is None:
        return ""
    if stronger_protocol(value, default) != default:
        return ""
    return f"{present.name} is {default} by itself"


def _short(value: str) -> str:
    return value if len(value) <= 40 else f"{value[:37]}..."
