"""The plan for Dovecot: each rule a function that brings one part of the draft to the profile."""

from __future__ import annotations

from letterlock.install.draft_dovecot import DovecotDraft
from letterlock.install.intent import Intent, Surroundings
from letterlock.install.plan_dovecot_1 import auth_socket_of_1, tls_protocols
from letterlock.model.errors import RefusedError
from letterlock.profiles.profile import load
from letterlock.servers.dovecot_configuration import DovecotConfiguration
from letterlock.servers.strength import protocol_floor, stronger_protocol
from letterlock.servers.version import Version

#: The certificate of a second key type, and its key.
_ALTERNATIVE = ("alternative-certificate", "alternative-key")
_OLDER = "clients that prefer its key type would be served the older certificate"
#: The file of our own with `local_name` blocks, beside the main file, which includes it last.
OWN_NAMES_FILE = "letterlock-names.conf"
#: How strict `ssl` is, mildest first.
_SSL = ("no", "yes", "required")


def plan_dovecot(
    intent: Intent, configuration: DovecotConfiguration, surroundings: Surroundings
) -> DovecotDraft:
    """The files as the intent wants them."""
    draft = DovecotDraft(configuration)
    _tls(draft, intent)
    tls_protocols(draft)
    if not intent.sni:
        _certificate(draft, intent)
    _floor(draft, intent)
    _cipher_list(draft, intent, surroundings)
    _groups(draft, surroundings.groups(intent.profile.access))
    _preference(draft, intent)
    _no_cleartext_auth(draft)
    _diffie_hellman(draft, intent)
    if not intent.sni:
        _overrides(draft, intent)
    _show_other_overrides(draft)
    _disabled_listeners(draft)
    if intent.sasl == "dovecot" and surroundings.sasl is not None:
        _auth_socket(draft, surroundings.sasl.socket)
    return draft


def _tls(draft: DovecotDraft, intent: Intent) -> None:
    said = draft.present("tls")
    present = said if isinstance(said, str) and said else "no" if said is False else "yes"
    wanted = "required" if intent.require_tls else "yes"
    if isinstance(said, bool) and intent.require_tls:
        draft.notices.append(
            f"Dovecot {draft.before.version} cannot require TLS (ssl = required came with 1.2): "
            "passwords alone wait for it"
        )
        wanted = "yes"
    if present in _SSL and _SSL.index(present) < _SSL.index(wanted):
        why = "--require-tls" if intent.require_tls else "TLS is offered on every port"
        draft.say("tls", wanted, why)


def _certificate(draft: DovecotDraft, intent: Intent) -> None:
    first, second = intent.stored.primary, intent.stored.alternative
    draft.say("certificate", first.certificate_file, f"the certificate of {intent.host}")
    draft.say("key", first.key_file, "the key of that certificate")
    if second is not None:
        if draft.spelling("alternative-certificate") is None:
            raise RefusedError(
                f"Dovecot {draft.before.version} serves one certificate only: RSA and ECDSA "
                "together need Dovecot 2.2.31",
                remedy="give the RSA one alone, which every client can use",
            )
        why = f"the ECDSA certificate of {intent.host}"
        draft.say("alternative-certificate", second.certificate_file, why)
        draft.say("alternative-key", second.key_file, "the key of that certificate")
        return
    for concept in _ALTERNATIVE:
        row = draft.spelling(concept)
        if row and draft.tree.get(row.name):
            draft.drop(row.name, _OLDER, row.source)


def _floor(draft: DovecotDraft, intent: Intent) -> None:
    row = draft.spelling("minimum-protocol")
    if row is None:
        return
    floor = intent.users_floor(intent.profile.access)
    if _cannot_demand(draft, floor):
        draft.notices.append(
            f"Dovecot {draft.before.version} cannot refuse TLS 1.2 (2.3.15 and later can): it "
            "stays allowed on its ports, with the suites of profile intermediate"
        )
        floor = "TLSv1.2"
    own = draft.tree.get(row.name)
    present = protocol_floor(draft.before.value(row.name))
    if present == floor and own is None:
        return
    if own is not None and present and stronger_protocol(present, floor) == present:
        return
    if not row.reaches(floor):
        draft.notices.append(
            f"Dovecot {draft.before.version} names no protocol above {row.newest_protocol}: it "
            f"cannot refuse all below {floor}"
        )
    draft.say("minimum-protocol", floor, f"profile {intent.profile.name} ({intent.profile.source})")


def _cannot_demand(draft: DovecotDraft, floor: str) -> bool:
    """Whether Dovecot would not start with that floor: `ssl_min_protocol` takes TLSv1.3 since
    2.3.15 (its NEWS)."""
    row = draft.spelling("minimum-protocol")
    if row is None or row.name != "ssl_min_protocol":
        return False
    return floor == "TLSv1.3" and draft.before.version < Version(2, 3, 15)


def _cipher_list(draft: DovecotDraft, intent: Intent, surroundings: Surroundings) -> None:
    names = intent.profile.access.openssl_ciphers
    if not names and _cannot_demand(draft, intent.users_floor(intent.profile.access)):
        names = load("intermediate").access.openssl_ciphers
    row = draft.spelling("cipher-list")
    if row is None or not names:
        return
    own = draft.tree.get(row.name)
    if not draft.able("ECDHE"):
        names = ("HIGH", "!aNULL")
        draft.notices.append(
            f"Dovecot {draft.before.version} cannot do ECDHE, so that the suites of profile "
            f"{intent.profile.name} would leave it none: it gets {':'.join(names)}"
            + (", unless its own list is to stay" if own else "")
        )
        if own:
            return
    wanted = ":".join((*names, *(f"!{word}" for word in intent.exclude_ciphers)))
    allowed = surroundings.expand_ciphers(wanted)
    present = surroundings.expand_ciphers(own) if own else None
    if present is not None and allowed is not None and present <= allowed:
        return
    draft.set(row.name, wanted, f"the suites of profile {intent.profile.name}", row.source)


