"""Profiles: what they hold, and what the loader refuses."""

from __future__ import annotations

import subprocess
from dataclasses import fields
from pathlib import Path

import pytest

from letterlock.model.cipher_suites import IANA_NAMES
from letterlock.model.errors import InputError
from letterlock.model.service import Role
from letterlock.profiles.profile import BUILT_IN, PROTOCOL_VERSIONS, RoleProfile, load, parse


@pytest.mark.parametrize("name", BUILT_IN)
def test_port_25_never_has_a_higher_bar_than_users_ports(name: str) -> None:
    profile = load(name)
    rank = PROTOCOL_VERSIONS.index
    assert rank(profile.mx.minimum_protocol) <= rank(profile.submission.minimum_protocol)


@pytest.mark.parametrize("name", BUILT_IN)
@pytest.mark.parametrize("role", list(Role))
def test_both_spellings_name_the_same_suites(name: str, role: Role) -> None:
    asked = load(name).role(role)
    names = [IANA_NAMES.get(suite, suite) for suite in asked.openssl_ciphers or ()]
    known = [suite for suite in asked.cipher_suites or () if "3DES" not in suite]
    assert [suite for suite in names if "3DES" not in suite] == known


def _openssl_ciphers(text: str) -> set[str]:
    done = subprocess.run(
        ["openssl", "ciphers", "-s", "-tls1_2", text], capture_output=True, text=True, check=True
    )
    return {name for name in done.stdout.strip().split(":") if not name.startswith("TLS_")}


def _as_postfix_builds_it(role: RoleProfile) -> str:
    """postconf(5) tls_high_cipherlist, tls_medium_cipherlist, then the exclusions."""
    grade = {"high": "aNULL:-aNULL:HIGH", "medium": "aNULL:-aNULL:HIGH:MEDIUM:+RC4"}
    return ":".join([grade[role.cipher_grade], *(f"!{word}" for word in role.exclude_ciphers)])


def test_intermediate_gives_postfix_exactly_its_suites() -> None:
    role = load("intermediate").submission
    assert role.openssl_ciphers
    assert _openssl_ciphers(_as_postfix_builds_it(role)) == set(role.openssl_ciphers)


def test_old_gives_postfix_all_its_suites_that_this_openssl_has() -> None:
    role = load("old").submission
    wanted = _openssl_ciphers(":".join(role.openssl_ciphers or ()))
    assert wanted
    assert wanted <= _openssl_ciphers(_as_postfix_builds_it(role))


def test_ones_own_profile_by_path(tmp_path: Path) -> None:
    text = """
name = "own"
title = "mine"
source = "me"
[mx]
minimum_protocol = "TLSv1.2"
cipher_grade = "high"
exclude_ciphers = []
named_groups = ["X25519"]
[submission]
same_as = "mx"
[access]
same_as = "mx"
"""
    path = tmp_path / "own.toml"
    path.write_text(text)
    profile = load(str(path))
    assert profile.access == profile.mx
    assert profile.mx.named_groups == ("X25519",)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "missing required field `name`"),
        ("name = ", "Invalid value"),
        ('name = "x"\ntitle = "x"\nsource = "x"\n[mx]\n', "minimum_protocol"),
        ("mx = 3", "has no attribute"),
    ],
)
def test_a_broken_profile_is_one_line_with_the_file(text: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        parse(text, "p.toml")
    assert said in str(caught.value)
    assert str(caught.value).startswith("p.toml: ")
    assert "\n" not in str(caught.value)


def test_an_unknown_name_lists_those_there_are() -> None:
    with pytest.raises(InputError, match="choose one of modern, intermediate, old"):
        load("mozilla")


def test_a_profile_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.toml: the profile cannot be read: No such file"):
        load(str(tmp_path / "gone.toml"))


_PAGE = Path(__file__).parents[2] / "docs/reference/profiles.md"


def test_the_page_names_every_key_and_every_profile() -> None:
    text = _PAGE.read_text("utf-8")
    assert all(f"`{field.name}`" in text for field in fields(RoleProfile))
    assert all(f"`{name}`" in text for name in BUILT_IN)


def test_the_pages_example_is_a_profile() -> None:
    example = _PAGE.read_text("utf-8").partition("```toml\n")[2].partition("```")[0]
    profile = parse(example, "page")
    assert profile.access == profile.submission
    assert profile.access.certificate_hashes == ("sha256", "sha384")
