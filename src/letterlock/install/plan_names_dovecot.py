"""Names added to, renewed in and taken out of Dovecot's `local_name` blocks."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from letterlock.conf.dovecot import DovecotFile
from letterlock.conf.dovecot_tree import DovecotTree, Occurrence
from letterlock.install.draft_dovecot import DovecotDraft
from letterlock.install.names import KeyAndChain, ServedName
from letterlock.install.plan_dovecot import OWN_NAMES_FILE
from letterlock.model.errors import InputError, Location, RefusedError
from letterlock.model.plan import Reason
from letterlock.servers.version import Version
from letterlock.servers.vocabulary import Spelling

_SOURCE = "Dovecot documentation, SSL: local_name"
_HEADER = b"# Names with a certificate of their own, by letterlock.\n"
#: The first version with local_name blocks.
_SINCE = Version.parse("2.0.0")
_LAST_WINS = Version.parse("2.4.0")
_CERTIFICATE = ("certificate", "key")
_ALTERNATIVE = ("alternative-certificate", "alternative-key")


@dataclass(frozen=True, slots=True)
class _NameBlock:
    """A `local_name` block that is opened somewhere, for one or (2.3.0 to 2.4.0) several names."""

    path: tuple[str, ...]
    file: str
    begin: int
    end: int | None

    @property
    def names(self) -> tuple[str, ...]:
        return block_names(self.path[-1])


def block_names(section: str) -> tuple[str, ...]:
    """The names of `local_name a.example.com`; none of another block."""
    kind, _, names = section.partition(" ")
    return tuple(names.lower().replace('"', " ").split()) if kind == "local_name" else ()


def own_file(main_file: str) -> str:
    return str(PurePosixPath(main_file).parent / OWN_NAMES_FILE)


def plan_names_dovecot(
    draft: DovecotDraft,
    names: Sequence[ServedName],
    own_contents: bytes | None,
    only_present: Collection[str] = (),
) -> None:
    """Let the draft serve each name its certificate: in the block that is there, else in one of
    our file's; the names in `only_present` only in those that are there. `own_contents` is what
    our file holds, None where there is none.

    Raises InputError for a Dovecot without local_name, RefusedError for a block that other
    names share."""
    if not names:
        return
    if draft.before.version < _SINCE:
        if all(served.name in only_present for served in names):
            return
        raise InputError(
            f"Dovecot {draft.before.version} serves one certificate only: several names need "
            "Dovecot 2.0",
            remedy="upgrade it, or order one certificate for all names",
        )
    blocks = _with_certificate(draft)
    edits: dict[tuple[str, ...], ServedName] = {}
    wanted = {served.name: served for served in names}
    present: set[str] = set()
    for block in blocks:
        for name in set(block.names) & set(wanted):
            _refuse_shared(block, wanted)
            edits[block.path] = wanted[name]
            if len(block.path) == 1:
                present.add(name)
    _renew(draft, edits)
    present.update(only_present)
    missing = [served for served in names if served.name not in present]
    if missing:
        _refuse_hidden(draft, blocks, missing)
        _add(draft, missing, own_contents)


def plan_names_removed_dovecot(draft: DovecotDraft, names: Collection[str]) -> set[str]:
    """Take the names' blocks away; the names that had one. Of a block that says more than a
    certificate, only the certificate goes; our file goes when it is empty."""
    found: set[str] = set()
    whole: dict[str, set[int]] = {}
    certificate = {row.name for row in _rows(draft, (*_CERTIFICATE, *_ALTERNATIVE))}
    others = {
        setting.block_path for setting in draft.tree.settings() if setting.name not in certificate
    }
    for block in _with_certificate(draft):
        named = set(block.names) & set(names)
        if not named:
            continue
        if set(block.names) - set(names):
            raise _shared(block)
        found |= named
        if any(path[: len(block.path)] == block.path for path in others):
            for name in sorted(certificate):
                draft.drop(name, f"{block.names[0]} is removed", _SOURCE, block.path)
        else:
            whole.setdefault(block.file, set()).add(block.begin)
    for path, begins in whole.items():
        reason = Reason("names that are removed", _SOURCE)
        file = draft.tree.file(path)
        draft.take(draft.tree.with_file(file.without_blocks(begins)), reason)
    _drop_own_file(draft)
    return found


def names_in_blocks(draft: DovecotDraft) -> dict[str, tuple[str, ...]]:
    """Every name with a block of its own, and the files it is served."""
    files: dict[tuple[str, ...], list[str]] = {}
    rows = {row.name for row in _rows(draft, (*_CERTIFICATE, *_ALTERNATIVE))}
    for setting in draft.tree.settings():
        if setting.name in rows and setting.value:
            files.setdefault(setting.block_path, []).append(setting.file or setting.value)
    return {
        name: tuple(found)
        for path, found in files.items()
        for name in (block_names(path[-1]) if path else ())
    }


def _rows(draft: DovecotDraft, concepts: Sequence[str]) -> list[Spelling]:
    return [row for concept in concepts if (row := draft.spelling(concept))]


def _with_certificate(draft: DovecotDraft) -> list[_NameBlock]:
    """Every local_name block in which a certificate is set, in evaluation order."""
    rows = {row.name for row in _rows(draft, _CERTIFICATE)}
    holding = {(s.path, s.block_path) for s in draft.tree.settings() if s.name in rows}
    return [block for block in _blocks(draft.tree) if (block.file, block.path) in holding]


def _blocks(tree: DovecotTree) -> Iterator[_NameBlock]:
    for base, file in tree.read_files():
        for path, begin, end in file.block_lines():
            if block_names(path[-1]):
                yield _NameBlock((*base, *path), file.path, begin, end)


def _shared(block: _NameBlock) -> RefusedError:
    return RefusedError(
        f"this block holds several names: {', '.join(block.names)}",
        where=Location(block.file, block.begin),
        remedy="give each of them a block of its own (Dovecot 2.4.1 demands it too)",
    )


def _refuse_shared(block: _NameBlock, wanted: Mapping[str, ServedName]) -> None:
    """A block for several names will do where all of them get the same certificate."""
    certificates = {wanted[name].pairs if name in wanted else None for name in block.names}
    if len(certificates) > 1:
        raise _shared(block)


def _inherited(draft: DovecotDraft) -> tuple[Spelling, ...]:
    """The settings of a second certificate that hold outside all blocks, and so in every block
    that does not empty them."""
    return tuple(row for row in _rows(draft, _ALTERNATIVE) if draft.tree.get(row.name))


def _lines_of(
    draft: DovecotDraft, served: ServedName, inherited: Sequence[Spelling]
) -> list[tuple[Spelling, str]]:
    """Each setting of a name's block with its value. Raises InputError where this Dovecot cannot
    serve that many certificates."""
    lines: list[tuple[Spelling, str]] = []
    for pair, concepts in zip(served.pairs, (_CERTIFICATE, _ALTERNATIVE), strict=False):
        rows = _rows(draft, concepts)
        if len(rows) < len(concepts):
            raise InputError(f"Dovecot {draft.before.version} serves one certificate per name")
        lines += zip(rows, _files(rows, pair), strict=True)
    if len(served.pairs) == 1:
        lines += [(row, "") for row in inherited]
    return lines


def _files(rows: Sequence[Spelling], pair: KeyAndChain) -> tuple[str, str]:
    return rows[0].write(pair.certificate_file), rows[1].write(pair.key_file)


def _renew(draft: DovecotDraft, edits: Mapping[tuple[str, ...], ServedName]) -> None:
    """Blocks that are there get the files: all of one file's values in one go."""
    present: dict[tuple[tuple[str, ...], str], Occurrence] = {
        (setting.block_path, setting.name): setting for setting in draft.tree.settings()
    }
    values: dict[str, dict[int, str]] = {}
    alternative = {row.name for row in _rows(draft, _ALTERNATIVE)}
    inherited = _inherited(draft)
    for path, served in edits.items():
        lines = {row.name: (row, value) for row, value in _lines_of(draft, served, inherited)}
        for name, (row, value) in lines.items():
            setting = present.get((path, name))
            if setting is None:
                draft.set(name, value, f"the certificate of {served.name}", row.source, path)
            elif setting.value != value:
                values.setdefault(setting.path, {})[setting.line] = value
        for name in alternative - set(lines):
            if (path, name) in present:
                draft.drop(name, "it is of the older certificate", _SOURCE, path)
    for file, changed in values.items():
        edited = draft.tree.file(file).with_values_at(changed)
        draft.take(draft.tree.with_file(edited), Reason("names with a newer certificate", _SOURCE))


