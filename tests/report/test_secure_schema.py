"""`secure --json` is what its schema says, nothing more and nothing less."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from letterlock.report.secure_schema import SCHEMA
from tests.conftest import MakeMachine
from tests.lab.certificates import deliver
from tests.machine import HOSTNAME, Machine
from tests.report.test_json_schema import strict

VALIDATOR = Draft202012Validator(strict(deepcopy(SCHEMA)))


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def secure(machine: Machine, *options: str) -> Any:
    done = machine.warm_letterlock("secure", HOSTNAME, "--json", "-", *options)
    told = json.loads(done.stdout)
    VALIDATOR.validate(told)
    assert told["exit_code"] == done.status
    return told


@pytest.mark.machine
def test_real_output_keeps_to_it(make_machine: MakeMachine, tmp_path: Path) -> None:
    """Planned, done, nothing to do."""
    machine = make_machine()
    machine.start()
    options, _ = deliver(tmp_path, ("rsa",))
    planned = secure(machine, *options, "--dry-run")
    assert (planned["changed"], planned["run"], planned["endpoints"]) == (False, None, [])
    assert planned["plan"]["changes"]
    assert "PRIVATE KEY" not in json.dumps(planned)
    done = secure(machine, *options, "--yes")
    assert (done["changed"], done["rehearsal"]["state"]) == (True, "passed")
    assert done["run"] and done["endpoints"]
    again = secure(machine, *options, "--yes")
    assert (again["changed"], again["run"], again["plan"]["changes"]) == (False, None, [])
    # A spoilt document is noticed.
    again["plan"]["expectations"][0].pop("port")
    assert not VALIDATOR.is_valid(again)
