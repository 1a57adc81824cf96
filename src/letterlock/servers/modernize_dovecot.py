"""Dovecot's TLS settings under the names of the version that reads them: an upgrade leaves the old
ones behind, and 2.4 does not start with them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from letterlock.conf.dovecot_tree import DovecotTree, Occurrence
from letterlock.conf.errors import ConfError
from letterlock.model.plan import Reason
from letterlock.servers.spelling_form import Value
from letterlock.servers.strength import stronger_protocol
from letterlock.servers.version import Version
from letterlock.servers.vocabulary import Spelling, Vocabulary, vocabulary

#: Where Dovecot takes a TLS setting; in any other block a name means something else.
_BLOCKS = ("protocol", "local_name", "local", "remote")
_TWO = Version(2, 0)
_PROTOCOLS_SOURCE = "Dovecot 2.0 upgrade notes: the imaps and pop3s protocols are gone"


@dataclass(frozen=True, slots=True)
class Modernized:
    """`tree` under the new names; why each file changed; what could not be brought over."""

    tree: DovecotTree
    reasons: tuple[tuple[str, Reason], ...] = ()
    notices: tuple[str, ...] = ()

    def by_file(self) -> dict[str, list[Reason]]:
        """The reasons of each file."""
        found: dict[str, list[Reason]] = {}
        for path, reason in self.reasons:
            found.setdefault(path, []).append(reason)
        return found

    def _with(self, tree: DovecotTree, path: str, reason: Reason) -> Modernized:
        return replace(self, tree=tree, reasons=(*self.reasons, (path, reason)))

    def _telling(self, notice: str) -> Modernized:
        return replace(self, notices=(*self.notices, notice))


def modernized(tree: DovecotTree, version: Version) -> Modernized:
    """The configuration in the words of a version; the same tree where it has them already. Each
    setting stays at its place, with its comment."""
    words = vocabulary("dovecot")
    done = Modernized(tree)
    for row in words.outdated(version):
        present = words.spelling(row.concept, version)
        for _ in range(len(_settings(tree, row.name))):
            done = _one(done, _settings(done.tree, row.name), row, present, words, version)
    for gone in words.obsolete:
        if gone.known_to(version):
            for held in _settings(done.tree, gone.name)[::-1]:
                why = Reason(f"{held.name} removed: {gone.why}", gone.source)
                done = done._with(done.tree.without_setting(held), held.path, why)
    return _protocols(done) if version >= _TWO else done


def _settings(tree: DovecotTree, name: str) -> tuple[Occurrence, ...]:
    return tuple(
        held
        for held in tree.occurrences(name)
        if all(section.partition(" ")[0] in _BLOCKS for section in held.block_path)
    )


def _one(
    done: Modernized,
    left: tuple[Occurrence, ...],
    row: Spelling,
    present: Spelling | None,
    words: Vocabulary,
    version: Version,
) -> Modernized:
    """One occurrence of an old name brought over; those that cannot be are left in front."""
    told = {notice.partition(": ")[0] for notice in done.notices}
    held = next((each for each in left if str(each.location) not in told), None)
    if held is None:
        return done
    if present is None:
        why = Reason(f"{held.name} removed: Dovecot {version} has no such setting", row.source)
        return done._with(done.tree.without_setting(held), held.path, why)
    value = row.read(held.value)
    if value is None:
        return done._telling(
            f"{held.location}: {held.name} = {_short(held.value)} cannot be brought over to "
            f"{present.name} by itself: write it anew"
        )
    if _said_already(done.tree, held, present) or _says_no_more(value, row, words, version):
        why = Reason(f"{held.name} removed: {present.name} says as much", present.source)
        return done._with(done.tree.without_setting(held), held.path, why)
    try:
        tree = done.tree.renamed(held, present.name, present.write(value))
    except ConfError as error:
        return done._telling(str(error))
    why = Reason(f"{held.name} is {present.name} in Dovecot {version}", present.source)
    return done._with(tree, held.path, why)


def _said_already(tree: DovecotTree, held: Occurrence, present: Spelling) -> bool:
    return bool(tree.occurrences(present.name, held.block_path))


def _says_no_more(value: Value, row: Spelling, words: Vocabulary, version: Version) -> bool:
    """Whether an old setting asks no more than this version does by itself: an empty file name,
    a floor that lies below the default, debugging turned off."""
    if value == "" or (row.concept == "tls-debugging" and value is False):
        return True
    default = words.default("ssl_min_protocol", version)
    return (
        row.concept == "minimum-protocol"
        and isinstance(value, str)
        and default is not None
        and stronger_protocol(value, default) == default
    )


def _short(value: str) -> str:
    return value if len(value) <= 40 else f"{value[:37]}..."


def _protocols(done: Modernized) -> Modernized:
    """`imaps` and `pop3s` are listeners of `imap` and `pop3` since 2.0."""
    for held in done.tree.occurrences("protocols", ()):
        words = held.value.replace(",", " ").split()
        if not {"imaps", "pop3s"} & set(words):
            continue
        now = list(
            dict.fromkeys(word.removesuffix("s") if _is_tls(word) else word for word in words)
        )
        tree = done.tree.renamed(held, held.name, " ".join(now))
        reason = Reason("protocols: imaps and pop3s are imap's and pop3's own", _PROTOCOLS_SOURCE)
        done = done._with(tree, held.path, reason)
        for protocol in ("imap", "pop3"):
            if f"{protocol}s" in words and protocol not in words:
                block = (f"service {protocol}-login", f"inet_listener {protocol}")
                before = done.tree
                tree = before.with_setting("port", "0", block)
                path = next(p for p, file in tree.changed().items() if _differs(before, p, file))
                why = Reason(f"{protocol} without TLS stays closed", _PROTOCOLS_SOURCE)
                done = done._with(tree, path, why)
    return done


def _is_tls(word: str) -> bool:
    return word in ("imaps", "pop3s")


def _differs(before: DovecotTree, path: str, file: object) -> bool:
    return before.file(path) is not file