def _add(draft: DovecotDraft, missing: Sequence[ServedName], own_contents: bytes | None) -> None:
    """Blocks for names that have none, in our file."""
    path = own_file(draft.tree.main_path)
    included = draft.tree.has(path)
    if own_contents is not None and not included:
        draft.besides[path] = own_contents
    contents = _HEADER if own_contents is None else own_contents
    file = draft.tree.file(path) if included else DovecotFile.parse(contents, path)
    file = _ordered(file.with_blocks(_bodies(draft, missing)), _last_wins(draft))
    tree = draft.tree.with_file(file) if included else draft.tree.with_included(file)
    draft.take(tree, Reason("names with a certificate of their own (SNI)", _SOURCE))


def _last_wins(draft: DovecotDraft) -> bool:
    """Of several blocks that match, Dovecot up to 2.3 takes the first (config_filter_find_all() and
    settings_parser_apply_changes() in its source; seen with doveconf 2.3.19), 2.4 the last
    (2.4.1 NEWS)."""
    return draft.before.version >= _LAST_WINS


def _ordered(file: DovecotFile, last_wins: bool) -> DovecotFile:
    """The file's blocks in an order in which a name is never hidden by a wildcard; the same file
    where they are so."""
    tops = [(path, begin - 1, end) for path, begin, end in file.block_lines() if len(path) == 1]
    stars = [_is_wildcard(path) for path, _, _ in tops]
    if stars == sorted(stars, reverse=last_wins):
        return file
    lines = bytes(file).splitlines(keepends=True)
    blocks = [b"".join(lines[begin:end]) for _, begin, end in tops]
    inside = {at for _, begin, end in tops for at in range(begin, end or len(lines))}
    others = b"".join(line for at, line in enumerate(lines) if at not in inside)
    pairs = sorted(zip(stars, blocks, strict=True), key=lambda pair: pair[0], reverse=last_wins)
    return DovecotFile.parse(others + b"".join(block for _, block in pairs), file.path)


