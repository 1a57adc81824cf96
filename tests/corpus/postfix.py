"""Each main.cf and master.cf of the corpus judged by a generation's Postfix, before and after the
plan of `secure`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path

from letterlock.conf.errors import ConfError
from letterlock.conf.main_cf import MainCf
from letterlock.conf.master_cf import MasterCf
from letterlock.install.plan import Configurations, plan_secure
from letterlock.model.errors import LetterlockError
from letterlock.model.plan import FileChange, Plan
from letterlock.servers.postfix_configuration import PostfixConfiguration
from tests.conf import corpus
from tests.generation import Generation, Said
from tests.install import planning

#: postconf prints the folder that -c names under this name, set or not.
NOT_SET = {"config_directory"}
#: Expanded by local(8) and others at delivery: postconf leaves `$name` in them (raw parameters).
RAW = {"mailbox_command"}
#: What postconf knows of the machine or of itself; we are told by `defaults`.
FROM_THE_MACHINE = ("config_directory", "process_id", "mydomain", "myhostname")
_STOCK_MASTER = b"smtp inet n - y - - smtpd\n"
#: What `secure` may set or take away in main.cf.
_OURS = re.compile(r"(smtpd|smtp|lmtp)_(tls_|use_tls$|enforce_tls$)|smtpd_sasl_|tls_")


@dataclass(frozen=True, slots=True)
class Case:
    """One configuration: a main.cf and a master.cf of the corpus, from one repository where both
    are there."""

    name: str
    main: bytes
    master: bytes


@dataclass(slots=True)
class Judged:
    """What came of one case. `accepted` is by postconf before anything was planned,
    `checked` by `postfix check` after it; `wrong`
    has a line for each thing that is not as it should be; `refused` is why nothing was planned."""

    case: Case
    said: Mapping[str, Said] = field(default_factory=dict)
    accepted: bool = False
    checked: bool = False
    compared: int = 0
    wrong: list[str] = field(default_factory=list)
    refused: str = ""
    planned: PostfixConfiguration | None = None


def cases() -> tuple[Case, ...]:
    """Every main.cf and every master.cf of the corpus once."""
    mains, masters = _by_repository("main"), _by_repository("master")
    together = sorted(mains.keys() & masters.keys())
    pairs = [(mains.pop(key), masters.pop(key)) for key in together]
    pairs += list(zip_longest(mains.values(), masters.values()))
    return tuple(
        Case(
            f"{main.name if main else 'empty'}+{master.name if master else 'stock'}",
            main.read_bytes() if main else b"",
            master.read_bytes() if master else _STOCK_MASTER,
        )
        for main, master in pairs
    )


def _by_repository(kind: str) -> dict[str, Path]:
    rows = (line.split("\t") for line in (corpus.ROOT / "INDEX.tsv").read_text().splitlines()[1:])
    where = {row[0]: (row[1], row[2].rpartition("/")[0]) for row in rows}
    found: dict[str, Path] = {}
    for path in corpus.files(kind):
        key = "/".join(where[f"{kind}/{path.name}"])
        found[key if key not in found else f"{key}#{path.name}"] = path
    return found


def pairs(output: bytes) -> dict[str, str]:
    """postconf's `name = value` lines; it prints every run of blanks in a value as one."""
    lines = corpus.text(output).split("\n")[:-1]
    split = (line.partition(" =") for line in lines)
    return {name: blanks(value) for name, _, value in split}


def blanks(value: str) -> str:
    return " ".join(value.split())


def settings(said: Said) -> dict[str, str] | None:
    """What `postconf -n` reads in main.cf, names it does not know included; None: refused."""
    if said.status:
        return None
    found = pairs(said.stdout)
    for line in corpus.text(said.stderr).split("\n"):
        _, unused, setting = line.partition("main.cf: unused parameter: ")
        if unused:
            name, _, value = setting.partition("=")
            found[name] = blanks(value)
    return {name: value for name, value in found.items() if name not in NOT_SET}


def our_settings(document: MainCf) -> dict[str, str]:
    found = {each.name: blanks(each.value) for each in document.settings()}
    return {name: value for name, value in found.items() if name not in NOT_SET}


def services(said: Said) -> list[tuple[str, ...]] | None:
    """The columns that `postconf -M` prints."""
    if said.status:
        return None
    lines = corpus.text(said.stdout).split("\n")[:-1]
    return [tuple(line.split()[:8]) for line in lines if not line.startswith(" ")]


def columns(document: MasterCf) -> list[tuple[str, ...]]:
    return [
        (s.name, s.type, s.private, s.unprivileged, s.chroot, s.wakeup, s.maxproc, s.command)
        for s in document.services()
    ]


def overrides(document: MasterCf) -> dict[str, str]:
    return {
        f"{service.name}/{service.type}/{each.name}": blanks(each.value)
        for service in document.services()
        for each in service.overrides
    }


