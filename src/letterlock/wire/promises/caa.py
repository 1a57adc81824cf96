"""CAA: what `issue` and `issuewild` values say (RFC 8659 section 4.2, RFC 8657)."""

from __future__ import annotations

import re

from letterlock.model.dns_promises import CaaIssuer
from letterlock.wire.promises.malformed import MalformedError, shown

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_TAG = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9]|-+[A-Za-z0-9])*")
_VALUE = re.compile(r"[\x21-\x3a\x3c-\x7e]*")
#: ACME's, and those of a CA's own, which begin with `ca-` (RFC 8657 section 4).
_METHODS = re.compile(r"(http-01|dns-01|tls-alpn-01|[a-z]+(-[a-z]+)*-[0-9]{2}|ca-[A-Za-z0-9-]+)")


def read_issuer(value: str) -> CaaIssuer:
    """Who may issue, and under what conditions; an empty domain is nobody.

    Raises MalformedError: a CA takes such a value for a ban (RFC 8659 section 4.2)."""
    domain, *rest = (part.strip(" \t") for part in value.split(";"))
    if domain and not _DOMAIN.fullmatch(domain):
        raise MalformedError(f"{shown(domain)} is not the domain of a CA")
    if rest and not rest[-1]:
        rest.pop()
    parameters = tuple(map(_parameter, rest))
    names = [name for name, _ in parameters]
    for name in ("accounturi", "validationmethods"):
        if names.count(name) > 1:
            raise MalformedError(f"{name} stands there twice, which nothing satisfies")
    _check(dict(parameters))
    return CaaIssuer(domain.lower(), parameters)


def _parameter(text: str) -> tuple[str, str]:
    name, equals, value = (part.strip(" \t") for part in text.partition("="))
    if not (equals and _TAG.fullmatch(name) and _VALUE.fullmatch(value)):
        raise MalformedError(f"{shown(text)} is not TAG=VALUE")
    return name.lower(), value


def _check(parameters: dict[str, str]) -> None:
    uri = parameters.get("accounturi")
    if uri is not None and not re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*:\S+", uri):
        raise MalformedError(f"accounturi {shown(uri)} is not a URI")
    methods = parameters.get("validationmethods")
    if methods is not None:
        for method in methods.split(","):
            if not _METHODS.fullmatch(method):
                raise MalformedError(f"validationmethods {shown(methods)} is not a list of methods")
