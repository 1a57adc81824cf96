"""A small configuration tree with all kinds of changes, and everything that must survive them."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from letterlock.model.plan import DirectoryChange, FileChange, LinkChange, Plan

NEW_KEY = b"-----BEGIN PRIVATE KEY-----\nthe new key that nobody else may read\n"
OLD_KEY = b"-----BEGIN PRIVATE KEY-----\nthe old key that nobody else may read\n"

Snapshot = dict[str, tuple[object, ...]]


def snapshot(root: Path, skip: str = "var/lib/letterlock") -> Snapshot:
    """Kind, mode, owner, extended attributes (ACLs too), contents or link text of all there is."""
    found: Snapshot = {}
    for folder, folders, files in os.walk(root):
        for name in folders + files:
            path = Path(folder, name)
            inner = str(path.relative_to(root))
            if inner == skip or inner.startswith(skip + "/"):
                continue
            found[inner] = _facts(path)
    return found


def _facts(path: Path) -> tuple[object, ...]:
    status = path.lstat()
    kind = stat.S_IFMT(status.st_mode)
    names = os.listxattr(path, follow_symlinks=False)
    attributes = tuple((name, os.getxattr(path, name, follow_symlinks=False)) for name in names)
    inside: object = None
    if kind == stat.S_IFLNK:
        inside = os.fsencode(path.readlink())
    elif kind == stat.S_IFREG:
        inside = path.read_bytes()
    mode = stat.S_IMODE(status.st_mode)
    return (kind, mode, status.st_uid, status.st_gid, attributes, inside)


def state_names(root: Path) -> list[str]:
    """The names of all files of letterlock's own folder, without the runs' ids."""
    folder = root / "var/lib/letterlock"
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def build(root: Path) -> None:
    """The tree before: two configurations, one of them behind a link and in a linked folder, an
    old key, a version folder with a `current` link, and a file to remove."""
    for folder in ("etc/postfix", "srv/dovecot/conf.d", "etc/ssl/host/1", "var/lib"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    (root / "etc/dovecot").symlink_to("/srv/dovecot")
    main = root / "etc/postfix/main.cf"
    main.write_bytes(b"myhostname = a.example\n# end\n")
    main.chmod(0o640)
    os.setxattr(main, "user.note", b"kept by hand")
    (root / "srv/dovecot/conf.d/real.conf").write_bytes(b"ssl = no\n")
    (root / "srv/dovecot/conf.d/real.conf").chmod(0o444)
    (root / "srv/dovecot/conf.d/10-ssl.conf").symlink_to("real.conf")
    (root / "etc/ssl/host/key.pem").write_bytes(OLD_KEY)
    (root / "etc/ssl/host/key.pem").chmod(0o600)
    (root / "etc/ssl/host/current").symlink_to("1")
    (root / "etc/postfix/obsolete.cf").write_bytes(b"gone = soon\n")


def plan(servers: tuple[str, ...] = ()) -> Plan:
    """Every kind of change: a folder and a secret file in it, files replaced (one through a linked
    folder and a link, one secret), a link switched, one made, a file removed."""
    changes = (
        DirectoryChange(Path("/etc/ssl/host/2"), 0o750),
        FileChange(Path("/etc/ssl/host/2/key.pem"), None, NEW_KEY, mode=0o600, secret=True),
        FileChange(Path("/etc/ssl/host/2/fullchain.pem"), None, b"new chain\n"),
        LinkChange(Path("/etc/ssl/host/current"), "1", "2"),
        FileChange(Path("/etc/ssl/host/key.pem"), OLD_KEY, NEW_KEY, secret=True),
        FileChange(
            Path("/etc/postfix/main.cf"),
            b"myhostname = a.example\n# end\n",
            b"myhostname = a.example\nsmtpd_tls_security_level = may\n# end\n",
        ),
        FileChange(Path("/etc/dovecot/conf.d/10-ssl.conf"), b"ssl = no\n", b"ssl = required\n"),
        LinkChange(Path("/etc/postfix/host.pem"), None, "/etc/ssl/host/current/fullchain.pem"),
        FileChange(Path("/etc/postfix/obsolete.cf"), b"gone = soon\n", None),
    )
    return Plan("secure", "a.example", changes, servers, ())


def keys_are_private(root: Path) -> None:
    """Whoever holds a key's bytes, in whatever file, is readable by its owner alone."""
    for path in root.rglob("*"):
        if path.is_file() and not path.is_symlink():
            holds = path.read_bytes()
            if any(key[:40] in holds or key[-20:] in holds for key in (NEW_KEY, OLD_KEY)):
                mode = stat.S_IMODE(path.stat().st_mode)
                assert mode & 0o077 == 0, f"{path} has mode {mode:04o}"
