"""Each Dovecot file and folder of the corpus judged by a generation's Dovecot, before and after
the plan of `secure`."""

from __future__ import annotations

import re
import shutil
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from glob import glob
from pathlib import Path

from letterlock.conf.dovecot import DovecotFile, DovecotSetting
from letterlock.conf.dovecot_placement import key
from letterlock.conf.dovecot_syntax import ValueKind
from letterlock.conf.dovecot_tree import DovecotTree, Occurrence
from letterlock.install.plan import Configurations, plan_secure
from letterlock.model.errors import LetterlockError
from letterlock.model.plan import FileChange, Plan
from letterlock.servers.dovecot import Dovecot
from letterlock.servers.dovecot_configuration import DovecotConfiguration
from letterlock.servers.tools import Completed
from letterlock.servers.version import Version
from letterlock.servers.vocabulary import vocabulary
from tests.conf import corpus
from tests.generation import Generation, Said
from tests.install import planning

#: Settings that doveconf 2.3 translates or drops instead of printing them, and why
#: (old-set-parser.c of 2.3.19, and the release notes).
TRANSLATED = {
    r"ssl_(cert|key|ca)_file": "1.x: becomes ssl_cert = <file and so on",
    r"ssl_disable": "1.x: becomes ssl, inverted",
    r"(protocol/.*/)?(ssl_)?listen": "1.x: becomes inet_listener blocks",
    r"auth/.*": "1.x: auth default { } is flattened",
    r"ssl_protocols": "2.3 makes ssl_min_protocol of it, or drops it",
    r"ssl_dh_parameters_length": "2.3 drops it",
}
#: What doveconf prints though no file sets it, and why.
ITS_OWN = {
    r"ssl_(cert|key|ca)": "translated from 1.x",
    r"ssl_min_protocol": "translated from ssl_protocols",
    r"service/.*/inet_listener/.*": "translated from listen",
    r"(passdb|userdb)/(args|driver)|service/auth/user": "translated from auth default { }",
    r"namespace(/.*)?/(location|prefix)": "printed empty for every namespace",
}
#: Settings whose values it prints otherwise than they are written, and why.
RESPELT = {
    r"protocols": "imaps and pop3s of 1.x go; blanks at the ends go",
    r".*/(user|group)": "$default_internal_user is printed unexpanded when not asked with -x",
    r"listen": "2.4 prints a list with blanks between its items, not commas",
}
_UNITS = {"k": 1 << 10, "m": 60, "min": 60, "mins": 60, "h": 3600, "hour": 3600, "hours": 3600,
          "s": 1, "sec": 1, "secs": 1, "d": 86400, "day": 86400, "days": 86400, "g": 1 << 30,
          "w": 604800, "week": 604800, "weeks": 604800}  # fmt: skip
Values = Mapping[str, Sequence[str]]
Settings = Mapping[str, str]


@dataclass(slots=True)
class Judged:
    """What came of one file or folder. `accepted` is by doveconf before anything was planned;
    `wrong` has a line for each thing that is not as it should be; `refused` is why nothing was
    planned."""

    name: str
    source: Path
    style: str
    accepted: bool = False
    before: DovecotConfiguration | None = None
    by_properties: bool = False
    compared: int = 0
    wrong: list[str] = field(default_factory=list)
    refused: str = ""
    said: Mapping[str, Said] = field(default_factory=dict)
    planned: dict[str, bytes] | None = None


def sources() -> list[Judged]:
    """Every file and every folder of the corpus, of any generation."""
    styles = corpus.dovecot_styles()
    files = [
        Judged(path.name, path, styles[f"dovecot/{path.name}"]) for path in corpus.files("dovecot")
    ]
    trees = [Judged(f"trees/{path.name}", path, _tree_style(path)) for path in corpus.trees()]
    return files + trees


def _tree_style(folder: Path) -> str:
    files = folder.rglob("*.conf")
    new = any(re.search(rb"(?m)^\s*dovecot_config_version", file.read_bytes()) for file in files)
    return "2.4" if new else "2.0-2.3"


def speaks(generation: Generation, style: str) -> bool:
    """Whether that generation's Dovecot is of the kind that a file is written for."""
    new = (generation.version("Dovecot").major, generation.version("Dovecot").minor) >= (2, 4)
    return new == (style == "2.4")


