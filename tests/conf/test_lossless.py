"""`bytes(parse(x)) == x`, and the documents raise nothing, whatever the bytes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings

from letterlock.conf.dovecot import DovecotFile
from letterlock.conf.main_cf import MainCf
from letterlock.conf.master_cf import MasterCf
from tests.conf import corpus, grammar

CASES = [
    b"",
    b"\n",
    b"a = b",
    b"a = b\r\n\r\nc = d",
    b"a = b\rc = d\r",
    b"\xef\xbb\xbfa = b\n",
    b"a = \0 b\n\0\n",
    b"\xe4 = \xf6\n",
    b"a = \xed\xa0\x80\xc0\x80\n",
    b"a\t=\tb\t\n\tc\n",
    b" orphan\n",
    b"#\n" * 3,
    b"a = \\",
    b"{\n}\n}{\n",
    b"x { y = z }\n",
]


def check(data: bytes) -> None:
    main, master = MainCf.parse(data, "main.cf"), MasterCf.parse(data, "master.cf")
    dovecot = DovecotFile.parse(data, "dovecot.conf")
    assert bytes(main) == bytes(master) == bytes(dovecot) == data
    for document in (main, master, dovecot):
        assert all(fault.where and fault.where.line for fault in document.faults())
    assert all(setting.line >= 1 for setting in main.settings())
    assert all(service.line >= 1 for service in master.services())
    assert all(setting.line >= 1 for setting in dovecot.settings())


@pytest.mark.parametrize("data", CASES)
def test_cases(data: bytes) -> None:
    check(data)


@settings(max_examples=150)
@given(grammar.RAW)
def test_raw_bytes(data: bytes) -> None:
    check(data)


@settings(max_examples=80)
@given(grammar.MAIN_CF)
def test_main_cf(data: bytes) -> None:
    check(data)


@settings(max_examples=80)
@given(grammar.MASTER_CF)
def test_master_cf(data: bytes) -> None:
    check(data)


@settings(max_examples=80)
@given(grammar.DOVECOT)
def test_dovecot(data: bytes) -> None:
    check(data)


@corpus.needs_corpus
def test_the_corpus() -> None:
    paths = [path for path in corpus.ROOT.rglob("*.c*") if path.is_file()]
    assert len(paths) > 200
    for path in paths:
        check(path.read_bytes())


def test_the_stock_files() -> None:
    paths = [Path("/etc/postfix/main.cf.proto"), Path("/etc/postfix/master.cf.proto")]
    for path in [*paths, *Path("/etc/dovecot").rglob("*.conf")]:
        if path.exists():
            check(path.read_bytes())


def test_depth_and_size_are_bounded() -> None:
    deep = DovecotFile.parse(b"a {\n" * 3_000, "dovecot.conf")
    assert any("nested" in fault.what for fault in deep.faults())
    assert bytes(deep) == b"a {\n" * 3_000
