"""Every form that certificates and keys are delivered in, and every file that is something else."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PublicFormat,
    pkcs7,
    pkcs12,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from letterlock.certs import material
from letterlock.certs.csr import request
from letterlock.certs.errors import CertificateError
from letterlock.certs.keys import PrivateKey, SealedKey
from letterlock.certs.material import Material, parse
from tests.certs.authority import Issued, fresh_key, hierarchy, key, key_der, key_pem
from tests.certs.openssl import openssl

PASSWORD = b"r\xc3\xa4tsel"


def _ask(_: str) -> bytes:
    return PASSWORD


def _never(path: str) -> bytes:
    raise AssertionError(f"the password for {path} was asked for")


def _three() -> tuple[Issued, Issued, Issued]:
    tree = hierarchy()
    return tree.leaf, tree.intermediate, tree.root


def _pems() -> bytes:
    return b"".join(one.pem for one in _three())


def _pkcs7(encoding: Encoding) -> bytes:
    return pkcs7.serialize_certificates([one.certificate for one in _three()], encoding)


def _pkcs12(password: bytes | None) -> bytes:
    leaf, middle, root = _three()
    seal = BestAvailableEncryption(password) if password else NoEncryption()
    return pkcs12.serialize_key_and_certificates(
        b"mail", leaf.private_key, leaf.certificate, [middle.certificate, root.certificate], seal
    )


CERTIFICATE_FORMS: dict[str, Callable[[], bytes]] = {
    "pem": _pems,
    "crlf": lambda: _pems().replace(b"\n", b"\r\n"),
    "lone cr": lambda: _pems().replace(b"\n", b"\r"),
    "bom": lambda: b"\xef\xbb\xbf" + _pems(),
    "bom in each file of a concatenation": lambda: b"".join(
        b"\xef\xbb\xbf" + one.pem for one in _three()
    ),
    "blank lines within": lambda: _pems().replace(b"\n", b"\n\n"),
    "indented": lambda: b"".join(b"    " + line + b"  \t\n" for line in _pems().splitlines()),
    "no-break spaces": lambda: _pems().replace(b"\n", b"\xc2\xa0\n"),
    "zero-width spaces": lambda: _pems().replace(b"\n", b"\xe2\x80\x8b\n"),
    "no newline between blocks": lambda: b"".join(one.pem.strip() for one in _three()),
    "one long line": lambda: b"".join(
        b"-----BEGIN CERTIFICATE-----"
        + b"".join(one.pem.splitlines()[1:-1])
        + b"-----END CERTIFICATE-----"
        for one in _three()
    ),
    "bag attributes around": lambda: b"".join(
        b"Bag Attributes\n    localKeyID: 01\nsubject=/CN=x\n\n" + one.pem + b"--\ntext\n"
        for one in _three()
    ),
    "old label": lambda: _pems().replace(b" CERTIFICATE-", b" X509 CERTIFICATE-"),
    "pkcs7 pem": lambda: _pkcs7(Encoding.PEM),
    "pkcs7 der": lambda: _pkcs7(Encoding.DER),
    "pkcs12 without password": lambda: _pkcs12(None),
    "pkcs12": lambda: _pkcs12(PASSWORD),
}


@pytest.mark.parametrize("form", CERTIFICATE_FORMS)
def test_certificates_are_read(form: str) -> None:
    found = parse(CERTIFICATE_FORMS[form](), "f", _ask)
    assert {one.certificate for one in found.certificates} == {one.facts for one in _three()}


@pytest.mark.parametrize("form", ["pem", "crlf", "blank lines within", "pkcs12 without password"])
def test_no_password_is_asked_for_where_none_is_needed(form: str) -> None:
    parse(CERTIFICATE_FORMS[form](), "f", _never)


def test_der_with_a_newline_after_it() -> None:
    leaf = hierarchy().leaf
    (found,) = parse(leaf.der + b"\n", "f").certificates
    assert found.certificate == leaf.facts


def test_openssl_trusted_certificate() -> None:
    leaf = hierarchy().leaf
    trusted = openssl("x509", "-trustout", "-addtrust", "serverAuth", stdin=leaf.pem)
    assert b"TRUSTED CERTIFICATE" in trusted
    assert parse(trusted, "f").certificates[0].certificate == leaf.facts


def test_openssl_pkcs7_and_pkcs12(tmp_path: Path) -> None:
    (tmp_path / "all.pem").write_bytes(_pems())
    (tmp_path / "key.pem").write_bytes(hierarchy().leaf.key_pem)
    expected = {one.facts for one in _three()}
    for form in ("PEM", "DER"):
        made = openssl(
            *("crl2pkcs7", "-nocrl", "-certfile", "all.pem", "-outform", form), folder=tmp_path
        )
        assert {one.certificate for one in parse(made, "f").certificates} == expected
    for cipher in (("-certpbe", "AES-256-CBC", "-keypbe", "AES-256-CBC"), ("-legacy",)):
        made = openssl(
            *("pkcs12", "-export", "-in", "all.pem", "-inkey", "key.pem", *cipher),
            *("-passout", "pass:geheim"),
            folder=tmp_path,
        )
        found = parse(made, "f", lambda _: b"geheim")
        assert {one.certificate for one in found.certificates} == expected
        assert len(found.keys) == 1


def test_places_are_told() -> None:
    data = b"a letter from the CA\n\n" + _pems()
    lines = [one.where.line for one in parse(data, "bundle.crt").certificates]
    starts = [
        number for number, line in enumerate(data.split(b"\n"), 1) if line.startswith(b"-----BEGIN")
    ]
    assert lines == starts
    assert str(parse(data, "bundle.crt").certificates[0].where) == "bundle.crt:3"


KEY_FORMS: dict[str, Callable[[], bytes]] = {
    "pkcs8 pem": lambda: key_pem(key()),
    "pkcs8 pem crlf": lambda: key_pem(key()).replace(b"\n", b"\r\n"),
    "pkcs8 pem indented": lambda: key_pem(key()).replace(b"\n", b" \n  "),
    "pkcs8 der": lambda: key_der(key()),
    "sec1 pem": lambda: key_pem(key(), traditional=True),
    "sec1 der": lambda: key_der(key(), traditional=True),
    "sec1 with parameters": lambda: (
        b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n"
        b"-----END EC PARAMETERS-----\n" + key_pem(key(), traditional=True)
    ),
    "encrypted pkcs8": lambda: key_pem(key(), PASSWORD),
    "encrypted pkcs8 crlf": lambda: key_pem(key(), PASSWORD).replace(b"\n", b"\r\n"),
    "encrypted traditional": lambda: key_pem(key(), PASSWORD, traditional=True),
    "encrypted traditional crlf": lambda: key_pem(key(), PASSWORD, traditional=True).replace(
        b"\n", b"\r\n"
    ),
}


@pytest.mark.parametrize("form", KEY_FORMS)
def test_keys_are_read(form: str) -> None:
    (found,) = parse(KEY_FORMS[form](), "f").keys
    assert isinstance(found, SealedKey)
    opened = found.unlock(_ask if "encrypted" in form else _never)
    assert opened.pkcs8_pem() == key_pem(key())


@pytest.mark.parametrize("kind", ["rsa2048", "p384", "ed25519", "ed448"])
@pytest.mark.parametrize("cipher", ["des3", "aes256"])
def test_keys_that_openssl_encrypted(kind: str, cipher: str, tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(key_pem(key(kind)))
    sealed = openssl(
        *("pkey", "-in", "plain", f"-{cipher}", "-passout", "pass:geheim"), folder=tmp_path
    )
    (found,) = parse(sealed, "f").keys
    assert isinstance(found, SealedKey)
    assert found.unlock(lambda _: b"geheim").pkcs8_pem() == key_pem(key(kind))


@pytest.mark.parametrize("traditional", [False, True])
def test_wrong_and_missing_passwords(traditional: bool) -> None:
    (found,) = parse(key_pem(key("rsa2048"), b"right", traditional), "mail.key").keys
    assert isinstance(found, SealedKey)
    with pytest.raises(CertificateError, match=r"mail\.key:1: .* does not open with this password"):
        found.unlock(lambda _: b"wrong")
    with pytest.raises(CertificateError, match=r"mail\.key:1: .* encrypted and no password"):
        found.unlock(None)
    with pytest.raises(CertificateError, match="password is empty"):
        found.unlock(lambda _: b"")


def test_wrong_and_missing_password_of_pkcs12() -> None:
    with pytest.raises(CertificateError, match="does not open with this password"):
        parse(_pkcs12(PASSWORD), "f.pfx", lambda _: b"wrong")
    with pytest.raises(CertificateError, match="encrypted and no password was given"):
        parse(_pkcs12(PASSWORD), "f.pfx")


def test_no_repr_shows_a_key() -> None:
    (sealed,) = parse(key_pem(key()), "f").keys
    assert isinstance(sealed, SealedKey)
    opened = sealed.unlock(None)
    secret = key_pem(key()).split(b"\n")[1].decode()
    numbers = str(key().private_numbers().private_value)
    for shown in (repr(sealed), repr(opened), str(opened), repr(Material(keys=(opened,)))):
        assert secret not in shown
        assert numbers not in shown
        assert "object at" not in shown


def _csr() -> bytes:
    return request(["mail.example.com"], key())


def _der(pem_text: bytes, kind: str) -> bytes:
    return openssl(kind, "-outform", "DER", stdin=pem_text)


def _public() -> bytes:
    return bytes(key().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


OTHERS: dict[str, tuple[Callable[[], bytes], str]] = {
    "csr": (_csr, "a certificate signing request"),
    "csr der": (lambda: _der(_csr(), "req"), "a certificate signing request"),
    "public key": (_public, "a public key"),
    "public key der": (
        lambda: openssl("pkey", "-pubin", "-outform", "DER", stdin=_public()),
        "a public key",
    ),
    "dh parameters": (
        lambda: b"-----BEGIN DH PARAMETERS-----\nMAYCAQcCAQI=\n-----END DH PARAMETERS-----\n",
        "Diffie-Hellman parameters",
    ),
    "unknown label": (
        lambda: b"-----BEGIN GARBAGE-----\nMAYCAQcCAQI=\n-----END GARBAGE-----\n",
        "a block GARBAGE",
    ),
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_else_there_is_has_a_name(name: str) -> None:
    make, kind = OTHERS[name]
    found = parse(make(), "f")
    assert not found.certificates
    assert not found.keys
    assert [other.kind for other in found.others] == [kind]


def _cut_short() -> bytes:
    return hierarchy().leaf.pem[:300]


def _damaged() -> bytes:
    lines = hierarchy().leaf.pem.splitlines()
    lines[3] = lines[3][:10] + b"!" + lines[3][11:]
    return b"\n".join(lines)


def _line_lost() -> bytes:
    lines = hierarchy().leaf.pem.splitlines()
    return b"\n".join(lines[:3] + lines[4:])


BAD: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", "f: is empty"),
    "white space": (lambda: b" \r\n\t\n", "f: is empty"),
    "utf-16": (
        lambda: hierarchy().leaf.pem.decode().encode("utf-16"),
        "f: is UTF-16 text; save it as plain ASCII",
    ),
    "utf-16 without mark": (
        lambda: hierarchy().leaf.pem.decode().encode("utf-16-le"),
        "f: is UTF-16 text; save it as plain ASCII",
    ),
    "web page": (
        lambda: b"\n<!DOCTYPE html><html><body>Please log in</body></html>",
        "f: is a web page, not a certificate or key; download the file itself",
    ),
    "no armour": (
        lambda: b"\n".join(hierarchy().leaf.pem.splitlines()[1:-1]),
        "f: has lost its BEGIN and END lines",
    ),
    "prose": (lambda: b"see attachment", "f: holds no certificate and no key"),
    "dashes of a word processor": (
        lambda: hierarchy().leaf.pem.replace(b"-----", "—–".encode()),
        "f: holds no certificate and no key",
    ),
    "cut short": (_cut_short, "f:1: the block BEGIN CERTIFICATE has no END CERTIFICATE"),
    "begun twice": (
        lambda: b"text\n" + _cut_short() + b"\n" + hierarchy().leaf.pem,
        "f:2: the block BEGIN CERTIFICATE has no END CERTIFICATE",
    ),
    "ends as something else": (
        lambda: hierarchy().leaf.pem.replace(b"END CERTIFICATE", b"END PRIVATE KEY"),
        "f:1: the block BEGIN CERTIFICATE has no END CERTIFICATE",
    ),
    "damaged": (_damaged, "f:1: the block CERTIFICATE is damaged (not base64)"),
    "a line lost": (_line_lost, "f:1: not an X.509 certificate"),
    "nothing between": (
        lambda: b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
        "f:1: the block CERTIFICATE is empty",
    ),
    "der cut short": (lambda: hierarchy().leaf.der[:-20], "f: not an X.509 certificate"),
    "der and more": (lambda: hierarchy().leaf.der + b"more", "f: not an X.509 certificate"),
    "pkcs7 cut short": (lambda: _pkcs7(Encoding.DER)[:-20], "f: PKCS#7 data that cannot be read"),
    "pkcs12 cut short": (lambda: _pkcs12(None)[:-20], "f: the PKCS#12 file is"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_files_get_one_clear_line(name: str) -> None:
    make, start = BAD[name]
    with pytest.raises(CertificateError) as caught:
        parse(make(), "f", _ask)
    assert str(caught.value).startswith(start)
    assert "\n" not in str(caught.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for path, what in (
        (tmp_path / "nothing", "no such file"),
        (tmp_path, "is a folder, not a file"),
        (tmp_path / "x\0y", "cannot be read"),
        (tmp_path / "loop", "cannot be read"),
        (tmp_path / "large", "is larger than 4096 KiB"),
    ):
        if path.name == "loop":
            path.symlink_to(path)
        if path.name == "large":
            with path.open("wb") as file:
                file.truncate(material.LARGEST_FILE + 1)
        with pytest.raises(CertificateError, match=what) as caught:
            material.read(path)
        assert str(path.name) in str(caught.value)


def test_keys_no_server_can_use() -> None:
    dsa = openssl("genpkey", "-genparam", "-algorithm", "DSA", "-pkeyopt", "dsa_paramgen_bits:1024")
    made = subprocess.run(
        ["openssl", "genpkey", "-paramfile", "/dev/stdin"],
        input=dsa,
        capture_output=True,
        check=True,
    ).stdout
    x25519 = openssl("genpkey", "-algorithm", "X25519")
    for pem_text in (made, x25519):
        (found,) = parse(pem_text, "f").keys
        assert isinstance(found, SealedKey)
        with pytest.raises(CertificateError, match="no use to a TLS server"):
            found.unlock(None)


def test_damaged_key() -> None:
    whole = key_der(fresh_key())
    broken = whole[:40] + bytes([whole[40] ^ 0xFF]) + whole[41:]
    (found,) = parse(broken, "f").keys
    assert isinstance(found, SealedKey)
    with pytest.raises(CertificateError, match="the private key is damaged"):
        found.unlock(_never)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=600))
def test_any_bytes_raise_nothing_else(data: bytes) -> None:
    for form in (data, b"\x30" + data, b"-----BEGIN CERTIFICATE-----" + data + b"\n"):
        _tolerates(form)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(CERTIFICATE_FORMS)), st.data())
def test_mutilated_files_raise_nothing_else(form: str, data: st.DataObject) -> None:
    whole = bytearray(CERTIFICATE_FORMS[form]())
    for _ in range(data.draw(st.integers(1, 4))):
        position = data.draw(st.integers(0, len(whole) - 1))
        whole[position] = data.draw(st.integers(0, 255))
    _tolerates(bytes(whole[: data.draw(st.integers(0, len(whole)))]))


def _tolerates(data: bytes) -> None:
    try:
        found = parse(data, "f", _ask)
        for sealed in found.keys:
            if isinstance(sealed, SealedKey):
                assert isinstance(sealed.unlock(_ask), PrivateKey)
    except CertificateError as error:
        assert "\n" not in str(error)


_NOISE = st.text(" \t\r\n\u00a0\u200b\ufeff", max_size=5).map(lambda text: text.encode())


@settings(max_examples=100, deadline=None)
@given(st.permutations(range(3)), st.data())
def test_noise_and_order_change_nothing(order: list[int], data: st.DataObject) -> None:
    noisy = bytearray()
    for number in order:
        noisy += data.draw(_NOISE)
        for line in _three()[number].pem.splitlines():
            noisy += data.draw(_NOISE) + line + data.draw(st.sampled_from([b"\n", b"\r\n", b" \n"]))
        noisy += data.draw(st.sampled_from([b"", b"# comment\n", b"subject: x\n"]))
    found = parse(bytes(noisy), "f").certificates
    assert [one.certificate for one in found] == [_three()[number].facts for number in order]
