"""A plan as JSON for scripts. Contents of secret files never appear."""

from __future__ import annotations

from typing import Any

from letterlock.model.plan import Change, DirectoryChange, FileChange, LinkChange, Plan
from letterlock.report.diff import unified_change


def plan_document(plan: Plan) -> dict[str, Any]:
    """The plan's stable shape: `changes[]` with `kind`, `path`, `action`, `diff`, `reasons[]`;
    `servers[]`; `notices[]`; `expectations[]`."""
    return {
        "verb": plan.verb,
        "subject": plan.subject,
        "changes": [_change(change) for change in plan.changes],
        "servers": list(plan.servers),
        "notices": list(plan.notices),
        "expectations": [
            {
                "address": expected.endpoint.address,
                "port": expected.endpoint.port,
                "service": expected.endpoint.service.name,
                "name": expected.name,
                "leaf_sha256": expected.leaf_sha256,
                "key_type": expected.key_type,
            }
            for expected in plan.expectations
        ],
    }


def _change(change: Change) -> dict[str, Any]:
    return {
        "kind": {FileChange: "file", LinkChange: "link", DirectoryChange: "folder"}[type(change)],
        "path": str(change.path),
        "action": _action(change),
        "diff": unified_change(change),
        "reasons": [{"text": r.text, "source": r.source} for r in change.reasons],
    }


def _action(change: Change) -> str:
    if isinstance(change, DirectoryChange):
        return "remove" if change.remove else "create"
    if change.before is None:
        return "create"
    return "remove" if change.after is None else "edit"
