"""acme.sh's reload command for one certificate, set by acme.sh itself."""

from __future__ import annotations

import base64
import binascii
import re
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path

from letterlock.model.errors import InputError, Location, RefusedError
from letterlock.renew.hook_files import Done

#: How acme.sh writes a setting with any character in it (acme.sh, B64CONF_START, B64CONF_END).
_BASE64 = re.compile(r"__ACME_BASE64__START_(.*?)__ACME_BASE64__END_")
#: --install-cert sets them all, so that those not named are lost (acme.sh, installcert).
_KEPT = {
    "Le_RealCertPath": "--cert-file",
    "Le_RealKeyPath": "--key-file",
    "Le_RealCACertPath": "--ca-file",
    "Le_RealFullChainPath": "--fullchain-file",
}
#: It runs the reload command at once: a deployment.
_PATIENCE_SECONDS = 300


def set_reload_command(home: Path, host: str, line: str | None) -> tuple[Done, ...]:
    """Set (or with None take away) the reload command of each of `host`'s certificates: of RSA,
    ECDSA or both. Whatever else acme.sh keeps for it stays.

    Raises InputError where acme.sh or the certificate is not there, RefusedError for a reload
    command that is a stranger's, or where acme.sh fails."""
    program = home / "acme.sh"
    if not program.is_file():
        raise InputError("no acme.sh there", where=Location(str(home)),
                         remedy="name its folder with --place")  # fmt: skip
    folders = [home / name for name in (host, f"{host}_ecc") if (home / name).is_dir()]
    if not folders:
        raise InputError(f"acme.sh has no certificate for {host}", where=Location(str(home)))
    settings = [read_settings(folder / f"{host}.conf") for folder in folders]
    for folder, each in zip(folders, settings, strict=True):
        _refuse_stranger(folder / f"{host}.conf", each.get("Le_ReloadCmd", ""), line)
    return tuple(
        _set(program, home, host, folder.name.endswith("_ecc"), each, line)
        for folder, each in zip(folders, settings, strict=True)
    )


def read_settings(file: Path) -> dict[str, str]:
    """A certificate's settings. Raises InputError."""
    try:
        text = file.read_text("utf-8", "replace")
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", where=Location(str(file))) from None
    found = {}
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        if equals:
            found[name] = _decoded(value.strip().strip("'"))
    return found


def _decoded(value: str) -> str:
    match = _BASE64.fullmatch(value)
    if not match:
        return value
    try:
        return base64.b64decode(match[1], validate=True).decode("utf-8", "replace")
    except binascii.Error:
        return value


def is_ours(reload_command: str) -> bool:
    """Whether a reload command is `letterlock deploy`, wherever that is installed."""
    try:
        words = shlex.split(reload_command)
    except ValueError:
        return False
    return len(words) > 1 and Path(words[0]).name == "letterlock" and words[1] == "deploy"


def _refuse_stranger(file: Path, present: str, line: str | None) -> None:
    if present and not is_ours(present):
        both = shlex.quote(f"{present} && {line}")
        raise RefusedError(
            "has a reload command that is not letterlock's, so it stays as it is",
            where=Location(str(file)),
            remedy=f"to have both, set it to {both}" if line else None,
        )


def _set(
    program: Path, home: Path, host: str, ecc: bool, settings: Mapping[str, str], line: str | None
) -> Done:
    present = settings.get("Le_ReloadCmd", "")
    if present == (line or ""):
        return Done.SAME if line else Done.ABSENT
    options = [
        word
        for name, option in _KEPT.items()
        if settings.get(name)
        for word in (option, settings[name])
    ]
    argv = [str(program), "--home", str(home), "--install-cert", "-d", host, *options]
    argv += ["--ecc"] if ecc else []
    argv += ["--reloadcmd", line] if line else []
    try:
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
            timeout=_PATIENCE_SECONDS, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RefusedError(f"acme.sh cannot be run: {error}") from None
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise RefusedError(f"acme.sh fails: {said[-1] if said else done.returncode}")
    if not line:
        return Done.REMOVED
    return Done.RENEWED if present else Done.WRITTEN
