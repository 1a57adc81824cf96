"""What is to be changed on disk, why, and what must be seen on the wire afterwards.

Every path is absolute and as the system itself calls it (`/etc/postfix/main.cf`), also where that
system's root is another folder of ours (`--root DIR`): `install` puts the root before it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from letterlock.model.certificate import KeyType
from letterlock.model.service import Endpoint


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a line changes, and who says so: an RFC section, postconf(5), release notes."""

    text: str
    source: str


@dataclass(frozen=True, slots=True)
class FileChange:
    """A file's contents before and after; `before` None: it does not exist, `after` None: it is
    removed. `mode` is for a new file; an existing one keeps owner, mode, ACL and xattrs, and a
    symbolic link at `path` stays a link. `secret` contents are never shown."""

    path: Path
    before: bytes | None = field(repr=False)
    after: bytes | None = field(repr=False)
    mode: int = 0o644
    secret: bool = False
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class LinkChange:
    """A symbolic link's text before and after, None where there is none."""

    path: Path
    before: str | None
    after: str | None
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class DirectoryChange:
    """A folder to make (its parents come first in the plan), or with `remove` one to take away
    once everything is done and only if it is empty then."""

    path: Path
    mode: int = 0o755
    reasons: tuple[Reason, ...] = ()
    remove: bool = False


Change = FileChange | LinkChange | DirectoryChange


@dataclass(frozen=True, slots=True)
class Expectation:
    """What the verifier must see at an endpoint once the plan is in force. `key_type` is the only
    one that the client speaks there, where certificates of several are served; None: it speaks
    all."""

    endpoint: Endpoint
    name: str
    leaf_sha256: str
    key_type: KeyType | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """One intended state of the system. `verb` and `subject` name it in the history (`secure`,
    `mail.example.com`); `servers` are the names of those to reload (Postfix, Dovecot); `notices`
    are what the reader should know but need not act on, such as a setting that overrides
    another. `changes` apply in order and are undone in reverse. `undoes` is the id of the run
    that a rollback takes back. `certificates_only`: no configuration changes, only the contents of
    certificate files that it names."""

    verb: str
    subject: str
    changes: tuple[Change, ...]
    servers: tuple[str, ...]
    expectations: tuple[Expectation, ...]
    notices: tuple[str, ...] = ()
    undoes: str | None = None
    certificates_only: bool = False
