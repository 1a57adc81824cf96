"""Our reading of Dovecot's files against doveconf's, over the corpus and made-up files."""

from __future__ import annotations

import re
import shutil
from collections import defaultdict
from collections.abc import Mapping
from glob import glob
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from letterlock.conf.dovecot import DovecotFile
from letterlock.conf.dovecot_placement import key
from letterlock.conf.dovecot_syntax import ValueKind
from letterlock.conf.dovecot_tree import DovecotTree
from tests.conf import corpus

pytestmark = pytest.mark.skipif(shutil.which("doveconf") is None, reason="no Dovecot here")

#: Settings that doveconf 2.3 translates or drops instead of printing them, and why
#: (old-set-parser.c of 2.3.19, and the release notes in FACTS.md).
TRANSLATED = {
    r"ssl_(cert|key|ca)_file": "1.x: becomes ssl_cert = <file and so on",
    r"ssl_disable": "1.x: becomes ssl, inverted",
    r"(protocol/.*/)?(ssl_)?listen": "1.x: becomes inet_listener blocks",
    r"auth/.*": "1.x: auth default { } is flattened",
    r"ssl_protocols": "2.3 makes ssl_min_protocol of it, or drops it",
    r"ssl_dh_parameters_length": "2.3 drops it",
}
#: What doveconf prints though no file sets it, and why.
ITS_OWN = {
    r"ssl_(cert|key|ca)": "translated from 1.x",
    r"ssl_min_protocol": "translated from ssl_protocols",
    r"service/.*/inet_listener/.*": "translated from listen",
    r"(passdb|userdb)/(args|driver)|service/auth/user": "translated from auth default { }",
    r"namespace(/.*)?/(location|prefix)": "printed empty for every namespace",
}
#: Settings whose values it prints otherwise than they are written, and why.
RESPELT = {
    r"protocols": "imaps and pop3s of 1.x go; blanks at the ends go",
    r".*/(user|group)": "$default_internal_user is printed unexpanded when not asked with -x",
}
_UNITS = {"k": 1 << 10, "m": 60, "min": 60, "mins": 60, "h": 3600, "hour": 3600, "hours": 3600,
          "s": 1, "sec": 1, "secs": 1, "d": 86400, "day": 86400, "days": 86400, "g": 1 << 30,
          "w": 604800, "week": 604800, "weeks": 604800}  # fmt: skip
Values = Mapping[str, list[str]]


def same(mine: str, theirs: str) -> bool:
    return _plain(mine) == _plain(theirs)


def _plain(value: str) -> str:
    """Booleans, times and sizes are printed in Dovecot's own units (`30 mins` for `30m`)."""
    value = " ".join(value.lower().split())
    unit = re.fullmatch(r"(\d+) ?([a-z]+)", value)
    if unit and unit[2] in _UNITS:
        return str(int(unit[1]) * _UNITS[unit[2]])
    return {"true": "yes", "false": "no"}.get(value, value)


def listed(name: str, patterns: Mapping[str, str]) -> bool:
    return any(re.fullmatch(pattern, name) for pattern in patterns)


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


@pytest.fixture(scope="module")
def defaults() -> dict[str, str]:
    printed = DovecotFile.parse(corpus.run(["doveconf", "-d"]).stdout, "doveconf")
    return {each.name: each.value for each in printed.settings() if not each.block_path}


def theirs(printed: DovecotFile) -> Values:
    found = defaultdict(list)
    for each in printed.settings():
        found[key(each.name, each.block_path)].append(each.value)
    return found


def ours(tree: DovecotTree, defaults: Mapping[str, str]) -> Values:
    found = defaultdict(list)
    for each in tree.settings():
        value: str | None = each.value
        if each.kind is ValueKind.VARIABLE:
            value = tree.get(each.name, defaults, each.block_path)
        found[key(each.name, each.block_path)].append(value or "")
    return found


def placed(source: Path, folder: Path) -> Path:
    """A copy of a file or of a tree's folder in which an include may lead nowhere: the corpus
    leaves files with secrets out."""
    if source.is_dir():
        shutil.copytree(source, folder)
    else:
        folder.mkdir()
        shutil.copy(source, folder / "dovecot.conf")
    for path in folder.rglob("*.conf"):
        data = re.sub(rb"(?m)^([ \t]*)!include\b(?!_)", rb"\1!include_try", path.read_bytes())
        path.chmod(0o644)
        path.write_bytes(data)
    return folder / "dovecot.conf"


def compare(tree: DovecotTree, printed: Values, everything: Values, mine: Values) -> list[str]:
    """The names at which we differ, apart from the differences that are listed above."""
    wrong = []
    for name, values in printed.items():
        if name.startswith("plugin/") or listed(name, RESPELT):
            continue
        if name not in mine:
            wrong += [] if listed(name, ITS_OWN) else [f"{name}: only doveconf has {values}"]
        elif len(values) == 1 and not same(mine[name][-1], values[0]):
            wrong.append(f"{name}: {mine[name][-1]!r}, not {values[0]!r}")
    for name, values in mine.items():
        if name.startswith("plugin/") or listed(name, RESPELT):
            continue
        if name not in everything:
            wrong += [] if listed(name, TRANSLATED) else [f"{name}: only we have {values}"]
        elif len(everything[name]) == 1 and not same(values[-1], everything[name][0]):
            wrong.append(f"{name}: {values[-1]!r}, not {everything[name][0]!r} (-a)")
    return wrong


def sources() -> list[Path]:
    return [*corpus.files("dovecot"), *corpus.trees()]


@corpus.needs_corpus
def test_the_corpus(tmp_path: Path, defaults: dict[str, str]) -> None:
    accepted = 0
    for at, source in enumerate(sources()):
        main = placed(source, tmp_path / str(at))
        tree = load(main)
        printed = doveconf(main, "-n")
        if printed is None:
            continue
        everything = doveconf(main, "-a")
        assert everything is not None
        assert tree.faults() == (), source
        accepted += 1
        assert compare(tree, theirs(printed), theirs(everything), ours(tree, defaults)) == [], (
            source
        )
    assert accepted >= 130


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
