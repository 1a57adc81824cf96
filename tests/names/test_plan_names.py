"""Plans for names: the tables by this machine's own postmap, the blocks judged by its doveconf."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from letterlock.install.draft_dovecot import DovecotDraft
from letterlock.install.draft_postfix import PostfixDraft
from letterlock.install.names import KeyAndChain, ServedName, asked_name, expectations
from letterlock.install.plan_names import without_sni
from letterlock.install.plan_names_dovecot import plan_names_dovecot, plan_names_removed_dovecot
from letterlock.install.plan_names_postfix import plan_names_postfix, plan_names_removed
from letterlock.model.errors import InputError, RefusedError
from letterlock.model.plan import FileChange
from letterlock.model.service import IMAPS, POP3, SMTP, SUBMISSIONS, Endpoint
from letterlock.model.unknown import Unknown
from letterlock.servers.postfix_configuration import PostfixConfiguration
from letterlock.servers.sni_tables import SniTables
from letterlock.servers.tools import Tools
from tests.install.planning import dovecot, postfix

TABLES = SniTables(Tools(), "/etc/postfix")


def served(name: str, pairs: int = 1, version: str = "current") -> ServedName:
    return ServedName(
        name,
        tuple(
            KeyAndChain(
                f"/store/{name}/{version}/{n}.key",
                f"/store/{name}/{version}/{n}.pem",
                f"key and chain {n} of {name}\n".encode(),
                f"{n}{n}" * 32,
            )
            for n in range(pairs)
        ),
    )


def configured(folder: Path, main: str = "", master: str | None = None, **more: str) -> (
    PostfixConfiguration
):  # fmt: skip
    plain = postfix(main, master, **more)
    return type(plain)(plain.version, str(folder), plain.main, plain.master, plain.defaults)


def put(changes: list[FileChange]) -> None:
    for change in changes:
        if change.after is None:
            change.path.unlink()
        else:
            change.path.write_bytes(change.after)
            change.path.chmod(change.mode)


def asked(table: str, key: str) -> str:
    done = subprocess.run(["postmap", "-F", "-q", key, table], capture_output=True, check=False)
    return done.stdout.decode().strip()


def test_a_new_table_has_the_default_type_and_a_guarded_index(tmp_path: Path) -> None:
    draft = PostfixDraft(configured(tmp_path))
    plan_names_postfix(draft, [served("b.example", 2), served("*.example.net")], TABLES)
    table = f"{TABLES.new_type()}:{tmp_path}/letterlock_sni"
    assert draft.main.get("tls_server_sni_maps") == table
    source, index = draft.table_changes
    assert source.after is not None
    assert source.after.splitlines()[1:] == [
        b"b.example  /store/b.example/current/0.key, /store/b.example/current/0.pem, "
        b"/store/b.example/current/1.key, /store/b.example/current/1.pem",
        b".example.net  /store/*.example.net/current/0.key, /store/*.example.net/current/0.pem",
    ]
    assert (index.mode, index.secret) == (0o600, True)
    put(draft.table_changes)
    assert asked(table, "b.example") == (
        "key and chain 0 of b.example\nkey and chain 1 of b.example"
    )
    assert asked(table, ".example.net") == "key and chain 0 of *.example.net"

    again = PostfixDraft(configured(tmp_path, f"tls_server_sni_maps = {table}\n"))
    plan_names_postfix(again, [served("b.example", 2)], TABLES)
    assert again.changes() == ()
    assert "cannot be read; its certificate stays" in again.notices[0]


def test_a_table_built_without_f_holds_no_certificates(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("a.example /etc/a.pem\n")
    subprocess.run(["postmap", f"hash:{tmp_path}/mine"], check=True)
    held = TABLES.held(f"hash:{tmp_path}/mine")
    assert isinstance(held, Unknown) and "was built without postmap -F: a.example" in held.reason


def test_the_admins_own_table_is_extended_where_it_is(tmp_path: Path) -> None:
    (tmp_path / "a.pem").write_text("a, renewed\n")
    source = tmp_path / "mine"
    source.write_text(f"# mine\na.example {tmp_path}/a.pem\n")
    subprocess.run(["postmap", "-F", f"hash:{source}"], check=True)
    main = f"tls_server_sni_maps = hash:{source}\n"
    (tmp_path / "mine.db").chmod(0o644)
    with pytest.raises(RefusedError, match=r"mine\.db: is readable by others .*chmod 600"):
        plan_names_postfix(PostfixDraft(configured(tmp_path, main)), [served("b.example")], TABLES)
    (tmp_path / "mine.db").chmod(0o600)
    draft = PostfixDraft(configured(tmp_path, main))
    plan_names_postfix(draft, [served("b.example")], TABLES)
    assert bytes(draft.main) == main.encode(), "named already"
    put(draft.table_changes)
    assert source.read_text().startswith(f"# mine\na.example {tmp_path}/a.pem\nb.example  ")
    assert asked(f"hash:{source}", "a.example") == "a, renewed"
    assert asked(f"hash:{source}", "b.example") == "key and chain 0 of b.example"

    (tmp_path / "a.pem").write_text("a, renewed again\n")
    (tmp_path / "mine").write_text(f"a.example {tmp_path}/a.pem\ngone.example /nowhere\n")
    with pytest.raises(RefusedError, match=r"mine:2: gone\.example stands for a file that cannot"):
        plan_names_postfix(PostfixDraft(configured(tmp_path, main)), [served("b.example")], TABLES)
    (tmp_path / "a.pem").unlink()
    (tmp_path / "mine").write_text(f"a.example {tmp_path}/a.pem\n")
    kept = PostfixDraft(configured(tmp_path, main))
    plan_names_postfix(kept, [served("b.example")], TABLES)
    put(kept.table_changes)
    assert asked(f"hash:{source}", "a.example") == "a, renewed", "as the index had it"
    assert "cannot be read; its certificate stays" in kept.notices[0]


def test_a_name_in_a_table_that_is_no_file_is_refused(tmp_path: Path) -> None:
    main = "tls_server_sni_maps = inline:{b.example=/etc/hostname}, texthash:/nowhere\n"
    draft = PostfixDraft(configured(tmp_path, main))
    with pytest.raises(RefusedError, match=r"finds b\.example in inline:"):
        plan_names_postfix(draft, [served("b.example")], TABLES)


def test_a_service_with_tables_of_its_own_is_served_too(tmp_path: Path) -> None:
    master = (
        "smtp inet n - y - - smtpd\n"
        "submission inet n - y - - smtpd\n"
        f"  -o tls_server_sni_maps=texthash:{tmp_path}/own\n"
        "465 inet n - y - - smtpd\n  -o smtpd_tls_wrappermode=yes\n  -o tls_server_sni_maps=\n"
    )
    draft = PostfixDraft(configured(tmp_path, master=master))
    plan_names_postfix(draft, [served("b.example")], TABLES)
    assert {change.path.name for change in draft.table_changes} == {
        "own", "letterlock_sni", "letterlock_sni.db",
    }  # fmt: skip
    assert {endpoint.port for endpoint in without_sni(draft)} == {465}
    put([change for change in draft.table_changes if change.path.name == "own"])
    removed = PostfixDraft(configured(tmp_path, master=master))
    assert plan_names_removed(removed, ["b.example"], TABLES) == {"b.example"}
    assert [change.after for change in removed.table_changes] == [b""], "the admin's file stays"


def test_names_are_taken_out_and_an_empty_table_of_ours_goes(tmp_path: Path) -> None:
    draft = PostfixDraft(configured(tmp_path))
    plan_names_postfix(draft, [served("b.example")], TABLES)
    put(draft.table_changes)
    secured = configured(tmp_path, bytes(draft.main).decode())
    after = PostfixDraft(secured)
    assert plan_names_removed(after, ["b.example", "c.example"], TABLES) == {"b.example"}
    assert [change.after for change in after.table_changes] == [None, None]
    assert after.main.get("tls_server_sni_maps") is None


def test_before_postfix_3_4_there_is_one_certificate(tmp_path: Path) -> None:
    draft = PostfixDraft(configured(tmp_path, version="3.3.0"))
    with pytest.raises(InputError, match=r"Postfix 3\.3\.0 serves one certificate only"):
        plan_names_postfix(draft, [served("b.example")], TABLES)
    plan_names_postfix(draft, [served("b.example")], TABLES, ["b.example"])
    assert draft.changes() == ()


MAIN = "/etc/dovecot/dovecot.conf"
OWN = "/etc/dovecot/letterlock-names.conf"


def texts(draft: DovecotDraft) -> dict[str, str]:
    return {str(c.path): c.after.decode() for c in draft.changes() if c.after is not None}


def in_block(files: Mapping[str, str], folder: Path, name: str) -> str:
    """What doveconf gives a client that names a name, with the includes where they are here."""
    for path, text in files.items():
        local = text.replace("/etc/dovecot/", f"{folder}/")
        (folder / Path(path).name).write_text(local)
    done = subprocess.run(
        ["doveconf", "-c", str(folder / "dovecot.conf"), "-f", f"lname={name}", "ssl_cert"],
        capture_output=True, check=True,
    )  # fmt: skip
    return done.stdout.decode().split("=", 1)[1].strip()


def test_blocks_are_added_in_a_file_of_their_own_and_no_wildcard_hides_a_name(
    tmp_path: Path,
) -> None:
    before = {MAIN: "ssl = no\nssl_cert = </default.pem\n"}
    draft = DovecotDraft(dovecot(before))
    plan_names_dovecot(draft, [served("*.example.net"), served("b.example.net")], None)
    once = texts(draft)
    assert once[MAIN] == before[MAIN] + f"!include_try {OWN}\n"
    lines = [line for line in once[OWN].splitlines() if line.startswith("local_name")]
    assert lines == ["local_name b.example.net {", "local_name *.example.net {"]
    for name, file in (
        ("b.example.net", "</store/b.example.net/current/0.pem"),
        ("c.example.net", "</store/*.example.net/current/0.pem"),
        ("d.c.example.net", "</default.pem"),
    ):
        assert in_block(once, tmp_path, name) == file

    again = DovecotDraft(dovecot(once))
    plan_names_dovecot(again, [served("b.example.net"), served("*.example.net")], None)
    assert again.changes() == ()
    plan_names_dovecot(again, [served("*.example.org"), served("a.example.org")], None)
    lines = [line for line in texts(again)[OWN].splitlines() if line.startswith("local_name")]
    assert [line.split()[1] for line in lines] == [
        "b.example.net", "a.example.org", "*.example.net", "*.example.org",
    ]  # fmt: skip
    newer = DovecotDraft(dovecot(once, "2.4.1"))
    plan_names_dovecot(newer, [served("*.example.org"), served("a.example.org")], None)
    lines = [line for line in texts(newer)[OWN].splitlines() if line.startswith("local_name")]
    assert [line.split()[1] for line in lines] == [
        "*.example.net", "*.example.org", "b.example.net", "a.example.org",
    ]  # fmt: skip

    gone = DovecotDraft(dovecot(once))
    assert plan_names_removed_dovecot(gone, ["b.example.net"]) == {"b.example.net"}
    assert "b.example.net" not in texts(gone)[OWN]
    assert plan_names_removed_dovecot(gone, ["*.example.net"]) == {"*.example.net"}
    changes = {str(change.path): change for change in gone.changes()}
    assert changes[OWN].after is None
    assert changes[MAIN].after == before[MAIN].encode()


@pytest.mark.parametrize(
    ("version", "certificate"),
    [("2.2.22", "ssl_cert = <"), ("2.3.19", "ssl_cert = <"), ("2.4.1", "ssl_server_cert_file = ")],
)
def test_each_version_has_its_own_words(version: str, certificate: str) -> None:
    draft = DovecotDraft(dovecot({MAIN: ""}, version))
    plan_names_dovecot(draft, [served("b.example")], None)
    assert f"  {certificate}/store/b.example/current/0.pem\n" in texts(draft)[OWN]


def test_two_certificates_for_a_name() -> None:
    draft = DovecotDraft(dovecot({MAIN: ""}))
    plan_names_dovecot(draft, [served("b.example", 2)], None)
    assert "  ssl_alt_key = </store/b.example/current/1.key\n" in texts(draft)[OWN]
    with pytest.raises(InputError, match="one certificate per name"):
        plan_names_dovecot(
            DovecotDraft(dovecot({MAIN: ""}, "2.2.22")), [served("b.example", 2)], None
        )


def test_a_hand_written_block_is_edited_where_it_stands() -> None:
    mine = (
        "local_name b.example {\n  ssl_cert = </old.pem # mine\n  ssl_key = </old.key\n"
        "  ssl_min_protocol = TLSv1.3\n}\n"
    )
    draft = DovecotDraft(dovecot({MAIN: mine}))
    plan_names_dovecot(draft, [served("b.example")], None)
    assert texts(draft) == {
        MAIN: mine.replace("/old.pem", "/store/b.example/current/0.pem").replace(
            "/old.key", "/store/b.example/current/0.key"
        )
    }
    removed = DovecotDraft(dovecot({MAIN: mine}))
    plan_names_removed_dovecot(removed, ["b.example"])
    assert texts(removed)[MAIN] == "local_name b.example {\n  ssl_min_protocol = TLSv1.3\n}\n"


@pytest.mark.parametrize(
    ("version", "mine", "new"),
    [("2.3.19", "*.example.net", "b.example.net"), ("2.4.1", "b.example.net", "*.example.net")],
)
def test_a_wildcard_that_would_hide_a_name_is_refused(version: str, mine: str, new: str) -> None:
    block = f"local_name {mine} {{\n  ssl_cert = </a\n  ssl_server_cert_file = /a\n}}\n"
    draft = DovecotDraft(dovecot({MAIN: block}, version))
    with pytest.raises(RefusedError, match=r"\*\.example\.net would hide b\.example\.net"):
        plan_names_dovecot(draft, [served(new)], None)


def test_a_block_for_several_names_is_not_split() -> None:
    mine = "local_name a.example b.example {\n  ssl_cert = </old.pem\n  ssl_key = </old.key\n}\n"
    draft = DovecotDraft(dovecot({MAIN: mine}))
    with pytest.raises(RefusedError, match=rf"{MAIN}:1: this block holds several names"):
        plan_names_dovecot(draft, [served("b.example")], None)
    with pytest.raises(RefusedError, match="several names"):
        plan_names_removed_dovecot(draft, ["b.example"])
    assert plan_names_removed_dovecot(draft, ["a.example", "b.example"])


def test_many_names_are_looked_at_on_one_port_of_each_server() -> None:
    names = [served(f"n{number}.example") for number in range(20)]
    ends = [
        [Endpoint("127.0.0.1", 25, SMTP), Endpoint("127.0.0.1", 465, SUBMISSIONS)],
        [Endpoint("127.0.0.1", 110, POP3), Endpoint("127.0.0.1", 993, IMAPS)],
    ]
    found = expectations(names, ends)
    assert len(found) == 8 * 4 + 12 * 2
    assert {each.endpoint.port for each in found if each.name == "n19.example"} == {465, 993}
    assert asked_name("*.example.net") == "any-name.example.net"


def test_a_name_with_one_certificate_beside_a_default_with_two_has_no_second() -> None:
    both = "ssl_alt_cert = </default-ecdsa.pem\nssl_alt_key = </default-ecdsa.key\n"
    draft = DovecotDraft(dovecot({MAIN: both}))
    plan_names_dovecot(draft, [served("b.example")], None)
    assert "  ssl_alt_cert =\n  ssl_alt_key =\n}" in texts(draft)[OWN]
    again = DovecotDraft(dovecot({MAIN: both, **texts(draft)}))
    plan_names_dovecot(again, [served("b.example")], None)
    assert again.changes() == ()
