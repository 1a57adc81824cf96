"""`letterlock deploy`: a renewed certificate into service, or kept to be tried again."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from letterlock.cli.certificate_options import AllowSelfSigned, CaFile, ChainFiles, KeyFile
from letterlock.cli.live_system import (
    DryRun,
    JsonFile,
    Rehearse,
    Root,
    Wait,
    recover_first,
    write_json,
)
from letterlock.cli.verb import verb
from letterlock.model.errors import InputError, LetterlockError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from letterlock.renew.deliver import Attempt, Delivery
    from letterlock.renew.handover import Handover

_EPILOG = """Examples:

\b
  certbot renew --deploy-hook 'letterlock deploy'
  letterlock deploy mail.example.com --from acme.sh
  letterlock deploy mail.example.com --from traefik:/srv/traefik/acme.json
  letterlock deploy mail.example.com --cert fullchain.pem --key privkey.pem
  letterlock deploy --pending

Called as a hook it needs no argument: certbot, lego and acme.sh say in the environment where the
certificate is. letterlock hook install CLIENT writes such a hook. A client's storage can be read
with --from CLIENT[:PLACE], of certbot, lego, acme.sh, dehydrated, uacme, caddy and traefik.

Exit codes: 0 in service, or no mail server uses this certificate; 2 usage or input error; 3 could
not determine; 4 refused or rolled back: what was served is served. What failed is kept, and
--pending tries it again.
"""

app = verb()


@app.command(epilog=_EPILOG)
def deploy(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[HOST]",
            help="The server name the certificate is for; by default every one that it renews.",
            show_default=False,
        ),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="CLIENT[:PLACE]",
            help="The ACME client: its hook's words, or with HOST or PLACE its storage.",
        ),
    ] = None,
    cert: Annotated[
        str | None,
        typer.Option("--cert", metavar="FILE", help="The certificate, its chain in it or not."),
    ] = None,
    key: KeyFile = None,
    chain: ChainFiles = None,
    ca_file: CaFile = None,
    allow_self_signed: AllowSelfSigned = False,
    retry: Annotated[
        bool, typer.Option("--pending", help="Try again everything that failed so far.")
    ] = False,
    dry_run: DryRun = False,
    rehearse: Rehearse = True,
    wait: Wait = 60,
    json_file: JsonFile = None,
    root: Root = Path("/"),
) -> None:
    """Bring a renewed certificate into service: installed, reloaded, seen on every port.

    Writes no configuration: only the certificate files that Postfix and Dovecot name already. In
    one transaction a new version goes into letterlock's store, SNI tables with that name are built
    again, the servers reload, and a full handshake on every port must show it; otherwise the old
    one is back. Where the configuration names the ACME client's own files, the servers are
    reloaded and seen to serve them. If they serve it already, nothing is reloaded.
    """
    from letterlock.cli.deploy_report import Screen, document
    from letterlock.cli.steps import steps

    _demand_root(dry_run)
    recover_first(root, wait, dry_run=dry_run)
    screen = Screen(quiet=json_file == "-")
    with steps(total=14) as tell:
        delivery = _delivery(root, rehearse, wait, dry_run, tell)
        if retry:
            if words or source or cert:
                raise InputError("--pending tries what is kept, so it takes no certificate")
            attempts = list(delivery.retry_all())
        else:
            chosen = _Chosen(source, cert, key, chain or [], ca_file, allow_self_signed)
            attempts = _deliver(delivery, chosen, words or [])
    if json_file is not None:
        write_json(json_file, document(attempts, retry=retry))
    screen.tell(attempts, dry_run=dry_run, retry=retry)
    _end(attempts)


def _demand_root(dry_run: bool) -> None:
    if os.geteuid() != 0 and not dry_run:
        raise InputError(
            "deploy writes keys and reloads the mail servers, which needs root",
            remedy="run it as root, or add --dry-run",
        )


def _delivery(
    root: Path, rehearse: bool, wait: float, dry_run: bool, tell: Callable[[str], None]
) -> Delivery:
    from letterlock.cli.live_system import observer_with
    from letterlock.renew.deliver import Delivery

    return Delivery(
        root=root,
        observe=observer_with,
        rehearse=rehearse,
        wait=wait,
        dry_run=dry_run,
        report=tell,
    )


class _Chosen:
    """Where the certificate comes from, option by option."""

    def __init__(
        self,
        source: str | None,
        cert: str | None,
        key: str | None,
        chain: Sequence[str],
        ca_file: str | None,
        allow_self_signed: bool,
    ) -> None:
        self.client, _, place = (source or "").partition(":")
        self.place = place or None
        self._cert, self._key, self._chain = cert, key, tuple(chain)
        self._ca_file, self._allow_self_signed = ca_file, allow_self_signed
        if cert and source:
            raise InputError("--cert and --from exclude each other")
        if not cert and (key or chain):
            raise InputError("--key and --chain belong to --cert, which is missing")

    @property
    def by_hand(self) -> bool:
        """Whether a person named files, and reads what is wrong with them."""
        return self._cert is not None

    def handovers(self, words: Sequence[str]) -> tuple[Handover, ...]:
        """What is handed over; none where a hook call is about something else."""
        from dataclasses import replace

        found = self._files(words) if self._cert else self._from_client(words)
        return tuple(
            replace(each, ca_file=self._ca_file, allow_self_signed=self._allow_self_signed)
            for each in found
        )

    def _files(self, words: Sequence[str]) -> tuple[Handover, ...]:
        from letterlock.certs.bundle import CertificateFiles
        from letterlock.certs.names import ascii_name
        from letterlock.renew.handover import Handover

        host = _one_host(words)
        subject = host or Path(self._cert or "").stem
        files = CertificateFiles(self._cert or "", self._key, self._chain)
        return (Handover("files", subject, files, host and ascii_name(host)),)

    def _from_client(self, words: Sequence[str]) -> tuple[Handover, ...]:
        from dataclasses import replace

        from letterlock.certs.names import ascii_name
        from letterlock.renew.from_hook import from_hook
        from letterlock.renew.from_storage import STORAGES, from_storage

        if self.client and self.client not in STORAGES:
            known = ", ".join(STORAGES)
            raise InputError(f"no ACME client is called {self.client!r} here",
                             remedy=f"choose one of {known}; or --cert and --key")  # fmt: skip
        # The first word of dehydrated's hook calls has no dot, a server's name has.
        is_call = self.client == "dehydrated" and bool(words) and "." not in words[0]
        if self.client and not is_call and (words or self.place):
            host = _one_host(words)
            if host is None:
                raise InputError("HOST is missing: whose certificate to take from that storage")
            return from_storage(self.client, self.place, host)
        handover = from_hook(self.client or None, os.environ, words)
        if handover is None and not self.client:
            raise InputError(
                "no certificate was handed over",
                remedy="name one with --cert and --key, or a client's storage with --from",
            )
        if handover is None:
            return ()
        host = None if handover.client == "dehydrated" else _one_host(words)
        return (replace(handover, host=host and ascii_name(host)),)


def _one_host(words: Sequence[str]) -> str | None:
    if len(words) > 1:
        raise InputError(f"one HOST, not {len(words)}: {' '.join(words)}")
    return words[0] if words else None


def _deliver(delivery: Delivery, chosen: _Chosen, words: Sequence[str]) -> list[Attempt]:
    return [_attempt(delivery, each, by_hand=chosen.by_hand) for each in chosen.handovers(words)]


def _attempt(delivery: Delivery, handover: Handover, *, by_hand: bool) -> Attempt:
    from letterlock.renew.deliver import Attempt

    names = (handover.host,) if handover.host else ()
    try:
        delivered = delivery.deliver(handover, by_hand=by_hand)
    except LetterlockError as error:
        return Attempt(handover.subject, handover.client, names, None, error)
    return Attempt(handover.subject, handover.client, names, delivered)


def _end(attempts: Sequence[Attempt]) -> None:
    """Raise what went wrong: the first error, once all have been told of."""
    for attempt in attempts:
        if attempt.error is not None:
            raise attempt.error
