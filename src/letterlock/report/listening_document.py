"""A visit written down whole and read back the same: what the listener has seen, for the page to
tell in any language. Not for people or scripts: that is `listening_json`, whose shape is
promised."""

from __future__ import annotations

import json

from letterlock.model.errors import InputError
from letterlock.model.listening import Visit
from letterlock.report.facts_document import members, restored


def written(visit: Visit) -> bytes:
    return json.dumps(members(visit), separators=(",", ":"), ensure_ascii=False).encode(
        "utf-8", "surrogatepass"
    )


def read(data: bytes) -> Visit:
    """What `written` wrote, by this letterlock or an earlier one. Raises InputError for anything
    else."""
    try:
        return restored(Visit, json.loads(data.decode("utf-8", "surrogatepass")))
    except (KeyError, TypeError, ValueError, IndexError, RecursionError) as error:
        raise InputError(f"the visit cannot be read ({type(error).__name__}: {error})") from None
