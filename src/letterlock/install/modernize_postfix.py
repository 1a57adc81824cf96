"""Postfix's TLS settings under the names of the version that reads them. Those of Postfix 2.2 still
work, but since 3.9 every `postconf` and `postfix check` warns at them."""

from __future__ import annotations

from letterlock.conf.master_cf import MasterService
from letterlock.install.draft_postfix import PostfixDraft
from letterlock.model.errors import Location
from letterlock.servers.version import Version
from letterlock.servers.vocabulary import vocabulary

#: Each part's old names, and the level that replaced them in 2.3.
_PARTS = ("smtpd", "smtp", "lmtp", "postscreen", "tlsproxy")
_SOURCE = "Postfix 3.9 RELEASE_NOTES, postconf_unused.c: specify *_tls_security_level"
_LEVELS = Version(2, 3)
#: Their tables say it in other words (TLS_README of 2.2), which no rule here rewrites.
_PER_SITE = {
    "smtp_tls_per_site": "smtp_tls_policy_maps",
    "lmtp_tls_per_site": "lmtp_tls_policy_maps",
    "tlsproxy_client_per_site": "tlsproxy_client_policy_maps",
}
_WARNS = Version(3, 9)


def modernize_postfix(draft: PostfixDraft) -> None:
    """Old names replaced in main.cf and master.cf, with the level they came to."""
    if draft.before.version < _LEVELS:
        return
    for part in _PARTS:
        _main(draft, part)
        for entry in draft.before.master.services():
            _entry(draft, part, entry)
    _obsolete(draft)
    _per_site(draft)


def _old_names(part: str) -> tuple[str, ...]:
    old = (f"{part}_use_tls", f"{part}_enforce_tls")
    return (*old, f"{part}_tls_enforce_peername") if part in ("smtp", "lmtp") else old


def _main(draft: PostfixDraft, part: str) -> None:
    used = [name for name in _old_names(part) if draft.main.get(name) is not None]
    if not used:
        return
    level = f"{part}_tls_security_level"
    wanted = draft.before.level_of(part)
    if draft.before.value(level) != wanted and wanted != "none":
        draft.set_main(level, wanted, f"what {' and '.join(used)} came to", _SOURCE)
    for name in used:
        draft.drop_main(name, f"{level} says it since Postfix 2.3", _SOURCE)


def _entry(draft: PostfixDraft, part: str, entry: MasterService) -> None:
    names = {override.name for override in entry.overrides}
    used = [name for name in _old_names(part) if name in names]
    if not used:
        return
    level = f"{part}_tls_security_level"
    wanted = draft.before.level_of(part, entry)
    present = draft.master.service(entry.name, entry.type)
    if present is None:
        return
    if level not in names and (wanted == "none" or draft.now.level_of(part) != wanted):
        draft.master = draft.master.with_override(present, level, wanted)
        draft.say_master(f"{entry.name}: -o {level}: what {' and '.join(used)} came to", _SOURCE)
    for name in used:
        present = draft.master.service(entry.name, entry.type) or present
        draft.master = draft.master.without_override(present, name)
        draft.say_master(f"{entry.name}: -o {name} removed: {level} says it", _SOURCE)


def _obsolete(draft: PostfixDraft) -> None:
    for gone in vocabulary("postfix").obsolete:
        if not gone.known_to(draft.before.version):
            continue
        draft.drop_main(gone.name, gone.why, gone.source)
        for entry in draft.master.services():
            if any(override.name == gone.name for override in entry.overrides):
                draft.master = draft.master.without_override(entry, gone.name)
                draft.say_master(f"{entry.name}: -o {gone.name} removed: {gone.why}", gone.source)


def _per_site(draft: PostfixDraft) -> None:
    for old, new in _PER_SITE.items():
        where = draft.main.location(old)
        if where is not None and draft.before.version >= _WARNS:
            draft.notices.append(
                f"{where}: {old} stays, though Postfix warns at it: {new} wants a table in other "
                "words (TLS_README)"
            )
    for entry in draft.before.master.services():
        for override in entry.overrides:
            if override.name in _PER_SITE and draft.before.version >= _WARNS:
                place = Location(f"{draft.before.folder}/master.cf", entry.line)
                draft.notices.append(
                    f"{place}: -o {override.name} stays, though Postfix warns at it"
                )
