"""The tables that `tls_server_sni_maps` names: read, and built by `postmap -F`.

An indexed table holds the contents of the PEM files, private keys among them, in base64: a file
that changes is served only after the index was built again (postconf(5) tls_server_sni_maps).
"""

from __future__ import annotations

import base64
import binascii
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from letterlock.model.errors import InputError, LetterlockError, Location
from letterlock.model.unknown import Unknown
from letterlock.servers.postfix import Postfix
from letterlock.servers.reading import read_configuration_file
from letterlock.servers.sni_source import SniSource
from letterlock.servers.tools import Tools

#: What postmap adds to the source's name. Source: DATABASE_README, postmap(1).
INDEX_ENDINGS = {"hash": ".db", "btree": ".db", "lmdb": ".lmdb", "cdb": ".cdb"}
#: Read at each start of a server's process, without an index (texthash(5) in DATABASE_README).
WITHOUT_INDEX = "texthash"
#: Which of them a new table may have where `default_database_type` is none, best first.
_PREFERRED = ("lmdb", "cdb", "hash", "btree", WITHOUT_INDEX)
#: Where temporary keys go, the first that is there: in memory rather than on a disk.
_WORKPLACES = ("/dev/shm", "/run", "/tmp")  # noqa: S108 a folder of our own is made there


@dataclass(frozen=True, slots=True)
class SniTable:
    """One table as it stands. `source` is None where there is no such file, `index` None where
    there is none or the type has none; `held` are its keys with the PEM text it holds, Unknown
    where the index cannot be read or holds no such thing."""

    type: str
    path: str
    source: bytes | None
    index: bytes | None = field(repr=False, default=None)
    index_mode: int = 0o600
    held: Mapping[str, bytes] | Unknown = field(repr=False, default_factory=dict)

    @property
    def name(self) -> str:
        return f"{self.type}:{self.path}"

    @property
    def index_path(self) -> str | None:
        ending = INDEX_ENDINGS.get(self.type)
        return None if ending is None else self.path + ending

    @property
    def present(self) -> Mapping[str, bytes]:
        """What the index is known to hold."""
        return {} if isinstance(self.held, Unknown) else self.held

    @property
    def keys_in_force(self) -> tuple[str, ...] | None:
        """The keys that Postfix finds in it; None where that is not known."""
        if self.type == WITHOUT_INDEX:
            return None if self.source is None else tuple(self.document().entries())
        return None if self.index is None or isinstance(self.held, Unknown) else tuple(self.held)

    def document(self) -> SniSource:
        return SniSource.parse(self.source or b"", self.path)


def is_plain(table: str) -> bool:
    """Whether a table comes from a text file that can be edited: `hash:/etc/postfix/sni`."""
    kind, colon, path = table.partition(":")
    return bool(colon) and path.startswith("/") and (kind in INDEX_ENDINGS or kind == WITHOUT_INDEX)


