"""Fifty hosts' worth of plans, beside the settings alone written by hand-made tasks.

`python -m bench.fleet [HOSTS]`. Each host is a root of the laboratory below an overlay of its own,
in a mount namespace that ends with the bench. The peer is a playbook of `postconf -e`,
`postconf -M` and `lineinfile` that sets the like of what `secure` sets there. It is played for
real, since `postconf -e` has no check mode; it neither rehearses nor looks at a port, so plans
are compared with it alone.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.fleet.controller import ANSIBLE
from tests.lab.certificates import deliver
from tests.lab.generation import TRIXIE, missing
from tests.machine import HOSTNAME, PROGRAM, REPOSITORY

from bench.measure import seconds

COUNT = 50
#: As many at once as Ansible's `forks`.
_FORKS = 4
_BOUND_SECONDS = 60
_STORE = f"/etc/ssl/letterlock/{HOSTNAME}"
_SETTINGS = {
    "smtpd_tls_chain_files": f"{_STORE}/both.pem",
    "smtpd_tls_security_level": "may",
    "smtpd_tls_auth_only": "yes",
    "smtpd_tls_protocols": ">=TLSv1",
    "smtpd_tls_mandatory_protocols": ">=TLSv1.2",
    "smtpd_tls_mandatory_ciphers": "high",
    "smtp_tls_security_level": "may",
    "smtpd_sasl_type": "dovecot",
    "smtpd_sasl_path": "private/auth",
}
_SERVICES = ("submission", "submissions")
_DOVECOT = {
    "ssl_server_cert_file": f"{_STORE}/fullchain.pem",
    "ssl_server_key_file": f"{_STORE}/key.pem",
    "ssl_min_protocol": "TLSv1.2",
    "ssl_cipher_list": "ECDHE+AESGCM:ECDHE+CHACHA20",
}


def bench(tell: Callable[[str, str, bool, str], bool], count: int = COUNT) -> list[bool]:
    """Print each figure beside its bound; whether they are kept."""
    reason = missing(TRIXIE) or (None if ANSIBLE.is_dir() else "no ansible-core (make setup)")
    name = f"{count} hosts"
    if reason:
        print(f"{'skipped':9} {name}: {reason}")
        return [True]
    command = ["unshare", "--mount", sys.executable, "-m", "bench.fleet", "--inside", str(count)]
    done = subprocess.run(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, check=True)
    took = json.loads(done.stdout.splitlines()[-1])
    alone, played, by_hand = took["alone"], took["played"], took["by hand"]
    kept = alone < _BOUND_SECONDS * count / COUNT
    bound = f"< {_BOUND_SECONDS * count / COUNT:.0f} s"
    return [
        tell(f"{name}: secure --dry-run, {_FORKS} at a time", f"{alone:.1f} s", kept, bound),
        tell(
            f"{name}: letterlock.mail.tls --check : postconf -e, lineinfile",
            f"{played:.1f} s : {by_hand:.1f} s = {played / by_hand:.2f} ×",
            played < by_hand,
            "< 1 ×",
        ),
    ]


def _inside(count: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as made:
        top = Path(made)
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", top], check=True)
        try:
            return _measured(top, [_host(top, number) for number in range(count)])
        finally:
            subprocess.run(["umount", "--lazy", top], check=True)


def _host(top: Path, number: int) -> Path:
    place = top / str(number)
    upper, work, root = place / "upper", place / "work", place / "root"
    for folder in (upper, work, root):
        folder.mkdir(parents=True)
    layers = f"lowerdir={TRIXIE.root.resolve()},upperdir={upper},workdir={work}"
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", layers, root], check=True)
    return root


def _measured(top: Path, roots: list[Path]) -> dict[str, float]:
    options, _ = deliver(top, ("rsa",))
    both = top / "both.pem"
    both.touch(0o600)
    both.write_bytes(b"".join((top / f"rsa.{end}").read_bytes() for end in ("key", "crt")))
    inventory = top / "hosts.json"
    hosts = {f"host{number}": {"system": str(root)} for number, root in enumerate(roots)}
    usual = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    inventory.write_text(json.dumps({"all": {"hosts": hosts, "vars": usual}}))

    def planned(root: Path) -> None:
        command = [str(PROGRAM), "secure", HOSTNAME, *options, "--sasl", "dovecot", "--dry-run"]
        subprocess.run([*command, "--root", str(root)], stdout=subprocess.DEVNULL, check=True)

    def all_planned() -> None:
        with ThreadPoolExecutor(_FORKS) as pool:
            list(pool.map(planned, roots))

    return {
        "alone": seconds(all_planned),
        "played": seconds(lambda: _play(top, inventory, [_ours(top)], "--check")),
        "by hand": seconds(lambda: _play(top, inventory, _by_hand(top))),
    }


def _play(top: Path, inventory: Path, tasks: list[dict[str, Any]], *options: str) -> None:
    playbook = top / "play.json"
    playbook.write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": tasks}]))
    environment = {
        **os.environ,
        "ANSIBLE_HOME": str(top / "home"),
        "ANSIBLE_COLLECTIONS_PATH": str(REPOSITORY),
        "ANSIBLE_PIPELINING": "1",
        "LC_ALL": "C.UTF-8",
    }
    program = str(ANSIBLE / "ansible-playbook")
    command = [program, "-i", str(inventory), "-f", str(_FORKS), *options, str(playbook)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr


def _ours(top: Path) -> dict[str, Any]:
    return {
        "letterlock.mail.tls": {
            "host": HOSTNAME, "root": "{{ system }}", "executable": str(PROGRAM),
            "certificate": [f"{top}/rsa.crt"], "chain": [f"{top}/rsa.bundle"],
            "key": [f"{top}/rsa.key"], "ca_file": f"{top}/roots.pem", "sasl": "dovecot",
        }
    }  # fmt: skip


def _by_hand(top: Path) -> list[dict[str, Any]]:
    """What such a role has: files, settings, services, Dovecot's lines."""
    store = "{{ system }}" + _STORE
    files = {"fullchain.pem": "rsa.crt", "key.pem": "rsa.key", "both.pem": "both.pem"}
    words = [f"{name}={value}" for name, value in _SETTINGS.items()]
    return [
        {"ansible.builtin.file": {"path": store, "state": "directory", "mode": "0755"}},
        *(_copy(f"{top}/{src}", f"{store}/{name}") for name, src in files.items()),
        {"ansible.builtin.command": {"argv": ["chroot", "{{ system }}", "postconf", "-e", *words]}},
        *(_service(name) for name in _SERVICES),
        *(_line("10-ssl.conf", name, value) for name, value in _DOVECOT.items()),
    ]  # fmt: skip