def _is_wildcard(path: tuple[str, ...]) -> bool:
    return any(name.startswith("*.") for name in block_names(path[0]))


def _bodies(draft: DovecotDraft, names: Sequence[ServedName]) -> list[str]:
    bodies = []
    inherited = _inherited(draft)
    for served in names:
        lines = _lines_of(draft, served, inherited)
        bodies.append(f"local_name {served.name} {{")
        bodies += [f"  {row.name} = {value}".rstrip() for row, value in lines]
        bodies.append("}")
    return bodies


def _refuse_hidden(
    draft: DovecotDraft, blocks: Sequence[_NameBlock], missing: Sequence[ServedName]
) -> None:
    """Our file comes last. Where the first match wins, a wildcard of the admin's hides our name;
    where the last one wins, a wildcard of ours hides the admin's name."""
    last_wins = _last_wins(draft)
    own = own_file(draft.tree.main_path)
    for block in blocks:
        for name in block.names if block.file != own else ():
            for served in missing:
                star, hidden = (served.name, name) if last_wins else (name, served.name)
                if star == f"*{hidden[hidden.find('.') :]}" != hidden:
                    raise RefusedError(
                        f"{star} would hide {hidden}: Dovecot {draft.before.version} takes the "
                        f"{'last' if last_wins else 'first'} block that matches",
                        where=Location(block.file, block.begin),
                        remedy=f"let letterlock add {name} too, and remove this block",
                    )


def _drop_own_file(draft: DovecotDraft) -> None:
    path = own_file(draft.tree.main_path)
    if not draft.tree.has(path) or draft.tree.file(path).statements():
        return
    reason = Reason("no name has a certificate of its own any more", _SOURCE)
    main = draft.tree.file(draft.tree.main_path).without_include(path)
    draft.take(draft.tree.without_file(path, main), reason)
