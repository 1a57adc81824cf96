"""By which domains a CA goes in CAA records, and whether records let it issue (RFC 8659)."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

from cryptography.x509.oid import NameOID

from letterlock.certs.errors import CertificateError
from letterlock.certs.x509 import load
from letterlock.model.certificate import Certificate
from letterlock.model.dns_promises import CAA_TAGS, CaaRecord


def issuer_of(chain: Sequence[Certificate]) -> tuple[str, tuple[str, ...]]:
    """The organisation that issued the first certificate of a chain, and the domains that it
    recognises; where its own is not in our table, that of the CA above it. No domains where none
    is known, as of a private CA."""
    first = ""
    for certificate in chain:
        organisation = _organisation(certificate)
        first = first or organisation
        known = _table().get(organisation.casefold())
        if known:
            return first, known
    return first, ()


def _organisation(certificate: Certificate) -> str:
    try:
        found = load(certificate.der).issuer.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    except (CertificateError, ValueError):
        return ""
    return str(found[0].value) if found else ""


@cache
def _table() -> dict[str, tuple[str, ...]]:
    text = files("letterlock.certs").joinpath("caa_domains.toml").read_text("utf-8")
    return {
        organisation.casefold(): tuple(each["domains"])
        for each in tomllib.loads(text)["ca"]
        for organisation in each["organisations"]
    }


def why_not(records: Sequence[CaaRecord], domains: Sequence[str], *, wildcard: bool) -> str:
    """Why a CA that goes by `domains` must not issue for a name; empty where it may. Conditions on
    accounts and methods are the CA's to see to. Without `domains`, what keeps every CA from it."""
    for record in records:
        if record.critical and record.tag not in CAA_TAGS:
            return f"no CA may issue: {record} is critical, and unknown"
    told = [record for record in records if record.tag == "issue"]
    if wildcard:
        told = [record for record in records if record.tag == "issuewild"] or told
    permitted = {record.issuer.domain for record in told if record.issuer and record.issuer.domain}
    if not told or permitted & set(domains):
        return ""
    if not permitted:
        return f"no CA may issue: {told[0]}"
    return f"{told[0].tag} names {', '.join(sorted(permitted))}" if domains else ""
