"""Which certificates main.cf names, and what that means for a listener with one of its own."""

from __future__ import annotations

from letterlock.certs.store import StoredCertificate
from letterlock.install.draft_postfix import CERTIFICATE_NAMES, PostfixDraft
from letterlock.install.intent import Intent
from letterlock.model.errors import RefusedError
from letterlock.servers.postfix_configuration import Listener

#: Further certificates a client may be served instead of the one installed.
_ECDSA = ("smtpd_tls_eccert_file", "smtpd_tls_eckey_file")
_OTHER_CERTIFICATES = (*_ECDSA, "smtpd_tls_dcert_file", "smtpd_tls_dkey_file")


def plan_certificate(draft: PostfixDraft, intent: Intent) -> None:
    """Name the stored certificates, and no others.

    Raises RefusedError where this Postfix cannot serve as many."""
    if _by_chain_files(draft, intent.stored):
        _chain_files(draft, intent)
    else:
        _separate_settings(draft, intent)


def _by_chain_files(draft: PostfixDraft, stored: StoredCertificate) -> bool:
    """Where it says best what is wanted, or is in use; whoever has a setting per key type keeps
    those."""
    if draft.spelling("chain-files") is None:
        return False
    if stored.primary.combined_file or draft.now.value("smtpd_tls_chain_files"):
        return True
    return stored.alternative is not None and not draft.main.get("smtpd_tls_eccert_file")


def _chain_files(draft: PostfixDraft, intent: Intent) -> None:
    files = []
    for pair in intent.stored.pairs:
        # Key before certificate, for each of them (postconf(5)).
        files += [pair.combined_file] if pair.combined_file else [pair.key_file]
        files += [] if pair.combined_file else [pair.certificate_file]
    draft.say("chain-files", files, _why(intent))
    source = "postconf(5) smtpd_tls_chain_files"
    for name in ("smtpd_tls_cert_file", "smtpd_tls_key_file", *_OTHER_CERTIFICATES):
        draft.drop_main(name, "smtpd_tls_chain_files overrides it", source)


def _why(intent: Intent) -> str:
    """The certificates by their key types where there are two."""
    if intent.stored.alternative is None:
        return f"the certificate of {intent.host}"
    return f"the RSA and the ECDSA certificate of {intent.host}"


def _separate_settings(draft: PostfixDraft, intent: Intent) -> None:
    first, second = intent.stored.primary, intent.stored.alternative
    why = f"the certificate of {intent.host}"
    draft.say("certificate", first.certificate_file, why)
    if first.combined_file:
        draft.say("key", "$smtpd_tls_cert_file", "the combined file begins with the key")
    else:
        draft.say("key", first.key_file, "the key of that certificate")
    if second is not None:
        if draft.spelling("ecdsa-certificate") is None:
            raise RefusedError(
                f"Postfix {draft.before.version} serves one certificate only: RSA and ECDSA "
                "together need Postfix 2.6",
                remedy="give the RSA one alone, which every client can use",
            )
        draft.say("ecdsa-certificate", second.certificate_file, f"{why} for ECDSA clients")
        key = "$smtpd_tls_eccert_file" if second.combined_file else second.key_file
        draft.say("ecdsa-key", key, "the key of that certificate")
    for name in _OTHER_CERTIFICATES:
        if draft.main.get(name) and (second is None or name not in _ECDSA):
            draft.drop_main(
                name,
                "clients that prefer its key type would be served the older certificate",
                f"postconf(5) {name}",
            )


def keep_own_certificate(draft: PostfixDraft, listener: Listener) -> None:
    """A listener on an address of its own that has a certificate of its own goes on serving that
    alone: what main.cf says anew would override it (`smtpd_tls_chain_files`) or be served beside
    it (`smtpd_tls_eccert_file`)."""
    own = {override.name for override in draft.entry(listener).overrides}
    if not own & set(CERTIFICATE_NAMES) or "smtpd_tls_chain_files" in own:
        return
    why = "its own certificate is served here, and no other"
    for name in ("smtpd_tls_chain_files", *_ECDSA):
        anew = draft.now.value(name) and not draft.before.value(name)
        if anew and name not in own:
            draft.set_override(listener, name, "", why, f"postconf(5) {name}")
