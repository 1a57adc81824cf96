"""The verbs, and what `--help` says beside them."""

from __future__ import annotations

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
