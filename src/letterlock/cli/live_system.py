"""The system that a writing verb works on: its servers, letterlock's own folder, the observer."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from letterlock.model.errors import InputError, UndeterminedError

if TYPE_CHECKING:
    from letterlock.certs.trust import TrustStore
    from letterlock.install.verify import Observe
    from letterlock.model.certificate import KeyType
    from letterlock.model.facts import EndpointFacts
    from letterlock.model.service import Endpoint
    from letterlock.servers.interface import MailServer


def _existing(root: Path) -> Path:
    """Where a system runs with mounts of its own, its root as it sees it."""
    if not root.is_dir():
        raise InputError(f"--root {root} is not a folder")
    plain = root.resolve()
    if plain == Path("/") and plain.samefile(root):
        return plain
    from letterlock.servers.residence import residence

    home = residence(root)
    if home is not None and home.mounts is not None:
        return home.files()
    return plain


def enter_network(root: Path) -> None:
    """Speak, from now on, from within the network of the system that runs below `root`, where it
    has one of its own: its servers are reached there. To be called by the main thread: those it
    begins later live there too."""
    if root == Path("/"):
        return
    from letterlock.install.private_init import CLONE_NEWNET, setns
    from letterlock.servers.residence import residence

    home = residence(root)
    if home is None or home.network is None:
        return
    try:
        with home.network.open("rb") as network:
            setns(network.fileno(), CLONE_NEWNET)
    except OSError as error:
        raise UndeterminedError(
            f"the network of the system below {root} cannot be entered: {error.strerror}"
        ) from error


Root = Annotated[
    Path,
    typer.Option(
        "--root",
        metavar="DIR",
        help="The system below DIR, not this one: files, a chroot, a container.",
        show_default=False,
        callback=_existing,
    ),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", "-n", help="Show what would change; change nothing.")
]
Rehearse = Annotated[
    bool, typer.Option("--rehearse/--no-rehearse", help="Try it in private namespaces first.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Wait = Annotated[
    float,
    typer.Option(metavar="SECONDS", min=0, help="Wait this long for another run to end."),
]


def why_not_writable(file: str) -> str | None:
    """Why a result could not be written there in the end; None where it can, and for `-`. A run
    whose result is lost cannot be told from one that failed."""
    path = Path(file)
    if file == "-":
        return None
    if path.is_dir():
        return "it is a folder"
    if not path.parent.is_dir():
        return f"there is no folder {path.parent}"
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        return "not allowed, or read-only"
    return None


def _writable(file: str | None) -> str | None:
    """Raise InputError where `write_json` would in the end."""
    if file is not None and (reason := why_not_writable(file)):
        raise InputError(f"--json {file} cannot be written: {reason}")
    return file


JsonFile = Annotated[
    str | None,
    typer.Option(
        "--json",
        metavar="FILE",
        help="Write the result as JSON; - for stdout.",
        callback=_writable,
    ),
]


def servers_below(root: Path) -> tuple[MailServer, ...]:
    """The mail servers found; none is no fault here, since files can be brought back without."""
    from letterlock.servers.find import find_servers
    from letterlock.servers.tools import Tools

    enter_network(root)
    try:
        return find_servers(Tools.for_root(root))
    except InputError:
        return ()


def recover_first(root: Path, wait: float, *, dry_run: bool) -> None:
    """Enter the system's network (`enter_network`) and recover what was cut short, and say so on
    standard error, before anything is planned on what it left; with `dry_run` only say so. Raises
    RefusedError."""
    from letterlock.install.recover import recover, unfinished
    from letterlock.install.state import StateFolder

    enter_network(root)
    state = StateFolder(root)
    cut_short = unfinished(state)
    if not cut_short:
        return
    if dry_run:
        for run in cut_short:
            typer.echo(f"note: run {run.id} was cut short; letterlock recover ends it", err=True)
        return
    for recovery in recover(state, servers_below(root), wait=wait):
        typer.echo(recovery, err=True)


def observer(root: Path) -> Observe:
    """Full handshakes, judged by the system's own trust store."""

    def observe_with_system_trust(
        endpoints: Sequence[Endpoint], name: str, key_type: KeyType | None = None
    ) -> tuple[EndpointFacts, ...]:
        from letterlock.certs.trust import TrustStore
        from letterlock.probe.limits import Limits
        from letterlock.probe.observe import observe

        # postscreen(8) greets after six seconds.
        return observe(
            endpoints, name, TrustStore.system(root), Limits.within(15), key_type=key_type
        )

    return observe_with_system_trust


def observer_with(trust: TrustStore) -> Observe:
    """Full handshakes, judged by `trust`."""

    def observe_with_trust(
        endpoints: Sequence[Endpoint], name: str, key_type: KeyType | None = None
    ) -> tuple[EndpointFacts, ...]:
        from letterlock.probe.limits import Limits
        from letterlock.probe.observe import observe

        # postscreen(8) greets after six seconds.
        return observe(endpoints, name, trust, Limits.within(15), key_type=key_type)

    return observe_with_trust


def write_json(file: str, document: object) -> None:
    """Write a document where `--json FILE` says. Raises InputError."""
    import msgspec

    text = msgspec.json.format(msgspec.json.encode(document, enc_hook=str), indent=2) + b"\n"
    if file == "-":
        sys.stdout.write(text.decode())
        return
    try:
        Path(file).write_bytes(text)
    except OSError as error:
        raise InputError(f"--json {file} cannot be written: {error.strerror}") from error
