"""Results come back as they were, or not at all."""

from __future__ import annotations

import json
import types
import typing
from dataclasses import fields, is_dataclass, replace
from datetime import datetime
from enum import Enum
from typing import Any

import pytest

from letterlock.findings.assess import assess
from letterlock.model.errors import InputError
from letterlock.report import html_report, json_report
from letterlock.report.facts_document import NAMES, read, written
from letterlock.report.result import Result
from tests.findings.sample import target
from tests.findings.test_exchange import answer, domain, host
from tests.report import sample
from tests.report.test_domain import result as domain_result


def hosts() -> list[Result]:
    facts = domain(host("a.example", answer("192.0.2.1"), answer()))
    whole = replace(target(), target="@example.com", endpoints=(), domain=facts)
    return [sample.result(), domain_result(), Result(whole, assess(whole))]


def test_they_come_back_the_same() -> None:
    results = hosts()
    back = read(written(results))
    assert list(back) == results
    assert json_report.document(back, pem=True) == json_report.document(results, pem=True)
    assert html_report.document(back) == html_report.document(results)


def test_every_type_of_a_result_can_be_read() -> None:
    """So that a new field of a new kind is noticed here, not in somebody's database."""
    seen: set[Any] = set()

    def walk(kind: Any) -> None:
        if kind in seen:
            return
        seen.add(kind)
        origin = typing.get_origin(kind) or kind
        if isinstance(origin, typing.TypeVar):
            return
        if origin in (types.UnionType, typing.Union):
            names = [getattr(each, "__name__", str(each)) for each in typing.get_args(kind)]
            assert len(names) == len(set(names)), f"{kind} cannot be told apart"
        elif origin is tuple:
            assert typing.get_args(kind), kind
        elif is_dataclass(origin):
            hints = typing.get_type_hints(origin, localns=NAMES)
            for each in fields(origin):
                walk(hints[each.name])
        else:
            simple = (str, int, float, bool, bytes, datetime, type(None))
            assert origin in simple or issubclass(origin, Enum), kind
        for each in typing.get_args(kind):
            if each is not Ellipsis:
                walk(each)

    walk(Result)
    assert len(seen) > 50


def test_a_certificate_stands_once() -> None:
    told = json.loads(written([sample.result(), sample.result()]))
    assert len(told["certificates"]) == len({json.dumps(each) for each in told["certificates"]})


@pytest.mark.parametrize(
    "spoil",
    [
        lambda whole: whole | {"format": 99},
        lambda whole: whole | {"certificates": []},
        lambda whole: whole | {"results": {}},
        lambda whole: whole | {"results": [{}]},
        lambda whole: whole | {"results": [None]},
        lambda whole: whole | {"results": [{**whole["results"][0], "facts": "no"}]},
        lambda whole: whole | {"results": [{**whole["results"][0], "findings": [{"id": 1}]}]},
        lambda _: {},
        lambda _: [],
    ],
)
def test_anything_else_is_refused(spoil: Any) -> None:
    whole = json.loads(written([sample.result()]))
    with pytest.raises(InputError):
        read(json.dumps(spoil(whole)).encode())


@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe", b"[" * 100_000])
def test_no_json_at_all(data: bytes) -> None:
    with pytest.raises(InputError):
        read(data)


def test_what_a_later_version_adds_is_passed_over() -> None:
    whole = json.loads(written([sample.result()]))
    whole["results"][0]["facts"]["mood"] = "good"
    assert read(json.dumps(whole).encode()) == (sample.result(),)
