"""No remedy names a setting that the servers do not have, or a value that they would not take."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping

import pytest

from letterlock.findings import settings
from letterlock.findings.assess import RULES
from letterlock.findings.rule import Rule
from letterlock.profiles.suite_class import is_word
from letterlock.servers.version import Version
from letterlock.servers.vocabulary import ServerName, Vocabulary, vocabulary

_SETTING = re.compile(r"\b(?:smtpd?|tls|ssl|auth|disable|inet|mail|verbose|log)_[a-z0-9_]+\b")
_RULES = [pytest.param(rule, id=id_) for id_, rule in sorted(RULES.items())]
#: Dovecot 2.4's, which this machine's Dovecot need not know.
_DOVECOT_24 = frozenset({"log_debug"})


def known(server: ServerName) -> set[str]:
    return {row.name for row in vocabulary(server).spellings}


@pytest.mark.parametrize("rule", _RULES)
def test_every_setting_in_a_remedy_is_known(rule: Rule) -> None:
    named = set(_SETTING.findall(f"{rule.postfix} {rule.dovecot}"))
    blocks = {"inet_listener"}
    assert named <= known("postfix") | known("dovecot") | settings.OTHERS | blocks


@pytest.mark.parametrize(
    ("server", "table"), [("postfix", settings.POSTFIX), ("dovecot", settings.DOVECOT)]
)
def test_each_concept_is_called_what_the_version_tables_call_it(
    server: ServerName, table: Mapping[str, str]
) -> None:
    words: Vocabulary = vocabulary(server)
    for concept, text in table.items():
        names = words.names(concept)
        assert names, concept
        named = _SETTING.findall(text)
        assert set(named) <= set(names)
        newest = words.spelling(concept, Version.parse("99.0"))
        assert newest is None or newest.name in named


def test_values_are_spelt_as_secure_spells_them() -> None:
    for floor in ("TLSv1", "TLSv1.2"):
        text = settings.postfix_floor(floor)
        for version in ("3.5.0", "3.7.0"):
            row = vocabulary("postfix").spelling(
                "minimum-protocol-mandatory", Version.parse(version)
            )
            assert row is not None
            assert row.write(floor) in text
        text = settings.dovecot_floor(floor)
        for version in ("2.2.30", "2.3.15"):
            row = vocabulary("dovecot").spelling("minimum-protocol", Version.parse(version))
            assert row is not None
            assert f"{row.name} = {row.write(floor)}" in text
    for switch, concept in ((True, "server-preference"), (False, "cleartext-auth")):
        for version in ("2.3.19", "2.4.1"):
            row = vocabulary("dovecot").spelling(concept, Version.parse(version))
            assert row is not None
            assert f"{row.name} = {row.write(switch)}" in settings.DOVECOT[concept]


@pytest.mark.parametrize("rule", _RULES)
def test_classes_of_suites_are_openssls(rule: Rule) -> None:
    postfix = re.search(r"add ([A-Za-z0-9, ]+) to smtpd_", rule.postfix)
    dovecot = re.search(r"append :(\S+) to ssl_cipher_list", rule.dovecot)
    words = postfix[1].split(", ") if postfix else []
    words += [word.removeprefix("!") for word in dovecot[1].split(":")] if dovecot else []
    for word in words:
        assert is_word(word)
        done = subprocess.run(
            ["openssl", "ciphers", f"ALL:COMPLEMENTOFALL:!{word}@SECLEVEL=0"], capture_output=True
        )
        assert done.returncode == 0


def _machine(command: list[str]) -> set[str]:
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return set(re.findall(r"^\s*([a-z0-9_]+) =", done.stdout, re.MULTILINE))


def test_settings_of_no_version_table_are_this_machines_servers_own() -> None:
    there = _machine(["postconf", "-d"]) | _machine(["doveconf", "-a"])
    assert settings.OTHERS - there <= _DOVECOT_24


def test_every_other_setting_is_used() -> None:
    text = " ".join(f"{rule.postfix} {rule.dovecot}" for rule in RULES.values())
    assert set(_SETTING.findall(text)) >= settings.OTHERS
