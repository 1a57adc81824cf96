"""Everything is said in 繁體中文, with the same values and nothing left in English."""

from __future__ import annotations

import html
import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from babel.messages.catalog import Message
from babel.messages.pofile import read_po

from letterlock.findings.assess import RULES
from letterlock.languages.catalogues import FOLDER, language
from letterlock.model.language import ENGLISH, Language
from letterlock.model.wording import Wording, joined
from letterlock.report import html_report, json_report
from letterlock.report.comparison import KIND_WORDS, compare
from letterlock.report.json_wording import restored, wording_of
from letterlock.report.saved import saved
from tests.languages.leftover import english_left
from tests.report.sample import findings, result
from tests.report.test_comparison import BASE, CHANGES, changed, differences

TOP = Path(__file__).resolve().parents[2]


def test_the_catalogues_are_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, TOP / "scripts/write_catalogues", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}{done.stderr}run `make catalogues`"


def messages(path: Path) -> list[Message]:
    with path.open("rb") as file:
        return [each for each in read_po(file, locale=path.stem.replace("-", "_")) if each.id]


def forms(text: str | tuple[str, ...] | list[str] | None) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else tuple(text or ())


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.po")), ids=lambda path: path.stem)
def test_what_is_translated_has_the_same_placeholders(path: Path) -> None:
    for each in messages(path):
        assert not each.fuzzy, each.id
        named = {name for text in forms(each.id) for name in re.findall(r"\{(\w+)\}", text)}
        for text in filter(None, forms(each.string)):
            assert set(re.findall(r"\{(\w+)\}", text)) == named, each.id


def test_nothing_is_missing_in_chinese() -> None:
    missing = [each.id for each in messages(FOLDER / "zh-Hant.po") if not all(forms(each.string))]
    assert missing == []


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_rule_is_said_in_full(rule: object, chinese: Language) -> None:
    for name in ("title", "explanation", "postfix", "dovecot"):
        text = getattr(rule, name)
        assert isinstance(text, Wording)
        assert not english_left(chinese, text), chinese.say(text)


def words(page: str) -> str:
    """What a reader sees of it."""
    body = page.partition("<body>")[2] or page
    labels = " ".join(re.findall(r'(?:aria|data)-label="([^"]*)"', body))
    return html.unescape(f"{labels} {re.sub(r'<[^>]*>', ' ', body)}")


#: What the sample says itself, as a server or a probe would.
SAMPLES = " ".join(
    (TOP / "tests" / name).read_text("utf-8")
    for name in ("report/sample.py", "findings/sample.py", "findings/deep.py")
)


def test_the_page_is_chinese(chinese: Language) -> None:
    page = html_report.document([result(), result()], chinese)
    assert '<html lang="zh-Hant">' in page
    english = re.findall(r"(?<![\w.-])[a-z]{2,}(?: [a-z]+)+(?![\w.-])", words(page))
    assert english, "the sample has words of its own"
    assert {each for each in english if each not in SAMPLES} == set()


def test_the_page_is_english_by_default() -> None:
    assert html_report.document([result()]) == html_report.document([result()], ENGLISH)
    assert '<html lang="en">' in html_report.document([result()])


EVIL = "<script>{name}%(name)s{0}</script>"


@pytest.mark.parametrize("tag", ["en", "zh-Hant"])
def test_hostile_values_stay_text_in_every_language(tag: str) -> None:
    evidence = joined(
        "; ",
        (
            Wording("negotiated {suite}", suite=EVIL),
            Wording("{name}: {what}", name=EVIL, what="\x1b[31m{name}"),
            EVIL,
        ),
    )
    spoilt = replace(result(), findings=(replace(findings()[0], evidence=evidence),))
    page = html_report.document([spoilt], language(tag))
    assert "<script" not in page
    assert page.count("&lt;script&gt;{name}%(name)s{0}&lt;/script&gt;") == 3
    assert "\\x1b[31m{name}" in page


def test_a_stored_report_is_read_in_another_language(chinese: Language) -> None:
    own = (replace(findings()[0], evidence=Wording("negotiated {suite}", suite=EVIL)),)
    text = json_report.document([replace(result(), findings=own)])
    assert json.loads(text)["findings"][0]["evidence"] == f"negotiated {EVIL}"
    again = restored(json.loads(text))
    assert again == json.loads(text)
    assert chinese.say(again["findings"][0]["evidence"]) == f"協商結果為 {EVIL}"
    reason = again["endpoints"][0]["behaviour"]["heartbeat"]["unknown"]
    assert chinese.say(reason) == "此深度不查詢"


def test_what_changed_is_said_in_full(chinese: Language) -> None:
    """Every kind of change; a finding's title too, which the stored report has in English."""
    said = set()
    for change, _ in CHANGES:
        for each in (*differences(BASE, changed(change)), *differences(changed(change), BASE)):
            for text in filter(None, (KIND_WORDS[each.kind], each.what, each.before, each.after)):
                assert not english_left(chinese, text)
                said.add(chinese.say(text))
    assert {"SSLv3", "提供", "未提供", "憑證鏈", "不被接受", "沒有 TLS", "高"} <= said
    assert "TLS 失敗：an alert" in said
    own = (replace(findings()[0], title=Wording("negotiated {suite}", suite=EVIL)),)
    base, spoilt = (
        saved(json_report.document([replace(result(), findings=each)]).encode(), "r")
        for each in ((), own)
    )
    titles = [chinese.say(each.what) for each in compare(base, spoilt) if each.kind == "finding"]
    assert titles == [f"{findings()[0].id}：協商結果為 {EVIL}"]


@pytest.mark.parametrize(
    "messages",
    [
        None,
        [],
        {"evidence": {"template": "something else"}},
        {"evidence": {"separator": 1}},
        {"evidence": "evidence"},
        {"evidence": None},
    ],
)
def test_of_what_is_stored_only_the_truth_is_believed(messages: object, chinese: Language) -> None:
    assert wording_of("evidence", messages).__class__ is str
    again = restored({"findings": [{"evidence": "evidence"}], "messages": messages})
    assert type(again["findings"][0]["evidence"]) is str
    assert restored({"findings": []}) == {"findings": []}