def placed(source: Path, folder: Path, style: str = "2.0-2.3") -> Path:
    """A copy of a file or of a tree's folder in which an include may lead nowhere: the corpus
    leaves files with secrets out."""
    if source.is_dir():
        shutil.copytree(source, folder)
    else:
        folder.mkdir(parents=True)
        shutil.copy(source, folder / "dovecot.conf")
    main = folder / "dovecot.conf"
    if style == "2.4" and b"dovecot_config_version" not in main.read_bytes():
        main.rename(folder / "part.conf")
        main.write_bytes(_2_4_HEAD)
    for path in folder.rglob("*.conf"):
        data = re.sub(rb"(?m)^([ \t]*)!include\b(?!_)", rb"\1!include_try", path.read_bytes())
        path.chmod(0o644)
        path.write_bytes(data)
    return folder / "dovecot.conf"


#: A file of 2.4's spelling that stands below one with the versions: so it is wrapped in one.
_2_4_HEAD = b"""dovecot_config_version = 2.4.1
dovecot_storage_version = 2.4.1
!include part.conf
"""


def _outside(path: str, ours: Path, root: Path) -> Path:
    return Path(path) if path.startswith(f"{ours}/") else root / path.lstrip("/")


def load(main: Path, root: Path = Path("/")) -> DovecotTree:
    """The tree of a file of ours; what it names elsewhere is `root`'s."""

    def read(path: str) -> bytes | None:
        try:
            return _outside(path, main.parent, root).read_bytes()
        except OSError:
            return None

    def match(pattern: str) -> list[str]:
        place = _outside(pattern, main.parent, root)
        inside = root == Path("/") or str(place) == pattern
        found = glob(str(place))  # noqa: PTH207 absolute, as the file has it
        return found if inside else [each.removeprefix(str(root)) for each in found]

    return DovecotTree.load(str(main), read, match)


def judge(generation: Generation, folder: Path) -> tuple[Judged, ...]:
    """Every file and folder that is written for that generation, read and planned."""
    judged = [each for each in sources() if speaks(generation, each.style)]
    mains = [placed(each.source, folder / str(at), each.style) for at, each in enumerate(judged)]
    said = _ask(generation, folder, mains, {"n": ["-n"], "a": ["-a"]})
    defaults = _globals(generation.each(folder, {"d": ["doveconf", "-d"]})["d"])
    for each, main, answers in zip(judged, mains, said, strict=True):
        each.said = answers
        tree = load(main, generation.root)
        _judge_reading(each, generation.version("Dovecot"), generation.root, tree, defaults)
        _plan(each, main)
        if each.before is None:
            _judge_by_properties(each, tree, defaults)
    planned = [at for at, each in enumerate(judged) if each.planned is not None]
    for at in planned:
        for path, data in (judged[at].planned or {}).items():
            Path(path).write_bytes(data)
    after = _ask(generation, folder, [mains[at] for at in planned], {"n": ["-n"]})
    for at, answers in zip(planned, after, strict=True):
        _judge_plan(judged[at], answers["n"])
    return tuple(judged)


#: Users and folders that strangers' files name and a stock Debian lacks.
_WORLD = """
echo '_dovenull:x:65533:65533::/:/bin/false' >>/etc/passwd
echo '_dovecot:x:65532:65532::/:/bin/false' >>/etc/passwd
mkdir -p /usr/local/opt/dovecot/lib/dovecot
"""


def _ask(
    generation: Generation,
    folder: Path,
    mains: Sequence[Path],
    kinds: Mapping[str, Sequence[str]],
) -> list[dict[str, Said]]:
    commands = {
        f"{at} {kind}": ["doveconf", "-P", *flags, "-c", str(main)]
        for at, main in enumerate(mains)
        for kind, flags in kinds.items()
    }
    said = generation.each(folder, commands, _WORLD)
    return [{kind: said[f"{at} {kind}"] for kind in kinds} for at in range(len(mains))]


def faults(said: Said) -> tuple[str, ...]:
    """What `Dovecot.validate` would make of it."""
    return Dovecot._faults(Completed(("doveconf",), said.status, said.stdout, said.stderr))


def values(printed: Sequence[DovecotSetting]) -> Values:
    found = defaultdict(list)
    for each in printed:
        found[key(each.name, each.block_path)].append(each.value)
    return found


