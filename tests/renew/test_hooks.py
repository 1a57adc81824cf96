"""The hooks that letterlock writes into the ACME clients' own folders."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import pytest

from letterlock.install.state import StateFolder
from letterlock.model.errors import InputError, RefusedError
from letterlock.renew import acme_sh, hook_files
from letterlock.renew.hook_files import Done

PROGRAM = Path("/opt/letter lock/bin/letterlock")


@pytest.fixture
def state(tmp_path: Path) -> StateFolder:
    return StateFolder(tmp_path / "root")


def _place(client: str, tmp_path: Path) -> Path:
    place = tmp_path / client
    for folder in ("renewal-hooks/deploy", "conf.d"):
        (place / folder).mkdir(parents=True)
    return place


@pytest.mark.parametrize("client", ["certbot", "dehydrated"])
def test_written_once_and_taken_away(client: str, tmp_path: Path, state: StateFolder) -> None:
    place = _place(client, tmp_path)
    hook = hook_files.hook_for(client, place, PROGRAM, ())
    before = sorted(place.rglob("*"))
    assert hook_files.install(hook, state) is Done.WRITTEN
    assert hook_files.install(hook, state) is Done.SAME
    script = hook.files[0].path
    assert script.stat().st_mode & 0o777 == 0o755
    subprocess.run(["sh", "-n", str(script)], check=True)
    assert (state.path / "pending").is_dir()
    other = hook_files.hook_for(client, place, Path("/usr/bin/letterlock"), ("--ca-file", "/r.pem"))
    assert hook_files.install(other, state) is Done.RENEWED
    assert "/usr/bin/letterlock deploy --from" in script.read_text()
    assert "--ca-file /r.pem" in script.read_text()
    assert hook_files.remove(hook) is Done.REMOVED
    assert hook_files.remove(hook) is Done.ABSENT
    assert sorted(place.rglob("*")) == before


def test_the_script_calls_what_it_is_called_with(tmp_path: Path, state: StateFolder) -> None:
    place = _place("dehydrated", tmp_path)
    echo = tmp_path / "letter lock"
    echo.write_text('#!/bin/sh\nprintf "<%s>" "$@"\n')
    echo.chmod(0o755)
    hook = hook_files.hook_for("dehydrated", place, echo, ())
    hook_files.install(hook, state)

    def call(*words: str) -> str:
        script = str(hook.files[0].path)
        return subprocess.run([script, *words], check=True, capture_output=True, text=True).stdout

    assert call("deploy_cert", "a b", "k") == (
        "<deploy><--from><dehydrated><--><deploy_cert><a b><k>"
    )
    assert call("generate_csr", "mail.example.com") == ""


@pytest.mark.parametrize("client", ["certbot", "dehydrated"])
def test_a_strangers_hook_stays(client: str, tmp_path: Path, state: StateFolder) -> None:
    hook = hook_files.hook_for(client, _place(client, tmp_path), PROGRAM, ())
    for file in hook.files:
        file.path.write_text("#!/bin/sh\n# mine\n")
        with pytest.raises(RefusedError, match="is not letterlock's, so it stays"):
            hook_files.install(hook, state)
        with pytest.raises(RefusedError, match="is not letterlock's, so it stays"):
            hook_files.remove(hook)
        assert file.path.read_text() == "#!/bin/sh\n# mine\n"
        file.path.unlink()
    assert not any(file.path.exists() for file in hook.files)


def test_dehydrateds_one_hook_is_not_taken_over(tmp_path: Path, state: StateFolder) -> None:
    place = _place("dehydrated", tmp_path)
    (place / "config").write_text("#HOOK=\nBASEDIR=/x\n")
    (place / "conf.d/own.sh").write_text("# x\nHOOK=/root/dns-hook\n")
    hook = hook_files.hook_for("dehydrated", place, PROGRAM, ())
    with pytest.raises(RefusedError, match=r"own\.sh:2: .*call this in its deploy_cert: "):
        hook_files.install(hook, state)
    assert not any(file.path.exists() for file in hook.files)


def test_no_client_no_hook(tmp_path: Path, state: StateFolder) -> None:
    for client in ("certbot", "dehydrated"):
        with pytest.raises(RefusedError, match="there is no folder"):
            hook_files.install(hook_files.hook_for(client, tmp_path / "x", PROGRAM, ()), state)
    with pytest.raises(InputError, match="no ACME client is called 'certbott'"):
        hook_files.hook_for("certbott", None, PROGRAM, ())


@pytest.mark.parametrize("client", ["lego", "acme.sh", "uacme", "caddy", "traefik"])
def test_what_to_tell_the_others(client: str) -> None:
    hook = hook_files.hook_for(client, None, PROGRAM, ())
    assert hook.files == ()
    assert "letter lock/bin/letterlock" in hook.advice
    assert " deploy" in hook.advice


def _acme_sh(tmp_path: Path, reload_command: str) -> Path:
    """Its folder with one certificate; the program there writes down how it is called. No package
    registry has the real one; by hand, acme.sh 3.1.4 with Pebble did what this one does."""
    home = tmp_path / "acme.sh"
    folder = home / "mail.example.com_ecc"
    folder.mkdir(parents=True)
    coded = base64.b64encode(reload_command.encode()).decode()
    stored = f"__ACME_BASE64__START_{coded}__ACME_BASE64__END_" if reload_command else ""
    (folder / "mail.example.com.conf").write_text(
        f"Le_Domain='mail.example.com'\nLe_RealKeyPath='/etc/nginx/a key.pem'\n"
        f"Le_RealCertPath=''\nLe_ReloadCmd='{stored}'\n"
    )
    program = home / "acme.sh"
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >{tmp_path}/called\n')
    program.chmod(0o755)
    return home


def test_acme_sh_is_told_and_loses_nothing(tmp_path: Path) -> None:
    home = _acme_sh(tmp_path, "")
    line = hook_files.command(PROGRAM, "acme.sh")
    assert acme_sh.set_reload_command(home, "mail.example.com", line) == (Done.WRITTEN,)
    called = (tmp_path / "called").read_text().splitlines()
    assert called == [
        "--home", str(home), "--install-cert", "-d", "mail.example.com", "--key-file",
        "/etc/nginx/a key.pem", "--ecc", "--reloadcmd",
        "'/opt/letter lock/bin/letterlock' deploy --from acme.sh",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("present", "line", "done"),
    [
        ("/usr/bin/letterlock deploy --from acme.sh", "/usr/bin/letterlock deploy --from acme.sh",
         Done.SAME),
        ("/old/letterlock deploy", "/usr/bin/letterlock deploy", Done.RENEWED),
        ("/usr/bin/letterlock deploy", None, Done.REMOVED),
        ("", None, Done.ABSENT),
    ],
)  # fmt: skip
def test_acme_shs_present_reload_command(
    tmp_path: Path, present: str, line: str | None, done: Done
) -> None:
    home = _acme_sh(tmp_path, present)
    assert acme_sh.set_reload_command(home, "mail.example.com", line) == (done,)
    assert (tmp_path / "called").exists() == (done in (Done.RENEWED, Done.REMOVED))


def test_acme_shs_strangers_and_absent_ones(tmp_path: Path) -> None:
    home = _acme_sh(tmp_path, "systemctl reload nginx")
    with pytest.raises(RefusedError, match="is not letterlock's, so it stays"):
        acme_sh.set_reload_command(home, "mail.example.com", "/usr/bin/letterlock deploy")
    assert not (tmp_path / "called").exists()
    with pytest.raises(InputError, match="has no certificate for www"):
        acme_sh.set_reload_command(home, "www.example.com", None)
    with pytest.raises(InputError, match=r"no acme\.sh there"):
        acme_sh.set_reload_command(tmp_path / "x", "mail.example.com", None)
