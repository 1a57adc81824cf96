"""How a service is run: given once, at its start, and handed to its workers as JSON."""

from __future__ import annotations

from pathlib import Path

import msgspec

from letterlock.web.monitors import MonitorsFile
from letterlock.web.store.checks import LEASE, Caps

#: Checks at once in one worker; times that one address is visited in an hour by all checks.
AT_ONCE = 20
PER_ADDRESS = 20


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """`public_url` is where others reach the page, without a final slash, empty where nobody was
    told; `allow_private`: addresses that are not public are gone to as well; `ehlo_name` is what
    we call ourselves, `contact` how to reach who runs this; `opt_out_file` names targets that are
    left alone; `admin_token_file` has the token of who runs this; `keep_days` is how long reports
    are kept; `sending` is the domain of the traps of the sending test, empty where there is none;
    `monitors` is what is looked at on a schedule."""

    data: Path
    database: str | None = None
    public_url: str = ""
    allow_private: bool = False
    any_port: bool = False
    ehlo_name: str | None = None
    contact: str = ""
    opt_out_file: Path | None = None
    admin_token_file: Path | None = None
    ca_file: Path | None = None
    resolver: str | None = None
    keep_days: int = 90
    caps: Caps = Caps()
    per_address: int = PER_ADDRESS
    at_once: int = AT_ONCE
    max_seconds: float = 300.0
    lease: float = LEASE
    sending: str = ""
    monitors: MonitorsFile | None = None

    def __repr__(self) -> str:
        """Nothing secret: a traceback or a log may have it."""
        return f"Settings(data={str(self.data)!r})"
