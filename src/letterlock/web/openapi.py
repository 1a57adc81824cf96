"""The OpenAPI document (3.1), from the types themselves and the schema of the report."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from letterlock import __version__
from letterlock.report.json_schema import SCHEMA
from letterlock.web.api_types import (
    Accepted,
    CheckView,
    Event,
    Forgotten,
    NewCheck,
    Overview,
    Problem,
    schema_of,
)

_Json = dict[str, Any]
_ID = {
    "name": "id",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9]{12}$"},
}
_RETRY = {
    "Retry-After": {"description": "seconds to wait", "schema": {"type": "integer", "minimum": 1}}
}
#: The scheme of `--admin-token`, for who runs the service.
_ADMIN = {"admin": {"type": "http", "scheme": "bearer"}}
_NEEDED: list[_Json] = [{"admin": []}]


@cache
def document() -> bytes:
    return json.dumps(_document(), indent=1).encode()


def _document() -> _Json:
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "letterlock",
            "version": __version__,
            "summary": "Looks at any mail server's TLS.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": {
            "/api/v1/checks": {"post": _post()},
            "/api/v1/checks/{id}": {"get": _get(), "delete": _delete()},
            "/api/v1/checks/{id}/events": {"get": _events()},
            "/api/v1/checks/{id}/facts": {"get": _facts()},
            "/api/v1/targets/{target}": {"delete": _delete_target()},
            "/api/v1/overview": {"get": _overview()},
            "/healthz": {"get": _health()},
            "/metrics": {"get": _metrics()},
        },
        "components": {"schemas": _schemas(), "securitySchemes": _ADMIN},
    }


def _schemas() -> _Json:
    """The report's own definitions stand beside the API's, under names of their own."""
    found = schema_of((NewCheck, Accepted, CheckView, Event, Forgotten, Overview, Problem))
    report = json.loads(json.dumps(SCHEMA).replace('"#/$defs/', '"#/components/schemas/report.'))
    definitions = report.pop("$defs")
    report.pop("$schema")
    found["CheckView"]["properties"]["report"] = {
        "anyOf": [{"type": "null"}, {"$ref": "#/components/schemas/report"}]
    }
    return {
        **found,
        "report": report,
        **{f"report.{name}": one for name, one in definitions.items()},
    }


def _post() -> _Json:
    return {
        "operationId": "ask",
        "summary": "Have a target looked at.",
        "description": "With the token no limit of clients, targets and addresses holds, and "
        "`fresh` is taken.",
        "security": [{}, *_NEEDED],
        "requestBody": {"required": True, "content": _json("NewCheck")},
        "responses": {
            "202": {
                "description": "It is looked at, or was a moment ago.",
                "content": _json("Accepted"),
                "headers": {"Location": {"schema": {"type": "string"}}},
                "links": {
                    "check": {"operationId": "check", "parameters": {"id": "$response.body#/id"}}
                },
            },
            "400": _problem("The body is not what it should be, or the target is none."),
            "401": _unknown(),
            "403": _problem(
                "The target wants to be left alone, a page of another site asks, or `fresh` is "
                "asked for without the token."
            ),
            "413": _problem("The body is too long."),
            "415": _problem("The body is not JSON."),
            "429": {**_problem("You, or others of this target, ask too often."), "headers": _RETRY},
            "503": {**_problem("Too many wait."), "headers": _RETRY},
        },
    }


def _get() -> _Json:
    return {
        "operationId": "check",
        "summary": "How a check is going, and its report.",
        "parameters": [_ID],
        "responses": {
            "200": {"description": "The check.", "content": _json("CheckView")},
            "404": _problem("There is none, or not any more."),
            "503": {**_problem("The database does not answer."), "headers": _RETRY},
        },
    }


def _delete() -> _Json:
    return {
        "operationId": "forget",
        "summary": "Forget a check, with its report; what runs is thrown away.",
        "security": _NEEDED,
        "parameters": [_ID],
        "responses": {
            "204": {"description": "It is gone."},
            **_guarded(),
            "404": _problem("There is none, or not any more."),
        },
    }


def _delete_target() -> _Json:
    target = {"type": "string", "minLength": 1, "maxLength": 320}
    return {
        "operationId": "forgetTarget",
        "summary": "Forget a host or domain: all checks, reports, history, badge.",
        "description": "What a monitor knows of it stays, and the monitor looks again.",
        "security": _NEEDED,
        "parameters": [{"name": "target", "in": "path", "required": True, "schema": target}],
        "responses": {
            "200": {"description": "It is forgotten.", "content": _json("Forgotten")},
            "400": _problem("The target is none."),
            "404": _problem("The target has a slash in it."),
            **_guarded(),
        },
    }


def _overview() -> _Json:
    return {
        "operationId": "overview",
        "summary": "What waits, what runs, how the monitors are.",
        "security": _NEEDED,
        "responses": {
            "200": {"description": "All of it.", "content": _json("Overview")},
            **_guarded(),
        },
    }


def _guarded() -> _Json:
    """What every answer to the admin may be instead."""
    return {
        "401": _unknown(),
        "403": _problem("A page of another site asks."),
        "429": {**_problem("The token was wrong too often."), "headers": _RETRY},
        "503": {**_problem("The database does not answer."), "headers": _RETRY},
    }


def _unknown() -> _Json:
    header = {"WWW-Authenticate": {"schema": {"type": "string"}}}
    return {**_problem("The token is not ours, or there is none."), "headers": header}


def _events() -> _Json:
    return {
        "operationId": "events",
        "summary": "Server-sent events, until the check is over.",
        "description": "Each event `state` has an `Event` as its data, each `over` too.",
        "parameters": [_ID],
        "responses": {
            "200": {
                "description": "Events.",
                "content": {"text/event-stream": {"schema": {"type": "string"}}},
            },
            "404": _problem("There is none, or not any more."),
            "503": {**_problem("Too many listen, or the database is away."), "headers": _RETRY},
        },
    }


def _facts() -> _Json:
    return {
        "operationId": "facts",
        "summary": "The whole of what was seen, for `letterlock check --server`.",
        "description": "Its shape is letterlock's own and may change: scripts read `report`.",
        "parameters": [_ID],
        "responses": {
            "200": {"description": "The facts.", "content": {"application/json": {"schema": {}}}},
            "404": _problem("There is none, or not yet, or not any more."),
            "503": {**_problem("The database does not answer."), "headers": _RETRY},
        },
    }


def _health() -> _Json:
    return {
        "operationId": "health",
        "summary": "Whether page and database answer.",
        "responses": {
            "200": {
                "description": "They do.",
                "content": {"text/plain": {"schema": {"type": "string"}}},
            },
            "503": {**_problem("The database does not answer."), "headers": _RETRY},
        },
    }


def _metrics() -> _Json:
    return {
        "operationId": "metrics",
        "summary": "Counters, for Prometheus.",
        "responses": {
            "200": {
                "description": "Metrics.",
                "content": {"text/plain": {"schema": {"type": "string"}}},
            },
            "503": {**_problem("The database does not answer."), "headers": _RETRY},
        },
    }


def _json(name: str) -> _Json:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}


def _problem(description: str) -> _Json:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": description, "content": {"application/problem+json": {"schema": schema}}}
