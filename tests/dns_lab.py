"""DNS as on the Internet, in a machine of the tests: a signed root and its zones on NSD, Unbound
with the root's key before it.

    lab = DnsLab(machine)
    lab.zone("signed.example", "@ MX 10 mail", "mail A 127.0.0.1")
    lab.start()
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import Enum, auto

import dns.dnssec
import dns.flags
import dns.message
import dns.name
import dns.node
import dns.query
import dns.rdata
import dns.rdataset
import dns.rdatatype
import dns.zone
from cryptography.hazmat.primitives.asymmetric import ec
from dns.dnssectypes import Algorithm

from tests.machine import Machine

#: Validates; hands everything out unchecked; the authority itself.
VALIDATING, UNCHECKED, _AUTHORITY = "127.0.0.1", "127.0.0.2", "127.0.0.53"
_FOLDER = "/root/dns"


class Signing(Enum):
    """How a zone is signed."""

    GOOD = auto()
    NONE = auto()
    #: The signatures have run out.
    EXPIRED = auto()
    #: The records are not those that were signed.
    TAMPERED = auto()
    #: The parent's DS is of another key.
    WRONG_DS = auto()


class _Key:
    def __init__(self) -> None:
        self.private = ec.generate_private_key(ec.SECP256R1())
        self.public = dns.dnssec.make_dnskey(
            self.private.public_key(), Algorithm.ECDSAP256SHA256, flags=257
        )

    def ds(self, name: str) -> str:
        return dns.dnssec.make_ds(dns.name.from_text(name), self.public, "SHA256").to_text()


class DnsLab:
    """Zones are added before `start`. The machine's resolv.conf names the validating resolver."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._root_key = _Key()
        self._zones: dict[str, str] = {}
        self._delegations: dict[str, list[str]] = {}
        self.zone("dnssec-failed.org", "@ A 127.0.0.9", signing=Signing.WRONG_DS)

    def zone(
        self, name: str, *records: str, signing: Signing = Signing.GOOD, parent: str = "."
    ) -> None:
        """A zone with these records beside SOA and NS, `@` its own name. A `parent` that is not the
        root is added after its children."""
        below = self._delegations.pop(name, [])
        text = "\n".join(
            (
                "$TTL 60", "@ SOA ns.root. hostmaster 1 3600 600 86400 60", "@ NS ns.root.",
                *below, *records,
            )
        )  # fmt: skip
        key = _Key()
        self._zones[name] = _signed(name, text, key, signing)
        delegations = self._delegations.setdefault(parent, [])
        delegations.append(f"{name}. NS ns.root.")
        if signing is not Signing.NONE:
            believed = _Key() if signing is Signing.WRONG_DS else key
            delegations.append(f"{name}. DS {believed.ds(name)}")

    def start(self) -> None:
        root = "\n".join(
            (
                "$TTL 60",
                ". SOA ns.root. hostmaster.root. 1 3600 600 86400 60",
                ". NS ns.root.",
                f"ns.root. A {_AUTHORITY}",
                *self._delegations["."],
            )
        )
        zones = {".": _signed(".", root, self._root_key, Signing.GOOD), **self._zones}
        machine = self._machine
        blocks = []
        for number, (name, text) in enumerate(zones.items()):
            machine.write(f"{_FOLDER}/{number}.zone", text)
            blocks.append(f'zone:\n  name: "{name}"\n  zonefile: "{number}.zone"\n')
        machine.write(f"{_FOLDER}/nsd.conf", _NSD + "".join(blocks))
        machine.write(f"{_FOLDER}/hints", f". 60 NS ns.root.\nns.root. 60 A {_AUTHORITY}\n")
        anchor = f'trust-anchor: ". DS {self._root_key.ds(".")}"'
        for address, modules in ((VALIDATING, "validator iterator"), (UNCHECKED, "iterator")):
            text = _UNBOUND.format(address=address, modules=modules, anchor=anchor)
            machine.write(f"{_FOLDER}/{address}.conf", text)
        machine.must("nsd", "-c", f"{_FOLDER}/nsd.conf")
        for address in (VALIDATING, UNCHECKED):
            machine.must("unbound", "-c", f"{_FOLDER}/{address}.conf")
            self.wait_for(address)
        machine.write("/etc/resolv.conf", f"nameserver {VALIDATING}\n")

    def wait_for(self, address: str) -> None:
        """Until a resolver knows the root."""
        query = dns.message.make_query(".", "SOA", want_dnssec=True)
        self.wait(lambda: bool(dns.query.tcp(query, address, timeout=20).answer))

    def wait(self, happened: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 60
        while True:
            try:
                if self._machine.call(happened):
                    return
            except (OSError, EOFError, dns.exception.DNSException):
                pass
            assert time.monotonic() < deadline, "the resolver does not come up"
            time.sleep(0.05)


def _signed(name: str, text: str, key: _Key, signing: Signing) -> str:
    zone = dns.zone.from_text(text, origin=f"{name.rstrip('.')}.", relativize=False)
    if signing is not Signing.NONE:
        now = datetime.now(UTC)
        ends = now - timedelta(days=1) if signing is Signing.EXPIRED else now + timedelta(days=9)
        dns.dnssec.sign_zone(
            zone, keys=[(key.private, key.public)], inception=now - timedelta(days=9),
            expiration=ends, dnskey_ttl=60,
        )  # fmt: skip
    if signing is Signing.TAMPERED:
        _tamper(zone)
    return str(zone.to_text(relativize=False))


def _tamper(zone: dns.zone.Zone) -> None:
    """Another preference in each MX record than was signed."""
    for node in zone.nodes.values():
        for rdataset in node.rdatasets:
            if rdataset.rdtype == dns.rdatatype.MX:
                changed = [each.replace(preference=each.preference + 1) for each in rdataset]
                rdataset.clear()
                for each in changed:
                    rdataset.add(each)


_NSD = f"""server:
  ip-address: {_AUTHORITY}
  port: 53
  username: ""
  chroot: ""
  server-count: 1
  zonesdir: "{_FOLDER}"
  database: ""
  pidfile: "{_FOLDER}/nsd.pid"
  xfrdfile: "{_FOLDER}/xfrd.state"
  zonelistfile: "{_FOLDER}/zone.list"
  cookie-secret-file: "{_FOLDER}/nsd.cookies"
  logfile: "{_FOLDER}/nsd.log"
remote-control:
  control-enable: no
"""
_UNBOUND = """server:
  interface: {address}
  outgoing-interface: {address}
  do-ip6: no
  do-daemonize: yes
  username: ""
  chroot: ""
  directory: "/root/dns"
  pidfile: "/root/dns/{address}.pid"
  use-syslog: no
  logfile: "/root/dns/{address}.log"
  root-hints: "/root/dns/hints"
  do-not-query-localhost: no
  module-config: "{modules}"
  {anchor}
  ede: yes
  num-threads: 1
  access-control: 127.0.0.0/8 allow
remote-control:
  control-enable: no
"""
