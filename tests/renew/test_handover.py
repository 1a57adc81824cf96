"""What each ACME client's hook call and storage come to."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from letterlock.certs.bundle import CertificateFiles
from letterlock.model.errors import InputError
from letterlock.renew.from_hook import from_hook
from letterlock.renew.from_storage import from_storage
from letterlock.renew.handover import Embedded
from tests.certs.authority import Issued, hierarchy, make_leaf

MAIL = "mail.example.com"

#: client, environment, words, subject, certificate, key
CALLS = [
    ("certbot", {"RENEWED_LINEAGE": "/l/live/mail.example.com-0001", "RENEWED_DOMAINS": MAIL}, (),
     "mail.example.com-0001", "/l/live/mail.example.com-0001/fullchain.pem",
     "/l/live/mail.example.com-0001/privkey.pem"),
    ("lego", {"LEGO_ACCOUNT_EMAIL": "a@b", "LEGO_CERT_DOMAIN": MAIL,
              "LEGO_CERT_PATH": "/l/m.crt", "LEGO_CERT_KEY_PATH": "/l/m.key"}, (),
     MAIL, "/l/m.crt", "/l/m.key"),
    ("lego", {"LEGO_HOOK_CERT_NAME": "m", "LEGO_HOOK_CERT_DOMAINS": f"{MAIL},b.example",
              "LEGO_HOOK_CERT_PATH": "/l/m.crt", "LEGO_HOOK_CERT_KEY_PATH": "/l/m.key"}, (),
     "m", "/l/m.crt", "/l/m.key"),
    ("acme.sh", {"CERT_PATH": "/a/m.cer", "CERT_KEY_PATH": "/a/m.key", "CA_CERT_PATH": "/a/ca.cer",
                 "CERT_FULLCHAIN_PATH": "/a/fullchain.cer", "Le_Domain": MAIL}, (),
     MAIL, "/a/fullchain.cer", "/a/m.key"),
    ("dehydrated", {}, ("deploy_cert", MAIL, "/d/privkey.pem", "/d/cert.pem", "/d/fullchain.pem",
                        "/d/chain.pem", "1795770000"),
     MAIL, "/d/fullchain.pem", "/d/privkey.pem"),
]  # fmt: skip


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize(("client", "environment", "words", "subject", "cert", "key"), CALLS)
def test_a_hook_call(
    client: str,
    environment: dict[str, str],
    words: tuple[str, ...],
    subject: str,
    cert: str,
    key: str,
    named: bool,
) -> None:
    handover = from_hook(client if named else None, environment, words)
    assert handover is not None
    assert (handover.client, handover.subject) == (client, subject)
    assert handover.contents == CertificateFiles(cert, key)


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({}, ()),
        ({"CERT_PATH": "/somebody/elses", "LEGO_CERT_PATH": "/half"}, ()),
        ({"RENEWED_LINEAGE": ""}, ("exit_hook",)),
        ({}, ("deploy_challenge", MAIL, "token", "value")),
    ],
)
def test_what_is_no_call(environment: dict[str, str], words: tuple[str, ...]) -> None:
    assert from_hook(None, environment, words) is None


def test_other_calls_of_dehydrated_are_passed_over() -> None:
    assert from_hook("dehydrated", {}, ("unchanged_cert", MAIL, "a", "b", "c", "d")) is None
    with pytest.raises(InputError, match="deploy_cert came with 1 words"):
        from_hook("dehydrated", {}, ("deploy_cert", MAIL))


@pytest.mark.parametrize("client", ["certbot", "lego", "acme.sh"])
def test_a_named_client_that_says_nothing(client: str) -> None:
    with pytest.raises(InputError, match=f"not called as {client} calls its hook"):
        from_hook(client, {}, ())


@pytest.mark.parametrize("client", ["uacme", "caddy", "traefik"])
def test_clients_without_a_hook_say_how(client: str) -> None:
    with pytest.raises(InputError, match=f"--from {client}:PLACE"):
        from_hook(client, {}, ())


def issued(name: str = MAIL) -> tuple[Issued, bytes]:
    made = hierarchy()
    one = make_leaf(made.intermediate, name)
    return one, one.pem + made.intermediate.pem


def _write(place: Path, files: dict[str, bytes]) -> None:
    for name, contents in files.items():
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(contents)


#: client → how the certificate called `n` lies in its storage.
Layout = Callable[[str, bytes, bytes], dict[str, bytes]]
LAYOUTS: dict[str, Layout] = {
    "certbot": lambda n, c, k: {
        "live/README": b"x", f"live/{n}/fullchain.pem": c, f"live/{n}/privkey.pem": k,
    },
    "lego": lambda n, c, k: {
        f"certificates/{n}.crt": c, f"certificates/{n}.key": k, f"certificates/{n}.json": b"{}",
        f"certificates/{n}.issuer.crt": c,
    },
    "acme.sh": lambda n, c, k: {f"{n}_ecc/fullchain.cer": c, f"{n}_ecc/{n}.key": k},
    "dehydrated": lambda n, c, k: {f"certs/{n}/fullchain.pem": c, f"certs/{n}/privkey.pem": k},
    "uacme": lambda n, c, k: {
        f"{n}/cert.pem": c, f"private/{n}/key.pem": k, "private/key.pem": b"the account's",
    },
    "caddy": lambda n, c, k: {
        f"certificates/acme-v02.api.letsencrypt.org-directory/{n}/{n}.crt": c,
        f"certificates/acme-v02.api.letsencrypt.org-directory/{n}/{n}.key": k,
    },
}  # fmt: skip


@pytest.mark.parametrize("client", LAYOUTS)
def test_a_storage(client: str, tmp_path: Path) -> None:
    wanted, other = issued(), issued("www.example.com")
    for name, (one, chain) in ((MAIL, wanted), ("www.example.com", other)):
        _write(tmp_path, LAYOUTS[client](name, chain, one.key_pem))
    (found,) = from_storage(client, str(tmp_path), MAIL.upper())
    assert (found.client, found.host) == (client, MAIL)
    assert isinstance(found.contents, CertificateFiles) and found.contents.key
    assert Path(found.contents.certificate).read_bytes() == wanted[1]
    assert Path(found.contents.key).read_bytes() == wanted[0].key_pem
    with pytest.raises(InputError, match="no certificate for pop"):
        from_storage(client, str(tmp_path), "pop.example.com")
    with pytest.raises(InputError, match="no such file or folder"):
        from_storage(client, str(tmp_path / "elsewhere"), MAIL)


def _acme_json(*certificates: tuple[str, bytes, bytes]) -> bytes:
    listed = [
        {
            "domain": {"main": name, "sans": ["x.example"]},
            "certificate": base64.b64encode(chain).decode(),
            "key": base64.b64encode(key).decode(),
            "Store": "default",
        }
        for name, chain, key in certificates
    ]
    account = {
        "Email": "a@example.com",
        "Registration": {},
        "PrivateKey": "AA==",
        "KeyType": "4096",
    }
    resolvers = {
        "unused": {"Account": None, "Certificates": None},
        "le": {"Account": account, "Certificates": listed},
        "none": None,
    }
    return json.dumps(resolvers).encode()


def test_traefiks_file(tmp_path: Path) -> None:
    one, chain = issued()
    file = tmp_path / "acme.json"
    file.write_bytes(_acme_json(("www.example.com", b"cut off", b""), (MAIL, chain, one.key_pem)))
    (found,) = from_storage("traefik", str(file), MAIL)
    assert found.contents == Embedded(chain, one.key_pem)
    assert "PRIVATE" not in repr(found)
    for damaged in (b"", b"{", b"[]", b'{"le": {"Certificates": [{"certificate": "!"}]}}'):
        file.write_bytes(damaged)
        with pytest.raises(InputError, match=r"acme\.json: is no acme\.json of Traefik"):
            from_storage("traefik", str(file), MAIL)
    with pytest.raises(InputError, match="keeps its certificates in no fixed place"):
        from_storage("traefik", None, MAIL)


def test_both_key_types_are_handed_over_oldest_first(tmp_path: Path) -> None:
    from datetime import timedelta

    from tests.certs.authority import NOW, fresh_key

    made = hierarchy()
    for folder, kind, age in ((MAIL, "rsa2048", 1), (f"{MAIL}_ecc", "p256", 2)):
        one = make_leaf(
            made.intermediate, MAIL, private_key=fresh_key(kind), before=NOW - timedelta(days=age)
        )
        _write(tmp_path / folder, {"fullchain.cer": one.pem, f"{MAIL}.key": one.key_pem})
    found = from_storage("acme.sh", str(tmp_path), MAIL)
    assert [each.subject for each in found] == [f"{MAIL}_ecc", MAIL]
