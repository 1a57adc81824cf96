"""A server set up by hand, without a file of letterlock's, and its certificates renewed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tests.certs.authority import Issued, fresh_key, issue, make_intermediate, make_root
from tests.machine import HOSTNAME, Machine

OTHER = "other.example.net"
ROOT = "/root/root.pem"
KEYS = "/etc/ssl/private"
_SERVICES = """
submission inet n       -       y       -       -       smtpd
  -o smtpd_tls_security_level=encrypt
smtps     inet  n       -       y       -       -       smtpd
  -o smtpd_tls_wrappermode=yes
"""


@dataclass
class Authority:
    """Issues for 90 days from now on."""

    root: Issued
    intermediate: Issued

    @classmethod
    def make(cls) -> Authority:
        root = make_root(private_key=fresh_key("p256"))
        return cls(root, make_intermediate(root, private_key=fresh_key("p256")))

    def pair(self, kind: str, name: str, days: int = 90) -> tuple[bytes, bytes]:
        """Leaf with its intermediate, and the key, both PEM."""
        now = datetime.now(UTC)
        leaf = issue(
            name, self.intermediate, names=(name,), private_key=fresh_key(kind), ca=False,
            before=now - timedelta(hours=1), after=now + timedelta(days=days),
        )  # fmt: skip
        return leaf.pem + self.intermediate.pem, leaf.key_pem


def put(machine: Machine, authority: Authority, *names: str) -> None:
    """New certificates of both kinds of key (`rsa`, `ecdsa`), or for the other name (`other`), over
    the old files, as an ACME client would."""
    for name in names:
        host = OTHER if name == "other" else HOSTNAME
        chain, key = authority.pair("rsa2048" if name == "rsa" else "p256", host)
        machine.write(f"{KEYS}/{name}.key", key, 0o600)
        machine.write(f"{KEYS}/{name}.pem", chain, 0o644)


def set_up_by_hand(machine: Machine) -> Authority:
    """RSA and ECDSA on all seven ports, an SNI map and a local_name for another name; stopped."""
    authority = Authority.make()
    machine.write(ROOT, authority.root.pem)
    put(machine, authority, "rsa", "ecdsa", "other")
    main = machine.read("/etc/postfix/main.cf").decode()
    kept = [line for line in main.splitlines() if not line.startswith("smtpd_tls_")]
    machine.write(
        "/etc/postfix/main.cf",
        "\n".join(kept)
        + f"""
smtpd_tls_security_level = may
smtpd_tls_cert_file = {KEYS}/rsa.pem
smtpd_tls_key_file = {KEYS}/rsa.key
smtpd_tls_eccert_file = {KEYS}/ecdsa.pem
smtpd_tls_eckey_file = {KEYS}/ecdsa.key
tls_server_sni_maps = hash:/etc/postfix/sni
""",
    )
    master = machine.read("/etc/postfix/master.cf").decode()
    machine.write("/etc/postfix/master.cf", master + _SERVICES.lstrip())
    machine.write("/etc/postfix/sni", f"{OTHER} {KEYS}/other.key, {KEYS}/other.pem\n", 0o600)
    machine.must("postmap", "-F", "hash:/etc/postfix/sni")
    machine.write(
        "/etc/dovecot/conf.d/99-hand.conf",
        f"""
ssl_cert = <{KEYS}/rsa.pem
ssl_key = <{KEYS}/rsa.key
ssl_alt_cert = <{KEYS}/ecdsa.pem
ssl_alt_key = <{KEYS}/ecdsa.key
local_name {OTHER} {{
  ssl_cert = <{KEYS}/other.pem
  ssl_key = <{KEYS}/other.key
  ssl_alt_cert =
  ssl_alt_key =
}}
""",
    )
    return authority