def _groups(draft: DovecotDraft, groups: tuple[str, ...]) -> None:
    row = draft.spelling("named-groups")
    if row is None:
        return
    own = draft.tree.get(row.name)
    if own and set(own.split(":")) <= set(groups):
        return
    draft.say("named-groups", groups, "the profile's named groups, in its order")


def _preference(draft: DovecotDraft, intent: Intent) -> None:
    wanted = intent.server_preference or intent.profile.access.server_preference
    row = draft.spelling("server-preference")
    if wanted and row and draft.before.value(row.name) != row.write(True):
        draft.say("server-preference", True, "the server's order decides")


def _no_cleartext_auth(draft: DovecotDraft) -> None:
    row = draft.spelling("cleartext-auth")
    if row and draft.before.value(row.name) != row.write(False):
        draft.say("cleartext-auth", False, "no password before TLS")


def _diffie_hellman(draft: DovecotDraft, intent: Intent) -> None:
    row = draft.spelling("dh-file")
    if intent.dh_file is not None:
        draft.say("dh-file", intent.dh_file, "--dh-size: a group of RFC 7919")
    elif intent.spare_dh_file and row and not draft.tree.get(row.name):
        why = "Dovecot 2.3.0 to 2.3.2 does no TLS without (a group of RFC 7919)"
        draft.say("dh-file", intent.spare_dh_file, why)


def _overrides(draft: DovecotDraft, intent: Intent) -> None:
    """Blocks that would serve another certificate to the host or to one protocol."""
    for concept in ("certificate", "key"):
        row = draft.spelling(concept)
        if row is None:
            continue
        for found in draft.before.tree.occurrences(row.name):
            if not found.block_path:
                continue
            if _concerns(found.block_path, intent.host):
                first = intent.stored.primary
                draft.set(
                    row.name,
                    row.write(first.key_file if concept == "key" else first.certificate_file),
                    "a block that overrides the certificate",
                    row.source,
                    found.block_path,
                )
            elif not found.path.endswith(OWN_NAMES_FILE):
                draft.notices.append(
                    f"{found.location}: {' '.join(found.block_path)} has a certificate of its "
                    "own, which is left as it is"
                )
    for concept in _ALTERNATIVE:
        _override_alternative(draft, intent, concept)


def _override_alternative(draft: DovecotDraft, intent: Intent, concept: str) -> None:
    """A block has what holds around it, so one of this host's needs no second certificate of its
    own, and one that serves another certificate must say that it has none."""
    row = draft.spelling(concept)
    certificate = draft.spelling("certificate")
    if row is None or certificate is None:
        return
    own = {found.block_path for found in draft.before.tree.occurrences(row.name)}
    for block in own - {()}:
        if _concerns(block, intent.host):
            draft.drop(row.name, _OLDER, row.source, block)
    second = intent.stored.alternative
    if second is None:
        return
    ours = second.key_file if concept == "alternative-key" else second.certificate_file
    if draft.before.tree.get(row.name) not in (None, row.write(ours)):
        return  # what holds there already was meant for these blocks too
    others = {found.block_path for found in draft.before.tree.occurrences(certificate.name)}
    for block in sorted(others - own - {()}):
        if not _concerns(block, intent.host):
            why = "this block's own certificate is served, and no other"
            draft.set(row.name, "", why, row.source, block)


#: What a block may say otherwise than the profile; it is shown, since the admin meant it.
_SHOWN = ("tls", "minimum-protocol", "cipher-list", "named-groups", "cleartext-auth")


def _show_other_overrides(draft: DovecotDraft) -> None:
    for concept in _SHOWN:
        row = draft.spelling(concept)
        for found in draft.before.tree.occurrences(row.name) if row else ():
            kind = found.block_path[0].split(" ")[0] if found.block_path else ""
            if kind in ("protocol", "local_name", "local", "remote"):
                draft.notices.append(
                    f"{found.location}: {' '.join(found.block_path)} says {found.name} = "
                    f"{found.value} for itself, which is left as it is"
                )


def _concerns(block_path: tuple[str, ...], host: str) -> bool:
    kind, _, names = block_path[0].partition(" ")
    if kind == "local_name":
        return host in names.replace('"', "").split()
    return kind == "protocol"


def _disabled_listeners(draft: DovecotDraft) -> None:
    if draft.before.version < Version(2, 0):
        return
    live = {endpoint.port for endpoint in draft.before.endpoints()}
    ports = {"imap": (143, 993), "pop3": (110, 995)}
    for protocol, numbers in ports.items():
        missing = [str(port) for port in numbers if port not in live]
        if protocol not in draft.before.protocols():
            draft.notices.append(f"{protocol.upper()} is not enabled (protocols), and stays so")
        elif missing:
            draft.notices.append(
                f"port {' and '.join(missing)} ({protocol.upper()}) is turned off by an "
                "inet_listener, and stays so"
            )


def _auth_socket(draft: DovecotDraft, socket: str) -> None:
    if socket in draft.before.unix_listeners("auth"):
        return
    if draft.before.version < Version(2, 0):
        auth_socket_of_1(draft, socket)
        return
    block = ("service auth", f"unix_listener {socket}")
    for name, value in (("mode", "0660"), ("user", "postfix"), ("group", "postfix")):
        draft.set(
            name,
            value,
            "Postfix asks Dovecot here (--sasl dovecot)",
            "Postfix SASL_README, Dovecot SASL",
            block,
        )
