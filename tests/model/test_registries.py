"""The registries: reproduced from their source, in accord with OpenSSL, and graded as published."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from letterlock.model import tls_registry
from letterlock.model.cipher_suites import (
    IANA_NAMES,
    CipherSuite,
    cipher_kinds,
    cipher_suite,
    cipher_suite_named,
    cipher_suites,
    has_forward_secrecy,
    iana_name,
    kind_name,
    suite_name,
)
from letterlock.model.grade import Grade
from letterlock.model.named_groups import (
    GroupKind,
    group_name,
    group_named,
    named_group,
    named_groups,
)
from letterlock.model.signature_schemes import scheme_name, signature_scheme, signature_schemes
from letterlock.model.tls_names import alert_name, extension_name

_TOP = Path(__file__).parent.parent.parent


@pytest.mark.skipif(
    find_spec("cryptodatahub") is None,
    reason="cryptodatahub (dependency group dev) is missing: the registry is not reproduced",
)
def test_the_script_reproduces_the_committed_file() -> None:
    done = subprocess.run(
        [sys.executable, str(_TOP / "scripts/write_registries"), "--stdout"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == Path(tls_registry.__file__).read_text("utf-8")


def openssl_rows() -> list[tuple[int, str, str, dict[str, str]]]:
    """Code, IANA's name, OpenSSL's, and the columns after them."""
    command = ["openssl", "ciphers", "-V", "-stdname", "ALL:COMPLEMENTOFALL@SECLEVEL=0"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    rows = []
    for line in done.stdout.splitlines():
        words = line.split()
        high, low = (int(part, 16) for part in words[0].split(","))
        columns = dict(word.split("=", 1) for word in words[6:])
        rows.append((high << 8 | low, words[2], words[4], columns))
    return rows


_KEY_EXCHANGES = {
    "ECDH": ("ECDHE", None),
    "DH": ("DHE", None),
    "RSA": ("RSA", None),
    "SRP": ("SRP", None),
    "PSK": ("PSK", None),
    "RSAPSK": ("RSA", "PSK"),
    "DHEPSK": ("DHE", "PSK"),
    "ECDHEPSK": ("ECDHE", "PSK"),
    "any": ("any", "any"),
    "GOST": ("GOST", "GOST"),
}


def test_openssl_says_the_same() -> None:
    """Name, key exchange, authentication, key bits and MAC of every suite it knows."""
    rows = openssl_rows()
    assert len(rows) > 100
    known = {each.openssl_name for each in cipher_suites()}
    assert sum(openssl in known for _, _, openssl, _ in rows) > 100
    for code, iana, openssl, columns in rows:
        suite = cipher_suite(code)
        assert suite, iana
        assert suite.name == iana
        assert suite.openssl_name in (openssl, None)
        exchange, authentication = _KEY_EXCHANGES[columns["Kx"]]
        assert suite.key_exchange == exchange, iana
        ours = {"anon": "None"}.get(suite.authentication, suite.authentication)
        assert ours == authentication or ours == columns["Au"] or suite.key_exchange == "SRP", iana
        bits = columns["Enc"].rpartition("(")[2].rstrip(")")
        assert str(suite.key_bits) == bits or (bits == "None" and suite.is_null), iana
        assert suite.mac == columns["Mac"], iana


def test_the_registry_is_whole() -> None:
    """IANA's of 2026-02-13: counted by range, signalling values left out."""
    suites = [each for each in cipher_suites() if each.registered]
    codes = [each.code for each in suites]
    assert codes == sorted(set(codes))
    assert {0x1301, 0x1302, 0x1303, 0x1304, 0x1305, 0x1306, 0x1307} <= set(codes)
    assert set(range(0xC001, 0xC0B6)) <= set(codes)
    assert set(range(0xC100, 0xC107)) <= set(codes)
    assert set(range(0xCCA8, 0xCCAF)) <= set(codes)
    assert {0xD001, 0xD002, 0xD003, 0xD005} <= set(codes)
    assert set(range(0x001C)) | set(range(0x002C, 0x0047)) <= set(codes)
    assert set(range(0x0067, 0x006E)) | set(range(0x0084, 0x00C8)) <= set(codes)
    assert not {0x00FF, 0x5600} & set(codes)
    assert len(suites) == len({each.name for each in suites})


def suite(name: str) -> CipherSuite:
    found = cipher_suite_named(name)
    assert found, name
    return found


