"""Boot the machine's own servers with the planned files in a private system, and speak to them.

What is the same as it will be: the files (production's, with the plan written over them), the
programs, the ports and addresses, the users and groups. What differs inside, and what is done
about it, in the private copy of `main.cf` alone:

- Milters and policy services are other programs' sockets, unreachable inside, and Postfix would
  answer 451 at connect: no milters, and `milter_default_action = accept` for those that a
  `master.cf -o` still names. Client restrictions wait until RCPT, which nobody sends
  (`smtpd_delay_reject`).
- There is no way out of the private network: a DNS query fails at once (no route, or nobody
  listens on loopback), it does not hang. postscreen asks no blocklist and greets after one second.
- No other Postfix instance is started along (`multi_instance_wrapper`), and no postmaster is told
  of errors (`notify_classes`).
- saslauthd, MySQL and LDAP are not there. That is first asked for at AUTH or RCPT, which the
  verifier never sends. Dovecot's socket for Postfix's SASL is there when Dovecot is among the
  servers, and it is started first: pass every server that the machine has.
- Files outside of what the plan and the servers write are read-only, and `/var/log` is empty.

A name in `inet_interfaces` or `listen` that only DNS resolves cannot be rehearsed. So if a server
does not start, its present configuration is tried as well: where that fails too, the private
system is to blame and the answer is Unknown, not a complaint about the plan.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from letterlock.install.namespace import (
    Layout,
    PrivateFolder,
    PrivateSystem,
    let_cool,
    private_system,
)
from letterlock.install.place import link_target
from letterlock.install.verify import Observe, complaints, observe_all, question, sample
from letterlock.model.errors import RefusedError, UndeterminedError
from letterlock.model.facts import EndpointFacts
from letterlock.model.plan import Change, DirectoryChange, FileChange, LinkChange, Plan
from letterlock.model.rooted import follow, outside
from letterlock.model.unknown import Unknown
from letterlock.servers.interface import MailServer
from letterlock.servers.residence import residence
from letterlock.servers.tools import Tools

Report = Callable[[str], None]

_LOG_LINES = 8
_ROOT = Path("/")
_STAMP = re.compile(r"^<\d+>\w{3} [ \d]\d \d\d:\d\d:\d\d ")
#: What differs when the same is said again: Postfix's service, the process, Dovecot's session.
_VARYING = re.compile(r"^postfix(/[\w-]+)?(?=/)|\[\d+\]|: user=<.*")
_TELLING = re.compile(r"\b(fatal|panic|error|warning)\b", re.IGNORECASE)
_INSIDE_ONLY = b"""
# In the rehearsal only.
smtpd_milters =
non_smtpd_milters =
milter_default_action = accept
smtpd_delay_reject = yes
postscreen_dnsbl_sites =
postscreen_greet_wait = 1s
multi_instance_wrapper =
notify_classes =
"""


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What was seen. `complaints` is empty where every expectation was met; otherwise `log` has
    the servers' own telling lines."""

    facts: tuple[EndpointFacts, ...]
    complaints: tuple[str, ...]
    log: tuple[str, ...]
    seconds: float


#: Unknown where it could not be held, because of its reason.
Rehearsal = Rehearsed | Unknown


@dataclass(frozen=True, slots=True)
class _Booted:
    """`failures` are of the servers' own programs: a configuration refused, a start that failed."""

    failures: tuple[str, ...]
    log: tuple[str, ...]


def _quietly(_step: str) -> None:
    return


def rehearse(
    plan: Plan, servers: Sequence[MailServer], observe: Observe, report: Report = _quietly
) -> Rehearsal:
    """Hold the plan's rehearsal. `servers` are all that the machine has, not only those that the
    plan changes; `report` is told what is being done. Production notices nothing.

    Raises RefusedError for a changed path that is a loop of symbolic links."""
    started = time.monotonic()
    layout = _layout(plan, servers)
    if isinstance(layout, Unknown):
        return layout
    system = private_system(layout)
    if isinstance(system, Unknown):
        return system
    with system:
        try:
            outcome = _perform(system, layout, plan, servers, observe, report, started)
        except UndeterminedError as error:
            return Unknown(str(error))
        except OSError as error:  # a file that is a mount of its own is not private
            return Unknown(
                f"{error.filename or 'a file'} cannot be written there: {error.strerror}"
            )
    if isinstance(outcome, Rehearsed):
        return outcome
    return _blame(outcome, layout, servers, report, started)


def _perform(
    system: PrivateSystem,
    layout: Layout,
    plan: Plan,
    servers: Sequence[MailServer],
    observe: Observe,
    report: Report,
    started: float,
) -> Rehearsed | _Booted:
    """The rehearsal itself. Only what writes lives inside, by the private system's own paths: in
    another root there is no Python of ours, should anything still have to be imported."""
    system.call(lambda: _write_all(plan.changes), files=True)
    booted = _boot(system, layout, servers, report)
    if booted.failures:
        return booted
    report("rehearsal: speaking to every port")
    expected = sample(plan.expectations)
    questions = tuple(map(question, expected))
    facts = system.call(lambda: observe_all(observe, questions))
    said = complaints(expected, facts)
    log = telling(system.log()) if said else ()
    return Rehearsed(facts, said, log, time.monotonic() - started)