def _copy(source: str, target: str) -> dict[str, Any]:
    return {"ansible.builtin.copy": {"src": source, "dest": target, "mode": "0600"}}


def _service(name: str) -> dict[str, Any]:
    entry = f"{name}/inet={name} inet n - y - - smtpd -o smtpd_sasl_auth_enable=yes"
    how = (
        "smtpd_tls_wrappermode=yes" if name == "submissions" else "smtpd_tls_security_level=encrypt"
    )
    argv = ["chroot", "{{ system }}", "postconf", "-M", f"{entry} -o {how}"]
    return {"ansible.builtin.command": {"argv": argv}}


def _line(file: str, name: str, value: str) -> dict[str, Any]:
    return {
        "ansible.builtin.lineinfile": {
            "path": "{{ system }}/etc/dovecot/conf.d/" + file,
            "regexp": f"^#?{name} *=",
            "line": f"{name} = {value}",
        }
    }


def _tell(name: str, figures: str, kept: bool, bound: str) -> bool:
    print(f"{'kept' if kept else 'NOT KEPT':9} {name:72} {figures}  ({bound})", flush=True)
    return kept


if __name__ == "__main__":
    if sys.argv[1:2] == ["--inside"]:
        print(json.dumps(_inside(int(sys.argv[2]))))
    else:
        sys.exit(not all(bench(_tell, int(sys.argv[1]) if sys.argv[1:] else COUNT)))
