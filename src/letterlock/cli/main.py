"""The command line: the list of verbs, and the entry point, which starts at once."""

from __future__ import annotations

import gc
import os
import sys

from letterlock import __version__

#: Verb → its line in `--help`. Its module, `letterlock.cli.VERB`, is imported only when the verb
#: is used.
VERBS = {
    "secure": "Put a certificate on this mail server, harden it, prove it works.",
    "names": "Serve many names, each with a certificate of its own.",
    "remove": "Serve names no certificate of their own any more.",
    "check": "Look at any mail server's TLS from outside.",
    "status": "Say whether the certificates on disk are those that are served.",
    "fix": "Reload what serves stale certificates, and look again.",
    "watch": "Look every hour, and tell what changed.",
    "listen": "Receive test mails, and say how they came.",
    "serve": "Serve the checker as a page and an API, on your own machine.",
    "explain": "Say what a finding means, and what to set.",
    "diff": "Say what changed between two reports of check.",
    "schema": "Print the JSON Schema of a document that scripts may rely on.",
    "deploy": "Bring a renewed certificate into service; made to be an ACME client's hook.",
    "hook": "Install, remove or show that hook, per ACME client.",
    "rollback": "Undo what an earlier run changed.",
    "history": "List what was changed, and when.",
    "recover": "Bring a run that was cut short back to the old state.",
    "records": "Print the DNS records to publish for a mail server, or what of them is missing.",
    "cert": "Show, bundle, match certificates; make a CSR; print TLSA records.",
    "demo": "Run the main job on a throw-away Postfix and Dovecot.",
}
SUMMARY = "TLS for Postfix and Dovecot: installed, hardened, proven on the wire."
EPILOG = """Examples:

\b
  letterlock check mail.example.com
  letterlock secure mail.example.com --cert mail.crt --chain ca-bundle.crt --key mail.key --dry-run
  letterlock secure mail.example.com --cert mail.crt --chain ca-bundle.crt --key mail.key
  letterlock rollback

Exit codes: 0 fine, 1 findings, 2 usage or input error, 3 could not determine, 4 refused or
rolled back.
"""

#: Set by the shell's completion, whatever stands on the command line.
_COMPLETING = "_LETTERLOCK_COMPLETE"
#: Verbs that run until they are ended.
_STAYING = (["serve"], ["listen"])


def run() -> None:
    """The entry point of the command `letterlock`. What can be said without typer, which takes
    several times as long to import as Python to start, is."""
    asked = sys.argv[1:]
    if asked[:1] not in _STAYING:
        # Looking for garbage after every 700 objects takes time, and in a short run finds none.
        gc.set_threshold(100_000)
    if asked in (["--help"], ["-h"]) and _COMPLETING not in os.environ:
        from letterlock.cli.root_help import root_help

        sys.stdout.write(root_help())
    elif asked == ["--version"] and _COMPLETING not in os.environ:
        sys.stdout.write(f"letterlock {__version__}\n")
    else:
        from letterlock.cli.root import run_app

        run_app()
