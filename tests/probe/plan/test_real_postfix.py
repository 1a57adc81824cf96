"""A stock Postfix and a stock Dovecot, told by the planner and by `openssl s_client`: the same."""

from __future__ import annotations

from datetime import datetime

import pytest

from letterlock.certs.trust import TrustStore
from letterlock.model.cipher_suites import iana_name
from letterlock.model.facts import EndpointFacts
from letterlock.model.named_groups import group_named
from letterlock.model.service import IMAPS, SMTP, Endpoint, Service
from letterlock.model.tls_facts import Depth, TlsFacts
from letterlock.probe.examine import Examination, Manners, examine
from letterlock.probe.plan import ChainReader, Planner
from tests.machine import HOSTNAME, Machine

pytestmark = pytest.mark.machine

NOBODY = TrustStore("nobody", None)
_ASKED = ("X25519", "X448", "prime256v1", "secp384r1", "secp521r1", "ffdhe2048", "ffdhe4096")
VERSIONS = {"SSLv3": "ssl3", "TLSv1": "tls1", "TLSv1.1": "tls1_1", "TLSv1.2": "tls1_2"}
#: Handshakes are tried one after the other inside the machine; each line is what succeeded.
SCRIPT = """
try() {{ openssl s_client -connect 127.0.0.1:{port} {upgrade} "$@" </dev/null 2>&1 \
    | grep -q '^ *Cipher *: *[A-Z1-9]\\|^New, TLSv1.3, Cipher is TLS' ; }}
for version in tls1 tls1_1 tls1_2; do
    for suite in $(openssl ciphers -s -$version ALL:COMPLEMENTOFALL:@SECLEVEL=0 | tr : ' '); do
        case $suite in *PSK*|*SRP*|*DSS*|TLS_*) continue;; esac
        try -$version -cipher $suite@SECLEVEL=0 && echo "$version $suite"
    done
done
for suite in TLS_AES_256_GCM_SHA384 TLS_CHACHA20_POLY1305_SHA256 TLS_AES_128_GCM_SHA256 \
        TLS_AES_128_CCM_SHA256 TLS_AES_128_CCM_8_SHA256; do
    try -tls1_3 -ciphersuites $suite && echo "tls1_3 $suite"
done
for group in X25519 X448 prime256v1 secp384r1 secp521r1 ffdhe2048 ffdhe4096; do
    try -tls1_3 -curves $group && echo "group $group"
done
"""


def look(machine: Machine, service: Service, depth: Depth) -> TlsFacts:
    endpoint = Endpoint("127.0.0.1", service.port, service)

    def plan(_: EndpointFacts, at: datetime) -> Planner:
        return Planner(endpoint, HOSTNAME, depth, reader=ChainReader(HOSTNAME, NOBODY, at))

    examination = Examination(HOSTNAME, lambda: [endpoint], plan)
    machine.call(lambda: examine([examination], NOBODY, Manners(ehlo_name="client.example.com")))
    facts = machine.call(examination.facts)[0].tls
    assert facts is not None
    return facts


def told_by_openssl(machine: Machine, port: int, upgrade: str) -> dict[str, set[str]]:
    done = machine.run("sh", "-c", SCRIPT.format(port=port, upgrade=upgrade), timeout=240)
    found: dict[str, set[str]] = {}
    for line in done.text.splitlines():
        what, name = line.split()
        found.setdefault(what, set()).add(name)
    return found


def rsa(machine: Machine) -> None:
    machine.must(
        "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "9",
        "-subj", f"/CN={HOSTNAME}", "-addext", f"subjectAltName=DNS:{HOSTNAME}",
        "-keyout", "/etc/postfix/rsa.key", "-out", "/etc/postfix/rsa.crt",
    )  # fmt: skip
    machine.must(
        "postconf", "-e", "smtpd_tls_cert_file=/etc/postfix/rsa.crt",
        "smtpd_tls_key_file=/etc/postfix/rsa.key",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("service", "upgrade", "most"),
    [(SMTP, "-starttls smtp", 115), (IMAPS, "", 70)],
    ids=["Postfix, RSA", "Dovecot"],
)
def test_full_agrees_with_openssl(
    stock_machine: Machine, service: Service, upgrade: str, most: int
) -> None:
    rsa(stock_machine)
    stock_machine.start()
    facts = look(stock_machine, service, Depth.FULL)
    truth = told_by_openssl(stock_machine, service.port, upgrade)
    assert len(truth["tls1_2"]) > 10 and len(truth["tls1_3"]) == 3
    for name, option in {**VERSIONS, "TLSv1.3": "tls1_3"}.items():
        protocol = facts.protocol(name)
        assert protocol is not None and protocol.complete
        assert set(protocol.cipher_suites) == set(map(iana_name, truth.get(option, ())))
        assert protocol.offered is bool(truth.get(option))
    groups = next(each for each in facts.groups if each.used_in == ("TLSv1.3",))
    known = {group.name for name in truth["group"] if (group := group_named(name))}
    asked = {group.name for name in _ASKED if (group := group_named(name))}
    assert set(groups.groups) & asked == known and len(asked) == len(_ASKED)
    assert facts.left_out == () and facts.refused == 0
    assert facts.connections <= most, f"{facts.connections} connections"


def test_standard_sees_the_same_in_fewer_connections(stock_machine: Machine) -> None:
    rsa(stock_machine)
    stock_machine.start()
    facts = look(stock_machine, SMTP, Depth.STANDARD)
    offered = {protocol.name: protocol.offered for protocol in facts.protocols}
    assert offered == {
        "SSLv2": False, "SSLv3": False,
        "TLSv1": True, "TLSv1.1": True, "TLSv1.2": True, "TLSv1.3": True,
    }  # fmt: skip
    assert {(chain.key_type, chain.sni) for chain in facts.chains} == {
        ("RSA", HOSTNAME),
        ("RSA", None),
    }
    assert facts.behaviour.fallback_scsv is True and facts.behaviour.strict_sni is False
    assert {each.bits for each in facts.diffie_hellman} >= {2048}
    assert facts.connections <= 40, f"{facts.connections} connections"
