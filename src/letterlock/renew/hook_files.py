"""The deploy hook of each ACME client: where it looks, written there, taken away, shown.

A file of ours says so in its second line; one that does not is a stranger's and stays as it is.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from letterlock.install import disk
from letterlock.install.state import StateFolder, refusing
from letterlock.model.errors import InputError, Location, RefusedError
from letterlock.renew import pending

#: Every file of ours has it; what has it not is a stranger's.
MARK = "# Written by letterlock hook install"


class Done(Enum):
    """What `install` or `remove` came to."""

    WRITTEN = "written"
    RENEWED = "written anew"
    SAME = "there already"
    REMOVED = "removed"
    ABSENT = "not there"


@dataclass(frozen=True, slots=True)
class HookFile:
    """One file of a hook, whole."""

    path: Path
    contents: str
    mode: int


@dataclass(frozen=True, slots=True)
class ClientHook:
    """`files` is empty for a client that looks in no file for its hook; `advice` is then what to
    tell it, else what to know beside the files."""

    client: str
    files: tuple[HookFile, ...]
    advice: str


def command(program: Path, client: str, options: Sequence[str] = ()) -> str:
    """The hook's command line, quoted for a shell."""
    return shlex.join([str(program), "deploy", "--from", client, *options])


def _script(client: str, body: str) -> str:
    return f"#!/bin/sh\n{MARK} {client}; letterlock hook remove {client} takes it away.\n{body}"


def certbot(folder: Path, line: str) -> ClientHook:
    """CONFIGDIR/renewal-hooks/deploy: every executable in it runs after each renewal (certbot,
    using.rst "Renewing certificates"; hooks.py list_hooks)."""
    path = folder / "renewal-hooks/deploy/letterlock"
    return ClientHook(
        "certbot",
        (HookFile(path, _script("certbot", f"exec {line}\n"), 0o755),),
        "certbot exits 0 also where this hook fails: letterlock then keeps the certificate as "
        "pending, and letterlock deploy --pending tries it again.",
    )


def dehydrated(folder: Path, line: str) -> ClientHook:
    """HOOK, in a file of CONFIG_D, is one program for all events; those it does not know it must
    pass over (docs/examples/hook.sh). The file's name ends in .sh (README.Debian)."""
    hook = folder / "letterlock-hook"
    body = (
        '[ "$1" = deploy_cert ] || exit 0\n'
        f'exec {line} -- "$@"\n'
    )  # fmt: skip
    setting = (
        f"{MARK} dehydrated; letterlock hook remove dehydrated takes it away.\n"
        f"HOOK={shlex.quote(str(hook))}\n"
    )
    return ClientHook(
        "dehydrated",
        (
            HookFile(hook, _script("dehydrated", body), 0o755),
            HookFile(folder / "conf.d/letterlock.sh", setting, 0o644),
        ),
        "dehydrated ends with an error where this hook fails.",
    )


def told(client: str, line: str) -> ClientHook:
    """The clients that look in no file of ours for a hook."""
    return ClientHook(client, (), _ADVICE[client].format(line=line, quoted=shlex.quote(line)))


_ADVICE = {
    "lego": (
        "lego is told of its hook each time it runs. Add to its command line:\n"
        "  lego 4:  run --run-hook {quoted}\n"
        "           renew --renew-hook {quoted}\n"
        "  lego 5:  run --deploy-hook {quoted}"
    ),
    "acme.sh": (
        "acme.sh keeps a reload command for each certificate. For HOST (with --ecc where its key "
        "is ECDSA):\n"
        "  acme.sh --install-cert -d HOST --reloadcmd {quoted}"
    ),
    "uacme": (
        "uacme runs no hook after it has issued. Let the job that runs it go on so:\n"
        "  uacme … issue HOST && {program} deploy HOST --from uacme"
    ),
    "caddy": (
        "Caddy runs no command for a new certificate. Let systemd watch its storage: a unit\n"
        "letterlock-caddy.path with\n"
        "  [Path]\n"
        "  PathChanged=/var/lib/caddy/.local/share/caddy/certificates/ISSUER/HOST\n"
        "  [Install]\n"
        "  WantedBy=multi-user.target\n"
        "and letterlock-caddy.service with\n"
        "  [Service]\n"
        "  Type=oneshot\n"
        "  ExecStart={program} deploy HOST --from caddy"
    ),
    "traefik": (
        "Traefik runs no command for a new certificate. Let systemd watch its storage: a unit\n"
        "letterlock-traefik.path with\n"
        "  [Path]\n"
        "  PathChanged=/PATH/acme.json\n"
        "  [Install]\n"
        "  WantedBy=multi-user.target\n"
        "and letterlock-traefik.service with\n"
        "  [Service]\n"
        "  Type=oneshot\n"
        "  ExecStart={program} deploy HOST --from traefik:/PATH/acme.json"
    ),
}


