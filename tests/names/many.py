"""Many certificates of one CA in a folder as certbot keeps them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.certs.authority import Issued, make_intermediate, make_leaf, make_root


class Host:
    """A folder `live/NAME/` with fullchain.pem and privkey.pem for each certificate."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root = folder / "root.pem"
        self.live = folder / "live"
        root = make_root("Root of many")
        self._issuer = make_intermediate(root, "Issuer of many")
        self.live.mkdir(parents=True)
        self.root.write_bytes(root.pem)

    def issue(self, name: str, *also: str, days: int = 90) -> Issued:
        """A certificate for names; its folder has the first one's name."""
        now = datetime.now(UTC)
        leaf = make_leaf(
            self._issuer, name, *also, before=now - timedelta(days=30),
            after=now + timedelta(days=days),
        )  # fmt: skip
        place = self.live / name.replace("*.", "")
        place.mkdir(exist_ok=True)
        (place / "fullchain.pem").write_bytes(leaf.pem + self._issuer.pem)
        key = place / "privkey.pem"
        key.touch(0o600)
        key.write_bytes(leaf.key_pem)
        return leaf
