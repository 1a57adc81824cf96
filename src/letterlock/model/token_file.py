"""A file with a token: what lets somebody do what strangers may not."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from letterlock.model.errors import InputError, Location

#: Characters. Shorter ones could be guessed.
SHORTEST, _LONGEST = 32, 512
#: What may stand behind `Bearer` (RFC 6750 section 2.1).
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")


def read_token(path: Path) -> str:
    """The one line of the file. Raises InputError, which tells nothing of it: the file cannot be
    read, others may read it, or it holds no token."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK)
        with open(descriptor, "rb") as file:  # noqa: PTH123
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise _error(path, "is no file")
            contents = file.read(_LONGEST + 2)
    except OSError as error:
        raise _error(path, f"cannot be read: {error.strerror}") from None
    text = contents.decode("ascii", "replace").strip()
    if not _TOKEN.fullmatch(text):
        raise _error(
            path,
            "is not one line of letters, digits and -._~+/",
            "such as openssl rand -hex 32 prints",
        )
    if not SHORTEST <= len(text) <= _LONGEST:
        raise _error(
            path,
            f"a token has {SHORTEST} to {_LONGEST} characters",
            "such as openssl rand -hex 32 prints",
        )
    if stat.S_IMODE(status.st_mode) & (0o007 if _is_credential(path) else 0o077):
        raise _error(path, "others may read it, and it is a secret", f"chmod 600 {path}")
    return text


def _is_credential(path: Path) -> bool:
    """systemd gives the service's user a credential by an ACL, whose mask stands where a group's
    rights do."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    return folder is not None and path.absolute().parent == Path(folder)


def _error(path: Path, what: str, remedy: str | None = None) -> InputError:
    return InputError(what, where=Location(str(path)), remedy=remedy)
