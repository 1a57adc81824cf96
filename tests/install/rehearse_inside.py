"""Run inside a machine: hold the rehearsal pickled at argv[1], pickle its outcome to argv[2]."""

from __future__ import annotations

import pickle
import resource
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from letterlock.certs.trust import TrustStore
from letterlock.install.rehearse import Rehearsal, rehearse
from letterlock.model.certificate import KeyType
from letterlock.model.facts import EndpointFacts
from letterlock.model.plan import Plan
from letterlock.model.service import Endpoint
from letterlock.probe.observe import observe
from letterlock.servers.find import find_servers
from letterlock.servers.tools import Tools


@dataclass(frozen=True, slots=True)
class Outcome:
    rehearsal: Rehearsal
    steps: tuple[str, ...]
    megabytes: float


def main() -> None:
    plan, root = pickle.loads(Path(sys.argv[1]).read_bytes())  # noqa: S301 our own test's
    assert isinstance(plan, Plan)
    trust = TrustStore.from_file(root)

    def look(
        endpoints: Sequence[Endpoint], name: str, key_type: KeyType | None = None
    ) -> tuple[EndpointFacts, ...]:
        return observe(endpoints, name, trust, key_type=key_type)

    steps: list[str] = []
    rehearsal = rehearse(plan, find_servers(Tools()), look, steps.append)
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    Path(sys.argv[2]).write_bytes(pickle.dumps(Outcome(rehearsal, tuple(steps), used)))
