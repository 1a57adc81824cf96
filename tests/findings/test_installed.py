"""The rules of status, on facts made by hand."""

from __future__ import annotations

import io
from copy import deepcopy
from dataclasses import replace
from datetime import timedelta

import jsonschema
import pytest
from rich.console import Console

from letterlock.certs.judge import judge
from letterlock.certs.trust import TrustStore
from letterlock.findings.assess import assess_status
from letterlock.model.errors import Location
from letterlock.model.finding import Severity
from letterlock.model.service import IMAPS, SMTP, Endpoint
from letterlock.model.status import (
    Backlog,
    DamagedDeployment,
    ExposedKey,
    Installed,
    PendingDeployment,
    Reference,
    Served,
    ServerState,
    SniMap,
    StatusFacts,
)
from letterlock.model.unknown import Unknown
from letterlock.report.status_json import members
from letterlock.report.status_metrics import metrics, plugin_code, plugin_line
from letterlock.report.status_schema import SCHEMA
from letterlock.report.status_terminal import show
from letterlock.report.status_words import StatusResult
from letterlock.status.names import fits, sent_for
from letterlock.status.repairs import repairs
from tests.certs.authority import NOW, Issued, hierarchy, make_leaf
from tests.report.test_json_schema import strict

AT_993 = Endpoint("127.0.0.1", 993, IMAPS)
AT_25 = Endpoint("127.0.0.1", 25, SMTP)
TREE = hierarchy()
STRICT = strict(deepcopy(SCHEMA))
TRUST = TrustStore.of([TREE.root.facts])


def installed(leaf: Issued = TREE.leaf, server: str = "Dovecot") -> Installed:
    chain = (leaf.facts, TREE.intermediate.facts)
    reference = Reference(
        server,
        "ssl_cert",
        Location("/etc/dovecot/dovecot.conf", 3),
        "",
        ("/k", "/c"),
        (),
        (AT_993,),
    )
    verdict = judge(chain, "mail.example.com", TRUST, NOW)
    return Installed(reference, "/c:1", chain, verdict, True)


def served(*leaves: Issued, endpoint: Endpoint = AT_993, expected: Issued = TREE.leaf) -> Served:
    digests = tuple(each.facts.sha256 for each in (expected, TREE.intermediate))
    chains = tuple((leaf.facts, TREE.intermediate.facts) for leaf in leaves)
    return Served("Dovecot", endpoint, None, None, (digests,), chains, len(leaves))


def facts(**changes: object) -> StatusFacts:
    state = (ServerState("Dovecot", "2.3.19", True),)
    made = StatusFacts(NOW, 0.1, None, state, (installed(),), (), (), (served(TREE.leaf),))
    return replace(made, **changes)  # type: ignore[arg-type]


def ids(**changes: object) -> list[tuple[str, Severity]]:
    return [(each.id, each.severity) for each in assess_status(facts(**changes))]


def test_nothing_is_wrong() -> None:
    assert ids() == []
    assert not repairs(facts())


def test_stale_is_worse_for_users_than_between_servers() -> None:
    old = make_leaf(TREE.intermediate)
    assert ids(served=(served(old), served(old, endpoint=AT_25))) == [
        ("certificate-stale", Severity.HIGH),
        ("certificate-stale", Severity.MEDIUM),
    ]
    assert repairs(facts(served=(served(TREE.leaf, old),))).reload == ("Dovecot",)


def test_settings_that_share_a_certificate_say_it_once() -> None:
    late = installed(make_leaf(TREE.intermediate, after=NOW + timedelta(days=1)))
    other = replace(late, reference=replace(late.reference, scope="local_name b.example"))
    found = assess_status(facts(installed=(late, other)))
    assert [each.evidence for each in found] == [
        "Dovecot ssl_cert, ssl_cert (local_name b.example), /c:1: "
        "1 day left of 31: until 2026-11-23 12:00 UTC"
    ]


def test_a_chain_that_lacks_what_the_file_has_is_stale_and_one_with_more_is_not() -> None:
    bare = replace(served(TREE.leaf), chains=((TREE.leaf.facts,),))
    more = (TREE.leaf.facts, TREE.intermediate.facts, TREE.root.facts)
    assert ids(served=(bare,)) == [("certificate-stale", Severity.HIGH)]
    assert ids(served=(replace(bare, chains=(more,)),)) == []


@pytest.mark.parametrize(
    ("lifetime", "left", "severity"),
    [
        (timedelta(days=6), timedelta(hours=30), None),
        (timedelta(days=6), timedelta(hours=28), Severity.LOW),
        (timedelta(days=6), timedelta(hours=14), Severity.MEDIUM),
        (timedelta(days=47), timedelta(days=10), None),
        (timedelta(days=47), timedelta(days=9), Severity.LOW),
        (timedelta(days=47), timedelta(days=4), Severity.MEDIUM),
        (timedelta(days=398), timedelta(days=31), None),
    ],
)
def test_soon_is_a_share_of_the_lifetime(
    lifetime: timedelta, left: timedelta, severity: Severity | None
) -> None:
    leaf = make_leaf(TREE.intermediate, before=NOW + left - lifetime, after=NOW + left)
    expected = [] if severity is None else [("certificate-expires-soon", severity)]
    assert ids(installed=(installed(leaf),)) == expected


def test_a_server_is_not_reloaded_into_what_it_cannot_use() -> None:
    old = make_leaf(TREE.intermediate)
    broken = replace(installed(), key_matches=False, fault="/c: no key belongs to it")
    planned = repairs(facts(installed=(broken,), served=(served(old),)))
    assert not planned
    assert planned.left == ("Dovecot is not reloaded: /c: no key belongs to it",)


