"""`letterlock names`: many names at once, each with a certificate of its own."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from letterlock.cli.certificate_options import CaFile, trust_store
from letterlock.cli.live_system import DryRun, JsonFile, Rehearse, Root, Wait, Yes, recover_first
from letterlock.cli.secure_options import RunOptions
from letterlock.cli.verb import verb

if TYPE_CHECKING:
    from letterlock.install.transaction import Outcome

_EPILOG = """Examples:

\b
  letterlock names /etc/letsencrypt/live --dry-run
  letterlock names /etc/letsencrypt/live --yes --skip-refused
  letterlock names domains.txt

A line of a table: NAME[,NAME...] CERTIFICATE [KEY], for example

\b
  mail.example.org,imap.example.org  org/fullchain.pem  org/privkey.pem
  *.example.net                      net/both.pem

Exit codes: 0 done, or nothing to do; 2 usage or input error; 3 could not determine; 4 refused or
rolled back: the system is as it was.
"""

app = verb()


@app.command(epilog=_EPILOG, no_args_is_help=True)
def names(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="FILE|DIR",
            help="A table of names and files, or a folder as ACME clients keep them.",
        ),
    ],
    ca_file: CaFile = None,
    skip_refused: Annotated[
        bool,
        typer.Option(
            "--skip-refused", help="Leave out certificates that must not be installed, and say so."
        ),
    ] = False,
    dry_run: DryRun = False,
    rehearse: Rehearse = True,
    yes: Yes = False,
    wait: Wait = 0,
    json_file: JsonFile = None,
    root: Root = Path("/"),
) -> None:
    """Serve many names, each with a certificate of its own (SNI).

    From a folder every name of every certificate is taken, from a table the names it says. All of
    it is one transaction with one reload, and every name is verified live. The default certificate
    and all other settings stay as they are: letterlock secure is for those. Run it again after a
    renewal: only what differs is changed.
    """
    began = time.monotonic()
    from letterlock.cli.names_plan import System, accept, plan
    from letterlock.cli.plan_run import Pace, PlanRun, demand_root
    from letterlock.cli.steps import steps
    from letterlock.install.names_source import read_sources

    run = RunOptions(
        dry_run=dry_run, rehearse=rehearse, start=False, yes=yes, wait=wait, json_file=json_file
    )
    demand_root("names", run)
    recover_first(root, wait, dry_run=dry_run)
    sources = read_sources(source)
    trust = trust_store(ca_file)
    with steps(len(sources) // 50 + 2) as tell:
        accepted, notices = accept(sources, trust, tell, skip_refused=skip_refused)
        tell("planning")
        system = System.read(root)
        planned = plan(accepted, notices, system, root)
    count = sum(len(each.names) for each in accepted)

    def done(outcome: Outcome) -> str:
        changed = "served" if outcome.changed else "nothing to change"
        seen = len({fact.name for fact in outcome.facts})
        looked = f"{seen} seen at {len(outcome.facts)} addresses and ports"
        return f"{count} names: {changed}; {looked if outcome.facts else 'no server runs now'}."

    PlanRun(
        pace=Pace(began),
        plan=planned,
        servers=system.servers,
        trust=trust,
        root=root,
        run=run,
        done=done,
    ).execute()
