"""One of two names renewed on Dovecot 2.4 and Postfix 3.10, from outside by `--root`."""

from __future__ import annotations

from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from letterlock.cli.demo_ca import Delivery, deliver
from tests.e2e.ports import seen_by_openssl
from tests.lab.conftest import MakeLabMachine
from tests.lab.generation import TRIXIE, LabMachine

SHOP, CLUB = "mail.shop.example", "mail.club.example"


def test_one_of_two_names_is_renewed(make_lab_machine: MakeLabMachine, tmp_path: Path) -> None:
    machine = make_lab_machine(TRIXIE)
    machine.start()
    shop, club, renewed = (_delivery(tmp_path / n, name) for n, name in
                           (("1", SHOP), ("2", CLUB), ("3", SHOP)))  # fmt: skip
    roots = tmp_path / "roots.pem"
    roots.write_bytes(b"\n".join(each.root.read_bytes() for each in (shop, club, renewed)))
    table = tmp_path / "table"
    table.write_text("".join(
        f"{name} {each.certificate.with_suffix('.pem')} {each.key}\n"
        for name, each in ((SHOP, shop), (CLUB, club))
    ))  # fmt: skip
    trust = ("--ca-file", str(roots), "--no-rehearse")
    done = machine.warm_letterlock("names", str(table), *trust, "--yes")
    assert done.status == 0, done.complaints
    _serves(machine, SHOP, shop)

    files = ("--cert", str(renewed.certificate.with_suffix(".pem")), "--key", str(renewed.key))
    done = machine.warm_letterlock("deploy", *files, *trust)
    assert done.status == 0, done.complaints
    assert f"{SHOP}: in service; seen at" in done.text
    _serves(machine, SHOP, renewed)
    _serves(machine, CLUB, club)


def _delivery(folder: Path, name: str) -> Delivery:
    folder.mkdir()
    made = deliver(folder, name)
    whole = made.certificate.read_bytes() + made.bundle.read_bytes()
    made.certificate.with_suffix(".pem").write_bytes(whole)
    return made


def _serves(machine: LabMachine, name: str, delivery: Delivery) -> None:
    machine.write("/root/root.pem", delivery.root.read_bytes())
    leaf = x509.load_pem_x509_certificate(delivery.certificate.read_bytes())
    wanted = leaf.fingerprint(SHA256()).hex()
    for port in (25, 143, 993):
        seen = seen_by_openssl(machine, port, Path("/root/root.pem"), name=name)
        assert (seen.leaf, seen.verdict) == (wanted, "0 (ok)"), (name, port)
