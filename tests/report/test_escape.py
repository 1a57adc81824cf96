"""Whatever a server sends, each format holds it as text and stays what it is."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rich.console import Console

from letterlock.model.facts import Greeting, Handshake
from letterlock.model.finding import Severity
from letterlock.model.tls_facts import DialogueFacts, KnownFault
from letterlock.model.unknown import Unknown
from letterlock.report import (
    csv_report,
    html_report,
    json_report,
    junit_report,
    markdown_report,
    nagios_report,
    prometheus_report,
    sarif_report,
)
from letterlock.report.escape import cleaned, csv_cell, markdown, printable, xml
from letterlock.report.result import Result
from letterlock.report.terminal import show
from tests.report.sample import facts, findings, result, stock, verdict

_HOSTILE = "\x00\x07\x1b\x9b\r\n\t\u202e\u2028\ud800\ufffe\"'\\<>&|`$[](){}=+-@#!"
#: What hurts one format or another, and then everything.
NASTY = st.one_of(
    st.text(max_size=30),
    st.text(
        alphabet="\x00\x07\x1b\x9b\r\n\t\"'\\<>&|`$[](){}=+-@#!\u202e\u2028\ud800\ufffe",
        max_size=20,
    ),
)
EXAMPLES = (
    "\x1b]0;owned\x07\x1b[2J",
    "<script>alert(1)</script><img src=x onerror=y>\"'",
    "=cmd|'/c calc'!A1",
    'a"} 1\nletterlock_evil 1',
    "]]>&amp;\x00\ufffe",
    "[x](https://evil.example) | <b> `",
    "[red]markup[/red]",
)


def poisoned(text: str) -> Result:
    """The sample with `text` wherever a server, a resolver or a user has the words."""
    whole = facts()
    smtp = whole.endpoints[0]
    assert isinstance(smtp.handshake, Handshake)
    leaf = replace(smtp.handshake.chain[0], subject=text, issuer=text, dns_names=(text, "ok"))
    tls = replace(
        stock(),
        known_faults=(KnownFault("robot", True, text),),
        dialogue=DialogueFacts(second_starttls=text),
        left_out=(text,),
    )
    smtp = replace(
        smtp,
        greeting=Greeting(text, (text, "SIZE"), True, (text,)),
        handshake=replace(smtp.handshake, chain=(leaf,), named_group=text),
        capabilities_inside=(text,),
        after_starttls=text.encode("utf-8", "surrogatepass"),
        tls=tls,
    )
    other = replace(whole.endpoints[1], handshake=Unknown(text))
    spoilt = replace(whole, target=text, name=text, endpoints=(smtp, other, *whole.endpoints[2:]))
    told = (replace(findings()[0], evidence=text, title=text), *findings()[1:])
    return Result(spoilt, told, verdict())


FORMATS: dict[str, Callable[[list[Result]], str]] = {
    "json": json_report.document,
    "html": html_report.document,
    "markdown": markdown_report.document,
    "csv": csv_report.document,
    "junit": lambda results: junit_report.document(results, Severity.MEDIUM),
    "sarif": sarif_report.document,
    "prometheus": prometheus_report.document,
    "nagios": lambda results: nagios_report.line(results, Severity.MEDIUM, determined=True),
}


def every_example(test: Callable[..., None]) -> Callable[..., None]:
    for text in EXAMPLES:
        test = example(text=text)(test)
    return test


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=25, deadline=None)
@every_example
@given(text=NASTY)
def test_no_format_lets_a_control_character_through(name: str, text: str) -> None:
    said = FORMATS[name]([poisoned(text)])
    said.encode("utf-8")
    assert said.replace("\n", "").replace("\r", "").isprintable()
    if name != "csv":
        assert "\r" not in said


@settings(max_examples=25, deadline=None)
@every_example
@given(text=NASTY)
def test_the_screen_obeys_nobody(text: str) -> None:
    for verbose in (False, True):
        file = io.StringIO()
        console = Console(file=file, width=80, highlight=False, color_system=None)
        one = poisoned(text)
        show(console, one.facts, one.findings, one.verdict, verbose=verbose)
        assert file.getvalue().replace("\n", "").isprintable()


@settings(max_examples=25, deadline=None)
@every_example
@given(text=NASTY)
def test_json_keeps_every_character(text: str) -> None:
    back = json.loads(json_report.document([poisoned(text)]))
    assert back["endpoints"][0]["greeting"]["banner"] == text
    assert back["findings"][0]["evidence"] == text
    sarif = json.loads(sarif_report.document([poisoned(text)]))
    assert len(sarif["runs"][0]["results"]) == 4


class Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        assert all(not name.startswith("on") for name, _ in attrs), attrs


def elements(page: str) -> list[str]:
    parser = Elements()
    parser.feed(page)
    return parser.tags


@settings(max_examples=25, deadline=None)
@every_example
@given(text=NASTY.filter(lambda text: text.strip() not in ("", "mail.example.com", "ok")))
def test_html_gets_no_element_from_the_wire(text: str) -> None:
    plain = elements(html_report.document([poisoned("harmless")]))
    # A text that begins with a bracket is set apart by a blank instead of a comma: no element.
    assert elements(html_report.document([poisoned(text)])) == plain


@settings(max_examples=25, deadline=None)
@every_example
@given(text=NASTY)
def test_xml_is_read_back(text: str) -> None:
    document = junit_report.document([poisoned(text)], Severity.MEDIUM)
    top = ET.fromstring(document)  # noqa: S314 - our own
    assert [each.tag for each in top] == ["testsuite"]
    assert len(top[0]) == 8
    assert top[0].get("name") == xml(text).replace("\n", " ")


@settings(max_examples=25, deadline=None)
@every_example
@given(text=NASTY)
def test_csv_has_its_lines_and_no_formula(text: str) -> None:
    rows = list(csv.reader(io.StringIO(csv_report.document([poisoned(text)]), newline="")))
    assert len(rows) == 9
    assert {len(row) for row in rows} == {len(csv_report.COLUMNS)}
    for row in rows:
        assert not any(cell.lstrip(" ").startswith(("=", "+", "-", "@")) for cell in row)


SAMPLE = re.compile(r'[a-z_]+\{(?:[a-z_]+="(?:[^"\\\n]|\\[\\"n])*",?)*\} [0-9.e+-]+')


@settings(max_examples=25, deadline=None)
@every_example
@given(text=NASTY)
def test_prometheus_lines_are_samples_or_comments(text: str) -> None:
    said = prometheus_report.document([poisoned(text)])
    series = []
    for line in said.removesuffix("\n").split("\n"):
        if not line.startswith(("# HELP letterlock_", "# TYPE letterlock_")):
            assert SAMPLE.fullmatch(line), line
            series.append(line.rpartition(" ")[0])
    assert len(series) == len(set(series))


@settings(max_examples=25, deadline=None)
@every_example
@given(text=NASTY)
def test_a_plugin_says_one_line_with_one_pipe(text: str) -> None:
    line = nagios_report.line([poisoned(text)], Severity.MEDIUM, determined=True)
    assert line.startswith("LETTERLOCK CRITICAL - ")
    assert line.count("\n") == 1
    assert line.count("|") == 1


def test_markdown() -> None:
    assert markdown("a|b <i> [x](https://e) *b* `c`") == (
        r"a\|b \<i\> \[x\]\(https\://e\) \*b\* \`c\`"
    )


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (None, ""),
        (-3, "-3"),
        (25, "25"),
        ("-3", "'-3"),
        ("=1+1", "'=1+1"),
        (" @x", "' @x"),
        ("plain", "plain"),
        ("\t=x", "\\t=x"),
    ],
)
def test_csv_cell(value: object, cell: str) -> None:
    assert csv_cell(value) == cell


def test_printable() -> None:
    assert printable("a\x1b[0m\u202e\n€") == "a\\x1b[0m\\u202e\\n€"


def test_clean_facts_are_the_same_object() -> None:
    whole = result()
    assert cleaned(whole) is whole
    assert cleaned(poisoned("\x1b")).facts.endpoints[0].greeting.banner == "\\x1b"  # type: ignore[union-attr]
