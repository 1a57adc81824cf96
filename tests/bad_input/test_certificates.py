"""What `secure` refuses of certificates, keys and chains: issue 2, section 1."""

from __future__ import annotations

import pytest

from tests.bad_input.case import Case, pair, play, secure
from tests.bad_input.conftest import MakeScene

pytestmark = pytest.mark.machine

CASES = (
    Case(
        "the key of another certificate",
        secure(key="other.key"),
        "/tmp/odd/other.key:1: the private key does not belong to the certificate "
        "CN=mail.example.com (/tmp/odd/good.crt:1); give the key that its CSR was made with",
    ),
    Case(
        "two keys and neither is its own",
        secure(key="two.key"),
        "/tmp/odd/two.key:1: the private key does not belong to the certificate "
        "CN=mail.example.com (/tmp/odd/good.crt:1); give the key that its CSR was made with",
    ),
    Case(
        "host not covered",
        pair("other-host"),
        "/tmp/odd/other-host.crt:1: the certificate is not for mail.example.com: it has "
        "www.example.com, imap.example.com; order one for this name",
    ),
    Case(
        "a wildcard covers one label only",
        secure(cert="wildcard.crt", key="wildcard.key", host="a.mail.example.com"),
        "/tmp/odd/wildcard.crt:1: the certificate is not for a.mail.example.com: it has "
        "*.example.com; order one for this name",
    ),
    Case(
        "a name in the subject alone",
        pair("no-names"),
        "/tmp/odd/no-names.crt:1: the certificate is not for mail.example.com: it has no "
        "subjectAltName at all; order one for this name",
    ),
    Case(
        "expired",
        pair("expired"),
        "/tmp/odd/expired.crt:1: the certificate expired on … UTC; renew it",
    ),
    Case(
        "not yet valid",
        pair("tomorrow"),
        "/tmp/odd/tomorrow.crt:1: the certificate is not valid before … UTC; "
        "wait, or set the clock",
    ),
    Case(
        "an expired intermediate",
        pair("worn"),
        "/tmp/odd/worn.crt:1: the intermediate certificate CN=Worn Intermediate expired on … UTC; "
        "renew it",
    ),
    Case(
        "no serverAuth",
        pair("client"),
        "/tmp/odd/client.crt:1: the certificate has no serverAuth purpose, only clientAuth; "
        "order a server certificate",
    ),
    Case(
        "no trust anchor in the system",
        pair("stranger", ca=None),
        "/tmp/odd/stranger.crt:1: the chain ends in the root certificate CN=Stranger Root, which "
        "is not in the system's trust store (/etc/ssl/certs/ca-certificates.crt); name its root "
        "with --ca-file",
    ),
    Case(
        "no trust anchor in the CA file",
        pair("stranger"),
        "/tmp/odd/stranger.crt:1: the chain ends in the root certificate CN=Stranger Root, which "
        "is not in /tmp/odd/root.pem; name its root with --ca-file",
    ),
    Case(
        "self-signed",
        pair("self-signed"),
        "/tmp/odd/self-signed.crt:1: the certificate is self-signed and not in /tmp/odd/root.pem; "
        "in a laboratory use --allow-self-signed",
    ),
    Case(
        "a missing intermediate with its address",
        pair("incomplete"),
        "/tmp/odd/incomplete.crt:1: the chain is incomplete: the issuer of the certificate, "
        "CN=Test Intermediate, to be had at http://ca.example/intermediate.der, is neither in it "
        "nor in /tmp/odd/root.pem; add it with --chain; secure and cert bundle fetch "
        "it with --fetch-missing",
    ),
    Case(
        "a missing intermediate without address",
        pair("unnamed"),
        "/tmp/odd/unnamed.crt:1: the chain is incomplete: the issuer of the certificate, "
        "CN=Test Intermediate, is neither in it nor in /tmp/odd/root.pem; add it with --chain; "
        "secure and cert bundle fetch it with --fetch-missing",
    ),
    Case(
        "a missing intermediate that cannot be fetched",
        pair("incomplete", "--fetch-missing"),
        "http://ca.example/intermediate.der cannot be fetched (…); give it with --chain",
        status=3,
    ),
    Case(
        "a leaf that signed a leaf",
        pair("leaf-as-ca"),
        "/tmp/odd/leaf-as-ca.crt:1: the chain is incomplete: the issuer of the certificate, "
        "CN=ca.example.com, is neither in it nor in /tmp/odd/root.pem; add it with --chain; "
        "secure and cert bundle fetch it with --fetch-missing",
    ),
    Case(
        "RSA of 1024 bits",
        pair("rsa1024"),
        "/tmp/odd/rsa1024.crt:1: the certificate has a key of RSA 1024 bits, under 2048; make a "
        "new key and CSR with letterlock cert csr",
    ),
    Case(
        "a SHA-1 signature",
        pair("sha1", ca="rsa-root.pem"),
        "/tmp/odd/sha1.crt:1: the certificate is signed with SHA-1; order a new one, signed with "
        "SHA-256",
    ),
    Case(
        "an MD5 signature",
        pair("md5", ca="rsa-root.pem"),
        "/tmp/odd/md5.crt:1: the certificate is signed with MD5; order a new one, signed with "
        "SHA-256",
    ),
    Case(
        "a certificate as the key",
        secure(key="good.crt"),
        "/tmp/odd/good.crt: is a certificate, not a private key; --cert and --key may be the "
        "wrong way round",
    ),
    Case(
        "a key as the certificate",
        secure(cert="good.key"),
        "/tmp/odd/good.key: is a private key, not a certificate; --cert and --key may be the "
        "wrong way round",
    ),
    Case(
        "a key as the chain",
        secure("--chain", "/tmp/odd/good.key"),
        "/tmp/odd/good.key: is a private key, not a certificate; --cert and --key may be the "
        "wrong way round",
    ),
    Case(
        "no key at all",
        secure(key=None),
        "/tmp/odd/good.crt:1: no private key was given; use --key",
    ),
    Case(
        "intermediates alone",
        secure(cert="middle.pem"),
        "/tmp/odd/middle.pem:1: only certificates of CAs were given, not the server's own; --cert "
        "names the server's own, --chain the others",
    ),
    Case(
        "a CA file without a root",
        secure(ca="good.crt"),
        "/tmp/odd/good.crt: holds no root certificate; a CA file must hold the self-signed root "
        "itself",
    ),
    # --- passwords
    Case(
        "an encrypted key and no password",
        secure(key="sealed.key"),
        "/tmp/odd/sealed.key:1: the private key is encrypted and no password was given; use "
        "--password-file or --password-env",
    ),
    Case(
        "the wrong password for a key",
        secure("--password-file", "/tmp/odd/wrong-password", key="sealed.key"),
        "/tmp/odd/sealed.key:1: the private key does not open with this password",
    ),
    Case(
        "an empty password file",
        secure("--password-file", "/tmp/odd/empty-password", key="sealed.key"),
        "/tmp/odd/sealed.key:1: the password is empty",
    ),
    Case(
        "a password file that is not there",
        secure("--password-file", "/tmp/odd/nowhere", key="sealed.key"),
        "/tmp/odd/nowhere: the password file cannot be read (No such file or directory)",
    ),
    Case(
        "a password variable that is not set",
        secure("--password-env", "NOBODY_SET_THIS", key="sealed.key"),
        "the environment variable NOBODY_SET_THIS is not set",
    ),
    Case(
        "two sources of a password",
        secure("--password-env", "HOME", "--password-file", "/tmp/odd/password", key="sealed.key"),
        "--password-file and --password-env exclude each other",
    ),
    Case(
        "a PKCS#12 file and no password",
        secure(cert="good.p12", key=None),
        "/tmp/odd/good.p12: the PKCS#12 file is encrypted and no password was given; use "
        "--password-file or --password-env",
    ),
    Case(
        "the wrong password for a PKCS#12 file",
        secure("--password-env", "SECRET", cert="good.p12", key=None),
        "/tmp/odd/good.p12: the PKCS#12 file is damaged or does not open with this password",
        environment={"SECRET": "guessed"},
    ),
    Case(
        "half a PKCS#12 file",
        secure("--password-file", "/tmp/odd/password", cert="cut.p12", key=None),
        "/tmp/odd/cut.p12: the PKCS#12 file is damaged or does not open with this password",
    ),
    # --- files that are something else
    Case("an empty file", secure(cert="empty"), "/tmp/odd/empty: is empty"),
    Case(
        "a web page",
        secure(cert="page.html"),
        "/tmp/odd/page.html: is a web page, not a certificate or key; download the file itself",
    ),
    Case(
        "a CSR as the certificate",
        secure(cert="request.csr"),
        "/tmp/odd/request.csr: is a certificate signing request, not a certificate; --cert wants "
        "a certificate",
    ),
    Case("a folder", secure(cert="."), "/tmp/odd/.: is a folder, not a file"),
    Case("a missing file", secure(cert="nowhere"), "/tmp/odd/nowhere: no such file"),
    Case(
        "a file name with a line break and an escape sequence",
        secure(cert="no\n\x1b[31mwhere"),
        r"/tmp/odd/no\n\x1b[31mwhere: no such file",
    ),
    Case(
        "UTF-16",
        secure(cert="utf16.crt"),
        "/tmp/odd/utf16.crt: is UTF-16 text; save it as plain ASCII",
    ),
    Case(
        "base64 cut short",
        secure(cert="cut.crt"),
        "/tmp/odd/cut.crt:3: the block BEGIN CERTIFICATE has no END CERTIFICATE; the file is cut "
        "short: fetch it from the CA again",
    ),
    Case(
        "base64 with other letters in it",
        secure(cert="damaged.crt"),
        "/tmp/odd/damaged.crt:1: the block CERTIFICATE is damaged (not base64); fetch it from "
        "the CA again",
    ),
    Case(
        "DER cut short",
        secure(cert="truncated-der.crt"),
        "/tmp/odd/truncated-der.crt: not an X.509 certificate (…); fetch it from the CA again",
    ),
    Case(
        "base64 without BEGIN and END",
        secure(cert="no-frame.crt"),
        "/tmp/odd/no-frame.crt: has lost its BEGIN and END lines; put them back, or fetch it again",
    ),
    Case(
        "random bytes",
        secure(cert="random.bin"),
        "/tmp/odd/random.bin: holds no certificate and no key; give a PEM, DER, PKCS#7 or PKCS#12 "
        "file",
    ),
    Case("a huge file", secure(cert="huge.pem"), "/tmp/odd/huge.pem: is larger than 4096 KiB"),
    Case(
        "a device without end",
        secure(cert="../../dev/zero"),
        "/tmp/odd/../../dev/zero: is larger than 4096 KiB",
    ),
    Case(
        "a damaged key",
        secure(key="cut.key"),
        "/tmp/odd/cut.key:1: the private key is damaged",
    ),
    Case(
        "a public key as the key",
        secure(key="public.key"),
        "/tmp/odd/public.key: is a public key, not a private key; --key wants a private key",
    ),
    Case(
        "a key that signs nothing",
        secure(key="x25519.key"),
        "/tmp/odd/x25519.key:1: is a key of kind X25519, which is no use to a TLS server; make "
        "one with letterlock cert csr",
    ),
    Case(
        "a DSA key",
        secure(key="dsa.key"),
        "/tmp/odd/dsa.key:1: is a key of kind DSA, which is no use to a TLS server; make one with "
        "letterlock cert csr",
    ),
    # --- cert, which installs nothing
    Case(
        "cert bundle: a host not covered",
        ("cert", "bundle", "--cert", "/tmp/odd/good.crt", "--ca-file", "/tmp/odd/root.pem",
         "--host", "www.example.com", "--out", "/tmp/odd/out.pem"),
        "/tmp/odd/good.crt:1: the certificate is not for www.example.com: it has "
        "mail.example.com; order one for this name",
    ),
    Case(
        "cert bundle: over a file that is there",
        ("cert", "bundle", "--cert", "/tmp/odd/good.crt", "--ca-file", "/tmp/odd/root.pem",
         "--out", "/tmp/odd/other.key"),
        "/tmp/odd/other.key: exists already; --force replaces it",
    ),
    Case(
        "cert csr: over a key that is there",
        ("cert", "csr", "mail.example.com", "--key-out", "/tmp/odd/other.key",
         "--type", "p-256", "--force"),
        "/tmp/odd/other.key: exists already; a key is never replaced: give --key-out another name",
    ),
    Case(
        "cert csr: a key of a strange kind",
        ("cert", "csr", "mail.example.com", "--key-out", "/tmp/odd/new.key", "--type", "rsa-1024"),
        "--type rsa-1024 is none of rsa-2048, rsa-3072, rsa-4096, p-256, p-384",
    ),
    Case(
        "cert csr: a name that is none",
        ("cert", "csr", "mail example com", "--key-out", "/tmp/odd/new.key", "--type", "p-256"),
        "'mail example com' is not a host name; give one such as mail.example.com",
    ),
    Case(
        "cert show: no certificate in it",
        ("cert", "show", "/tmp/odd/good.key"),
        "no certificate in /tmp/odd/good.key, but a private key",
    ),
    Case(
        "cert tlsa: no CA in the file",
        ("cert", "tlsa", "mail.example.com", "--cert", "/tmp/odd/self-signed.crt", "--usage", "2"),
        "usage 2 pins a CA's certificate, and /tmp/odd/self-signed.crt holds none",
    ),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=str)
def test_refused(case: Case, make_scene: MakeScene) -> None:
    play(make_scene(case.machine), case)