def our_values(tree: DovecotTree, defaults: Mapping[str, str]) -> Values:
    found = defaultdict(list)
    for each in tree.settings():
        value: str | None = each.value
        if each.kind is ValueKind.VARIABLE:
            value = tree.get(each.name, defaults, each.block_path)
        found[key(each.name, each.block_path)].append(value or "")
    return found


def _globals(said: Said) -> dict[str, str]:
    printed = DovecotFile.parse(said.stdout, "doveconf")
    return {each.name: each.value for each in printed.settings() if not each.block_path}


def _judge_reading(
    judged: Judged, version: Version, root: Path, tree: DovecotTree, defaults: Settings
) -> None:
    for file in tree.files():
        if bytes(file) != _outside(file.path, Path(tree.main_path).parent, root).read_bytes():
            judged.wrong.append(f"{file.path} is not printed byte for byte")
    judged.accepted = judged.said["n"].status == 0
    if not judged.accepted:
        return
    if tree.faults():
        judged.wrong.append(f"we refuse it: {tree.faults()[0]}")
    judged.before = DovecotConfiguration(
        version, tree, DovecotFile.parse(judged.said["a"].stdout, "doveconf").settings()
    )
    printed = values(DovecotFile.parse(judged.said["n"].stdout, "doveconf").settings())
    everything = values(judged.before.effective)
    judged.wrong += compare(printed, everything, our_values(tree, defaults))
    judged.compared = sum(len(each) for each in printed.values())


def same(mine: str, theirs: str) -> bool:
    return _plain(mine) == _plain(theirs)


def _plain(value: str) -> str:
    """Booleans, times and sizes are printed in Dovecot's own units (`30 mins` for `30m`)."""
    value = " ".join(value.lower().split())
    unit = re.fullmatch(r"(\d+) ?([a-z]+)", value)
    if unit and unit[2] in _UNITS:
        return str(int(unit[1]) * _UNITS[unit[2]])
    return {"true": "yes", "false": "no"}.get(value, value)


def _listed(name: str, patterns: Mapping[str, str]) -> bool:
    return any(re.fullmatch(pattern, name) for pattern in patterns)


def compare(printed: Values, everything: Values, mine: Values) -> list[str]:
    """The names at which we differ, apart from the differences that are listed above."""
    wrong = []
    printed, everything = _full(printed, mine), _full(everything, mine)
    for name, theirs in printed.items():
        if name.startswith("plugin/") or _listed(name, RESPELT):
            continue
        if name not in mine:
            wrong += [] if _listed(name, ITS_OWN) else [f"{name}: only doveconf has {theirs}"]
        elif len(theirs) == 1 and not same(mine[name][-1], theirs[0]):
            wrong.append(f"{name}: {mine[name][-1]!r}, not {theirs[0]!r}")
    for name, ours in mine.items():
        if name.startswith("plugin/") or _listed(name, RESPELT):
            continue
        if name not in everything:
            wrong += [] if _listed(name, TRANSLATED) else [f"{name}: only we have {ours}"]
        elif len(everything[name]) == 1 and not same(ours[-1], everything[name][0]):
            wrong.append(f"{name}: {ours[-1]!r}, not {everything[name][0]!r} (-a)")
    return wrong


def _full(printed: Values, mine: Values) -> Values:
    """2.4 leaves a name's first words out where the block around it says them: `use_worker` in
    `passdb passwd-file { }`, `maildir { copy_with_hardlinks }`."""
    found: dict[str, Sequence[str]] = {}
    for name, theirs in printed.items():
        *blocks, last = name.split("/")
        spellings = [
            "/".join((*blocks[:kept], f"{prefix}_{last}"))
            for at, prefix in enumerate(blocks)
            for kept in (at, len(blocks))
        ]
        found[next((each for each in spellings if each in mine), name)] = theirs
    return found


def _plan(judged: Judged, main: Path) -> None:
    before = judged.before
    if before is None:
        return
    try:
        plan = secured(before)
    except LetterlockError as error:
        judged.refused = str(error)
        return
    if any(change for change in secured(_after(before, plan)).changes):
        judged.wrong.append("a second plan changes something")
    judged.planned = {}
    for change in plan.changes:
        assert isinstance(change, FileChange)
        if not str(change.path).startswith(f"{main.parent}/"):
            judged.wrong.append(f"planned: {change.path} is none of its files")
        judged.planned[str(change.path)] = change.after or b""


