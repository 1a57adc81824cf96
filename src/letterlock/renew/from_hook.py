"""What each ACME client tells the hook it runs once it has a certificate: environment or arguments.

Each is taken from the client's own source or manual, named beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from letterlock.certs.bundle import CertificateFiles
from letterlock.model.errors import InputError
from letterlock.renew.handover import Handover

Environment = Mapping[str, str]

#: The first word of dehydrated's hook call that concerns us; every other one is passed over, as its
#: example hook.sh asks.
_DEHYDRATED_CALL = "deploy_cert"


def from_hook(
    client: str | None, environment: Environment, words: Sequence[str]
) -> Handover | None:
    """The hand-over of a hook call; None where the call is about something else, or (without
    `client`) where nothing looks like a hook call.

    Raises InputError where the named client's words or variables are missing."""
    if client is None:
        found = (read(environment, words) for read in _READERS.values())
        return next((handover for handover in found if handover), None)
    if client not in _READERS:
        raise InputError(
            f"{client} runs no hook that says where its certificate is",
            remedy=f"name the host: letterlock deploy HOST --from {client}:PLACE",
        )
    handover = _READERS[client](environment, words)
    if handover is None and not (client == "dehydrated" and words):
        raise InputError(
            f"this is not called as {client} calls its hook: {_SIGNS[client]} is missing",
            remedy=f"letterlock hook show {client} says how; by hand: letterlock deploy HOST "
            f"--from {client}",
        )
    return handover


def _certbot(environment: Environment, _words: Sequence[str]) -> Handover | None:
    """certbot/_internal/hooks.py _run_deploy_hook: RENEWED_LINEAGE is the folder under live/,
    RENEWED_DOMAINS the names, parted by spaces. So since certbot 0.17."""
    lineage = environment.get("RENEWED_LINEAGE")
    if not lineage:
        return None
    folder = Path(lineage)
    files = CertificateFiles(str(folder / "fullchain.pem"), str(folder / "privkey.pem"))
    return Handover("certbot", folder.name, files)


def _lego(environment: Environment, _words: Sequence[str]) -> Handover | None:
    """lego 4, cmd/hook.go: LEGO_CERT_DOMAIN, LEGO_CERT_PATH, LEGO_CERT_KEY_PATH. lego 5,
    cmd/internal/hook/metadata.go: LEGO_HOOK_CERT_NAME, …_PATH, …_KEY_PATH, …_ISSUER_CERT_PATH."""
    for prefix, called in (("LEGO_HOOK_CERT_", "NAME"), ("LEGO_CERT_", "DOMAIN")):
        certificate, key = (environment.get(f"{prefix}{what}") for what in ("PATH", "KEY_PATH"))
        if certificate and key:
            subject = environment.get(f"{prefix}{called}") or Path(certificate).stem
            return Handover("lego", subject, lego_files(certificate, key))
    return None


def lego_files(certificate: str, key: str) -> CertificateFiles:
    """With `--no-bundle` the chain is not in the certificate's file but in NAME.issuer.crt
    (cmd/certs_storage.go)."""
    issuer = Path(certificate).with_suffix(".issuer.crt")
    return CertificateFiles(certificate, key, (str(issuer),) if issuer.is_file() else ())


def _acme_sh(environment: Environment, _words: Sequence[str]) -> Handover | None:
    """acme.sh, _installcert: the reloadcmd has CERT_PATH, CERT_KEY_PATH, CA_CERT_PATH,
    CERT_FULLCHAIN_PATH and Le_Domain in its environment."""
    key, full = environment.get("CERT_KEY_PATH"), environment.get("CERT_FULLCHAIN_PATH")
    if not key or not full:
        return None
    subject = environment.get("Le_Domain") or Path(key).stem
    return Handover("acme.sh", subject, CertificateFiles(full, key))


def _dehydrated(_environment: Environment, words: Sequence[str]) -> Handover | None:
    """dehydrated, docs/examples/hook.sh: deploy_cert DOMAIN KEYFILE CERTFILE FULLCHAINFILE
    CHAINFILE TIMESTAMP."""
    if not words or words[0] != _DEHYDRATED_CALL:
        return None
    if len(words) < 5:
        raise InputError(
            f"{_DEHYDRATED_CALL} came with {len(words) - 1} words, not the six of dehydrated"
        )
    _, domain, key, _, full, *_ = words
    return Handover("dehydrated", domain, CertificateFiles(full, key))


_READERS: dict[str, Callable[[Environment, Sequence[str]], Handover | None]] = {
    "certbot": _certbot,
    "lego": _lego,
    "acme.sh": _acme_sh,
    "dehydrated": _dehydrated,
}
_SIGNS = {
    "certbot": "RENEWED_LINEAGE",
    "lego": "LEGO_CERT_PATH with LEGO_CERT_KEY_PATH (or, of lego 5, LEGO_HOOK_CERT_…)",
    "acme.sh": "CERT_FULLCHAIN_PATH with CERT_KEY_PATH",
    "dehydrated": "deploy_cert and what follows it",
}
