"""The plan for `master.cf`: submission and submissions brought up, overrides found and shown."""

from __future__ import annotations

from collections.abc import Iterable

from letterlock.install.certificate_postfix import keep_own_certificate
from letterlock.install.draft_postfix import CERTIFICATE_NAMES, PostfixDraft
from letterlock.install.intent import Intent, Surroundings
from letterlock.model.errors import InputError, Location, RefusedError
from letterlock.model.service import SMTP, SUBMISSION, SUBMISSIONS, Service
from letterlock.servers.postfix_configuration import Listener
from letterlock.servers.strength import (
    protocol_floor,
    stronger_level,
    stronger_protocol,
    weaker_grade,
    with_exclusions,
)

#: What main.cf says for passers-by must not bind users (stock master.cf, submission).
_RESETS = ("smtpd_client_restrictions", "smtpd_helo_restrictions", "smtpd_sender_restrictions")
_ONLY_USERS = ("smtpd_recipient_restrictions", "permit_sasl_authenticated,reject")
#: On a port whose level is `may`, the second of each makes up the bar, as on one that requires TLS.
_MANDATORY_BAR = (
    ("smtpd_tls_protocols", "smtpd_tls_mandatory_protocols"),
    ("smtpd_tls_ciphers", "smtpd_tls_mandatory_ciphers"),
    ("smtpd_tls_exclude_ciphers", "smtpd_tls_mandatory_exclude_ciphers"),
)


def plan_master(draft: PostfixDraft, intent: Intent, surroundings: Surroundings) -> None:
    """Bring port 25's overrides, submission (587), submissions (465) and chosen wrapper ports to
    the intent. A service that stands there is adjusted, never doubled.

    Raises RefusedError where a port would die at its first connection."""
    _refuse_wrapper_ports(intent, surroundings)
    sasl = _sasl_answered(intent, surroundings)
    _refuse_dying_ports(draft, sasl)
    for service in (SUBMISSION, SUBMISSIONS):
        if service.port in surroundings.dovecot_ports:
            draft.notices.append(f"port {service.port} is Dovecot's: Postfix leaves it alone")
        elif _is_wanted(draft, surroundings, service.port):
            _add(draft, service, service.port, sasl=sasl)
    for port in intent.wrapper_ports:
        if _is_wanted(draft, surroundings, port):
            _add(draft, SUBMISSIONS, port, sasl=sasl)
    for listener in tuple(draft.now.listeners()):
        if not listener.loopback_only:
            _adjust(draft, intent, listener, sasl=sasl)
        else:
            keep_own_certificate(draft, listener)
    _proxy_for_postscreen(draft)
    if not sasl and surroundings.opens_ports:
        draft.notices.append(
            "nobody can log in on ports 465 and 587 yet, since no SASL is set up: "
            + (
                "add --sasl dovecot to let Dovecot answer"
                if surroundings.sasl and surroundings.sasl.dovecot_can
                else "see Postfix's SASL_README"
            )
        )


def _is_wanted(draft: PostfixDraft, surroundings: Surroundings, port: int) -> bool:
    """Whether a port is to be opened here: no instance serves it yet, and this is the one that
    takes on what is missing."""
    served = port in surroundings.other_ports or draft.now.on_port(port)
    return surroundings.opens_ports and not served and not draft.now.disabled(str(port))


def _refuse_wrapper_ports(intent: Intent, surroundings: Surroundings) -> None:
    for port in intent.wrapper_ports:
        if port == SMTP.port:
            raise InputError(
                "port 25 is where other servers deliver, and they begin without TLS (RFC 3207)",
                remedy="give --wrapper-port another port",
            )
        if port in surroundings.dovecot_ports:
            raise InputError(f"port {port} is Dovecot's", remedy="give --wrapper-port another port")


def _sasl_answered(intent: Intent, surroundings: Surroundings) -> bool:
    return intent.sasl is not None or (surroundings.sasl is not None and surroundings.sasl.answered)


def _refuse_dying_ports(draft: PostfixDraft, sasl: bool) -> None:
    for listener in draft.before.listeners():
        if not sasl and draft.before.enabled("smtpd_sasl_auth_enable", listener.entry):
            raise RefusedError(
                f"service {listener.entry.name} offers AUTH, but nothing is set up to answer it: "
                "smtpd would die at the first connection",
                where=Location(f"{draft.before.folder}/master.cf", listener.entry.line),
                remedy="let Dovecot answer with --sasl dovecot, or set up Cyrus SASL first",
            )


