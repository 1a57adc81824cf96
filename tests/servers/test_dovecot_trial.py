"""What an outdated Dovecot configuration comes to, by the installed Dovecot itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from letterlock.model.errors import InputError
from letterlock.servers.dovecot import Dovecot
from letterlock.servers.dovecot_on_paper import on_paper
from letterlock.servers.tools import Tools
from letterlock.servers.version import Version

OLD = "protocols = imap pop3\nssl = yes\nssl_protocols = !SSLv2, !SSLv3\n"


@pytest.fixture
def installed() -> Version:
    version = Version.parse(Tools().run("dovecot", "--version").text)
    assert Version(2, 3) <= version < Version(2, 4), "these are 2.2's names for a 2.3"
    return version


def at(folder: Path, text: str, version: Version) -> Dovecot:
    file = folder / "dovecot.conf"
    file.write_text(text)
    return Dovecot(Tools(), version, str(file))


def test_old_tls_names_are_read_as_if_brought_over(tmp_path: Path, installed: Version) -> None:
    dovecot = at(tmp_path, OLD, installed)
    assert dovecot.validate(), "Dovecot takes these names: nothing is shown here"
    found = dovecot.read()
    assert found.outdated
    assert found.refused == ()
    assert found.value("ssl_min_protocol") == "TLSv1.2"
    assert {endpoint.port for endpoint in found.endpoints()} >= {110, 143, 993, 995}
    assert found.tree.get("ssl_protocols") == "!SSLv2, !SSLv3", "the tree is what is on disk"


def test_what_else_is_refused_is_told_line_by_line(tmp_path: Path, installed: Version) -> None:
    (tmp_path / "more.conf").write_text("# fine\nno_such_setting = 1\n")
    text = (
        OLD + "!include more.conf\nno_such_block {\n  inside = 1\n  deeper {\n  }\n}\n"
        "mail_max_userip_connections = many\nlisten = 127.0.0.1\n"
    )
    found = at(tmp_path, text, installed).read()
    places = [line.rpartition("/")[2].split(":")[:2] for line in found.refused]
    assert ["more.conf", "2"] in places
    assert ["dovecot.conf", "5"] in places
    assert found.value("listen") == "127.0.0.1", "what follows is read all the same"


def test_without_old_names_a_refusal_is_as_it_was(tmp_path: Path, installed: Version) -> None:
    dovecot = at(tmp_path, "protocols = imap\nno_such_setting = 1\n", installed)
    with pytest.raises(InputError, match=r"dovecot\.conf:2: Dovecot refuses its present"):
        dovecot.read()


def test_no_file_is_left_behind(tmp_path: Path, installed: Version) -> None:
    before = set(Path("/tmp").glob("letterlock-*.conf"))
    at(tmp_path, OLD, installed).read()
    assert set(Path("/tmp").glob("letterlock-*.conf")) <= before


def test_read_from_the_files_alone_the_stock_configuration_comes_to_the_same(
    installed: Version,
) -> None:
    asked = Dovecot(Tools(), installed).read()
    paper = on_paper(installed, asked.tree)
    assert paper.on_paper
    assert set(paper.endpoints()) == set(asked.endpoints())
    names = ("ssl", "ssl_min_protocol", "disable_plaintext_auth", "ssl_prefer_server_ciphers")
    for name in names:
        assert paper.value(name) == asked.value(name), name
