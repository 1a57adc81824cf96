"""Root binds port 25 and reads the key; what strangers talk to is nobody."""

from __future__ import annotations

import os
import pwd

from letterlock.model.errors import InputError


def account(name: str) -> pwd.struct_passwd:
    """The user to become. Raises InputError."""
    try:
        found = pwd.getpwnam(name)
    except KeyError:
        raise InputError(f"--user {name}: there is no such user") from None
    if found.pw_uid == 0:
        raise InputError(f"--user {name}: strangers are not to talk to root")
    return found


def become(user: pwd.struct_passwd) -> None:
    """For good: no way leads back. Does nothing where we are not root."""
    if os.geteuid() != 0:
        return
    os.setgroups([])
    os.setresgid(user.pw_gid, user.pw_gid, user.pw_gid)
    os.setresuid(user.pw_uid, user.pw_uid, user.pw_uid)
