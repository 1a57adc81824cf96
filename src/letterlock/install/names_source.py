"""Where many certificates come from: a table of names, or a folder as ACME clients keep them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from letterlock.certs.errors import CertificateError
from letterlock.certs.names import ascii_name
from letterlock.model.errors import InputError, Location

#: How ACME clients call the chain and the key in a certificate's own folder: certbot, dehydrated
#: and lego's and acme.sh's installed copies.
_CHAINS = ("fullchain.pem", "fullchain.cer", "fullchain.crt")
_KEYS = ("privkey.pem", "key.pem", "{folder}.key", "privkey.key")
#: A table with more lines is none.
_MOST = 100_000


@dataclass(frozen=True, slots=True)
class Source:
    """One certificate to be: its files, and the names that clients use for it; without any, all
    that it has. `key` is None where it stands in the certificate's file."""

    names: tuple[str, ...]
    certificate: Path
    key: Path | None
    where: Location


def read_sources(path: Path) -> tuple[Source, ...]:
    """What a table or a folder names. Raises InputError with the line that is wrong, or where
    nothing is found."""
    if path.is_dir():
        found = tuple(_in_folder(path))
        form = "folders with fullchain.pem and privkey.pem, or .pem files with certificate and key"
    else:
        found = tuple(_in_table(path))
        form = "lines such as: mail.example.org  /path/fullchain.pem  /path/privkey.pem"
    if not found:
        raise InputError(
            "names no certificate", where=Location(str(path)), remedy=f"it should have {form}"
        )
    return found


def _in_folder(path: Path) -> Iterator[Source]:
    try:
        entries = sorted(path.iterdir())
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=Location(str(path))) from None
    for entry in entries:
        where = Location(str(entry))
        if entry.is_dir():
            chain = _first(entry, _CHAINS)
            key = _first(entry, _KEYS)
            if chain and key:
                yield Source((), chain, key, where)
        elif entry.suffix == ".pem" and entry.is_file():
            yield Source((), entry, None, where)


def _first(folder: Path, names: tuple[str, ...]) -> Path | None:
    paths = (folder / name.replace("{folder}", folder.name) for name in names)
    return next((path for path in paths if path.is_file()), None)


def _in_table(path: Path) -> Iterator[Source]:
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        raise InputError("no such file or folder", where=Location(str(path))) from None
    except UnicodeDecodeError:
        raise InputError("is no text", where=Location(str(path))) from None
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=Location(str(path))) from None
    lines = text.splitlines()
    if len(lines) > _MOST:
        raise InputError(f"has more than {_MOST} lines", where=Location(str(path)))
    for number, line in enumerate(lines, 1):
        words = line.split()
        if words and not words[0].startswith("#"):
            yield _line(words, path.parent, Location(str(path), number))


def _line(words: list[str], folder: Path, where: Location) -> Source:
    if len(words) not in (2, 3):
        raise InputError(
            f"has {len(words)} columns", where=where, remedy="write: NAME[,NAME…] CERTIFICATE [KEY]"
        )
    try:
        names = tuple(ascii_name(name) for name in words[0].split(",") if name)
    except CertificateError as error:
        raise InputError(error.what, where=where, remedy="NAME[,NAME…] comes first") from None
    key = folder / words[2] if len(words) == 3 else None
    return Source(() if words[0] == "-" else names, folder / words[1], key, where)
