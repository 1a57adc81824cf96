"""Which records are wanted, and the zone file that they make."""

from __future__ import annotations

import hashlib
import ssl
from dataclasses import replace

import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.zone
import trustme
from hypothesis import example, given
from hypothesis import strategies as st

from letterlock.certs.tlsa import tlsa
from letterlock.certs.x509 import facts
from letterlock.model.certificate import Certificate
from letterlock.model.dns_promises import StsMode, StsPolicy
from letterlock.model.service import IMAPS, SMTP, SUBMISSION
from letterlock.probe.lookup.sts import txt
from letterlock.records.wanted import (
    Domain,
    Serving,
    StagedKey,
    Wanted,
    policy_of,
    quoted,
    snippet,
    wanted,
)
from letterlock.wire.promises.sts import read_record

HOST = "mail.example.com"
POLICY = StsPolicy(StsMode.ENFORCE, (HOST,), 604800)
DOMAIN = Domain("example.com", (HOST,), POLICY, "mailto:postmaster@example.com")


def chain(organisation: str, *, rsa: bool = False) -> tuple[Certificate, ...]:
    kind = trustme.KeyType.RSA if rsa else trustme.KeyType.ECDSA
    ca = trustme.CA(organization_name=organisation)
    pems = [ca.issue_cert(HOST, key_type=kind).cert_chain_pems[0], ca.cert_pem]
    return tuple(facts(ssl.PEM_cert_to_DER_cert(each.bytes().decode())) for each in pems)


ECDSA, RSA = chain("Let's Encrypt"), chain("Let's Encrypt", rsa=True)
STAGED = StagedKey(b"any key", "next.key")


def texts(found: Wanted) -> list[str]:
    return [f"{one.name} {one.type} {one.data}" for one in found.records]


def test_a_record_for_each_key_of_each_port() -> None:
    serving = (Serving(25, SMTP, (ECDSA, RSA)), Serving(993, IMAPS, (ECDSA,)))
    found = wanted(HOST, serving, [STAGED], [])
    digest = hashlib.sha256(STAGED.spki).hexdigest()
    assert texts(found) == [
        f"_25._tcp.{HOST}. TLSA {tlsa(ECDSA[0])}",
        f"_25._tcp.{HOST}. TLSA {tlsa(RSA[0])}",
        f"_25._tcp.{HOST}. TLSA 3 1 1 {digest}",
        f"_993._tcp.{HOST}. TLSA {tlsa(ECDSA[0])}",
        f"_993._tcp.{HOST}. TLSA 3 1 1 {digest}",
        f'{HOST}. CAA 0 issue "letsencrypt.org"',
    ]
    assert [one.passing for one in found.records] == [True, True, False, True, False, False]


def test_a_next_key_that_is_served_already_is_no_rollover() -> None:
    from letterlock.certs import der

    same = StagedKey(der.subject_public_key_info(ECDSA[0].der), "mail.key")
    found = wanted(HOST, [Serving(25, SMTP, (ECDSA,))], [same], [])
    assert [one.type for one in found.records] == ["TLSA", "CAA"]
    assert not any(one.passing for one in found.records)


def test_a_domain() -> None:
    serving = (
        Serving(25, SMTP, (ECDSA,)),
        Serving(587, SUBMISSION, (ECDSA,)),
        Serving(993, IMAPS, (ECDSA,)),
    )
    found = wanted(HOST, serving, [], [replace(DOMAIN, policy_host="www.example.net")])
    id_ = policy_of(DOMAIN).id
    assert texts(found)[4:] == [
        f'_mta-sts.example.com. TXT "v=STSv1; id={id_}"',
        "mta-sts.example.com. CNAME www.example.net.",
        '_smtp._tls.example.com. TXT "v=TLSRPTv1; rua=mailto:postmaster@example.com"',
        f"_imaps._tcp.example.com. SRV 0 1 993 {HOST}.",
        f"_submission._tcp.example.com. SRV 0 1 587 {HOST}.",
    ]
    assert read_record([f"v=STSv1; id={id_}"]) == id_


def test_the_id_changes_with_the_policy() -> None:
    other = replace(DOMAIN, policy=replace(POLICY, mode=StsMode.TESTING))
    assert policy_of(other).id != policy_of(DOMAIN).id
    assert policy_of(replace(DOMAIN)).id == policy_of(DOMAIN).id


def test_a_ca_that_is_not_known_is_asked_for() -> None:
    found = wanted(HOST, [Serving(25, SMTP, (chain("Example's own CA"),))], [], [])
    assert [one.type for one in found.records] == ["TLSA"]
    assert "How Example's own CA is called in CAA records is not known" in "\n".join(
        snippet(found, 60)
    )
    said = wanted(HOST, [Serving(25, SMTP, (ECDSA,))], [], [], ["sectigo.com"])
    assert texts(said)[-1] == f'{HOST}. CAA 0 issue "sectigo.com"'


def test_a_certificate_s_words_make_no_records() -> None:
    hostile = wanted(
        HOST, [Serving(25, SMTP, (chain("X\nevil.example. 60 IN A 192.0.2.1"),))], [], []
    )
    lines = list(snippet(hostile, 60))
    assert not any("\n" in line for line in lines)
    assert all(line.startswith((";", f"_25._tcp.{HOST}.")) for line in lines if line)


def test_the_snippet_is_a_part_of_any_zone() -> None:
    found = wanted(HOST, [Serving(25, SMTP, (ECDSA,))], [STAGED], [DOMAIN])
    head = "@ 60 SOA ns hostmaster 1 1 1 1 1\n@ 60 NS ns\n"
    text = head + "\n".join(snippet(found, 3600))
    zone = dns.zone.from_text(text, origin="example.com.", relativize=False)
    published = zone.find_rdataset(f"_25._tcp.{HOST}.", "TLSA")
    assert (published.ttl, len(published)) == (3600, 2)


@example("a" * 256)
@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=600))
def test_any_text_is_quoted(text: str) -> None:
    made = dns.rdata.from_text(dns.rdataclass.IN, dns.rdatatype.TXT, quoted(text))
    assert txt(made) == text