def test_an_expired_file_does_not_replace_what_still_holds() -> None:
    expired = make_leaf(TREE.intermediate, after=NOW - timedelta(days=1))
    planned = repairs(
        facts(installed=(installed(expired),), served=(served(TREE.leaf, expected=expired),))
    )
    assert not planned
    assert "is not valid now, and the one served is" in planned.left[0]


def test_a_stale_map_is_built_again_unless_its_files_are_broken() -> None:
    table = SniMap("hash:/etc/postfix/sni", "/etc/postfix/sni.db", Location("/m"), ("a: differs",))
    both = (ServerState("Postfix", "3.7", True),)
    assert ids(maps=(table,)) == [("sni-map-stale", Severity.HIGH)]
    planned = repairs(facts(servers=both, maps=(table,)))
    assert (planned.maps, planned.reload) == ((table,), ("Postfix",))
    planned = repairs(facts(servers=(replace(both[0], running=False),), maps=(table,)))
    assert (planned.maps, planned.reload) == ((table,), ())
    planned = repairs(facts(servers=both, maps=(replace(table, unusable="/x: no such file"),)))
    assert not planned
    assert planned.left == ("hash:/etc/postfix/sni is not built again: /x: no such file",)
    assert ids(maps=(replace(table, stale=Unknown("no source")),)) == []


def test_what_is_to_be_deployed_yet_stands_first() -> None:
    one = PendingDeployment(
        "1", "certbot", "mail.example.com", ("mail.example.com", "imap.example.com"),
        NOW - timedelta(days=2), NOW, 3, "port 25: no\x1b[31m", TREE.leaf.facts,
    )  # fmt: skip
    damaged = DamagedDeployment("/var/lib/letterlock/pending/2", "is damaged: no JSON")
    taken = facts(
        served=(served(make_leaf(TREE.intermediate)),), backlog=Backlog((one,), (damaged,))
    )
    found = assess_status(taken)
    assert [each.id for each in found] == [
        "deployment-pending", "pending-deployment-damaged", "certificate-stale",
    ]  # fmt: skip
    result = StatusResult(taken, found, True)
    jsonschema.validate(members(result), STRICT)
    assert [each["id"] for each in members(result)["pending"]] == ["1"]
    line = plugin_line(result, Severity.MEDIUM)
    assert line.startswith(
        "LETTERLOCK CRITICAL - 1 renewed but not deployed, mail.example.com: port 25: no\\x1b[31m, "
        "1 damaged, 1 certificates"
    )
    assert " pending=2;;;0; " in line
    told = metrics(result)
    assert "letterlock_status_deployments_pending 2\n" in told
    assert (
        'deployment_pending_attempts{client="certbot",subject="mail.example.com",id="1"} 3' in told
    )
    console = Console(file=io.StringIO(), width=80)
    show(console, result)
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert lines[1].endswith("A renewed certificate could not be brought into service")
    assert "\x1b" not in "".join(lines)
    assert "What is pending or stale is mended by: letterlock fix." in " ".join(lines)
    planned = repairs(taken)
    assert (planned.deploy, planned.reload) == ((one,), ("Dovecot",))
    assert planned.left == ("/var/lib/letterlock/pending/2 is damaged: no JSON",)
    unknown = replace(taken, backlog=Backlog(unknown="not allowed"))
    assert "pending=" not in plugin_line(StatusResult(unknown, (), False), Severity.MEDIUM)


def test_monitoring() -> None:
    old = make_leaf(TREE.intermediate)
    exposed = (ExposedKey('/k"\n', 0o644, "Dovecot"),)
    wrong = facts(served=(served(old),), exposed=exposed, unknown=("what | is",))
    result = StatusResult(wrong, assess_status(wrong), False)
    line = plugin_line(result, Severity.MEDIUM)
    assert line.startswith("LETTERLOCK CRITICAL - 1 certificates, the first expires in 60 days, ")
    assert (line.count("\n"), line.count("|")) == (1, 1)
    text = metrics(result)
    assert 'letterlock_status_finding{id="key-readable-by-others",severity="high"} 1\n' in text
    assert "letterlock_status_determined 0\n" in text
    assert 'port="993",name="",key_type=""} 1\n' in text
    fine = facts(served=(), unknown=("something",))
    assert plugin_code(StatusResult(fine, (), False), Severity.MEDIUM) == 3
    assert plugin_code(StatusResult(facts(), (), True), Severity.MEDIUM) == 0


def test_files_that_cannot_be_used_and_keys_that_lie_open() -> None:
    fault = replace(installed(), fault="/c:1: no private key belongs to it", key_matches=False)
    missing = replace(installed(), chain=(), verdict=None, fault="/c: no such file")
    assert ids(installed=(fault, missing)) == [
        ("certificate-file-unusable", Severity.HIGH),
        ("key-mismatch", Severity.HIGH),
    ]
    found = assess_status(facts(exposed=(ExposedKey("/k", 0o644, "Dovecot"),)))
    assert [(each.id, each.evidence) for each in found] == [
        ("key-readable-by-others", "/k has mode 0644")
    ]


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        (".example.net", "mail.example.net", True),
        (".example.net", "example.net", False),
        ("*.example.net", "a.b.example.net", True),
        ("*.example.net", "example.net", False),
        ("Mail.example.net", "mail.example.net", True),
    ],
)
def test_patterns(pattern: str, name: str, expected: bool) -> None:
    assert fits(pattern, name) is expected


def test_a_pattern_is_asked_for_by_a_name_that_no_other_entry_has() -> None:
    leaf = make_leaf(TREE.intermediate, "a.example.net", "b.example.net").facts
    assert sent_for(".example.net", leaf, ["a.example.net", ".example.net"]) == "b.example.net"
    assert sent_for("*.example.org", leaf, []) == "letterlock-status.example.org"