def secured(configuration: DovecotConfiguration) -> Plan:
    return plan_secure(
        planning.intent(), Configurations(None, configuration), planning.surroundings()
    )


def _judge_by_properties(judged: Judged, tree: DovecotTree, defaults: Settings) -> None:
    """A file that no doveconf here takes (1.x, or with settings of plugins that are not
    installed): planned all the same, and held against our own reading."""
    if tree.faults():
        return
    spoken = {"1.x": "1.2.17", "2.0-2.3": "2.3.19", "2.4": "2.4.1"}[judged.style]
    stock = tuple(DovecotSetting(name, value, (), 0) for name, value in defaults.items())
    own = tuple(s for f in tree.files() for s in f.settings() if not s.block_path)
    before = DovecotConfiguration(Version.parse(spoken), tree, (*stock, *own))
    plan = secured(before)
    after = _after(before, plan)
    if secured(after).changes:
        judged.wrong.append("by properties: a second plan changes something")
    row = vocabulary("dovecot").spelling("certificate", before.version)
    assert row is not None
    if after.tree.get(row.name) != row.write(planning.SEPARATE.primary.certificate_file):
        judged.wrong.append(f"by properties: {after.tree.get(row.name)} would be served")
    was, now = (
        [
            (s.name, _without_implicit(s), s.block_path)
            for s in each.settings()
            if not _TLS.match(s.name)
        ]
        for each in (tree, after.tree)
    )
    if was != now:
        judged.wrong.append("by properties: other settings are not as they were")
    judged.by_properties = True


def _without_implicit(setting: Occurrence) -> str:
    """A value without the protocols that 2.0 took out of `protocols`."""
    if setting.name != "protocols":
        return setting.value
    return " ".join(word for word in setting.value.split() if word not in ("imaps", "pop3s"))


_TLS = re.compile(r"ssl|disable_plaintext_auth|auth_allow_cleartext")


def _after(before: DovecotConfiguration, plan: Plan) -> DovecotConfiguration:
    """The configuration once the plan is in force, its global settings as they are then."""
    contents = {str(c.path): c.after for c in plan.changes if isinstance(c, FileChange)}

    def read(path: str) -> bytes | None:
        known = {file.path: bytes(file) for file in before.tree.files()}
        return contents.get(path, known.get(path))

    def match(pattern: str) -> list[str]:
        return [each.path for each in before.tree.files() if fnmatch(each.path, pattern)]

    tree = DovecotTree.load(before.tree.main_path, read, match)
    own = tuple(
        DovecotSetting(each.name, each.value, (), each.line, each.kind)
        for each in tree.settings()
        if not each.block_path
    )
    return DovecotConfiguration(before.version, tree, (*before.effective, *own))


#: What `secure` may set.
_OURS = re.compile(r"(.*/)?(ssl(_.*)?|disable_plaintext_auth|auth_allow_cleartext)")


def _judge_plan(judged: Judged, after: Said) -> None:
    if after.status:
        judged.wrong.append(f"planned: {after.complaints}")
        return
    more = set(_complaints(after)) - set(_complaints(judged.said["n"]))
    judged.wrong += [f"planned: {line}" for line in sorted(more)]
    printed = DovecotFile.parse(after.stdout, "doveconf")
    served = printed.get("ssl_cert") or printed.get("ssl_server_cert_file") or ""
    if served.removeprefix("<") != planning.SEPARATE.primary.certificate_file:
        judged.wrong.append(f"planned: {served} is served")
    was, now = (_others(said) for said in (judged.said["n"], after))
    judged.wrong += [
        f"planned: {name}: {was.get(name)}, now {now.get(name)}"
        for name in sorted(was.keys() | now.keys())
        if was.get(name) != now.get(name)
    ]


def _others(said: Said) -> Values:
    found = values(DovecotFile.parse(said.stdout, "doveconf").settings())
    return {name: value for name, value in found.items() if not _OURS.fullmatch(name)}


def _complaints(said: Said) -> list[str]:
    return [re.sub(r"line \d+|:\d+:", "", line) for line in said.complaints.splitlines()]
