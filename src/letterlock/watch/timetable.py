"""The files by which the watch runs every hour: systemd's units, or cron's line."""

from __future__ import annotations

import hashlib
import shlex
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from letterlock.install import disk
from letterlock.install.place import outside
from letterlock.install.state import refusing
from letterlock.model.errors import InputError, Location, RefusedError
from letterlock.model.plan import Change, DirectoryChange, FileChange, LinkChange, Plan, Reason
from letterlock.watch.settings import FILE, MARK, Settings, as_toml, contents_of, read

_UNITS = "/etc/systemd/system"
SERVICE = f"{_UNITS}/letterlock-watch.service"
TIMER = f"{_UNITS}/letterlock-watch.timer"
#: What `systemctl enable` makes of the timer's WantedBy=timers.target.
_WANTS = f"{_UNITS}/timers.target.wants"
LINK = f"{_WANTS}/letterlock-watch.timer"
#: What Persistent= is remembered by: an empty file, whose time counts (systemd.timer(5)).
STAMP = f"/var/lib/systemd/timers/stamp-{Path(TIMER).name}"
#: cron(8) passes over names with a dot.
CRON = "/etc/cron.d/letterlock-watch"
#: Folders that go with what is ours in them, where nothing else is; systemctl(1) does the same.
_LEFT_EMPTY = {"/etc/letterlock": Path(FILE).name, _WANTS: Path(TIMER).name}

#: PrivateTmp=.
_PRIVATE = ("/tmp/", "/var/tmp/")  # noqa: S108

_HEAD = f"{MARK}; letterlock watch remove takes it away.\n"


class Scheduler(StrEnum):
    """What calls the watch every hour."""

    SYSTEMD = "systemd"
    CRON = "cron"


def scheduler(root: Path) -> Scheduler:
    """systemd where it runs (sd_booted(3)), or in another root where it is installed; else cron."""
    if root == Path("/"):
        return Scheduler.SYSTEMD if Path("/run/systemd/system").is_dir() else Scheduler.CRON
    programs = ("/usr/lib/systemd/systemd", "/lib/systemd/systemd")
    there = any(outside(root, each).exists() for each in programs)
    return Scheduler.SYSTEMD if there else Scheduler.CRON


def service(program: Path) -> str:
    """The unit that the timer starts. It may write to /etc, since it brings renewed certificates
    into service that are still pending, and make namespaces and device nodes, since that is
    rehearsed in a private copy of the servers' folders, the devices of Postfix's chroot and
    setgid folders among them."""
    return f"""{_HEAD}\
[Unit]
Description=letterlock: watch the mail servers' certificates and TLS
Documentation=man:systemd.timer(5)
Wants=network-online.target
After=network-online.target postfix.service dovecot.service

[Service]
Type=oneshot
ExecStart={_for_systemd(program)} watch run
# 1: faults are open, and told. That is not a fault of the watch.
SuccessExitStatus=1
TimeoutStartSec=30min
Nice=10
UMask=0077
NoNewPrivileges=yes
PrivateTmp=yes
ProtectSystem=yes
ProtectHome=read-only
ProtectClock=yes
ProtectControlGroups=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
LockPersonality=yes
RestrictRealtime=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
SystemCallArchitectures=native
SystemCallFilter=~@clock @cpu-emulation @debug @module @obsolete @raw-io @reboot @swap
SystemCallErrorNumber=EPERM
CapabilityBoundingSet=~CAP_SYS_MODULE CAP_SYS_BOOT CAP_SYS_RAWIO CAP_SYS_TIME CAP_SYSLOG
CapabilityBoundingSet=~CAP_MAC_ADMIN CAP_MAC_OVERRIDE CAP_WAKE_ALARM CAP_BLOCK_SUSPEND
"""


def timer() -> str:
    """Hourly, for each machine at another moment, and after a time that it was off."""
    return f"""{_HEAD}\
[Unit]
Description=letterlock: watch the mail servers every hour

[Timer]
OnCalendar=hourly
RandomizedDelaySec=30min
Persistent=yes

[Install]
WantedBy=timers.target
"""


def cron_line(program: Path, host: str) -> str:
    """Hourly, at a minute that the host's name decides: always the same, and not everybody's."""
    minute = int.from_bytes(hashlib.sha256(host.encode()).digest()[:4]) % 60
    command = f"{shlex.quote(str(program))} watch run".replace("%", "\\%")
    # What is told goes its own way; errors of the watch itself are cron's to mail.
    return f"{_HEAD}{minute} * * * * root {command} >/dev/null\n"


def _for_systemd(program: Path) -> str:
    """ExecStart='s first word (systemd.service(5), "Command lines")."""
    escaped = str(program).replace("%", "%%")
    return f'"{escaped}"' if " " in escaped else escaped


