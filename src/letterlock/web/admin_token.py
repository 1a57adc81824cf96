"""The token of `--admin-token`, and those who had it wrong."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
import time
from collections import OrderedDict, deque
from pathlib import Path

from letterlock.model.token_file import read_token

#: Clients whose wrong tokens are counted.
_MOST_CLIENTS = 10_000


class Admin:
    """`is_token` may be asked anything. Without a file nothing is the token, and nobody can tell
    that from a wrong one."""

    def __init__(self, path: Path | None, per_client: int, window: float) -> None:
        """Raises InputError for a file that cannot be used. So many wrong ones in `window` seconds
        are heard of one client."""
        token = read_token(path) if path is not None else secrets.token_urlsafe(48)
        self._digest = _digest(token)
        self._most, self._window = per_client, window
        self._wrong: OrderedDict[str, deque[float]] = OrderedDict()
        self._lock = threading.Lock()
        self.clock = time.monotonic

    def is_token(self, given: str) -> bool:
        """Digests are compared: how long it takes tells of them at most."""
        return hmac.compare_digest(_digest(given), self._digest)

    def wait(self, client: str) -> int | None:
        """Seconds until a client that was wrong too often is heard again."""
        now = self.clock()
        with self._lock:
            times = self._wrong.get(client)
            while times and times[0] <= now - self._window:
                times.popleft()
            if not times or len(times) < self._most:
                return None
            return int(max(1.0, times[0] + self._window - now)) + 1

    def note_wrong(self, client: str) -> None:
        with self._lock:
            self._wrong.setdefault(client, deque(maxlen=self._most)).append(self.clock())
            self._wrong.move_to_end(client)
            while len(self._wrong) > _MOST_CLIENTS:
                self._wrong.popitem(last=False)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
