"""`letterlock remove`: a name's certificate taken out again."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from letterlock.cli.live_system import DryRun, JsonFile, Rehearse, Root, Wait, Yes, recover_first
from letterlock.cli.secure_options import RunOptions
from letterlock.cli.verb import verb

if TYPE_CHECKING:
    from letterlock.install.transaction import Outcome

_EPILOG = """Examples:

\b
  letterlock remove mail.example.org --dry-run
  letterlock remove mail.example.org imap.example.org
  letterlock remove '*.example.net' --yes

A removal is a run like any other: rehearsed, verified, in the history; letterlock rollback brings
the name back, its key included.

Exit codes: 0 done; 2 usage or input error; 3 could not determine; 4 refused or rolled back: the
system is as it was.
"""

app = verb()


@app.command(epilog=_EPILOG, no_args_is_help=True)
def remove(
    names: Annotated[
        list[str], typer.Argument(metavar="NAME...", help="Names with a certificate of their own.")
    ],
    dry_run: DryRun = False,
    rehearse: Rehearse = True,
    yes: Yes = False,
    wait: Wait = 0,
    json_file: JsonFile = None,
    root: Root = Path("/"),
) -> None:
    """Serve names no certificate of their own any more.

    Takes each name out of Postfix's SNI tables and Dovecot's local_name blocks, wherever it stands,
    and its certificate and key out of /etc/ssl/letterlock. Clients that name it are then served the
    default certificate. The name of the default certificate itself is refused.
    """
    from letterlock.certs.names import ascii_name
    from letterlock.certs.trust import TrustStore
    from letterlock.cli.names_plan import System
    from letterlock.cli.plan_run import Pace, PlanRun, demand_root
    from letterlock.install.default_certificate import default_certificates
    from letterlock.install.plan_remove import plan_remove

    began = time.monotonic()
    run = RunOptions(
        dry_run=dry_run, rehearse=rehearse, start=False, yes=yes, wait=wait, json_file=json_file
    )
    demand_root("remove", run)
    recover_first(root, wait, dry_run=dry_run)
    system = System.read(root)
    wanted = tuple(dict.fromkeys(ascii_name(name) for name in names))
    configurations = system.configurations
    defaults = default_certificates(configurations.postfix, configurations.dovecot, root)
    plan = plan_remove(wanted, *system.drafts(), system.surroundings.sni_tables, defaults, root)

    def done(outcome: Outcome) -> str:
        served = f", {len(outcome.facts)} addresses and ports answer as before"
        return f"{', '.join(wanted)}: removed{served if outcome.facts else ''}."

    PlanRun(
        pace=Pace(began),
        plan=plan,
        servers=system.servers,
        trust=TrustStore.system(root),
        root=root,
        run=run,
        done=done,
    ).execute()