def test_what_a_suite_is() -> None:
    export = suite("TLS_RSA_EXPORT_WITH_RC4_40_MD5")
    assert export.is_export
    assert (export.cipher, export.key_bits, export.mode, export.mac) == ("RC4", 40, "", "MD5")
    assert not export.forward_secrecy
    anonymous = suite("TLS_DH_anon_WITH_AES_256_GCM_SHA384")
    assert anonymous.is_anonymous
    assert anonymous.is_aead
    assert anonymous.forward_secrecy
    assert suite("TLS_RSA_WITH_NULL_SHA256").is_null
    assert suite("TLS_SHA256_SHA256").is_null
    assert suite("TLS_SHA256_SHA256").is_tls13
    assert suite("TLS_PSK_WITH_AES_128_CCM").needs_shared_secret
    assert suite("TLS_SRP_SHA_RSA_WITH_AES_128_CBC_SHA").needs_shared_secret
    assert not suite("TLS_ECDH_RSA_WITH_AES_128_CBC_SHA").forward_secrecy
    assert suite("TLS_RSA_WITH_3DES_EDE_CBC_SHA").key_bits == 168
    assert suite("TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256").mode == "POLY1305"
    assert suite("TLS_RSA_WITH_AES_128_CCM_8").mode == "CCM_8"
    assert suite("TLS_GOSTR341112_256_WITH_KUZNYECHIK_MGM_L").is_tls13
    assert not suite("TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256_OLD").registered


#: internet.nl's reading of NCSC-NL 2025-05 appendix B for mail, one of each kind.
_GRADES = {
    "TLS_AES_256_GCM_SHA384": Grade.GOOD,
    "TLS_CHACHA20_POLY1305_SHA256": Grade.GOOD,
    "TLS_AES_128_GCM_SHA256": Grade.SUFFICIENT,
    "TLS_AES_128_CCM_SHA256": Grade.SUFFICIENT,
    "TLS_AES_128_CCM_8_SHA256": Grade.INSUFFICIENT,
    "TLS_SM4_GCM_SM3": Grade.INSUFFICIENT,
    "TLS_SHA256_SHA256": Grade.INSUFFICIENT,
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": Grade.SUFFICIENT,
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": Grade.SUFFICIENT,
    "TLS_ECDHE_ECDSA_WITH_AES_128_CCM": Grade.SUFFICIENT,
    "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8": Grade.INSUFFICIENT,
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256": Grade.PHASE_OUT,
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": Grade.INSUFFICIENT,
    "TLS_ECDHE_RSA_WITH_ARIA_128_GCM_SHA256": Grade.PHASE_OUT,
    "TLS_ECDHE_ECDSA_WITH_CAMELLIA_256_CBC_SHA384": Grade.PHASE_OUT,
    "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384": Grade.PHASE_OUT,
    "TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256": Grade.PHASE_OUT,
    "TLS_DHE_DSS_WITH_AES_256_GCM_SHA384": Grade.INSUFFICIENT,
    "TLS_DHE_RSA_WITH_AES_256_CBC_SHA": Grade.INSUFFICIENT,
    "TLS_ECDH_anon_WITH_AES_128_CBC_SHA": Grade.INSUFFICIENT,
    "TLS_DH_anon_WITH_AES_128_GCM_SHA256": Grade.INSUFFICIENT,
    "TLS_RSA_WITH_AES_128_GCM_SHA256": Grade.INSUFFICIENT,
    "TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256": Grade.INSUFFICIENT,
    "TLS_ECDHE_RSA_WITH_NULL_SHA": Grade.INSUFFICIENT,
    "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA": Grade.INSUFFICIENT,
}


@pytest.mark.parametrize(("name", "grade"), _GRADES.items())
def test_grades_of_suites(name: str, grade: Grade) -> None:
    assert suite(name).grade is grade


def test_how_many_suites_have_each_grade() -> None:
    """The lists of internet.nl have 2, 10 and 35 names; it adds two that no registry has."""
    counts = {
        grade: sum(each.grade is grade for each in cipher_suites())
        for grade in (Grade.GOOD, Grade.SUFFICIENT, Grade.PHASE_OUT)
    }
    assert counts == {Grade.GOOD: 2, Grade.SUFFICIENT: 10, Grade.PHASE_OUT: 35}


def test_names() -> None:
    assert iana_name("ECDHE-RSA-AES128-GCM-SHA256") == "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"
    assert iana_name("no such suite") == "no such suite"
    assert IANA_NAMES["RC4-MD5"] == "TLS_RSA_WITH_RC4_128_MD5"
    assert "no such suite" not in IANA_NAMES
    assert len(set(IANA_NAMES.values())) == len(IANA_NAMES)
    assert suite_name(0xC02F) == "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"
    assert suite_name(0xEEEE) == "0xeeee"
    assert cipher_suite(0xEEEE) is None
    assert cipher_suite_named("TLS_NO_SUCH") is None


@pytest.mark.parametrize(
    ("name", "ephemeral"),
    [
        ("TLS_AES_128_GCM_SHA256", True),
        ("TLS_DHE_RSA_WITH_AES_128_GCM_SHA256", True),
        ("TLS_ECDH_anon_WITH_AES_128_CBC_SHA", True),
        ("TLS_RSA_WITH_AES_128_GCM_SHA256", False),
        ("TLS_ECDH_ECDSA_WITH_AES_128_GCM_SHA256", False),
        ("TLS_DH_RSA_WITH_AES_128_GCM_SHA256", False),
        ("SSL_CK_RC4_128_WITH_MD5", False),
    ],
)
def test_forward_secrecy(name: str, ephemeral: bool) -> None:
    assert has_forward_secrecy(name) is ephemeral


