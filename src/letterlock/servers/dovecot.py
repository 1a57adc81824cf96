"""Dovecot as installed in one system: found, read, validated, started, reloaded."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from letterlock.conf.dovecot import DovecotFile, DovecotSetting
from letterlock.conf.dovecot_tree import DovecotTree
from letterlock.model.errors import InputError, Location
from letterlock.model.service import Endpoint
from letterlock.servers.control import control, demand, faults
from letterlock.servers.dovecot_configuration import DovecotConfiguration
from letterlock.servers.dovecot_on_paper import on_paper
from letterlock.servers.dovecot_trial import trial
from letterlock.servers.modernize_dovecot import modernized
from letterlock.servers.reading import configured, read_configuration_file, refusal
from letterlock.servers.tools import Completed, Tools
from letterlock.servers.version import Version
from letterlock.servers.vocabulary import vocabulary

_UNIT = "dovecot.service"
_MAIN_FILE = "/etc/dovecot/dovecot.conf"
#: Where the main file is, by Dovecot's own default: the second up to 1.2.
_MAIN_FILES = (_MAIN_FILE, "/etc/dovecot.conf")
_STATE_FOLDER = "/var/lib/dovecot"
_NOT_RUNNING = re.compile(r"Error: t_readlink\(\S+/dovecot\.conf\) failed: .*No such file")


@dataclass(frozen=True, slots=True)
class Dovecot:
    """One Dovecot; `file` is its main configuration file. `on_paper`: its programs are not asked,
    so it is read from its files alone, and nothing can be applied."""

    tools: Tools
    version: Version
    file: str = _MAIN_FILE
    on_paper: bool = False

    @property
    def name(self) -> str:
        return "Dovecot"

    @classmethod
    def find(cls, tools: Tools) -> Dovecot | None:
        """The installed Dovecot, None where there is none.

        Raises InputError when its program is there but will not say its version."""
        if not tools.has("dovecot"):
            return None
        done = tools.run("dovecot", "--version")
        try:
            version = Version.parse(done.text)
        except ValueError:
            said = done.text.strip() or " ".join(done.complaints)
            raise InputError(
                f"Dovecot says it is version {said!r}, which is no version",
                remedy="see what `dovecot --version` prints",
            ) from None
        if not configured(tools, _MAIN_FILE):
            return None
        words = vocabulary("dovecot")
        paper = not words.able("doveconf", version)
        return cls(tools, words.known(version), on_paper=paper)

    @classmethod
    def assume(cls, tools: Tools, version: Version) -> Dovecot:
        """Dovecot as its files alone show it, taken to be of a version.

        Raises InputError where there is no configuration, or for a version too old."""
        file = next((each for each in _MAIN_FILES if configured(tools, each)), None)
        if file is None:
            raise InputError(f"there is no {' or '.join(_MAIN_FILES)} below {tools.root}")
        return cls(tools, vocabulary("dovecot").known(version), file, on_paper=True)

    def read(self) -> DovecotConfiguration:
        """The configuration as it stands.

        Raises InputError, with file:line, for one that Dovecot itself refuses, unless it would
        take it with its TLS settings under the names of this version."""
        tree = DovecotTree.load(self.file, self._read_file, self._glob)
        if self.on_paper:
            return on_paper(self.version, tree)
        done = self._doveconf("-a")
        said = self._faults(done)
        if said:
            return self._read_outdated(tree, said[0])
        printed = (done.stdout, *(self._doveconf(*flags).stdout for flags in self._unsaid()))
        return DovecotConfiguration(self.version, tree, _settings(b"".join(printed)))

    def _unsaid(self) -> tuple[tuple[str, ...], ...]:
        """What else to ask doveconf. Since 2.4 `-a` shows of a service only what the files set, not
        its defaults, no `base_dir`, and as `listen` that of a listener (seen with 2.4.1, 2.4.5)."""
        return () if self.version < Version(2, 4) else (("-a", "service"), ("base_dir", "listen"))

    def _read_outdated(self, tree: DovecotTree, complaint: str) -> DovecotConfiguration:
        modern = modernized(tree, self.version)
        if not modern.reasons:
            raise refusal("Dovecot", complaint, Location(self.file), "doveconf -n")
        tried = trial(self.tools, self.version, modern.in_place, self._faults, self._unsaid())
        for unplaced in tried.unplaced:
            raise refusal("Dovecot", unplaced, Location(self.file), "doveconf -n")
        return DovecotConfiguration(
            self.version, tree, _settings(tried.dump), outdated=True, refused=tried.refused
        )

    def with_secrets(self) -> tuple[DovecotSetting, ...]:
        """Every setting in force, those that `doveconf -a` hides (the keys' files) too."""
        done = self._doveconf("-P", "-a")
        return DovecotFile.parse(done.stdout, "doveconf").settings()

    def _read_file(self, path: str) -> bytes | None:
        if not os.path.lexists(self.tools.entry(path)):
            return None
        return read_configuration_file(self.tools, path)

    def _glob(self, pattern: str) -> Sequence[str]:
        folder = re.split(r"[*?\[]", pattern, maxsplit=1)[0].rpartition("/")[0]
        base = self.tools.outside(folder or "/")
        found = sorted(base.glob(pattern[len(folder) + 1 :]))
        return [f"{folder}/{path.relative_to(base)}" for path in found]

    def _doveconf(self, *flags: str) -> Completed:
        return self.tools.run("doveconf", "-c", self.file, *flags)

    def running(self) -> bool:
        if self.on_paper:
            return False
        pid = self._master_pid()
        if pid is None:
            return False
        return self.tools.command_of(pid) == "dovecot"

    def _master_pid(self) -> int | None:
        done = self._doveconf("-h", "base_dir")
        folder = done.text.strip() or "/run/dovecot"
        try:
            return int(self.tools.outside(f"{folder}/master.pid").read_bytes())
        except (OSError, ValueError):
            return None

    def validate(self) -> tuple[str, ...]:
        return self._faults(self._doveconf("-n"))

    @staticmethod
    def _faults(done: Completed) -> tuple[str, ...]:
        """Errors may come with exit code 0: 2.3 drops an old `ssl_protocols` so. That it does not
        run is none: 2.3.13 misses the link to its configuration that it makes at its start."""
        wrong = faults(done, ("Error:", "Fatal:"))
        return tuple(line for line in wrong if not _NOT_RUNNING.search(line))

    def start(self) -> None:
        start = ("dovecot", "-c", self.file)
        control(self.tools, _UNIT, "start", lambda: self.tools.run(*start))

    def stop(self) -> None:
        stop = ("doveadm", "-c", self.file, "stop")
        if self.running():
            control(self.tools, _UNIT, "stop", lambda: self.tools.run(*stop))

    def reload(self) -> None:
        demand(self.tools.run("doveadm", "-c", self.file, "reload"))

    def renew(self) -> bool:
        """A reload ends every session that is idle for some seconds, unless `shutdown_clients` is
        off (Dovecot 2.3 manual, General Backend Settings; imap/main.c imap_die). Until 2.4 the
        process `config` hands the certificates, which it has read, to each new login process: once
        it is gone the master starts another, which reads them again."""
        pid = self._config_pid() if self._login_processes_are_new() else None
        if pid is None:
            self.reload()
            return False
        demand(self.tools.run("sh", "-c", f"kill -TERM {pid}"))
        return True

    def _login_processes_are_new(self) -> bool:
        """Whether every connection has a login process of its own, none of them kept waiting."""
        if self.version >= Version.parse("2.4"):
            return False
        configuration = self.read()
        login = {
            each.block_path[0]
            for each in configuration.effective
            if each.block_path and each.block_path[0].endswith("-login")
        }
        return configuration.value("shutdown_clients") != "no" and all(
            configuration.value("service_count", (block,)) == "1"
            and configuration.value("process_min_avail", (block,)) == "0"
            for block in login
        )

    def _config_pid(self) -> str | None:
        done = self.tools.run("doveadm", "-c", self.file, "process", "status", "config")
        rows = [line.split() for line in done.text.splitlines()]
        pids = [row[1] for row in rows if row[:1] == ["config"] and row[1:] and row[1].isdigit()]
        return pids[0] if done.ok and len(pids) == 1 else None

    def commands(self) -> tuple[str, ...]:
        return ("doveconf -n", "doveadm reload")

    def endpoints(self) -> tuple[Endpoint, ...]:
        return self.read().endpoints()

    def private_folders(self) -> tuple[str, ...]:
        # One at a time: 2.4 takes no second name with -h.
        asked = (self._doveconf("-h", name).text.strip() for name in ("base_dir", "state_dir"))
        return (str(Path(self.file).parent), _STATE_FOLDER, *filter(None, asked))

    def within(self, tools: Tools) -> Self:
        return replace(self, tools=tools)


def _settings(dump: bytes) -> tuple[DovecotSetting, ...]:
    return DovecotFile.parse(dump, "doveconf").settings()