def refused(document: MainCf | MasterCf) -> bool:
    """Whether something is wrong that Postfix does not merely warn of."""
    return any("white space" not in each.what for each in document.faults())


def judge(generation: Generation, folder: Path, *, check: bool = False) -> tuple[Judged, ...]:
    """Every case, read and planned for that generation's version; with `check` the plan is held
    against `postfix check` too."""
    defaults = _defaults(generation, folder)
    judged = _read(generation, folder / "pairs", cases(), defaults)
    # One document may be why the other was not read.
    apart = [half for each in judged if not each.accepted for half in _halves(each.case)]
    judged = [each for each in judged if each.accepted]
    judged += _read(generation, folder / "halves", apart, defaults)
    for each in judged:
        _plan(each, generation, defaults)
    planned = [each for each in judged if each.planned is not None]
    after = _ask(generation, folder / "planned", [_documents(each) for each in planned])
    for each, said in zip(planned, after, strict=True):
        _judge_plan(each, said)
    if check:
        _check(generation, folder, planned)
    return tuple(judged)


def _halves(case: Case) -> tuple[Case, ...]:
    main, master = case.name.split("+")
    return (
        Case(f"{main}+stock", case.main, _STOCK_MASTER),
        Case(f"empty+{master}", b"", case.master),
    )


def _documents(judged: Judged) -> tuple[bytes, bytes]:
    assert judged.planned is not None
    return bytes(judged.planned.main), bytes(judged.planned.master)


_FLAGS = {"n": ["-n"], "x": ["-x", "-n"], "M": ["-M"], "P": ["-P"]}


def _read(
    generation: Generation, folder: Path, some: Sequence[Case], defaults: Mapping[str, str]
) -> list[Judged]:
    said = _ask(generation, folder, [(each.main, each.master) for each in some])
    judged = [Judged(case, said=answers) for case, answers in zip(some, said, strict=True)]
    for each in judged:
        _judge_reading(each, defaults)
    return judged


def _ask(
    generation: Generation, folder: Path, documents: Sequence[tuple[bytes, bytes]]
) -> list[dict[str, Said]]:
    commands = {}
    for at, (main, master) in enumerate(documents):
        place = folder / str(at)
        place.mkdir(parents=True)
        corpus.old(place / "main.cf", main)
        corpus.old(place / "master.cf", master)
        for key, flags in _FLAGS.items():
            commands[f"{at} {key}"] = ["postconf", *flags, "-c", str(place)]
    said = generation.each(folder, commands) if commands else {}
    return [{key: said[f"{at} {key}"] for key in _FLAGS} for at in range(len(documents))]


#: What strangers' files name and a stock Debian lacks.
_WORLD = """
echo mail.example.com >/etc/mailname
mkdir -p /usr/libexec && ln -sfn /usr/lib/postfix/sbin /usr/libexec/postfix
mkdir -p /stock && echo compatibility_level=3.6 >/stock/main.cf && : >/stock/master.cf
postfix -c /stock check 2>/dev/null  # makes the queue's folders, before many want to at once
"""


def _check(generation: Generation, folder: Path, planned: Sequence[Judged]) -> None:
    """`postfix check` of each plan; of the file before it only where that complains, since half
    of these configurations need what is not here (MySQL, addresses)."""

    def checked(kind: str, numbers: Sequence[int]) -> dict[str, Said]:
        commands = {}
        for number in numbers:
            place = folder / kind / str(number)
            place.mkdir(parents=True, exist_ok=True)
            case = planned[number].case
            documents = (case.main, case.master)
            if kind == "planned":
                documents = _documents(planned[number])
            for name, data in zip(("main.cf", "master.cf"), documents, strict=True):
                corpus.old(place / name, data)
            commands[str(number)] = ["postfix", "-c", str(place), "check"]
        return generation.each(folder, commands, _WORLD) if commands else {}

    after = checked("planned", range(len(planned)))
    failing = [int(number) for number, said in after.items() if said.status]
    before = checked("unplanned", failing)
    for number, each in enumerate(planned):
        each.checked = after[str(number)].status == 0
        if not each.checked and before[str(number)].status == 0:
            each.wrong.append("planned: postfix check passed before, and fails now")


def _defaults(generation: Generation, folder: Path) -> dict[str, str]:
    found = pairs(generation.each(folder, {"d": ["postconf", "-c", "/", "-d"]})["d"].stdout)
    return {**found, **{name: f"<{name}>" for name in FROM_THE_MACHINE}}


