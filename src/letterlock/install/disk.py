"""The few things done to a disk, each durable or undone by name."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

_HOT_NANOSECONDS = 3_000_000_000
_ACCESS_ACL = "system.posix_acl_access"
#: Bound to the contents they were made for, so a copy on other contents would be false:
#: signatures of the integrity subsystem (evm(7), ima).
_CONTENT_BOUND = frozenset({"security.ima", "security.evm"})
#: What a file system answers that has no hard links, or not to this file.
_NO_HARD_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV})
_NO_XATTRS = frozenset({errno.EOPNOTSUPP, errno.ENOSYS})


def digest(contents: bytes) -> str:
    """SHA-256 in lower hex."""
    return hashlib.sha256(contents).hexdigest()


def read_file(path: Path) -> bytes | None:
    """A regular file's bytes, not through a symbolic link; None where nothing is.

    Raises OSError: ELOOP at a link, EISDIR or ENXIO at anything else that is no file."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    with os.fdopen(fd, "rb") as file:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError(errno.ENXIO, "is not a regular file", str(path))
        return file.read()


def read_link(path: Path) -> str | None:
    """A symbolic link's text; None where nothing is. Raises OSError (EINVAL) at anything else."""
    try:
        return os.readlink(path)  # noqa: PTH115 Path would normalise the text
    except FileNotFoundError:
        return None


def write_all(fd: int, contents: bytes) -> None:
    """Write every byte: one write(2) may take fewer."""
    view = memoryview(contents)
    while view:
        view = view[os.write(fd, view) :]


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Give an OSError of a call on a file descriptor the path it is about."""
    try:
        yield
    except OSError as error:
        if not isinstance(error.filename, str | bytes):
            error.filename = str(path)
        raise


@contextmanager
def _private(path: Path) -> Iterator[int]:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        yield fd
    finally:
        os.close(fd)


def write_private(path: Path, contents: bytes) -> None:
    """A new file, readable by its owner only from its first byte, on disk when this returns."""
    with naming(path), _private(path) as fd:
        write_all(fd, contents)
        os.fsync(fd)


def write_new(path: Path, contents: bytes, mode: int, *, inherit_acl: bool) -> None:
    """A new file with exactly `mode`, whatever the umask; private until its contents are whole.

    The folder's default ACL is kept within `mode` if `inherit_acl`, else dropped."""
    with naming(path), _private(path) as fd:
        write_all(fd, contents)
        if not inherit_acl and _ACCESS_ACL in _attributes(fd):
            os.removexattr(fd, _ACCESS_ACL)
        os.fchmod(fd, mode)
        os.fsync(fd)


def write_like(path: Path, contents: bytes, model: Path) -> None:
    """A new file with the owner, mode, ACL and extended attributes of `model`, but private until
    its contents are whole. Raises OSError where one of them cannot be had."""
    with naming(path), _private(path) as fd:
        write_all(fd, contents)
        _copy_metadata(fd, model)
        _let_cool(fd, model)
        os.fsync(fd)


def _attributes(file: int | Path) -> list[str]:
    try:
        return os.listxattr(file)
    except OSError as error:
        if error.errno in _NO_XATTRS:
            return []
        raise


def _copy_metadata(fd: int, model: Path) -> None:
    # chown(2) drops set-id bits and capabilities, so it comes first; an ACL is written last
    # because chmod(2) would rewrite its mask.
    wanted = model.stat(follow_symlinks=False)
    has = os.fstat(fd)
    if (has.st_uid, has.st_gid) != (wanted.st_uid, wanted.st_gid):
        os.fchown(fd, wanted.st_uid, wanted.st_gid)
    names = [name for name in _attributes(model) if name not in _CONTENT_BOUND]
    for name in _attributes(fd):
        if name not in names and name not in _CONTENT_BOUND:
            os.removexattr(fd, name)
    os.fchmod(fd, stat.S_IMODE(wanted.st_mode))
    for name in sorted(names, key=lambda name: name == _ACCESS_ACL):
        os.setxattr(fd, name, os.getxattr(model, name))


def _let_cool(fd: int, model: Path) -> None:
    """Date the file a little back, yet later than `model`.

    Postfix's programs read a main.cf that is younger than two seconds again and again until it
    has "cooled down", lest somebody is still writing it (src/util/dict.c, dict_load_file_xt). A
    file that gets its name whole needs no such wait."""
    now = os.fstat(fd).st_mtime_ns
    then = max(now - _HOT_NANOSECONDS, model.lstat().st_mtime_ns + 1)
    os.utime(fd, ns=(now, min(then, now)))


def make_link(path: Path, text: str, model: Path | None) -> None:
    """A new symbolic link, owned like `model` where there is one."""
    path.symlink_to(text)
    if model is None:
        return
    wanted, has = os.lstat(model), os.lstat(path)
    if (has.st_uid, has.st_gid) != (wanted.st_uid, wanted.st_gid):
        os.lchown(path, wanted.st_uid, wanted.st_gid)


def keep_inode(target: Path, backup: Path, part: Path) -> None:
    """A second name for a file or link, so that going back is one rename and needs no space; a
    whole copy, made as `part` first, where the file system has no hard links."""
    try:
        os.link(target, backup, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
    else:
        return
    if target.is_symlink():
        make_link(backup, read_link(target) or "", target)
        return
    contents = read_file(target)
    if contents is None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(target))
    write_like(part, contents, target)
    was = os.lstat(target)
    os.utime(part, ns=(was.st_atime_ns, was.st_mtime_ns))
    part.rename(backup)


def put_new(stage: Path, target: Path) -> None:
    """Give `stage` its name `target`, never over something that has appeared there meanwhile.

    Raises FileExistsError."""
    try:
        os.link(stage, target, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from None
        stage.rename(target)
    else:
        stage.unlink()


def remove(path: Path) -> None:
    """Unlink a name if it is there. A read-only file system says EROFS of one that is not, too."""
    if os.path.lexists(path):
        path.unlink(missing_ok=True)


def sync_folders(folders: Iterable[Path]) -> None:
    """Make the names in each folder durable; one that is gone needs it no more."""
    for folder in sorted(set(folders)):
        try:
            fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        try:
            with naming(folder):
                os.fsync(fd)
        finally:
            os.close(fd)


def same_inode(one: Path, other: Path) -> bool:
    """Whether two names, not followed, are the same file or link."""
    try:
        return os.path.samestat(os.lstat(one), os.lstat(other))
    except FileNotFoundError:
        return False
