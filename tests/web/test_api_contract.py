"""Schemathesis against the API: whatever is asked, nothing is a server's error, and answers are as
the OpenAPI document says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from jsonschema import Draft202012Validator
from schemathesis import Case
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import positive_data_acceptance
from starlette.applications import Starlette
from starlette.testclient import TestClient

from letterlock.report.facts_document import written
from letterlock.web.app import application
from letterlock.web.asked import asked
from letterlock.web.openapi import document
from letterlock.web.service import Service
from letterlock.web.settings import Settings
from letterlock.web.store.checks import Caps, Outcome
from letterlock.web.store.database import open_database
from tests.report import sample

TOKEN = "0123456789abcdef0123456789abcdef"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Starlette]:
    """Without a worker: nothing is looked at."""
    caps = Caps(10**6, 10**6, 10**6, 10**6)
    folder = tmp_path_factory.mktemp("api")
    (folder / "token").write_text(TOKEN)
    (folder / "token").chmod(0o600)
    made = Settings(data=folder, caps=caps, admin_token_file=folder / "token")
    database = open_database(made.data, None)
    yield application(Service.on(made, database, lambda: None))
    database.close()


_SETTINGS = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    database=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize("token", [None, TOKEN])
def test_no_servers_error(app: Starlette, token: str | None) -> None:
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", app)
    asked_for = []
    for each in schema.get_all_operations():
        assert isinstance(each, Ok)
        operation = each.ok()
        if operation.path.endswith("/events"):
            continue  # a stream does not end while its check waits
        if token and not operation.definition.raw.get("security"):
            continue  # the same for everybody

        @_SETTINGS
        @given(case=operation.as_strategy())
        def ask(case: Case[Any]) -> None:
            # What a host name is says no schema.
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            case.call_and_validate(headers=headers, excluded_checks=[positive_data_acceptance])

        ask()
        asked_for.append(operation.label)
    assert len(asked_for) == (4 if token else 8)


def test_a_report_is_as_its_schema_says(tmp_path: Path) -> None:
    """The definitions of `check --json` within the API's own."""
    database = open_database(tmp_path, None)
    service = Service.on(Settings(data=tmp_path), database, lambda: None)
    checks = service.checks
    check = checks.add(asked("mail.example.com").new())
    taken = checks.claim("w")
    assert taken is not None
    checks.finish(taken, "w", Outcome(written([sample.result()]), None, True, "D", "high"))
    with TestClient(application(service)) as client:
        told = client.get(f"/api/v1/checks/{check.id}").json()
        events = client.get(f"/api/v1/checks/{check.id}/events").text
    whole = json.loads(document())
    kind = {"$ref": "#/components/schemas/CheckView", "components": whole["components"]}
    Draft202012Validator(kind).validate(told)
    assert told["report"]["targets"][0]["grade"]["letter"]
    assert events.startswith("event: over\ndata: ")
    database.close()
