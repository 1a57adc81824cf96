"""Which languages there are; a further one is a file."""

from __future__ import annotations

import runpy
from collections.abc import Iterator
from pathlib import Path

import pytest

from letterlock.languages.catalogues import (
    best,
    language,
    of_environment,
    of_header,
    offered,
)
from letterlock.model.errors import InputError
from letterlock.model.wording import Wording, counted, in_context

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


def compile_stale(folder: Path) -> None:
    runpy.run_path(str(SCRIPTS / "compile_catalogues"))["compile_stale"](folder)


@pytest.mark.parametrize(
    ("wanted", "tag"),
    [
        ("en", "en"),
        ("en-GB", "en"),
        ("zh-Hant", "zh-Hant"),
        ("ZH-hant-tw", "zh-Hant"),
        ("zh_TW", "zh-Hant"),
        ("zh-HK", "zh-Hant"),
        ("zh", "zh-Hant"),
    ],
)
def test_a_language_by_its_names(wanted: str, tag: str) -> None:
    assert language(wanted).tag == tag


@pytest.mark.parametrize(
    "wanted", ["zh-CN", "zh-Hans", "tlh", "", "-", "z", "../zh-Hant", "x" * 99]
)
def test_no_such_language(wanted: str) -> None:
    with pytest.raises(InputError, match="say one of en, zh-Hant"):
        language(wanted)


@pytest.mark.parametrize(
    ("environ", "tag"),
    [
        ({}, "en"),
        ({"LANG": "C.UTF-8", "LANGUAGE": "zh_TW"}, "en"),
        ({"LANG": "zh_TW.UTF-8"}, "zh-Hant"),
        ({"LANG": "zh_TW.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LANG": "zh_TW.UTF-8", "LC_MESSAGES": "en_GB.UTF-8"}, "en"),
        ({"LANG": "en_US.UTF-8", "LANGUAGE": "tlh:zh_TW:en"}, "zh-Hant"),
        ({"LANG": "de_DE@euro"}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "en"),
    ],
)
def test_the_environments_language(environ: dict[str, str], tag: str) -> None:
    assert best(of_environment(environ)).tag == tag


@pytest.mark.parametrize(
    ("header", "tag"),
    [
        ("", "en"),
        ("zh-TW,zh;q=0.9,en;q=0.8", "zh-Hant"),
        ("en;q=0.5, zh-TW", "zh-Hant"),
        ("zh-CN, zh;q=0.9", "zh-Hant"),
        ("zh-TW;q=0", "en"),
        ("*, zh-TW;q=nonsense", "en"),
        (";;;,,,=", "en"),
        ("zh-TW," * 10_000, "zh-Hant"),
    ],
)
def test_a_browsers_language(header: str, tag: str) -> None:
    assert best(of_header(header)).tag == tag


PSEUDO = """msgid ""
msgstr ""
"Language: art\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Plural-Forms: nplurals=3; plural=(n==1 ? 0 : n==2 ? 1 : 2);\\n"

msgctxt "name of this language"
msgid "English"
msgstr "Ƒoreign"

msgid "Ports"
msgstr "Ƥorts"

msgid "{count} mail server"
msgid_plural "{count} mail servers"
msgstr[0] "{count} one"
msgstr[1] "{count} two"
msgstr[2] "{count} many"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "x-foreign.po").write_text(PSEUDO, "utf-8")
    compile_stale(tmp_path)
    yield tmp_path
    offered.cache_clear()


def test_a_further_language_is_one_file(folder: Path) -> None:
    assert [(each.tag, each.name) for each in offered(folder)] == [
        ("en", "English"),
        ("x-foreign", "Ƒoreign"),
    ]
    foreign = language("x-foreign", folder)
    assert foreign.say(Wording("Ports")) == "Ƥorts"
    counts = [counted("{count} mail server", "{count} mail servers", n) for n in (1, 2, 5)]
    assert [foreign.say(each) for each in counts] == ["1 one", "2 two", "5 many"]


def test_what_is_not_translated_is_english(folder: Path) -> None:
    foreign = language("x-foreign", folder)
    assert foreign.say(Wording("at {where}", where=Wording("Ports"))) == "at Ƥorts"
    assert foreign.say(in_context("severity", "high")) == "high"
    assert foreign.say(counted("{count} day", "{count} days", 2)) == "2 days"


def test_ours_are_offered() -> None:
    assert [(each.tag, each.name) for each in offered()] == [
        ("en", "English"),
        ("zh-Hant", "繁體中文"),
    ]
