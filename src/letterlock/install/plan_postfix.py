"""The plan for Postfix: each rule a function that brings one part of the draft to the profile."""

from __future__ import annotations

from letterlock.install.certificate_postfix import plan_certificate
from letterlock.install.draft_postfix import PostfixDraft
from letterlock.install.intent import Intent, Surroundings
from letterlock.install.modernize_postfix import modernize_postfix
from letterlock.install.plan_master import plan_master
from letterlock.install.plan_outbound import plan_outbound
from letterlock.model.service import Role
from letterlock.profiles.profile import RoleProfile
from letterlock.servers.postfix_configuration import PostfixConfiguration
from letterlock.servers.strength import (
    protocol_floor,
    stronger_level,
    stronger_protocol,
    weaker_grade,
    with_exclusions,
)


def plan_postfix(
    intent: Intent, configuration: PostfixConfiguration, surroundings: Surroundings
) -> PostfixDraft:
    """The documents as the intent wants them.

    Raises RefusedError where a plan would leave a port that does not work."""
    draft = PostfixDraft(configuration)
    modernize_postfix(draft)
    if not intent.sni:
        plan_certificate(draft, intent)
    _level(draft)
    _no_wrapper_mode_for_all(draft)
    _auth_only(draft)
    _opportunistic(draft, intent.profile.mx)
    _mandatory(draft, intent)
    _groups(draft, surroundings.groups(intent.profile.submission))
    _preference(draft, intent)
    _diffie_hellman(draft, intent)
    _sasl_socket(draft, intent)
    plan_outbound(draft, intent, surroundings)
    plan_master(draft, intent, surroundings)
    return draft


def _level(draft: PostfixDraft) -> None:
    present = draft.before.level()
    level = stronger_level(present, "may")
    row = draft.spelling("tls")
    if row and draft.now.value(row.name) != row.write(level):
        draft.say("tls", level, "STARTTLS is offered to every client (RFC 3207)")
    if level == "encrypt":
        draft.notices.append(
            "port 25 requires TLS (smtpd_tls_security_level = encrypt): kept, though senders "
            "without TLS cannot deliver mail (RFC 3207 section 4)"
        )


def _no_wrapper_mode_for_all(draft: PostfixDraft) -> None:
    if draft.before.value("smtpd_tls_wrappermode") == "yes":
        draft.drop_main(
            "smtpd_tls_wrappermode",
            "in main.cf it also takes STARTTLS away from port 25",
            "postconf(5) smtpd_tls_wrappermode",
        )


def _auth_only(draft: PostfixDraft) -> None:
    if not draft.before.enabled("smtpd_tls_auth_only"):
        draft.say("cleartext-auth", False, "no password before TLS")


def _floor(draft: PostfixDraft, concept: str, floor: str, why: str) -> None:
    """Set a protocol floor unless the admin has set one that is as high."""
    row = draft.spelling(concept)
    if row is None:
        return
    own = draft.main.get(row.name)
    present = protocol_floor(draft.before.value(row.name))
    if own is None and present is not None and present == floor:
        return
    if own is not None and present is not None and stronger_protocol(present, floor) == present:
        return
    if not row.reaches(floor):
        draft.notices.append(
            f"Postfix {draft.before.version} names no protocol above {row.newest_protocol}: "
            f"{row.name} cannot refuse all below {floor}"
        )
    draft.say(concept, floor, why)


def _grade(draft: PostfixDraft, concept: str, grade: str, why: str) -> None:
    row = draft.spelling(concept)
    if row is None:
        return
    if weaker_grade(draft.before.value(row.name), grade):
        draft.say(concept, grade, why)


def _exclude(draft: PostfixDraft, concept: str, words: tuple[str, ...], why: str) -> None:
    row = draft.spelling(concept)
    if row is None:
        return
    longer = with_exclusions(draft.before.value(row.name), words)
    if longer is not None:
        draft.set_main(row.name, longer, why, row.source)


def _opportunistic(draft: PostfixDraft, mx: RoleProfile) -> None:
    why = "for other servers (port 25): what is refused here is sent in the clear instead"
    _floor(draft, "minimum-protocol-opportunistic", mx.minimum_protocol, why)
    _grade(draft, "cipher-grade-opportunistic", mx.cipher_grade, why)
    _exclude(draft, "exclude-ciphers-opportunistic", mx.exclude_ciphers, "RFC 9325 section 4.1")


def _mandatory(draft: PostfixDraft, intent: Intent) -> None:
    role = intent.profile.role(Role.SUBMISSION)
    floor = intent.users_floor(role)
    why = f"for users' ports, profile {intent.profile.name} ({intent.profile.source})"
    _floor(draft, "minimum-protocol-mandatory", floor, why)
    _grade(draft, "cipher-grade-mandatory", role.cipher_grade, why)
    words = draft.exclusions(role)
    _exclude(draft, "exclude-ciphers-mandatory", (*words, *intent.exclude_ciphers), why)
    kept = [word for word in role.exclude_ciphers if word not in words]
    if kept and draft.spelling("exclude-ciphers-mandatory"):
        draft.notices.append(
            f"Postfix {draft.before.version}: users' ports do not exclude {' and '.join(kept)}, "
            "since a Postfix of that time may have no other suites"
        )


def _groups(draft: PostfixDraft, groups: tuple[str, ...]) -> None:
    row = draft.spelling("named-groups")
    if row is None:
        return
    own = draft.main.get(row.name)
    if own is not None and set(own.replace(",", " ").split()) <= set(groups):
        return
    draft.say("named-groups", groups, "the profile's named groups, in its order")


def _preference(draft: PostfixDraft, intent: Intent) -> None:
    wanted = intent.server_preference or intent.profile.submission.server_preference
    if wanted and not draft.before.enabled("tls_preempt_cipherlist"):
        draft.say("server-preference", True, "the server's order decides")


def _diffie_hellman(draft: PostfixDraft, intent: Intent) -> None:
    if intent.dh_file is None:
        return
    if draft.spelling("dh-file") is None:
        draft.notices.append(
            f"Postfix {draft.before.version} chooses Diffie-Hellman parameters by itself: "
            "--dh-size changes nothing there"
        )
        return
    draft.say("dh-file", intent.dh_file, "--dh-size: a group of RFC 7919")


def _sasl_socket(draft: PostfixDraft, intent: Intent) -> None:
    if intent.sasl != "dovecot" or draft.before.value("smtpd_sasl_type") == "dovecot":
        return
    why = "Dovecot answers AUTH (--sasl dovecot)"
    draft.set_main("smtpd_sasl_type", "dovecot", why, "Postfix SASL_README, Dovecot SASL")
    draft.set_main("smtpd_sasl_path", "private/auth", why, "Postfix SASL_README, Dovecot SASL")
