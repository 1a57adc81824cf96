"""Dovecot as installed in one system: found, read, validated, started, reloaded."""

from __future__ import annotations

import os
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
from letterlock.servers.reading import configured, read_configuration_file, refusal
from letterlock.servers.tools import Completed, Tools
from letterlock.servers.version import Version, known

_UNIT = "dovecot.service"
_MAIN_FILE = "/etc/dovecot/dovecot.conf"
_STATE_FOLDER = "/var/lib/dovecot"


@dataclass(frozen=True, slots=True)
class Dovecot:
    """One Dovecot; `file` is its main configuration file."""

    tools: Tools
    version: Version
    file: str = _MAIN_FILE

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
        return cls(tools, known("Dovecot", version))

    def read(self) -> DovecotConfiguration:
        """The configuration as it stands.

        Raises InputError, with file:line, for one that Dovecot itself refuses."""
        tree = DovecotTree.load(self.file, self._read_file, self._glob)
        done = self._doveconf("-a")
        for complaint in self._faults(done):
            raise refusal("Dovecot", complaint, Location(self.file), "doveconf -n")
        effective = DovecotFile.parse(done.stdout, "doveconf").settings()
        return DovecotConfiguration(self.version, tree, effective)

    def with_secrets(self) -> tuple[DovecotSetting, ...]:
        """Every setting in force, those that `doveconf -a` hides (the keys' files) too."""
        done = self._doveconf("-P", "-a")
        return DovecotFile.parse(done.stdout, "doveconf").settings()

    def _read_file(self, path: str) -> bytes | None:
        outside = self.tools.outside(path)
        if not os.path.lexists(outside):
            return None
        return read_configuration_file(self.tools, path)

    def _glob(self, pattern: str) -> Sequence[str]:
        root = self.tools.root
        found = sorted(root.glob(pattern.lstrip("/")))
        return [f"/{path.relative_to(root)}" for path in found]

    def _doveconf(self, *flags: str) -> Completed:
        return self.tools.run("doveconf", "-c", self.file, *flags)

    def running(self) -> bool:
        pid = self._master_pid()
        if pid is None:
            return False
        try:
            name = self.tools.outside(f"/proc/{pid}/comm").read_text("ascii", "replace")
        except OSError:
            return False
        return name.strip() == "dovecot"

    def _master_pid(self) -> int | None:
        done = self._doveconf("-h", "base_dir")
        folder = done.text.strip() or "/run/dovecot"
        try:
            return int(self.tools.outside(f"{folder}/master.pid").read_text("ascii"))
        except (OSError, ValueError):
            return None

    def validate(self) -> tuple[str, ...]:
        return self._faults(self._doveconf("-n"))

    @staticmethod
    def _faults(done: Completed) -> tuple[str, ...]:
        """Errors may come with exit code 0: 2.3 drops an old `ssl_protocols` so."""
        return faults(done, ("Error:", "Fatal:"))

    def start(self) -> None:
        start = ("dovecot", "-c", self.file)
        control(self.tools, _UNIT, "start", lambda: self.tools.run(*start))

    def stop(self) -> None:
        stop = ("doveadm", "-c", self.file, "stop")
        if self.running():
            control(self.tools, _UNIT, "stop", lambda: self.tools.run(*stop))

    def reload(self) -> None:
        demand(self.tools.run("doveadm", "-c", self.file, "reload"))

    def commands(self) -> tuple[str, ...]:
        return ("doveconf -n", "doveadm reload")

    def endpoints(self) -> tuple[Endpoint, ...]:
        return self.read().endpoints()

    def private_folders(self) -> tuple[str, ...]:
        base = self._doveconf("-h", "base_dir", "state_dir").text.split()
        return (str(Path(self.file).parent), _STATE_FOLDER, *base)

    def within(self, tools: Tools) -> Self:
        return replace(self, tools=tools)
