"""What the modules document is what they take, and they take what the verbs take."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.fleet.controller import ANSIBLE
from tests.machine import PROGRAM, REPOSITORY

_SPEC = """
import importlib, json, sys
sys.path.insert(0, sys.argv[1])
name = "ansible_collections.letterlock.mail.plugins.modules." + sys.argv[2]
print(json.dumps(importlib.import_module(name).argument_spec()))
"""
#: Of `secure`: what a module says otherwise, or has no use for.
_NOT_OURS = {
    "dry-run", "yes", "json", "help", "password-file", "password-env",
    "postfix-version", "dovecot-version",
}  # fmt: skip
_NAMED = {"cert": "certificate", "wrapper-port": "wrapper_ports", "sni": "placing"}


def asked(module: str, tmp_path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The options as documented and as taken."""
    if not (ANSIBLE / "ansible-doc").exists():
        pytest.skip("no ansible-core (make setup)")
    settings = os.environ | {
        "ANSIBLE_COLLECTIONS_PATH": str(REPOSITORY),
        "ANSIBLE_HOME": str(tmp_path),
    }
    name = f"letterlock.mail.{module}"
    told = subprocess.run(
        [ANSIBLE / "ansible-doc", "--json", name], env=settings, capture_output=True, check=True
    )
    spec = subprocess.run(
        [ANSIBLE / "python", "-c", _SPEC, str(REPOSITORY), module], capture_output=True, check=True
    )
    page = json.loads(told.stdout)[name]
    assert page["examples"]
    _is_documented(page["return"])
    return page["doc"]["options"], json.loads(spec.stdout)


def _is_documented(returned: dict[str, Any]) -> None:
    """As ansible-test's validate-modules asks for; in YAML a comma easily makes a member."""
    assert returned
    for name, value in returned.items():
        members = {"description", "type", "elements", "returned", "contains", "sample"}
        assert set(value) <= members and {"description", "type"} <= set(value), name
        if "contains" in value:
            _is_documented(value["contains"])


@pytest.mark.parametrize("module", ["tls", "tls_facts"])
def test_each_option_is_documented_as_it_is(module: str, tmp_path: Path) -> None:
    documented, taken = asked(module, tmp_path)
    assert set(documented) == set(taken)
    for name, option in taken.items():
        page = documented[name]
        for member in ("type", "elements", "choices", "default", "aliases"):
            assert (page.get(member) or None) == (option.get(member) or None), (name, member)


def test_secrets_are_kept_out_of_logs(tmp_path: Path) -> None:
    _, taken = asked("tls", tmp_path)
    secret = {name for name, option in taken.items() if option.get("no_log")}
    assert secret == {"key_content", "certificate_content", "password"}


def test_every_option_of_secure_can_be_said(tmp_path: Path) -> None:
    _, taken = asked("tls", tmp_path)
    usage = subprocess.run(
        [PROGRAM, "secure", "--help"], capture_output=True, text=True, check=True
    ).stdout
    options = set(re.findall(r"^ +(?:-\w, )?--([a-z-]+)", usage, re.MULTILINE)) - _NOT_OURS
    named = {_NAMED.get(option, option.replace("-", "_")) for option in options}
    assert len(named) > 20
    assert named - {"default"} <= set(taken)
