"""What a profile says of versions, suites, groups and schemes; its lists are the guideline's."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from letterlock.model.cipher_suites import IANA_NAMES, cipher_suites
from letterlock.model.errors import InputError
from letterlock.model.grade import Grade
from letterlock.model.named_groups import group_named, named_groups
from letterlock.model.service import Role
from letterlock.model.signature_schemes import signature_schemes
from letterlock.profiles import demand
from letterlock.profiles.profile import BUILT_IN, load, parse
from letterlock.profiles.suite_class import WORDS, excluded

_DATA = Path(__file__).parents[3] / "shared/data"
_NCSC = {
    "good": "allowed",
    "sufficient": "allowed",
    "phase-out": "phase-out",
    "insufficient": "forbidden",
}


@pytest.mark.parametrize(
    ("name", "edition"), [("modern", "6.0"), ("intermediate", "6.0"), ("old", "5.8")]
)
def test_tlsrefs_lists_are_the_guidelines_own(name: str, edition: str) -> None:
    path = _DATA / f"tlsref-guidelines-{edition}.json"
    if not path.exists():
        pytest.skip("the guidelines' data are not beside this checkout")
    data = json.loads(path.read_text())["configurations"][name]
    role = load(name).submission
    assert list(role.cipher_suites or ()) == data["ciphers"]["iana"]
    assert list(role.tls13_cipher_suites or ()) == data["ciphersuites"]
    assert role.minimum_protocol == data["tls_versions"][0]
    assert list(role.named_groups) == data["tls_curves"]
    assert set(data["tls_curves"]) <= set(role.allowed_groups or ())
    assert role.certificate_days == data["maximum_certificate_lifespan"]
    assert list(role.certificate_curves or ()) == data["certificate_curves"]
    assert role.rsa_bits == data["rsa_key_size"]
    assert role.dh_bits == (data["dh_param_size"])
    assert role.server_preference == data["server_preferred_order"]


def test_ncsc_judges_suites_groups_and_schemes_as_the_registry_grades_them() -> None:
    role = load("ncsc-nl-2025-05").mx
    for suite in cipher_suites():
        stance = demand.cipher_suite(role, suite.name)
        assert stance == _NCSC[suite.grade.value], suite.name
    for group in named_groups():
        if group.grade is not None:
            assert demand.named_group(role, group.name) == _NCSC[group.grade.value], group.name
    for scheme in signature_schemes():
        if scheme.grade is not Grade.GOOD and scheme.signature != "dsa":
            assert demand.signature_scheme(role, scheme.name) == _NCSC[scheme.grade.value]


@pytest.mark.parametrize("name", BUILT_IN)
@pytest.mark.parametrize("role", list(Role))
def test_every_name_in_a_profile_is_in_a_registry(name: str, role: Role) -> None:
    asked = load(name).role(role)
    known = {suite.name for suite in cipher_suites()}
    for suites in (asked.cipher_suites, asked.tls13_cipher_suites, asked.phase_out_cipher_suites):
        assert set(suites or ()) <= known
    for groups in (asked.allowed_groups, asked.phase_out_groups, asked.named_groups):
        assert all(group_named(group) for group in groups or ())


@pytest.mark.parametrize("name", BUILT_IN)
@pytest.mark.parametrize("role", list(Role))
def test_what_secure_offers_is_allowed(name: str, role: Role) -> None:
    asked = load(name).role(role)
    assert all(demand.named_group(asked, group) == "allowed" for group in asked.named_groups)
    names = [IANA_NAMES[each] for each in asked.openssl_ciphers or ()]
    assert all(demand.cipher_suite(asked, each) == "allowed" for each in names)


@pytest.mark.parametrize("name", BUILT_IN)
def test_tolerated_is_what_is_not_forbidden(name: str) -> None:
    role = load(name).access
    found = demand.tolerated(role)
    assert "SSLv2" not in found.versions
    assert "TLSv1.3" in found.versions
    assert "TLS_AES_256_GCM_SHA384" in found.cipher_suites
    assert "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384" in found.cipher_suites or name == "modern"
    assert not {each for each in found.cipher_suites if "NULL" in each or "RC4" in each}
    assert "secp256r1" in found.groups
    assert "secp192r1" not in found.groups
    assert "rsa_pss_rsae_sha256" in found.signature_schemes
    assert "rsa_pkcs1_md5" not in found.signature_schemes


def test_phase_out_is_tolerated() -> None:
    found = demand.tolerated(load("ncsc-nl-2025-05").access)
    assert "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256" in found.cipher_suites
    assert "ffdhe3072" in found.groups
    assert "rsa_pkcs1_sha224" in found.signature_schemes


#: Words that this OpenSSL knows too, as classes of suites of TLS 1.2 and below.
@pytest.mark.parametrize(
    "word",
    [word for word in WORDS if word not in ("EXPORT", "LOW", "kDHr", "kDHd", "kECDH", "RC2")],
)
def test_a_word_means_what_openssl_means_by_it(word: str) -> None:
    done = subprocess.run(
        ["openssl", "ciphers", "-tls1_2", f"{word}@SECLEVEL=0"], capture_output=True, text=True
    )
    everything = _openssl("ALL:COMPLEMENTOFALL")
    meant = set(done.stdout.strip().split(":")) if done.returncode == 0 else set()
    for name in everything:
        assert excluded(IANA_NAMES[name], [word]) is (name in meant), name


def _openssl(text: str) -> set[str]:
    done = subprocess.run(
        ["openssl", "ciphers", f"{text}@SECLEVEL=0"], capture_output=True, text=True, check=True
    )
    return {each for each in done.stdout.strip().split(":") if not each.startswith("TLS_")}


_OWN = """
name = "x"
title = "x"
source = "x"
[mx]
minimum_protocol = "TLSv1.2"
cipher_grade = "high"
exclude_ciphers = [{words}]
named_groups = []
{more}
[submission]
same_as = "mx"
[access]
same_as = "mx"
"""


@pytest.mark.parametrize(
    ("words", "more", "said"),
    [
        ('"aNUL"', "", "'aNUL' is neither a class of cipher suites nor a suite"),
        ("", "rsa_bit = 2048", "unknown key `rsa_bit` - at `$.mx`"),
        ("", 'compression = "no"', "compression"),
    ],
)
def test_a_slip_does_not_lower_the_bar_unnoticed(words: str, more: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        parse(_OWN.format(words=words, more=more), "p.toml")
    assert said in str(caught.value)
    assert str(caught.value).startswith("p.toml: ")


def test_a_single_suite_may_be_excluded_by_either_name() -> None:
    for word in ("ECDHE-RSA-AES128-SHA", "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"):
        role = parse(_OWN.format(words=f'"{word}"', more=""), "p.toml").mx
        assert demand.cipher_suite(role, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA") == "forbidden"
        assert demand.cipher_suite(role, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA") == "allowed"