def test_sslv2_has_seven() -> None:
    kinds = {each.code: each for each in cipher_kinds()}
    assert len(kinds) == 7
    assert kind_name(0x0700C0) == "SSL_CK_DES_192_EDE3_CBC_WITH_MD5"
    assert kind_name(1) == "0x000001"
    assert {code for code, each in kinds.items() if each.is_export} == {0x020080, 0x040080}
    assert kinds[0x020080].key_bits == 40
    assert kinds[0x0700C0].cipher == "3DES"


def test_groups() -> None:
    hybrid = named_group(0x11EC)
    assert hybrid
    assert (hybrid.name, hybrid.kind) == ("X25519MLKEM768", GroupKind.HYBRID)
    assert hybrid.post_quantum
    assert not hybrid.in_tls12
    assert hybrid.grade is None
    assert [group_name(code) for code in (0x11EB, 0x11ED, 0x0201, 0x6399)] == [
        "SecP256r1MLKEM768",
        "SecP384r1MLKEM1024",
        "MLKEM768",
        "X25519Kyber768Draft00",
    ]
    assert group_named("prime256v1") == named_group(23)
    assert group_named("X25519") == named_group(29)
    assert group_named("no such group") is None
    assert group_name(0x7777) == "0x7777"
    assert [each.code for each in named_groups()] == sorted({e.code for e in named_groups()})


def test_grades_of_groups() -> None:
    """NCSC-NL 2025-05 as internet.nl applies it: nothing beyond these is better than
    insufficient."""
    graded = {
        grade: {each.name for each in named_groups() if each.grade is grade}
        for grade in (Grade.GOOD, Grade.PHASE_OUT)
    }
    brainpool = {f"brainpoolP{bits}r1{end}" for bits in (256, 384, 512) for end in ("", "tls13")}
    nist = {"secp256r1", "secp384r1", "secp521r1", "x25519", "x448"}
    assert graded[Grade.GOOD] == nist | brainpool
    assert graded[Grade.PHASE_OUT] == {
        "secp224r1", "ffdhe3072", "ffdhe4096", "ffdhe6144", "ffdhe8192",
    }  # fmt: skip


def test_openssl_knows_the_curves_by_these_names() -> None:
    done = subprocess.run(
        ["openssl", "ecparam", "-list_curves"], capture_output=True, text=True, check=True
    )
    listed = {line.split(":")[0].strip() for line in done.stdout.splitlines() if ":" in line}
    for group in named_groups():
        named_only = group.name.endswith("tls13") or group.name.startswith(("x", "curveSM2"))
        if group.kind is GroupKind.ECDHE and group.openssl_name and not named_only:
            assert group.openssl_name in listed, group.name


def test_signature_schemes() -> None:
    assert scheme_name(0x0804) == "rsa_pss_rsae_sha256"
    assert scheme_name(0x0403) == "ecdsa_secp256r1_sha256"
    assert scheme_name(0x0301) == "rsa_pkcs1_sha224"
    assert scheme_name(0x9999) == "0x9999"
    assert {each.code for each in signature_schemes() if each.is_sha1} == {0x0201, 0x0202, 0x0203}
    grades = {code: signature_scheme(code) for code in (0x0201, 0x0301, 0x0401, 0x0101)}
    assert [each.grade for each in grades.values() if each] == [
        Grade.INSUFFICIENT, Grade.PHASE_OUT, Grade.GOOD, Grade.INSUFFICIENT,
    ]  # fmt: skip
    ed25519 = signature_scheme(0x0807)
    assert ed25519
    assert (ed25519.hash, ed25519.in_tls12, ed25519.in_tls13) == (None, True, True)
    assert {each.code for each in signature_schemes() if each.post_quantum} >= {0x0904, 0x0905}


@pytest.mark.skipif(find_spec("tlslite") is None, reason="tlslite-ng (group dev) is missing")
def test_tlslite_numbers_groups_and_schemes_the_same() -> None:
    from tlslite.constants import GroupName, SignatureScheme

    for name, code in vars(GroupName).items():
        if isinstance(code, int):
            assert group_name(code).lower() == name.lower()
    for name, pair in vars(SignatureScheme).items():
        if isinstance(pair, tuple) and not name.startswith(("rsa_pss_sha", "_")):
            assert scheme_name(pair[0] << 8 | pair[1]) == name


def test_alerts_and_extensions() -> None:
    assert alert_name(40) == "handshake_failure"
    assert alert_name(86) == "inappropriate_fallback"
    assert alert_name(200) == "alert 200"
    assert extension_name(0) == "server_name"
    assert extension_name(16) == "application_layer_protocol_negotiation"
    assert extension_name(0xFF01) == "renegotiation_info"
    assert extension_name(0x7777) == "0x7777"


def test_help_does_not_read_the_registry() -> None:
    program = (
        "import sys\n"
        "from letterlock.cli.main import run\n"
        "sys.argv = ['letterlock', '--help']\n"
        "try:\n    run()\nexcept SystemExit:\n    pass\n"
        "print('letterlock.model.tls_registry' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "False"
