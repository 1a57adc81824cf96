"""JUnit's XML, as CI servers read it: a suite per target, a case per endpoint and one for the
server as a whole; a case fails for findings at or above a severity, and is skipped where nothing
could be determined."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from xml.etree import ElementTree as ET

from letterlock.model.facts import EndpointFacts
from letterlock.model.finding import Finding, Severity
from letterlock.model.unknown import Unknown
from letterlock.report.escape import xml
from letterlock.report.ports import CAUSES
from letterlock.report.result import Result
from letterlock.report.text import utc


def document(results: Iterable[Result], fail_on: Severity) -> str:
    """The XML text, with its declaration."""
    top = ET.Element("testsuites", name="letterlock check")
    for result in results:
        top.append(_suite(result, fail_on))
    ET.indent(top)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(top, "unicode") + "\n"


def _suite(result: Result, fail_on: Severity) -> ET.Element:
    facts = result.facts
    suite = ET.Element("testsuite", name=xml(facts.target), timestamp=utc(facts.started)[:-1])
    for each in facts.endpoints:
        here = [one for one in result.findings if one.endpoint == each.endpoint]
        name = f"{each.endpoint.service.name} at {each.endpoint}"
        suite.append(_case(name, facts.target, here, fail_on, _unsure(each)))
    whole = [one for one in result.findings if one.endpoint is None]
    suite.append(_case("the server as a whole", facts.target, whole, fail_on, None))
    suite.set("tests", str(len(suite)))
    suite.set("failures", str(len(suite.findall("testcase/failure"))))
    suite.set("skipped", str(len(suite.findall("testcase/skipped"))))
    suite.set("errors", "0")
    suite.set("time", f"{facts.seconds:.3f}")
    return suite


def _case(
    name: str,
    target: str,
    findings: Sequence[Finding],
    fail_on: Severity,
    unsure: Unknown | None,
) -> ET.Element:
    case = ET.Element("testcase", classname=xml(target), name=xml(name), time="0")
    failing = [one for one in findings if one.severity.at_least(fail_on)]
    rest = [one for one in findings if not one.severity.at_least(fail_on)]
    if failing:
        message = "; ".join(f"{one.severity}: {one.title}" for one in failing)
        failure = ET.SubElement(case, "failure", message=xml(message), type=xml(failing[0].id))
        failure.text = "\n".join(map(_told, failing))
    elif unsure is not None:
        ET.SubElement(case, "skipped", message=xml(unsure.reason))
    if rest:
        ET.SubElement(case, "system-out").text = "\n".join(map(_told, rest))
    return case


def _told(finding: Finding) -> str:
    parts = (
        f"{finding.severity} {finding.id}: {finding.title}",
        finding.evidence,
        f"-> {finding.remedy}",
        f"({finding.source})",
    )
    return "\n".join(map(xml, parts))


def _unsure(each: EndpointFacts) -> Unknown | None:
    if isinstance(each.handshake, Unknown) and each.handshake.cause not in CAUSES:
        return each.handshake
    return None
