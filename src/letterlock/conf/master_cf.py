"""Postfix's master.cf: master(5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from letterlock.conf import master_edit, master_stock
from letterlock.conf.errors import ConfError
from letterlock.conf.logical_line import LogicalLine, logical_lines
from letterlock.conf.master_entry import COLUMNS, Entry, fault, parse_entry
from letterlock.conf.text import Lines, check_value, decode, encode, split_lines
from letterlock.model.errors import Location


@dataclass(frozen=True, slots=True)
class Override:
    """A `-o name=value`: it holds for one service, whatever main.cf says."""

    name: str
    value: str
    line: int


@dataclass(frozen=True, slots=True)
class MasterService:
    """One service, its columns verbatim (`-` is Postfix's default). `arguments` are all that
    follows the command, token by token, `-o` options included; `overrides` are those options.
    `line` counts from 1."""

    name: str
    type: str
    private: str
    unprivileged: str
    chroot: str
    wakeup: str
    maxproc: str
    command: str
    arguments: tuple[str, ...]
    overrides: tuple[Override, ...]
    line: int

    @property
    def host(self) -> str | None:
        """The address in an inet service's name, without brackets; None: inet_interfaces says."""
        return self._host_port()[0]

    @property
    def port_name(self) -> str:
        """The port in an inet service's name as written: `submission`, `587`."""
        return self._host_port()[1]

    def _host_port(self) -> tuple[str | None, str]:
        """host_port(3): `[host]:port`, `host:port` or `port`."""
        if self.type != "inet" or ":" not in self.name:
            return None, self.name
        if self.name.startswith("["):
            host, _, port = self.name[1:].partition("]")
            return host.removeprefix("IPv6:") or None, port.removeprefix(":")
        host, _, port = self.name.rpartition(":")
        return host or None, port

    def override(self, name: str) -> str | None:
        """The value that `-o` gives to a parameter; the last one holds. None: main.cf says."""
        values = [each.value for each in self.overrides if each.name == name]
        return values[-1] if values else None


@dataclass(frozen=True, slots=True)
class MasterCf:
    """A master.cf as text. Immutable: every edit returns a new document, in which only the lines
    concerned differ; `bytes()` gives the file back, byte for byte."""

    path: str
    _lines: Lines
    _logical: tuple[LogicalLine, ...]
    _entries: tuple[Entry, ...]
    _faults: tuple[ConfError, ...]
    _services: tuple[MasterService, ...]

    @classmethod
    def parse(cls, data: bytes, path: str) -> Self:
        """Any bytes at all; `path` is for messages. Raises nothing: see `faults`."""
        return cls._of(split_lines(decode(data)), path)

    @classmethod
    def _of(cls, lines: Lines, path: str) -> Self:
        logical = tuple(logical_lines(lines))
        entries, faults = [], []
        for line in logical:
            entry = parse_entry(line)
            whats: tuple[str, ...] = entry.faults
            if line.skipped:
                whats = ("a service must not begin with white space: Postfix passes over it",)
            elif len(entry.tokens) >= COLUMNS:
                entries.append(entry)
            faults += [fault(what, path, line.first + 1) for what in whats]
        services = tuple(map(_service, entries))
        return cls(path, lines, logical, tuple(entries), tuple(faults), services)

    def __bytes__(self) -> bytes:
        return encode("".join(self._lines))

    def faults(self) -> tuple[ConfError, ...]:
        """What Postfix refuses or passes over, in order."""
        return self._faults

    def services(self) -> tuple[MasterService, ...]:
        """Every service in order, doubled ones included."""
        return self._services

    def service(self, name: str, type: str) -> MasterService | None:
        """The service of that name, verbatim, and type. Of several the last: master(8) warns of
        the others and uses that one."""
        found = [each for each in self.services() if (each.name, each.type) == (name, type)]
        return found[-1] if found else None

    def _entry(self, service: MasterService) -> Entry:
        same = [
            entry
            for entry in self._entries
            if (entry.tokens[0].text, entry.tokens[1].text) == (service.name, service.type)
        ]
        at_line = [entry for entry in same if entry.logical.first + 1 == service.line]
        if not same:
            raise ConfError(
                f"there is no service {service.name}/{service.type}", where=Location(self.path)
            )
        return (at_line or same)[-1]

    def with_override(self, service: MasterService, name: str, value: str) -> Self:
        """The document in which the service has `-o name=value`: edited where it stands (of
        several the last, which holds), else added after its last option in the style of the
        others. The same document where it has that value already.

        `service` is found again by name, type and, where it is doubled, line. Raises ConfError
        where there is none, or for a value that cannot be written."""
        entry = self._entry(service)
        present = [option for option in entry.options if option.name == name]
        if present and present[-1].value == value:
            return self
        where = Location(self.path, entry.logical.first + 1)
        _check(value, where)
        if present:
            lines = master_edit.change(self._lines, entry, present[-1], value)
        else:
            entries = self._entries
            lines = master_edit.add(self._lines, entry, entries, master_edit.Setting(name, value))
        edited = self._of(lines, self.path)
        if edited._entry(service).logical.first != entry.logical.first or (
            _service(edited._entry(service)).override(name) != value
        ):
            raise ConfError(f"-o {name}={value} cannot be written in master.cf", where=where)
        return edited

    def without_override(self, service: MasterService, name: str) -> Self:
        """The document in which the service has no `-o` for `name`. Raises ConfError where there
        is no such service."""
        document, entry = self, self._entry(service)
        while gone := [option for option in entry.options if option.name == name]:
            document = self._of(master_edit.remove(document._lines, entry, gone[-1]), self.path)
            entry = document._entry(_service(entry))
        return document

    def with_uncommented(
        self,
        name: str,
        type: str,
        overrides: Sequence[str],
    ) -> Self | None:
        """The document in which the commented-out service of that very name (`#submission inet n
        …`) is in force, and of its commented-out `-o` lines those that set a parameter of
        `overrides`; the columns stay as they are. None where there is no such service, or where
        uncommenting it would change the one above: lines that follow it uncommented are that
        one's."""
        block = master_stock.find(self._lines, self._logical, name, type)
        if block is None:
            return None
        lines = master_stock.uncomment(self._lines, block, frozenset(overrides))
        edited = self._of(lines, self.path)
        return edited if len(edited._entries) == len(self._entries) + 1 else None

    def with_service(
        self,
        name: str,
        type: str,
        *,
        private: str = "n",
        unprivileged: str = "-",
        chroot: str = "-",
        wakeup: str = "-",
        maxproc: str = "-",
        command: str = "smtpd",
        arguments: Sequence[str] = (),
        overrides: Sequence[tuple[str, str]] = (),
        after: str | None = None,
    ) -> Self:
        """The document with one service more, after the last one named `after` of the same type,
        else after the last of its type, else at the end; its columns stand as its neighbour's do.

        Raises ConfError where the service is there already or cannot be written."""
        where = Location(self.path)
        if self.service(name, type) is not None:
            raise ConfError(f"there is a service {name}/{type} already", where=where)
        columns = (name, type, private, unprivileged, chroot, wakeup, maxproc, command)
        header = (*columns, *arguments)
        for text in (*header, *(value for _, value in overrides)):
            _check(text, where)
        settings = [master_edit.Setting(each, value) for each, value in overrides]
        lines = master_edit.add_service(
            self._lines, self._logical, self._entries, header, settings, after
        )
        edited = self._of(lines, self.path)
        added = edited.service(name, type)
        if added is None or tuple((o.name, o.value) for o in added.overrides) != tuple(overrides):
            raise ConfError(f"the service {name}/{type} cannot be written", where=where)
        return edited


def _check(value: str, where: Location) -> None:
    check_value(value, where)
    if not master_edit.balanced(value):
        raise ConfError(
            f"unbalanced braces cannot be written in master.cf: {value}",
            where=where,
            remedy="set it in main.cf",
        )


def _service(entry: Entry) -> MasterService:
    columns = (token.text for token in entry.tokens[:COLUMNS])
    name, kind, private, unprivileged, chroot, wakeup, maxproc, command = columns
    overrides = tuple(
        Override(option.name, option.value, entry.logical.line_at(option.start))
        for option in entry.options
    )
    return MasterService(
        name=name,
        type=kind,
        private=private,
        unprivileged=unprivileged,
        chroot=chroot,
        wakeup=wakeup,
        maxproc=maxproc,
        command=command,
        arguments=tuple(token.text for token in entry.tokens[COLUMNS:]),
        overrides=overrides,
        line=entry.logical.first + 1,
    )