def _demand_reach(by: Scheduler, program: Path) -> None:
    """Raises InputError where the scheduler could not run this program."""
    word = str(program)
    if not word.isprintable():
        raise InputError(f"{word!r}: no timer can run a program of that name")
    if by is Scheduler.SYSTEMD and any(char in word for char in "\"'\\"):
        raise InputError(f"{word}: systemd runs no program with a quote or a backslash in its path")
    if by is Scheduler.SYSTEMD and word.startswith(_PRIVATE):
        raise InputError(
            f"{word}: is in a folder for temporary files, of which the service has its own",
            remedy="install letterlock elsewhere, such as /opt/letterlock",
        )


@dataclass(frozen=True, slots=True)
class _Wanted:
    path: str
    contents: bytes
    mode: int = 0o644
    secret: bool = False


def plan_installation(
    root: Path, settings: Settings, by: Scheduler, program: Path, host: str
) -> Plan:
    """What `watch install` changes: nothing where all is there already. Settings that say the same
    leave their file as it is, comments and all.

    Raises RefusedError where a file in the way is a stranger's, InputError where the scheduler
    could not run the program."""
    _demand_reach(by, program)
    config = _settings_file(root, settings)
    reason = Reason("runs letterlock watch every hour", "letterlock watch install")
    wanted = [config, *_schedule(by, program, host)]
    others = [each for each in (SERVICE, TIMER, CRON) if each not in [one.path for one in wanted]]
    changes: list[Change] = [
        *_folders(root, ["/etc/letterlock", _WANTS] if by is Scheduler.SYSTEMD else
                  ["/etc/letterlock", "/etc/cron.d"]),
        *(_written(root, each, reason) for each in wanted),
        *_link(root, wanted=by is Scheduler.SYSTEMD),
        *_removed(root, others),
    ]  # fmt: skip
    return Plan("watch install", by.value, tuple(filter(_does_something, changes)), (), ())


def plan_removal(root: Path) -> Plan:
    """What `watch remove` changes. Raises RefusedError where a file is a stranger's."""
    changes = [
        *_link(root, wanted=False),
        *_removed(root, [FILE, SERVICE, TIMER, CRON]),
        *_stamp(root),
        *(
            DirectoryChange(Path(folder), remove=True)
            for folder, name in _LEFT_EMPTY.items()
            if _holds_only(outside(root, folder), name)
        ),
    ]
    return Plan("watch remove", "", tuple(filter(_does_something, changes)), (), ())


def _holds_only(folder: Path, name: str) -> bool:
    with refusing("cannot be read"):
        return folder.is_dir() and [each.name for each in folder.iterdir()] == [name]


def _settings_file(root: Path, settings: Settings) -> _Wanted:
    before = contents_of(root)
    same = before is not None and read(root) == settings
    after = before if same and before is not None else as_toml(settings)
    # A URL that goes is as secret as one that comes.
    return _Wanted(FILE, after, 0o600, secret=b"webhook" in after + (before or b""))


def _schedule(by: Scheduler, program: Path, host: str) -> list[_Wanted]:
    if by is Scheduler.CRON:
        return [_Wanted(CRON, cron_line(program, host).encode())]
    return [_Wanted(SERVICE, service(program).encode()), _Wanted(TIMER, timer().encode())]


def _folders(root: Path, folders: list[str]) -> list[Change]:
    wanted = dict.fromkeys(
        str(each) for folder in folders for each in (*reversed(Path(folder).parents), Path(folder))
    )
    return [DirectoryChange(Path(each)) for each in wanted if not outside(root, each).is_dir()]


def _written(root: Path, wanted: _Wanted, reason: Reason) -> FileChange:
    return FileChange(
        Path(wanted.path),
        _own_contents(root, wanted.path),
        wanted.contents,
        wanted.mode,
        secret=wanted.secret,
        reasons=(reason,),
    )


def _removed(root: Path, paths: list[str]) -> list[Change]:
    # What is removed may hold a URL, and nobody needs to read it once more.
    return [
        FileChange(Path(each), before, None, secret=each == FILE)
        for each in paths
        if (before := _own_contents(root, each)) is not None
    ]


def _stamp(root: Path) -> list[Change]:
    with refusing("cannot be read"):
        before = disk.read_file(outside(root, STAMP))
    return [] if before is None else [FileChange(Path(STAMP), before, None)]


def _own_contents(root: Path, path: str) -> bytes | None:
    """Raises RefusedError for a stranger's file."""
    with refusing("cannot be read"):
        contents = disk.read_file(outside(root, path))
    if contents is not None and MARK.encode() not in contents:
        raise RefusedError(
            "is not letterlock's, so it stays as it is",
            where=Location(str(outside(root, path))),
            remedy="move it away first",
        )
    return contents


def _link(root: Path, *, wanted: bool) -> list[Change]:
    with refusing("cannot be read"):
        before = disk.read_link(outside(root, LINK))
    after = TIMER if wanted else None
    if before not in (None, TIMER, f"../{Path(TIMER).name}"):
        raise RefusedError(
            f"leads to {before}, so it stays as it is", where=Location(str(outside(root, LINK)))
        )
    # systemctl(1) of another version writes a relative one.
    same = before == after or (wanted and before is not None)
    return [] if same else [LinkChange(Path(LINK), before, after)]


def _does_something(change: Change) -> bool:
    return isinstance(change, DirectoryChange) or change.before != change.after