def _judge_reading(judged: Judged, defaults: Mapping[str, str]) -> None:
    said = judged.said
    main = MainCf.parse(judged.case.main, "main.cf")
    master = MasterCf.parse(judged.case.master, "master.cf")
    if bytes(main) != judged.case.main or bytes(master) != judged.case.master:
        judged.wrong.append("is not printed byte for byte")
    theirs, rows = settings(said["n"]), services(said["M"])
    judged.accepted = theirs is not None and rows is not None
    if theirs is None or rows is None:
        if not (refused(main) or refused(master) or _endless(main)):
            judged.wrong.append("postconf refuses it, and we do not")
        return
    if refused(main) or refused(master):
        judged.wrong.append("we refuse it, and postconf does not")
    judged.wrong += _differences(our_settings(main), theirs)
    judged.wrong += [] if columns(master) == rows else ["other columns in master.cf"]
    judged.wrong += _differences(overrides(master), pairs(said["P"].stdout))
    judged.compared = len(theirs) + 8 * len(rows) + len(pairs(said["P"].stdout))
    for name, value in pairs(said["x"].stdout).items():
        raw = main.get(name)
        if name in NOT_SET | RAW or raw is None:
            continue
        mine = main.expand(raw, defaults)
        if not any(f"<{unknown}>" in mine for unknown in FROM_THE_MACHINE):
            judged.wrong += _differences({name: blanks(mine)}, {name: value})
            judged.compared += 1


def _endless(main: MainCf) -> bool:
    """Whether a value refers to itself: postconf refuses the whole file where it needs it."""
    try:
        for each in main.settings():
            main.expand(each.value, {})
    except ConfError:
        return True
    return False


def _differences(mine: Mapping[str, str], theirs: Mapping[str, str]) -> Iterator[str]:
    for name in sorted(mine.keys() | theirs.keys()):
        if mine.get(name) != theirs.get(name):
            yield f"{name}: {mine.get(name)!r}, not {theirs.get(name)!r}"


def _plan(judged: Judged, generation: Generation, defaults: Mapping[str, str]) -> None:
    """Every other case with the certificate and key in one file and TLS required."""
    if not judged.accepted:
        return
    before = PostfixConfiguration(
        generation.version("Postfix"),
        "/etc/postfix",
        MainCf.parse(judged.case.main, "/etc/postfix/main.cf"),
        MasterCf.parse(judged.case.master, "/etc/postfix/master.cf"),
        defaults,
    )
    try:
        after = _applied(before, secured(before, len(judged.case.main) % 2 == 0))
    except LetterlockError as error:
        judged.refused = str(error)
        return
    judged.planned = after
    again = secured(after, len(judged.case.main) % 2 == 0)
    judged.wrong += [f"a second plan changes {change.path}" for change in again.changes]


def secured(configuration: PostfixConfiguration, strict: bool) -> Plan:
    """The plan of `secure` for Postfix alone, its SASL answered."""
    wanted = planning.intent(
        stored=planning.COMBINED if strict else planning.SEPARATE, require_tls=strict
    )
    around = planning.surroundings(planning.CYRUS)
    return plan_secure(wanted, Configurations(configuration, None), around)


def _applied(before: PostfixConfiguration, plan: Plan) -> PostfixConfiguration:
    documents = {"main.cf": bytes(before.main), "master.cf": bytes(before.master)}
    for change in plan.changes:
        assert isinstance(change, FileChange)
        documents[change.path.name] = change.after or b""
    return before.with_documents(
        MainCf.parse(documents["main.cf"], "/etc/postfix/main.cf"),
        MasterCf.parse(documents["master.cf"], "/etc/postfix/master.cf"),
    )


def _judge_plan(judged: Judged, after: Mapping[str, Said]) -> None:
    assert judged.planned is not None
    before = judged.said
    for key, flags in _FLAGS.items():
        if after[key].status:
            judged.wrong.append(f"planned: postconf {' '.join(flags)}: {after[key].complaints}")
            return
        more = set(warnings(after[key])) - set(warnings(before[key]))
        judged.wrong += [f"planned: {line}" for line in sorted(more)]
    was, now = settings(before["n"]) or {}, settings(after["n"]) or {}
    judged.wrong += [
        f"planned: {line}"
        for line in _differences(was, now)
        if not _OURS.match(line.partition(":")[0])
    ]
    judged.wrong += _differences(our_settings(judged.planned.main), now)
    if not set(services(before["M"]) or ()) <= set(services(after["M"]) or ()):
        judged.wrong.append("planned: a service is gone from master.cf")
    judged.wrong += _differences(overrides(judged.planned.master), pairs(after["P"].stdout))


_LINE = re.compile(
    r"^\S*postconf: |, line \d+|(?<=config_directory=)\S+|/\S+/(?=main\.cf|master\.cf)"
)


def warnings(said: Said) -> Iterator[str]:
    """The complaints, without the places at which they are made."""
    for line in said.complaints.splitlines():
        yield _LINE.sub("", line)