def install(hook: ClientHook, state: StateFolder) -> Done:
    """Write a hook's files; the same ones already there are no work.

    Raises RefusedError, with nothing written, where a stranger's file is in the way, or the
    client's own folder is missing."""
    _refuse_strangers(hook)
    if hook.client == "dehydrated":
        _refuse_other_hook(hook)
    with refusing("the hook cannot be written"):
        # A full disk at the first renewal must find room for what is pending.
        pending.prepare(state)
        present = [_contents(file.path) for file in hook.files]
        if all(now == file.contents for now, file in zip(present, hook.files, strict=True)):
            return Done.SAME
        for file in hook.files:
            _write(file)
    return Done.WRITTEN if not any(present) else Done.RENEWED


def remove(hook: ClientHook) -> Done:
    """Remove a hook's files. Raises RefusedError, with nothing removed, where one of them is a
    stranger's."""
    _refuse_strangers(hook)
    there = [file.path for file in hook.files if _contents(file.path) is not None]
    with refusing("the hook cannot be removed"):
        # What names the script goes before the script.
        for path in reversed(there):
            path.unlink()
        disk.sync_folders([path.parent for path in there])
    return Done.REMOVED if there else Done.ABSENT


def _contents(path: Path) -> str | None:
    with refusing("cannot be read"):
        contents = disk.read_file(path)
    return None if contents is None else contents.decode("utf-8", "replace")


def _refuse_strangers(hook: ClientHook) -> None:
    for file in hook.files:
        contents = _contents(file.path)
        if contents is not None and MARK not in contents:
            raise RefusedError(
                "is not letterlock's, so it stays as it is",
                where=Location(str(file.path)),
                remedy=f"move it away, or call this from it: {_call(hook)}",
            )


def _call(hook: ClientHook) -> str:
    """The command that a hook's script comes down to."""
    last = hook.files[0].contents.rstrip("\n").rpartition("\n")[2]
    return last.removeprefix("exec ")


def _refuse_other_hook(hook: ClientHook) -> None:
    """dehydrated has one HOOK: another one already set would be overridden, or override ours."""
    folder = hook.files[0].path.parent
    for path in (folder / "config", *sorted((folder / "conf.d").glob("*.sh"))):
        if path == hook.files[1].path:
            continue
        for number, line in enumerate(_lines(path), 1):
            if line.lstrip().startswith(("HOOK=", "export HOOK=")) and line.strip() != "HOOK=":
                raise RefusedError(
                    "dehydrated has a hook already, and can have but one",
                    where=Location(str(path), number),
                    remedy=f"call this in its deploy_cert: {_call(hook)}",
                )


def _lines(path: Path) -> Iterator[str]:
    yield from (_contents(path) or "").splitlines()


def _write(file: HookFile) -> None:
    folder = file.path.parent
    if not folder.is_dir():
        raise RefusedError(
            f"there is no folder {folder}: is {file.path.name} for a client that is not installed?",
            remedy="name its configuration folder with --place",
        )
    stage = folder / f".{file.path.name}.letterlock"
    disk.remove(stage)
    disk.write_new(stage, file.contents.encode(), file.mode, inherit_acl=False)
    stage.rename(file.path)
    disk.sync_folders([folder])


def hook_for(client: str, place: Path | None, program: Path, options: Sequence[str]) -> ClientHook:
    """The hook of a client whose configuration folder is `place`, by default the usual one.

    Raises InputError for a client that nobody here knows."""
    line = command(program, client, options)
    if client == "certbot":
        return certbot(place or Path("/etc/letsencrypt"), line)
    if client == "dehydrated":
        return dehydrated(place or Path("/etc/dehydrated"), line)
    if client in _ADVICE:
        quoted = shlex.quote(line)
        text = _ADVICE[client].format(line=line, quoted=quoted, program=shlex.quote(str(program)))
        return ClientHook(client, (), text)
    known = ", ".join(("certbot", "dehydrated", *_ADVICE))
    raise InputError(f"no ACME client is called {client!r} here", remedy=f"choose one of {known}")
