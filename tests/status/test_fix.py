"""What `fix` says is left, once a pending deployment has changed what it found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from letterlock.cli.exit_code import ExitCode
from letterlock.cli.fix import _code
from letterlock.cli.fix_run import carry_out
from letterlock.model.status import Backlog, PendingDeployment, StatusFacts
from letterlock.report.status_words import StatusResult
from letterlock.status.repairs import repairs
from tests.certs.authority import NOW, make_leaf
from tests.findings.test_installed import TREE, facts, installed, served

ONE = PendingDeployment("1", "certbot", "a.example", (), NOW, NOW, 1, "port 25: no", None)
OLD = make_leaf(TREE.intermediate)
BROKEN = facts(
    installed=(replace(installed(), key_matches=False, fault="/c: no key belongs to it"),),
    served=(served(OLD),),
)
WHY = "Dovecot is not reloaded: /c: no key belongs to it"


@pytest.mark.parametrize(
    ("before", "after", "left"),
    [(BROKEN, facts(), ()), (facts(), BROKEN, (WHY,)), (BROKEN, BROKEN, (WHY,))],
)
def test_what_is_left_is_what_the_deployment_left(
    before: StatusFacts, after: StatusFacts, left: tuple[str, ...], tmp_path: Path
) -> None:
    """Somebody else has brought into service what was pending."""
    found = StatusResult(replace(before, backlog=Backlog((ONE,))), (), True)
    planned = repairs(found.facts)
    assert planned.deploy
    fixed = carry_out(planned, found, tmp_path, 0, lambda: StatusResult(after, (), True))
    assert fixed.left == left
    assert _code(fixed) is (ExitCode.FINDINGS if left else ExitCode.FINE)
