"""Postfix as installed in one system: found, read, validated, started, reloaded."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

from letterlock.conf.main_cf import MainCf
from letterlock.conf.master_cf import MasterCf
from letterlock.model.errors import InputError, Location
from letterlock.model.service import Endpoint
from letterlock.servers.control import control, demand, faults
from letterlock.servers.postfix_configuration import PostfixConfiguration
from letterlock.servers.reading import configured, read_configuration_file, refusal
from letterlock.servers.tools import Completed, Tools
from letterlock.servers.version import Version
from letterlock.servers.vocabulary import vocabulary

_UNIT = "postfix.service"
#: Where Postfix is configured by its own default, and where its queue is.
_FOLDER = "/etc/postfix"
_QUEUE = "/var/spool/postfix"


@dataclass(frozen=True, slots=True)
class Postfix:
    """One Postfix instance; `folder` is its configuration folder (`postconf config_directory`),
    `instance` the name of a further one (MULTI_INSTANCE_README), empty for the default. `on_paper`:
    its programs are not asked, so it is read from its files alone, and nothing can be applied.
    `queue` is the `queue_directory` that it was built with."""

    tools: Tools
    version: Version
    folder: str
    on_paper: bool = False
    instance: str = ""
    queue: str = _QUEUE

    @property
    def name(self) -> str:
        return f"Postfix {self.instance}" if self.instance else "Postfix"

    @classmethod
    def find(cls, tools: Tools) -> Postfix | None:
        """The default instance, None where Postfix is not installed.

        Raises InputError when its programs are there but will not say their version."""
        if not tools.has("postconf"):
            return None
        # In a folder without a master.cf, or a fault in it would be all that postconf says.
        names = ("mail_version", "config_directory", "queue_directory")
        done = tools.run("postconf", "-c", "/", "-h", "-d", *names)
        lines = done.text.split("\n")
        if not done.ok or len(lines) < 3:
            raise InputError(f"postconf fails: {' '.join(done.complaints) or 'no output'}")
        try:
            version = Version.parse(lines[0])
        except ValueError:
            raise InputError(
                f"Postfix says it is version {lines[0]!r}, which is no version",
                remedy="see what `postconf -d mail_version` prints",
            ) from None
        folder = lines[1].strip()
        if not configured(tools, f"{folder}/main.cf"):
            return None
        return cls(tools, vocabulary("postfix").known(version), folder, queue=lines[2].strip())

    @classmethod
    def assume(cls, tools: Tools, version: Version) -> Postfix:
        """Postfix as its files alone show it, taken to be of a version.

        Raises InputError where there is no configuration, or for a version too old."""
        if not configured(tools, f"{_FOLDER}/main.cf"):
            raise InputError(f"there is no {_FOLDER}/main.cf below {tools.root}")
        return cls(tools, vocabulary("postfix").known(version), _FOLDER, on_paper=True)

    def further_instances(self) -> tuple[Postfix, ...]:
        """The other instances that this, the default one, starts along with itself: those of
        `multi_instance_directories` that say `multi_instance_enable = yes` (postmulti(1)); on paper
        none."""
        if self.on_paper:
            return ()
        folders = self._run_postconf("-h", "-x", "multi_instance_directories").text
        found = []
        for folder in folders.replace(",", " ").split():
            words = ("-h", "-x", "multi_instance_enable", "multi_instance_name")
            enabled, _, name = self.tools.run("postconf", "-c", folder, *words).text.partition("\n")
            if enabled == "yes":
                found.append(replace(self, folder=folder, instance=name.strip() or folder))
        return tuple(found)

    def read(self) -> PostfixConfiguration:
        """The configuration as it stands.

        Raises InputError, with file:line, for one that cannot be read or that Postfix itself
        refuses."""
        main = MainCf.parse(*self._file("main.cf"))
        master = MasterCf.parse(*self._file("master.cf"))
        if self.on_paper:
            for wrong in (*main.faults(), *master.faults()):
                raise wrong
            defaults = vocabulary("postfix").default_values(self.version)
            return PostfixConfiguration(
                self.version, self.folder, main, master, defaults, on_paper=True
            )
        checks = (("-n", main), ("-M", master)) if self._lists_services() else (("-n", main),)
        for flag, document in checks:
            for complaint in self._faults(self._run_postconf(flag)):
                # Of a service's type or flags postconf does not say the line.
                fault = next((one for one in master.faults() if one.where), None)
                otherwise = fault.where if fault and fault.where else Location(document.path)
                raise refusal("Postfix", complaint, otherwise, "postfix check")
        defaults = self._postconf("-d")
        return PostfixConfiguration(self.version, self.folder, main, master, defaults)

    def _file(self, name: str) -> tuple[bytes, str]:
        path = f"{self.folder}/{name}"
        return read_configuration_file(self.tools, path), path

    def _postconf(self, *flags: str) -> dict[str, str]:
        done = self._run_postconf(*flags)
        pairs = (line.partition("=") for line in done.text.splitlines())
        return {name.strip(): value.strip() for name, _, value in pairs}

    def _run_postconf(self, *flags: str) -> Completed:
        return self.tools.run("postconf", "-c", self.folder, *flags)

    def _lists_services(self) -> bool:
        return vocabulary("postfix").able("postconf -M", self.version)

    def running(self) -> bool:
        """By the id that master(8) keeps in its queue, where `postfix status` looks by way of
        seven programs."""
        if self.on_paper:
            return False
        try:
            text = self.tools.outside(f"{self._queue()}/pid/master.pid").read_bytes()
            return self.tools.command_of(int(text)) == "master"
        except (OSError, ValueError):
            return False

    def _queue(self) -> str:
        try:
            own = MainCf.parse(*self._file("main.cf")).get("queue_directory")
        except InputError:
            return self.queue
        if own and "$" in own:
            own = self._run_postconf("-h", "-x", "queue_directory").text.strip()
        return own or self.queue

    def validate(self) -> tuple[str, ...]:
        return (
            *(self._faults(self._run_postconf("-M")) if self._lists_services() else ()),
            *self._faults(self._postfix("check", terminal=True)),
        )

    @staticmethod
    def _faults(done: Completed) -> tuple[str, ...]:
        """Only what stops it: `postfix check` also warns of chroot files that differ."""
        return faults(done, ("fatal:", "error:"))

    def start(self) -> None:
        control(self.tools, self._unit(), "start", lambda: self._postfix("start"))

    def stop(self) -> None:
        if self.running():
            control(self.tools, self._unit(), "stop", lambda: self._postfix("stop"))

    def _unit(self) -> str:
        """Debian's systemd unit of an instance is named after its folder."""
        name = self.folder.rpartition("/")[2]
        return f"postfix@{name}.service" if self.instance else _UNIT

    def reload(self) -> None:
        demand(self._postfix("reload"))

    def renew(self) -> bool:
        """A reload: processes with a client go on until it leaves (postfix(1))."""
        self.reload()
        return False

    def _postfix(self, command: str, *, terminal: bool = False) -> Completed:
        """With `terminal` its complaints come to us; else they go to syslog (src/postfix/postfix.c
        asks isatty(STDERR_FILENO))."""
        argv = ("postfix", "-c", self.folder, command)
        return self.tools.run(*argv, timeout=60, terminal=terminal)

    def commands(self) -> tuple[str, ...]:
        return ("postconf -M", "postfix check", "postfix reload")

    def endpoints(self) -> tuple[Endpoint, ...]:
        return self.read().endpoints()

    def private_folders(self) -> tuple[str, ...]:
        folders = self._run_postconf("-h", "-x", "queue_directory", "data_directory")
        return (self.folder, *folders.text.split("\n")[:2])

    def within(self, tools: Tools) -> Self:
        return replace(self, tools=tools)
