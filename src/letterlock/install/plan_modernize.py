"""`secure --modernize` as a plan: TLS settings under the names of the versions found, and nothing
else."""

from __future__ import annotations

from letterlock.install.draft_dovecot import DovecotDraft
from letterlock.install.draft_postfix import PostfixDraft
from letterlock.install.modernize_postfix import modernize_postfix
from letterlock.install.plan import Configurations
from letterlock.install.version_notices import version_notices
from letterlock.model.plan import Plan


def plan_modernize(configurations: Configurations, subject: str) -> Plan:
    """Pure. `subject` is the name by which servers are asked before and afterwards: what is served
    must not change, so nothing else is expected of them."""
    postfix = PostfixDraft(configurations.postfix) if configurations.postfix else None
    dovecot = DovecotDraft(configurations.dovecot) if configurations.dovecot else None
    if postfix is not None:
        modernize_postfix(postfix)
    drafts = (("Postfix", postfix), ("Dovecot", dovecot))
    changed = {name: draft.changes() for name, draft in drafts if draft is not None}
    return Plan(
        verb="modernize",
        subject=subject,
        changes=tuple(change for changes in changed.values() for change in changes),
        servers=tuple(
            name
            for name, draft in drafts
            if draft is not None and changed[name] and not draft.before.on_paper
        ),
        expectations=(),
        notices=(
            *version_notices(configurations.postfix, configurations.dovecot),
            *(notice for _, draft in drafts if draft is not None for notice in draft.notices),
        ),
    )
