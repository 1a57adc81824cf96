"""Our reading of Dovecot's files against doveconf's, over the corpus and made-up files."""

from __future__ import annotations

import re
import shutil
from glob import glob
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from letterlock.conf.dovecot import DovecotFile
from letterlock.conf.dovecot_placement import key
from letterlock.conf.dovecot_tree import DovecotTree
from tests.conf import corpus
from tests.corpus.dovecot import placed

pytestmark = pytest.mark.skipif(shutil.which("doveconf") is None, reason="no Dovecot here")


def read(path: str) -> bytes | None:
    try:
        return Path(path).read_bytes()
    except OSError:
        return None


def load(main: Path) -> DovecotTree:
    return DovecotTree.load(str(main), read, glob)


def doveconf(main: Path, *options: str) -> DovecotFile | None:
    """What doveconf prints, read by our own parser; None where it refuses the configuration."""
    done = corpus.run(["doveconf", "-P", *options, "-c", main])
    printed = DovecotFile.parse(done.stdout, "doveconf")
    assert printed.faults() == ()
    return None if done.returncode else printed


def sources() -> list[Path]:
    return [*corpus.files("dovecot"), *corpus.trees()]


@corpus.needs_corpus
def test_the_edited_corpus(tmp_path: Path) -> None:
    """Whatever the file sets, and wherever, what we set is what holds."""
    checked = 0
    for at, source in enumerate(sources()):
        main = placed(source, tmp_path / str(at))
        before = doveconf(main, "-n")
        tree = (
            load(main)
            .with_setting("ssl_min_protocol", "TLSv1.3")
            .with_setting("ssl_cert", "</etc/ssl/letterlock/mail/current/fullchain.pem")
            .with_setting("ssl_cipher_list", "ECDHE+AESGCM:!aNULL")
            .with_setting("ssl", "yes", ("service imap-login", "inet_listener imaps"))
            .with_setting("ssl_cert", "</b.pem", ("local_name mail.example.com",))
        )
        assert [each.what for each in tree.faults()] == [each.what for each in load(main).faults()]
        if before is None:
            continue
        outside = [path for path in tree.changed() if not path.startswith(str(tmp_path))]
        assert outside == [], source
        for path, file in tree.changed().items():
            Path(path).write_bytes(bytes(file))
        after = doveconf(main, "-n")
        assert after is not None, source
        assert after.get("ssl_min_protocol") == "TLSv1.3", source
        assert after.get("ssl_cert") == "</etc/ssl/letterlock/mail/current/fullchain.pem", source
        assert after.get("ssl_cipher_list") == "ECDHE+AESGCM:!aNULL", source
        assert after.get("ssl_cert", ("local_name mail.example.com",)) == "</b.pem", source
        listener = ("service imap-login", "inet_listener imaps")
        assert after.get("ssl", listener) == "yes" or not _known(listener, after), source
        ours_now = {"ssl_min_protocol", "ssl_cert", "ssl_cipher_list", "ssl"}
        assert _rest(after, ours_now) == _rest(before, ours_now), source
        checked += 1
    assert checked >= 130


def _known(block: tuple[str, ...], printed: DovecotFile) -> bool:
    """doveconf -n leaves out what is the default: ssl = yes in the listener imaps is."""
    return block in printed.block_paths() and printed.get("ssl", block) is not None


def _rest(printed: DovecotFile, names: set[str]) -> list[tuple[str, str]]:
    return sorted(
        (key(each.name, each.block_path), each.value)
        for each in printed.settings()
        if each.name not in names
    )


_PARTS = ["a", "/x", " ", "  ", "\t", "#", " # c", '"', "'", "\\", "\\\\", '\\"', "=", "{", "}", 
          "ü", "%u", "<", ",", "\xa0", "\\\n", " \\\n  ", "\r"]  # fmt: skip


@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.sampled_from(_PARTS), max_size=6).map("".join))
def test_made_up_values(tmp_path: Path, raw: str) -> None:
    """Any value in plugin { }, where Dovecot asks nothing of it: what it reads, we read. A value
    may end its line, hide the brace or make nonsense of it: then both refuse the file."""
    data = f"plugin {{\n  one = {raw}\n  two = 2\n}}\n".encode()
    main = tmp_path / "dovecot.conf"
    main.write_bytes(data)
    done = corpus.run(["doveconf", "-P", "-x", "-n", "-c", main])
    document = DovecotFile.parse(data, str(main))
    wanted = document.get("one", ("plugin",))
    if any(each.file is not None for each in document.settings()):
        return
    refused = done.returncode != 0 and b"Error in configuration file" in done.stderr
    assert refused == bool(document.faults())
    if not refused:
        line = corpus.text(done.stdout).partition("\n  one = ")[2].partition("\n")[0]
        assert line == as_doveconf_prints(wanted or "")


def as_doveconf_prints(value: str) -> str:
    """Quoted where it has a `#` or a blank at an end, and no otherwise: value_need_quote() in
    doveconf.c. So a value that is or has a quote cannot be read back from there."""
    if not ("#" in value or value != value.strip(" \t")):
        return value
    return '"' + re.sub(r"([\\\"'])", r"\\\1", value) + '"'


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbfplugin {\n  one = 1\n}\n",
        b"plugin { one = 1 }\n",
        b"plugin {}\n",
        b"plugin {\n  one = 1\n} plugin {\n}\n",
        b"plugin {\n  one = 1\n} # a comment\n",
        b"plugin {\n  one = caf\xe9\n}\n",
        b"plugin {\n  one = a\rb\n}\n",
        b"plugin {\r\n  one = a\r\n}\r\n",
        b"plugin {\r  one = a\r}\r",
        b"plugin {\n  one = 1\n}",
        b"plugin {\n  one = a\xc2\xa0\n}\n",
    ],
)
def test_constructs_that_no_stranger_published(tmp_path: Path, data: bytes) -> None:
    """BOM, Latin-1, a lone CR, a block on one line, text after a brace: refused where doveconf
    refuses, else read as it reads; and printed as they are."""
    main = tmp_path / "dovecot.conf"
    main.write_bytes(data)
    done = corpus.run(["doveconf", "-P", "-n", "-c", main])
    document = DovecotFile.parse(data, str(main))
    assert bytes(document) == data
    printed = re.search(rb"\n  one = (.*)\n", done.stdout)
    if done.returncode == 0:
        assert document.faults() == ()
        wanted = document.get("one", ("plugin",))
        assert wanted == (corpus.text(printed[1]) if printed else None)
    else:
        # A byte order mark is part of the first name: no fault of the lines, an unknown setting.
        assert document.faults() or document.get("one", ("plugin",)) is None
