"""How many processes of a Postfix service are alive: each holds the certificate that it read when
it began."""

from __future__ import annotations

from itertools import pairwise

from letterlock.servers.tools import Tools


def service_processes(tools: Tools, folder: str, command: str, service: str) -> int:
    """The living processes of the `command` (`smtpd`) that serve the master.cf entry `service`, of
    the instance in `folder`; 0 where /proc of that system cannot be read.

    master(8) gives a process `-n NAME -t TYPE`, and its environment says MAIL_CONFIG."""
    count = 0
    for process in tools.outside("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")
            if words[0].rpartition("/")[2] != command or not _serves(words, service):
                continue
            environment = (process / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if f"MAIL_CONFIG={folder}".encode() in environment:
            count += 1
    return count


def _serves(words: list[str], service: str) -> bool:
    return any(pair == ("-n", service) for pair in pairwise(words))
