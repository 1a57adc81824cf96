"""Our reading of main.cf and master.cf against postconf's, over the corpus and made-up files."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from letterlock.conf.errors import ConfError
from letterlock.conf.main_cf import MainCf
from letterlock.conf.master_cf import MasterCf
from tests.conf import corpus, grammar
from tests.corpus.postfix import (
    blanks,
    columns,
    our_settings,
    overrides,
    pairs,
    refused,
    services,
)
from tests.corpus.postfix import settings as settings_read
from tests.generation import Said

pytestmark = pytest.mark.skipif(shutil.which("postconf") is None, reason="no Postfix here")


def read_main(folder: Path, data: bytes) -> dict[str, str] | None:
    """What postconf reads in a main.cf, names that it does not know included; None: refused."""
    corpus.old(folder / "main.cf", data)
    corpus.old(folder / "master.cf", b"")
    done = corpus.run(["postconf", "-n", "-c", folder])
    return settings_read(Said(done.returncode, done.stdout, done.stderr))


@corpus.needs_corpus
def test_edited_main_cf_of_the_corpus(tmp_path: Path) -> None:
    wanted = {
        "smtpd_tls_security_level": "may",
        "smtpd_tls_chain_files": "/etc/ssl/letterlock/mail/current/combined.pem",
        "smtpd_recipient_restrictions": "permit_mynetworks, reject",
        "tls_preempt_cipherlist": "no",
    }
    for path in corpus.files("main"):
        document = MainCf.parse(path.read_bytes(), path.name)
        before = read_main(tmp_path, bytes(document))
        for name, value in wanted.items():
            document = document.with_setting(name, value)
        if before is not None:
            assert read_main(tmp_path, bytes(document)) == {**before, **wanted}, path


def read_master(folder: Path, data: bytes) -> list[tuple[str, ...]] | None:
    corpus.old(folder / "main.cf", b"")
    corpus.old(folder / "master.cf", data)
    done = corpus.run(["postconf", "-M", "-c", folder])
    return services(Said(done.returncode, done.stdout, done.stderr))


def read_overrides(folder: Path) -> dict[str, str]:
    return pairs(corpus.run(["postconf", "-P", "-c", folder]).stdout)


@corpus.needs_corpus
def test_edited_master_cf_of_the_corpus(tmp_path: Path) -> None:
    """Every file gets a submission service one way or another; the others stay as they were."""
    ways = set()
    for path in corpus.files("master"):
        before = MasterCf.parse(path.read_bytes(), path.name)
        service = before.service("submission", "inet")
        after = before if service else before.with_uncommented("submission", "inet", [])
        ways.add("there" if service else "uncommented" if after else "added")
        after = after or before.with_service("submission", "inet", chroot="y", after="smtp")
        added = after.service("submission", "inet")
        assert added is not None
        after = after.with_override(added, "smtpd_tls_security_level", "encrypt")
        after = after.with_override(added, "smtpd_client_restrictions", "permit_mynetworks, reject")
        assert read_master(tmp_path, bytes(after)) == columns(after), path
        theirs = read_overrides(tmp_path)
        assert theirs == overrides(after), path
        assert theirs["submission/inet/smtpd_tls_security_level"] == "encrypt"
        kept = {key: value for key, value in overrides(before).items()
                if not key.startswith("submission/inet/")}  # fmt: skip
        assert kept.items() <= theirs.items(), path
    assert ways == {"there", "uncommented", "added"}


FUZZ = settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@FUZZ
@given(st.one_of(grammar.MAIN_CF, grammar.CLEAN_MAIN_CF))
def test_made_up_main_cf(tmp_path: Path, data: bytes) -> None:
    document = MainCf.parse(data, "main.cf")
    assume(not refused(document))  # its answer to those takes a second: see below
    theirs = read_main(tmp_path, data)
    assert theirs is not None
    mine = our_settings(document)
    # What it does not know it prints in a warning, odd bytes as question marks.
    for name, value in theirs.items():
        if "?" not in name:
            assert value in (mine[name], printable(mine[name]))


def printable(text: str) -> str:
    data = text.encode("utf-8", "surrogateescape")
    return "".join(chr(byte) if 32 <= byte < 127 else "?" for byte in data)


@FUZZ
@given(st.one_of(grammar.MASTER_CF, grammar.CLEAN_MASTER_CF))
def test_made_up_master_cf(tmp_path: Path, data: bytes) -> None:
    document = MasterCf.parse(data, "master.cf")
    assume(not refused(document))
    assert read_master(tmp_path, data) == columns(document)


@pytest.mark.parametrize("data", [b"a\n", b"\0a = b\n", b"a = b\nc\n  = d\ne f\n"])
def test_main_cf_that_postfix_refuses(tmp_path: Path, data: bytes) -> None:
    assert read_main(tmp_path, data) is None
    assert refused(MainCf.parse(data, "main.cf"))


@pytest.mark.parametrize(
    "data",
    [
        b"smtp inet n - y - - \n",
        b"smtp tcp n - y - - smtpd\n",
        b"smtp inet n - y 1m - smtpd\n",
    ],
)
def test_master_cf_that_postfix_refuses(tmp_path: Path, data: bytes) -> None:
    assert read_master(tmp_path, data) is None
    assert refused(MasterCf.parse(data, "master.cf"))


EXPRESSIONS = [
    "$myhostname",
    "${myhostname}",
    "$(myhostname)",
    "a$myhostname.b",
    "$$x",
    "${a?yes}",
    "${a:no}",
    "${a?{yes}:{no}}",
    "${empty?{yes}:{no}}",
    "${empty?yes}${empty:no}",
    "${a?{yes}:no}",
    "${ a ? {yes} : {no} }",
    "${a?{$b}:{c}}",
    "${a?:x}",
    "${a?x:y}",
    "${{$a} == {1}?{same}:{other}}",
    "${{$a} == {1} ? {same} : {other}}",
    "${{10} > {9}?{number}:{text}}",
    "${{10} > {9a}?{number}:{text}}",
    "${{a} != {b}}",
    "${{a} == {b}}",
    "${{3.10} >=level {3.9}?{newer}:{older}}",
    "${{1} <level {3.6}?{older}:{newer}}",
    "${a?{${b?{deep}}}}",
    "${nowhere}",
    "x${a?{ y }}z",
]


def test_expressions(tmp_path: Path) -> None:
    lines = [f"v{at} = [{text}]\n" for at, text in enumerate(EXPRESSIONS)]
    data = "".join(["myhostname = h.example\n", "a = 1\n", "b = $a$a\n", "empty =\n", *lines])
    corpus.old(tmp_path / "main.cf", data.encode())
    names = [f"v{at}" for at in range(len(EXPRESSIONS))]
    uses = "".join(
        f"smtp_{at} unix - - n - - smtp -o x={{${name}}}\n" for at, name in enumerate(names)
    )
    corpus.old(tmp_path / "master.cf", uses.encode())
    theirs = pairs(corpus.run(["postconf", "-x", "-n", "-c", tmp_path]).stdout)
    document = MainCf.parse(data.encode(), "main.cf")
    mine = {name: blanks(document.expand(document.get(name) or "", {})) for name in names}
    assert mine == {name: theirs[name] for name in names}


REFUSED = ["${a", "$", "$ x", "${}", "${a!b}", "${a?{x}", "${a?{x}y}", "${{a}}", "${{a} =~ {b}}",
           "${{a} == b}", "${a{b}}", "${{x} >=level {1}}"]  # fmt: skip


@pytest.mark.parametrize("text", REFUSED)
def test_expressions_that_are_wrong(text: str) -> None:
    document = MainCf.parse(f"a = 1\nmyhostname = {text}\n".encode(), "main.cf")
    with pytest.raises(ConfError, match=r"^main\.cf"):
        document.expand(document.get("myhostname") or "", {})


@pytest.mark.parametrize("text", REFUSED[::5])
def test_expressions_that_postfix_refuses(tmp_path: Path, text: str) -> None:
    """A few of them: it takes a second to say no."""
    corpus.old(tmp_path / "main.cf", f"a = 1\nmyhostname = {text}\n".encode())
    corpus.old(tmp_path / "master.cf", b"")
    done = corpus.run(["postconf", "-x", "-n", "-c", tmp_path])
    assert done.returncode or b"warning" in done.stderr


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbfmyhostname = a.example\nmydomain = example\n",
        b"mydomain = caf\xe9\n",
        b"mydomain = a\rmyhostname = b\n",
        b"mydomain = a\r\nmyhostname = b\r\n",
        b"mydomain = a\n\xc2\xa0myhostname = b\nrelayhost = c\n",
        b"mydomain =\n# between\n  a\nmyhostname = b",
    ],
)
def test_constructs_that_no_stranger_published(tmp_path: Path, data: bytes) -> None:
    """BOM, Latin-1, a lone CR, a no-break space that is no white space: read as postconf does."""
    document = MainCf.parse(data, "main.cf")
    assert bytes(document) == data
    theirs = read_main(tmp_path, data)
    assert (theirs is None) == refused(document)
    for name in ("mydomain", "myhostname", "relayhost"):
        if theirs is not None and name in theirs:
            assert our_settings(document)[name] == theirs[name]
        elif theirs is not None:
            assert document.get(name) is None
