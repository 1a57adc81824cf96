"""What is printed is what the schema says: nothing more, nothing less."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from letterlock.model.dns_answer import Answer, ResolverFacts
from letterlock.model.dns_facts import DaneMatch, HostDns, RecordMatch, TlsaRecord, TlsaSet
from letterlock.model.facts import EndpointFacts
from letterlock.model.service import SMTP
from letterlock.model.tls_facts import Behaviour, Resumption, TlsFacts
from letterlock.report.json_report import document
from letterlock.report.json_schema import SCHEMA
from letterlock.report.result import Result
from letterlock.report.sheet import BEHAVIOURS, RESUMPTIONS
from tests.findings.sample import NOW, endpoint, target
from tests.findings.test_exchange import FAILED, SECURE, domain, host
from tests.report.sample import facts, findings, result


def strict(schema: Any) -> Any:
    """The same schema, with no member beyond those named in any object."""
    if isinstance(schema, list):
        return [strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: strict(each) for name, each in schema.items()}
    if closed.get("type") == "object":
        closed["additionalProperties"] = False
    return closed


VALIDATOR = Draft202012Validator(strict(deepcopy(SCHEMA)))


def tls_pinned() -> HostDns:
    at, key = endpoint(SMTP), TlsaRecord(3, 1, 1, b"k" * 32)
    held = DaneMatch(at, "RSA", "ab" * 32, NOW, (RecordMatch(key),))
    sets = (TlsaSet(25, Answer("_25._tcp.a.example", (key,), SECURE)), TlsaSet(465, FAILED))
    resolver = ResolverFacts("127.0.0.1", validates=True)
    return HostDns("a.example", "example.com", resolver, SECURE, host(), sets, (held,))


def printed(*results: Result, pem: bool = False) -> Any:
    return json.loads(document(results, pem=pem))


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize(
    "results",
    [
        (result(),),
        (Result(facts(), findings()),),
        (Result(target(), ()),),
        (),
        (result(), result()),
        (Result(replace(target(), endpoints=(), domain=domain(host(), host(ipv6=FAILED))), ()),),
        (Result(replace(target(), host=tls_pinned()), ()),),
    ],
    ids=["all", "no verdict", "one handshake each", "nothing", "two targets", "a domain", "DANE"],
)
@pytest.mark.parametrize("pem", [False, True])
def test_output_keeps_to_it(results: tuple[Result, ...], pem: bool) -> None:
    VALIDATOR.validate(printed(*results, pem=pem))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text["endpoints"][0].pop("port"),
        lambda text: text["endpoints"][0]["protocols"][3].update(offered=None),
        lambda text: text["endpoints"][0]["protocols"][0].update(more=1),
        lambda text: text["findings"][0].update(severity="awful"),
        lambda text: text["endpoints"][0]["behaviour"].update(compression="no"),
    ],
)
def test_it_notices(spoil: Any) -> None:
    text = printed(result())
    spoil(text)
    assert not VALIDATOR.is_valid(text)


def test_the_paths_that_scripts_use() -> None:
    text = printed(result())
    smtp = text["endpoints"][0]
    assert smtp["port"] == 25
    assert [each["name"] for each in smtp["protocols"]][-1] == "TLSv1.3"
    assert smtp["protocols"][4]["cipher_suites"][0] == "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"
    assert text["findings"][0]["endpoint"] == {"address": "192.0.2.25", "port": 587}
    assert text["findings"][2]["endpoint"] is None


def test_unknown_is_an_object_and_never_a_no() -> None:
    smtp = printed(result())["endpoints"][0]
    reset = {"unknown": "the connection was reset", "cause": "disconnected"}
    assert smtp["protocols"][3]["offered"] == reset
    assert smtp["behaviour"]["fallback_scsv"] == reset
    assert smtp["behaviour"]["heartbeat"]["unknown"] == "not asked at this depth"
    assert smtp["known_faults"][1]["present"] == reset
    assert smtp["chains"][0]["scts"]["unknown"] == "not asked at this depth"
    assert printed(result())["endpoints"][3]["profiles"][0]["met"] == reset


def test_no_fact_is_left_out() -> None:
    """A field that somebody adds to the facts must reach the JSON."""
    smtp = printed(result())["endpoints"][0]
    names = {each.name for each in fields(TlsFacts)}
    assert names - {"refused"} <= set(smtp)
    # The last two are of `secure` alone, which may have two certificates to look for.
    renamed = {"endpoint", "name", "after_starttls", "further", "key_type"}
    assert {each.name for each in fields(EndpointFacts)} - renamed <= set(smtp)


def test_hostile_bytes_stay_text() -> None:
    evil = 'x\x1b[31m\u202e\x9b2J"\\\n\ud800\U000e0041'
    spoilt = replace(result(), findings=(replace(findings()[0], evidence=evil),))
    text = document([spoilt])
    assert text.replace("\n", "").isprintable()
    assert json.loads(text)["findings"][0]["evidence"] == evil
    text.encode("utf-8")


def test_every_behaviour_has_words() -> None:
    named = {name for name, *_ in BEHAVIOURS} | {"resumption"}
    assert named == {each.name for each in fields(Behaviour)}
    assert {name for name, _ in RESUMPTIONS} | {"lifetime_hint"} == {
        each.name for each in fields(Resumption)
    }


PAGE = Path(__file__).resolve().parents[2] / "docs/reference/check.md"


def documented() -> dict[str, list[str]]:
    """Heading of the page's JSON part → the members in the table below it."""
    part = PAGE.read_text("utf-8").partition("## The JSON")[2].partition("\n## ")[0]
    found: dict[str, list[str]] = {}
    for line in part.splitlines():
        if line.startswith("### "):
            found[line.removeprefix("### ")] = []
        elif line.startswith("| `"):
            list(found.values())[-1].append(line.split("`")[1])
    return found


def test_the_page_has_every_member() -> None:
    kinds = {"the document": SCHEMA, **SCHEMA["$defs"]}
    assert documented() == {name: list(kind["properties"]) for name, kind in kinds.items()}