def _required(draft: PostfixDraft, service: Service, *, sasl: bool) -> tuple[tuple[str, str], ...]:
    """The overrides a fresh service must have, in the stock order."""
    name = SUBMISSION.name if service is SUBMISSION else SUBMISSIONS.name
    tls = (
        draft.level_override("encrypt")
        if service is SUBMISSION
        else ("smtpd_tls_wrappermode", "yes")
    )
    auth = (("smtpd_sasl_auth_enable", "yes"),) if sasl else ()
    return (("syslog_name", f"postfix/{name}"), tls, *auth, _ONLY_USERS)


def _names(draft: PostfixDraft, service: Service) -> tuple[str, ...]:
    """What this version calls a service first, then the other name a file may hold."""
    if service is SUBMISSION:
        return ("submission",)
    row = draft.spelling("implicit-tls-service")
    first = row.name if row else "submissions"
    return (first, *(name for name in ("submissions", "smtps") if name != first))


def _add(draft: PostfixDraft, service: Service, port: int, *, sasl: bool) -> None:
    """Uncomment the stock service in place, or add it behind its relatives."""
    required = _required(draft, service, sasl=sasl)
    wanted = [*(name for name, _ in required), *_RESETS]
    names = _names(draft, service) if port == service.port else ()
    for name in names:
        uncommented = draft.master.with_uncommented(name, "inet", overrides=wanted)
        if uncommented is not None:
            draft.master = uncommented
            break
    else:
        name = names[0] if names else str(port)
        smtp = draft.master.service("smtp", "inet")
        draft.master = draft.master.with_service(
            name,
            "inet",
            chroot=smtp.chroot if smtp else "-",
            overrides=required,
            after="smtp" if service is SUBMISSION else "submission",
        )
    for listener in draft.now.on_port(port):
        _empty_references(draft, listener)
    draft.say_master(
        f"{name}: the service on port {port} is opened",
        "RFC 8314 section 3.3, RFC 6409 section 3.1",
    )
    for listener in draft.now.on_port(port):
        _complete(draft, listener, required)


def _empty_references(draft: PostfixDraft, listener: Listener) -> None:
    """The stock lines refer to `$mua_client_restrictions` and its like. Where main.cf does not
    say them they are empty, and every run of postconf warns of an undefined parameter."""
    for override in draft.entry(listener).overrides:
        name = override.value.removeprefix("$")
        if name.startswith("mua_") and draft.main.get(name) is None:
            draft.set_override(
                listener,
                override.name,
                "",
                f"main.cf says no {name}",
                "master.cf of Postfix 2.11 and later, its comment at submission",
            )


def _complete(draft: PostfixDraft, listener: Listener, required: Iterable[tuple[str, str]]) -> None:
    have = {(override.name, override.value) for override in draft.entry(listener).overrides}
    for name, value in required:
        if (name, value) not in have and name != "syslog_name":
            draft.set_override(
                listener, name, value, "users only, over TLS", "RFC 6409 section 4.3"
            )


def _adjust(draft: PostfixDraft, intent: Intent, listener: Listener, *, sasl: bool) -> None:
    _own_certificate(draft, listener)
    _wrapper_mode(draft, intent, listener)
    _listener_level(draft, intent, listener)
    if listener.port in (465, 587) or listener.port in intent.wrapper_ports:
        _users_port(draft, intent, listener, sasl=sasl)
    _no_cleartext_auth(draft, listener)


def _own_certificate(draft: PostfixDraft, listener: Listener) -> None:
    own = [o for o in draft.entry(listener).overrides if o.name in CERTIFICATE_NAMES]
    if listener.host is not None:
        present = draft.before.master.service(listener.entry.name, listener.entry.type)
        if own and present is not None:
            draft.notices.append(
                f"{draft.before.folder}/master.cf:{present.line}: {present.name} has a "
                "certificate of its own (-o), which is left as it is"
            )
            keep_own_certificate(draft, listener)
        return
    for override in own:
        draft.drop_override(
            listener, override.name, "it overrides the certificate in main.cf", "master(5)"
        )


def _wrapper_mode(draft: PostfixDraft, intent: Intent, listener: Listener) -> None:
    wanted = listener.port == SUBMISSIONS.port or listener.port in intent.wrapper_ports
    if wanted and not draft.now.enabled("smtpd_tls_wrappermode", draft.entry(listener)):
        draft.set_override(
            listener,
            "smtpd_tls_wrappermode",
            "yes",
            f"TLS from the first byte on port {listener.port}",
            "RFC 8314 section 3",
        )