def _boot(
    system: PrivateSystem, layout: Layout, servers: Sequence[MailServer], report: Report
) -> _Booted:
    """Validate and start every server, Dovecot first: Postfix asks it for SASL mechanisms."""
    inside = [server.within(system.tools) for server in servers]
    system.call(lambda: _adapt_all(layout.folders), files=True)
    for server in inside:
        report(f"rehearsal: validating {server.name}")
        if lines := server.validate():
            said = (f"{server.name} refuses the configuration: {line}" for line in lines)
            return _Booted(tuple(said), telling(system.log()))
    for server in sorted(inside, key=lambda server: server.name):
        report(f"rehearsal: starting {server.name}")
        try:
            server.start()
        except RefusedError as error:
            said_once = (f"{server.name} does not start: {error}",)
            return _Booted(said_once, telling(system.log()))
    return _Booted((), ())


def _blame(
    failed: _Booted, layout: Layout, servers: Sequence[MailServer], report: Report, started: float
) -> Rehearsal:
    """A start failed: because of the plan, or because of being inside? The same without the plan
    tells."""
    report("rehearsal: trying the present configuration")
    system = private_system(layout)
    if isinstance(system, Unknown):
        return system
    with system:
        try:
            present = _boot(system, layout, servers, report)
        except UndeterminedError as error:
            return Unknown(str(error))
    if present.failures:
        return Unknown(
            f"the present configuration does not start in a private system either: "
            f"{present.failures[0]}"
        )
    return Rehearsed((), failed.failures, failed.log, time.monotonic() - started)


def telling(log: Iterable[str]) -> tuple[str, ...]:
    """The first lines that say what went wrong, each once and without time stamps; where none
    does, the last lines."""
    lines = [_STAMP.sub("", line) for line in log]
    wrong = {_VARYING.sub("", line): line for line in reversed(lines) if _TELLING.search(line)}
    first = tuple(reversed(wrong.values()))
    return first[:_LOG_LINES] or tuple(lines[-_LOG_LINES:])


# --- what must be private -----------------------------------------------------------------


def _layout(plan: Plan, servers: Sequence[MailServer]) -> Layout | Unknown:
    tools = servers[0].tools if servers else Tools()
    folders = {folder.path: folder for folder in _folders(servers)}
    for change in plan.changes:
        folder = _existing_folder(tools.root, change)
        if folder == "/":
            return Unknown(f"{change.path} would be a new folder of the root itself")
        folders.setdefault(folder, PrivateFolder(folder))
    addresses = {expectation.endpoint.address for expectation in plan.expectations}
    # 127.0.0.2 is there only once somebody adds it.
    more = addresses - {"127.0.0.1", "::1"}
    home = None if tools.root == _ROOT else residence(tools.root)
    return Layout(
        folders=tuple(folders.values()),
        addresses=tuple(sorted(more)),
        root=str(tools.root),
        mounts=str(home.mounts) if home and home.mounts else None,
    )


def _folders(servers: Iterable[MailServer]) -> Iterator[PrivateFolder]:
    """The servers' own folders, but for those in /run, which is empty inside as after a boot."""
    for server in servers:
        for path in server.private_folders():
            if not follow(server.tools.root, path).startswith("/run/"):
                yield PrivateFolder.of_server(path, tools=server.tools)


def _existing_folder(root: Path, change: Change) -> str:
    """The nearest folder that exists of where a change really lands."""
    find = follow if isinstance(change, FileChange) else link_target
    place = Path(find(root, change.path))
    return str(next(folder for folder in place.parents if outside(root, folder).is_dir()))


# --- what is done inside ------------------------------------------------------------------


def _write_all(changes: Iterable[Change]) -> None:
    for change in changes:
        _write(change)


def _write(change: Change) -> None:
    match change:
        case DirectoryChange():
            _write_folder(change)
        case LinkChange():
            change.path.unlink(missing_ok=True)
            if change.after is not None:
                change.path.symlink_to(change.after)
        case FileChange(path=path, after=None):
            path.unlink(missing_ok=True)
        case FileChange():
            _write_file(change)


def _write_folder(change: DirectoryChange) -> None:
    if change.remove:
        return  # taken away when empty, at the very end: no server can tell
    if not change.path.is_dir():
        change.path.mkdir()
        change.path.chmod(change.mode)


def _write_file(change: FileChange) -> None:
    if not change.path.exists():
        change.path.touch(0o600)
        change.path.chmod(change.mode)
    change.path.write_bytes(change.after or b"")
    let_cool(change.path)


def _adapt_all(folders: Iterable[PrivateFolder]) -> None:
    for folder in folders:
        _adapt(Path(folder.path))


def _adapt(folder: Path) -> None:
    """Make a Postfix's private folders fit for inside; others are left alone."""
    main = folder / "main.cf"
    if main.is_file() and (folder / "master.cf").is_file():
        main.write_bytes(main.read_bytes() + _INSIDE_ONLY)
        let_cool(main)
    if (folder / "maildrop").is_dir() and (folder / "active").is_dir():
        # postfix-script's own mark to leave out the integrity check, which validate() has just run.
        (folder / "quick-start").touch()
