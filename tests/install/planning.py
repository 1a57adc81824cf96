"""Configurations from text, and plans for them, without a server."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from letterlock.certs.store import StoredCertificate, StoredPair
from letterlock.conf.dovecot import DovecotFile, DovecotSetting
from letterlock.conf.dovecot_tree import DovecotTree
from letterlock.conf.main_cf import MainCf
from letterlock.conf.master_cf import MasterCf
from letterlock.install.intent import Intent, Surroundings
from letterlock.install.plan import Configurations, plan_secure
from letterlock.model.certificate import KeyType
from letterlock.model.plan import FileChange, Plan
from letterlock.profiles.profile import load
from letterlock.servers.dovecot_configuration import DovecotConfiguration
from letterlock.servers.postfix_configuration import PostfixConfiguration
from letterlock.servers.sasl import Sasl
from letterlock.servers.strength import cipher_suites
from letterlock.servers.tools import Tools
from letterlock.servers.version import Version

HOST = "mail.example.com"
CURRENT = f"/etc/ssl/letterlock/{HOST}/current"


def pair(
    key_type: KeyType = KeyType.RSA, suffix: str = "", *, combined: bool = False
) -> StoredPair:
    """A pair in the store; its leaf's digest is `ab…`, with a suffix `cd…`."""
    digest = ("cd" if suffix else "ab") * 32
    if combined:
        file = f"{CURRENT}/combined{suffix}.pem"
        return StoredPair(file, file, file, digest, key_type)
    certificate, key = f"{CURRENT}/fullchain{suffix}.pem", f"{CURRENT}/key{suffix}.pem"
    return StoredPair(certificate, key, None, digest, key_type)


SEPARATE = StoredCertificate((), (pair(),))
COMBINED = StoredCertificate((), (pair(combined=True),))
BOTH = StoredCertificate((), (pair(), pair(KeyType.ECDSA, "-ecdsa")))
BOTH_COMBINED = StoredCertificate(
    (), (pair(combined=True), pair(KeyType.ECDSA, "-ecdsa", combined=True))
)
STOCK_MASTER = Path("/etc/postfix/master.cf.proto")
NO_SASL = Sasl("cyrus", "", answered=False, dovecot_can=True)
CYRUS = Sasl("cyrus", "", answered=True, dovecot_can=True)


@cache
def defaults() -> Mapping[str, str]:
    done = subprocess.run(["postconf", "-d"], capture_output=True, text=True, check=True)
    pairs = (line.partition(" =") for line in done.stdout.splitlines())
    return {name: value.strip() for name, _, value in pairs}


def postfix(
    main: str = "", master: str | None = None, version: str = "3.7.11"
) -> PostfixConfiguration:
    text = STOCK_MASTER.read_text() if master is None else master
    return PostfixConfiguration(
        Version.parse(version),
        "/etc/postfix",
        MainCf.parse(main.encode(), "/etc/postfix/main.cf"),
        MasterCf.parse(text.encode(), "/etc/postfix/master.cf"),
        defaults(),
    )


@cache
def stock_dovecot() -> tuple[DovecotSetting, ...]:
    done = subprocess.run(["doveconf", "-a"], capture_output=True, check=True)
    return DovecotFile.parse(done.stdout, "doveconf").settings()


def dovecot(files: Mapping[str, str], version: str = "2.3.19") -> DovecotConfiguration:
    """A tree from texts by path; `effective` is what this machine's doveconf says of the stock
    configuration, with the global settings of the texts on top. A file that is not given is
    empty."""
    tree = DovecotTree.load(
        "/etc/dovecot/dovecot.conf",
        lambda path: files.get(path, "").encode("utf-8", "surrogateescape"),
        lambda pattern: sorted(path for path in files if Path(path).match(pattern)) or [pattern],
    )
    own = "".join(
        f"{setting.name} = {setting.value}\n"
        for path in files
        for setting in DovecotFile.parse(
            files[path].encode("utf-8", "surrogateescape"), path
        ).settings()
        if not setting.block_path
    )
    globals_ = DovecotFile.parse(own.encode("utf-8", "surrogateescape"), "doveconf").settings()
    return DovecotConfiguration(Version.parse(version), tree, (*stock_dovecot(), *globals_))


@cache
def _suites(text: str) -> frozenset[str] | None:
    return cipher_suites(Tools(), text)


def surroundings(answerer: Sasl = NO_SASL, **more: Any) -> Surroundings:
    return Surroundings(
        expand_ciphers=_suites,
        knows_group=lambda group: "MLKEM" not in group,
        sasl=answerer,
        **more,
    )


def intent(**options: Any) -> Intent:
    profile = load(options.pop("profile", "intermediate"))
    given: dict[str, Any] = {
        "host": HOST,
        "stored": SEPARATE,
        "profile": profile,
    }
    return Intent(**(given | options))


def plan(
    postfix: PostfixConfiguration | None = None,
    dovecot: DovecotConfiguration | None = None,
    answerer: Sasl = NO_SASL,
    around: Surroundings | None = None,
    **options: Any,
) -> Plan:
    return plan_secure(
        intent(**options), Configurations(postfix, dovecot), around or surroundings(answerer)
    )


def after(plan: Plan, name: str) -> str:
    """A file's planned contents; nothing where the plan leaves it alone."""
    for change in plan.changes:
        if isinstance(change, FileChange) and change.path.name == name and change.after is not None:
            return change.after.decode("utf-8", "surrogateescape")
    return ""


def applied(before: PostfixConfiguration, plan: Plan) -> PostfixConfiguration:
    """The configuration once the plan is in force."""
    main, master = after(plan, "main.cf"), after(plan, "master.cf")
    return before.with_documents(
        MainCf.parse(main.encode("utf-8", "surrogateescape"), "main.cf") if main else before.main,
        MasterCf.parse(master.encode("utf-8", "surrogateescape"), "master.cf")
        if master
        else before.master,
    )