def _listener_level(draft: PostfixDraft, intent: Intent, listener: Listener) -> None:
    """Never below what the entry had, `may` at least, `encrypt` where that was asked for."""
    source = "postconf(5) smtpd_tls_security_level"
    before = draft.before.level(listener.entry)
    users = listener.port == SUBMISSION.port
    wanted = stronger_level(before, "encrypt" if users and intent.require_tls else "may")
    entry = draft.entry(listener)
    if any(o.name == "smtpd_tls_security_level" and o.value == "none" for o in entry.overrides):
        draft.drop_override(
            listener, "smtpd_tls_security_level", "it turned TLS off on this port", source
        )
    if (
        draft.now.level(draft.entry(listener)) != wanted
        and stronger_level(draft.now.level(draft.entry(listener)), wanted) == wanted
    ):
        why = "--require-tls" if users and intent.require_tls else "as strict as it was"
        draft.set_override(listener, *draft.level_override(wanted), why, source)


def _users_port(draft: PostfixDraft, intent: Intent, listener: Listener, *, sasl: bool) -> None:
    entry = draft.entry(listener)
    if sasl and not draft.now.enabled("smtpd_sasl_auth_enable", entry):
        draft.set_override(
            listener,
            "smtpd_sasl_auth_enable",
            "yes",
            "users log in here",
            "RFC 6409 section 4.3",
        )
    _weaker_overrides(draft, intent, listener)
    wrapped = draft.now.enabled("smtpd_tls_wrappermode", entry)
    if not wrapped and draft.now.level(draft.entry(listener)) == "may":
        for name, mandatory in _MANDATORY_BAR:
            value = _reference(draft, mandatory)
            if (
                value
                and draft.knows(name)
                and not any(o.name == name for o in draft.entry(listener).overrides)
            ):
                draft.set_override(
                    listener,
                    name,
                    value,
                    "users' bar, not that of port 25, though TLS is optional here",
                    f"postconf(5) {mandatory}",
                )


def _reference(draft: PostfixDraft, name: str) -> str:
    """What an `-o` must say to have a parameter's value: `$name` is nothing, and smtpd dies of it,
    where main.cf does not set the name."""
    if draft.main.get(name) is not None:
        return f"${name}"
    return draft.now.value(name).replace(", ", ",")


def _weaker_overrides(draft: PostfixDraft, intent: Intent, listener: Listener) -> None:
    """An `-o` that lies below the bar is lifted to it; one above, or a `$name`, stays."""
    for override in draft.entry(listener).overrides:
        if override.value.startswith("$"):
            continue
        lifted = _lifted(draft, intent, override.name, override.value)
        if lifted is not None:
            # Without braces the value of an -o ends at white space (master(5)).
            draft.set_override(
                listener,
                override.name,
                lifted.replace(", ", ","),
                "an override that lay below the profile",
                f"postconf(5) {override.name}",
            )


def _lifted(draft: PostfixDraft, intent: Intent, name: str, value: str) -> str | None:
    """What an override should say instead; None where it may stay."""
    role = intent.profile.submission
    match name.removeprefix("smtpd_tls_").removeprefix("mandatory_"):
        case "protocols":
            floor = intent.users_floor(role)
            present = protocol_floor(value)
            row = draft.spelling("minimum-protocol-mandatory")
            if row is None or (present and stronger_protocol(present, floor) == present):
                return None
            return row.write(floor)
        case "ciphers":
            return role.cipher_grade if weaker_grade(value, role.cipher_grade) else None
        case "exclude_ciphers":
            return with_exclusions(value, (*draft.exclusions(role), *intent.exclude_ciphers))
    return None


def _no_cleartext_auth(draft: PostfixDraft, listener: Listener) -> None:
    entry = draft.entry(listener)
    for override in entry.overrides:
        if override.name == "smtpd_tls_auth_only" and override.value != "yes":
            draft.set_override(
                listener,
                "smtpd_tls_auth_only",
                "yes",
                "no password before TLS",
                "RFC 4954 section 4",
            )


def _proxy_for_postscreen(draft: PostfixDraft) -> None:
    """postscreen(8) hands TLS to tlsproxy(8), which stock files have commented out."""
    behind = any(listener.entry.command == "postscreen" for listener in draft.now.listeners())
    if not behind or draft.master.service("tlsproxy", "unix") is not None:
        return
    uncommented = draft.master.with_uncommented("tlsproxy", "unix", overrides=())
    if uncommented is None:
        uncommented = draft.master.with_service(
            "tlsproxy", "unix", private="-", chroot="y", maxproc="0", command="tlsproxy"
        )
    draft.master = uncommented
    draft.say_master("tlsproxy: postscreen cannot do STARTTLS without it", "postscreen(8)")
