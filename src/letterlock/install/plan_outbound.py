"""The plan for mail that Postfix sends: TLS wherever the other server offers it (RFC 7435), never
less than the admin asked, and no certificate of the client's."""

from __future__ import annotations

from letterlock.install.draft_postfix import PostfixDraft
from letterlock.install.intent import Intent, Surroundings
from letterlock.model.errors import Location

#: What makes the SMTP client present a certificate.
_CLIENT_CERTIFICATE = (
    "smtp_tls_chain_files",
    "smtp_tls_cert_file",
    "smtp_tls_eccert_file",
    "smtp_tls_dcert_file",
)
_OFF = ("", "none")


def plan_outbound(draft: PostfixDraft, intent: Intent, surroundings: Surroundings) -> None:
    """Bring the SMTP client to the profile."""
    _level(draft)
    _log_level(draft, intent)
    _authorities(draft, intent, surroundings)
    _client_certificate(draft)
    _show_overrides(draft)


def _level(draft: PostfixDraft) -> None:
    """Every level above `none` stays: `may`, `dane`, `encrypt`, `verify` and the rest each say
    something that another does not."""
    if draft.now.level_of("smtp") in _OFF:
        draft.say("outbound-tls", "may", "mail is sent encrypted wherever it can be (RFC 7435)")


def _log_level(draft: PostfixDraft, intent: Intent) -> None:
    row = draft.spelling("outbound-log-level")
    wanted = intent.profile.outbound.log_level
    if row is None:
        return
    present = draft.now.value(row.name)
    if not present.isdecimal() or int(present) < wanted:
        draft.say("outbound-log-level", str(wanted), "one line in the log for each TLS connection")


def _authorities(draft: PostfixDraft, intent: Intent, surroundings: Surroundings) -> None:
    """Without any, every server counts as untrusted, in the log and to the levels above `may`."""
    file = surroundings.ca_file
    if not intent.profile.outbound.trust_system or file is None:
        return
    if draft.now.value("smtp_tls_CAfile") or draft.now.value("smtp_tls_CApath"):
        return
    draft.say("outbound-certificate-authorities", file, "the system's trust anchors")


def _client_certificate(draft: PostfixDraft) -> None:
    """Left as it is, since a relay may know this server by it; but told: public CAs no longer
    issue certificates for clients, and some servers refuse one that is not for that."""
    for name in _CLIENT_CERTIFICATE:
        where = draft.main.location(name)
        if where is not None and draft.now.raw(name):
            draft.notices.append(
                f"{where}: {name} shows other servers a client's certificate, which is left as it "
                "is; unless one of them asks for it, leave it empty (public CAs no longer issue "
                "any for clients)"
            )


def _show_overrides(draft: PostfixDraft) -> None:
    for entry in draft.before.master.services():
        now = draft.master.service(entry.name, entry.type)
        if now is None or now.command not in ("smtp", "lmtp"):
            continue
        for override in now.overrides:
            if override.name == "smtp_tls_security_level" and override.value in _OFF:
                place = Location(f"{draft.before.folder}/master.cf", entry.line)
                draft.notices.append(
                    f"{place}: {entry.name} sends without TLS (-o {override.name}="
                    f"{override.value}), which is left as it is"
                )