@dataclass(frozen=True, slots=True)
class SniTables:
    """The SNI tables of one Postfix, whose configuration folder is `folder`."""

    tools: Tools
    folder: str

    @classmethod
    def of(cls, postfix: Postfix) -> Self:
        return cls(postfix.tools, postfix.folder)

    def new_type(self) -> str:
        """The type for a table of our own: `default_database_type` where this Postfix has it and
        it is one with an index, else what it has. Raises InputError where there is none."""
        done = self.tools.run("postconf", "-c", self.folder, "-h", "default_database_type")
        present = set(self.tools.run("postconf", "-c", self.folder, "-m").text.split())
        for kind in (done.text.strip(), *_PREFERRED):
            if kind in present and (kind in INDEX_ENDINGS or kind == WITHOUT_INDEX):
                return kind
        raise InputError(
            "this Postfix knows no type of table for several certificates (postconf -m)",
            remedy="install the package postfix-lmdb",
        )

    def read(self, table: str) -> SniTable:
        """A plain table as it stands. Raises InputError for a file that cannot be read."""
        kind, _, path = table.partition(":")
        bare = SniTable(kind, path, self._read(path))
        if bare.index_path is None or (index := self._read(bare.index_path)) is None:
            return bare
        mode = stat.S_IMODE(self.tools.outside(bare.index_path).stat().st_mode)
        return SniTable(kind, path, bare.source, index, mode, self.held(table))

    def _read(self, path: str) -> bytes | None:
        outside = self.tools.outside(path)
        if not outside.exists() and not outside.is_symlink():
            return None
        # A thousand certificates with keys are some 10 MB in an index.
        return read_configuration_file(self.tools, path, most=1 << 30)

    def held(self, table: str) -> dict[str, bytes] | Unknown:
        """What an index of any type says: its keys with the PEM text it holds."""
        try:
            done = self.tools.run("postmap", "-c", self.folder, "-s", table)
        except LetterlockError as error:
            return Unknown(str(error))
        if not done.ok:
            return Unknown(f"postmap -s {table}: {'; '.join(done.complaints) or 'fails'}")
        found = {}
        for line in done.stdout.splitlines():
            name, _, value = line.partition(b"\t")
            key = name.decode("utf-8", "replace").lower()
            try:
                found[key] = base64.b64decode(value, validate=True)
            except binascii.Error:
                return Unknown(f"{table} was built without postmap -F: {key} holds no certificate")
        return found

    def answers(self, table: str, keys: Iterable[str]) -> tuple[str, ...]:
        """Those of the keys for which a table of any other type (LDAP, inline, a pattern) has a
        certificate."""
        asked = "".join(f"{key}\n" for key in keys).encode()
        done = self.tools.run("postmap", "-c", self.folder, "-q", "-", table, stdin=asked)
        return tuple(line.partition("\t")[0] for line in done.text.splitlines() if "\t" in line)

    def contents(self, files: Iterable[str]) -> bytes | None:
        """What the files hold, one after the other; None where one of them cannot be read."""
        try:
            return joined([read_configuration_file(self.tools, file) for file in files])
        except InputError:
            return None

    def build(self, kind: str, contents: Mapping[str, bytes]) -> bytes:
        """The index of that type in which each key holds these contents, as `postmap -F` builds
        it, in a private folder that is gone afterwards. Raises InputError with what it says."""
        with self._workplace() as place:
            inside = f"/{place.relative_to(self.tools.root)}"
            lines = []
            for number, (key, pem) in enumerate(contents.items()):
                (place / f"{number}.pem").write_bytes(pem)
                lines.append(f"{key} {inside}/{number}.pem\n")
            source = place / "sni"
            source.write_text("".join(lines), "utf-8")
            source.chmod(0o600)
            table = f"{kind}:{inside}/sni"
            done = self.tools.run("postmap", "-c", self.folder, "-F", table, timeout=120)
            built = source.with_name("sni" + INDEX_ENDINGS[kind])
            if not done.ok or done.complaints or not built.is_file():
                said = done.complaints[0] if done.complaints else "it made no index"
                raise InputError(f"postmap -F fails: {said}", where=Location(self.folder))
            return built.read_bytes()

    @contextmanager
    def _workplace(self) -> Iterator[Path]:
        folders = (self.tools.outside(folder) for folder in _WORKPLACES)
        parent = next((folder for folder in folders if folder.is_dir()), None)
        if parent is None:
            raise InputError(f"none of {', '.join(_WORKPLACES)} is there to build a table in")
        place = Path(tempfile.mkdtemp(prefix="letterlock-", dir=parent))  # 0700
        try:
            yield place
        finally:
            shutil.rmtree(place, ignore_errors=True)


def joined(parts: Iterable[bytes]) -> bytes:
    """PEM texts one after the other, each ended."""
    return b"".join(part if part.endswith(b"\n") else part + b"\n" for part in parts if part)


def same_contents(one: Mapping[str, bytes], other: Mapping[str, bytes]) -> bool:
    """Whether two tables hold the same, whatever their line ends and blank lines, in which ways of
    joining files differ."""
    return _normal(one) == _normal(other)


def _normal(held: Mapping[str, bytes]) -> dict[str, list[bytes]]:
    return {key: pem.split() for key, pem in held.items()}
