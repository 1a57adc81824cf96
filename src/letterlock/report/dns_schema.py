"""The part of the JSON Schema that describes what DNS says."""

from __future__ import annotations

from letterlock.model.dns_answer import Security
from letterlock.model.dns_promises import StsMode
from letterlock.report.schema_words import (
    BOOL,
    COUNT,
    SHA256,
    TERNARY,
    TEXT,
    TEXTS,
    TIME,
    Json,
    array,
    one_of,
    or_null,
    or_unknown,
    ref,
    said,
    shape,
)


def answer(records: Json) -> Json:
    """DNS's answer of one type."""
    return shape(
        "the records of one type at one name",
        {
            "name": TEXT,
            "records": array(records),
            "security": or_unknown(one_of(Security)),
            "exists": said(BOOL, "no: the name itself does not exist"),
            "aliases": said(TEXTS, "CNAMEs followed"),
            "why": said(TEXT, "the resolver's words on a bogus answer"),
        },
    )


_RESOLVER = shape(
    "who was asked",
    {"address": TEXT, "validates": said(TERNARY, "tried with broken signatures")},
)
_SRV = shape("", {"priority": COUNT, "weight": COUNT, "port": COUNT, "target": TEXT})
_PAGE = shape(
    "",
    {
        "at": TEXT,
        "status": said(or_null(COUNT), "of HTTP"),
        "why": said(TEXT, "why it tells nothing, or empty"),
        "broken": BOOL,
        "secure": said(BOOL, "no: it came over HTTP"),
    },
)
DEFINITIONS: dict[str, Json] = {
    "domain": shape(
        "what DNS says of a mail domain",
        {
            "domain": said(TEXT, "in A-labels"),
            "resolver": _RESOLVER,
            "exchange": or_unknown(ref("exchange")),
            "sts": said(or_null(ref("sts")), "MTA-STS"),
            "tls_rpt": said(or_null(ref("tls_rpt")), "TLS reporting"),
            "clients": said(or_null(ref("clients")), "what users' mail programs are told"),
        },
    ),
    "exchange": shape(
        "where mail for the domain goes",
        {
            "records": answer(shape("", {"preference": COUNT, "exchange": TEXT})),
            "hosts": said(array(ref("host_addresses")), "the most wanted first"),
            "implicit": said(BOOL, "no MX record: the domain's own address"),
            "left_out": said(COUNT, "hosts beyond what is looked at"),
        },
    ),
    "host_addresses": shape(
        "a host and its addresses",
        {"name": TEXT, "ipv4": or_unknown(answer(TEXT)), "ipv6": or_unknown(answer(TEXT))},
    ),
    "host": shape(
        "what DNS says of a mail host",
        {
            "name": TEXT,
            "domain": said(or_null(TEXT), "whose MX record led here"),
            "resolver": _RESOLVER,
            "exchange_security": said(or_null(or_unknown(one_of(Security))), "of that MX record"),
            "addresses": ref("host_addresses"),
            "tlsa": array(
                shape("", {"port": COUNT, "answer": or_unknown(answer(ref("tlsa_record")))})
            ),
            "dane": array(ref("dane_match")),
            "sts": or_null(
                shape(
                    "what the domain's MTA-STS policy says of this host",
                    {
                        "domain": TEXT,
                        "mode": one_of(StsMode),
                        "pattern": said(or_null(TEXT), "the mx line that it matches"),
                    },
                )
            ),
            "caa": said(or_null(ref("caa")), "who may issue for it"),
            "issuers": said(array(ref("caa_match")), "one for each certificate served"),
            "promises": said(array(ref("promise")), "what a domain promises its users of it"),
        },
    ),
    "promise": shape(
        "what mail programs are told to go to",
        {
            "source": said(TEXT, "where it is told"),
            "host": TEXT,
            "port": COUNT,
            "service": TEXT,
            "tls": said(BOOL, "no: programs are told to go without"),
        },
    ),
    "clients": shape(
        "what a domain tells its users' mail programs",
        {
            "srv": array(shape("", {"service": TEXT, "answer": or_unknown(answer(_SRV))})),
            "autoconfig": said(array(_PAGE), "those that answer"),
            "autodiscover": said(array(_PAGE), "those that answer"),
            "promises": array(ref("promise")),
            "hosts": said(array(ref("host_addresses")), "that promises name"),
            "left_out": said(COUNT, "promises beyond what is looked at"),
        },
    ),
    "caa": shape(
        "the CAA records that count for a host, its own or those of a name above it",
        {
            "found": or_unknown(answer(ref("caa_record"))),
            "wildcard": said(or_unknown(answer(ref("caa_record"))), "for a wildcard in its place"),
        },
    ),
    "caa_record": shape(
        "a CAA record as published",
        {
            "flags": COUNT,
            "tag": TEXT,
            "value": TEXT,
            "issuer": said(
                or_null(shape("", {"domain": TEXT, "parameters": array(TEXTS)})),
                "of issue and issuewild; an empty domain is nobody",
            ),
            "fault": said(TEXT, "why it cannot be read, or empty"),
        },
    ),
    "caa_match": shape(
        "CAA held against a certificate that is served",
        {
            "endpoint": shape("", {"address": TEXT, "port": COUNT}),
            "issuer": said(TEXT, "the CA's organisation"),
            "domains": said(TEXTS, "by which it goes in CAA records; empty: not known"),
            "name": said(TEXT, "the certificate's that covers the host"),
            "why_not": said(TEXT, "why it would not issue today, or empty"),
        },
    ),
    "tls_rpt": shape(
        "where reports of failed deliveries go",
        {
            "record": said(or_unknown(answer(TEXT)), "all texts at _smtp._tls"),
            "addresses": TEXTS,
            "fault": said(TEXT, "why none counts, or empty"),
        },
    ),
    "sts": shape(
        "MTA-STS of a domain as senders find it",
        {
            "record": said(or_unknown(answer(TEXT)), "all texts at _mta-sts"),
            "id": TEXT,
            "fault": said(TEXT, "why senders have no policy, or empty"),
            "host": said(or_null(ref("host_addresses")), "of mta-sts.DOMAIN"),
            "policy": or_null(
                or_unknown(
                    shape(
                        "the policy",
                        {
                            "mode": one_of(StsMode),
                            "mx": TEXTS,
                            "max_age": said(COUNT, "seconds"),
                            "ignored": said(TEXTS, "fields that senders pass over"),
                        },
                    )
                )
            ),
        },
    ),
    "tlsa_record": shape(
        "a TLSA record as published",
        {
            "usage": COUNT,
            "selector": COUNT,
            "matching": COUNT,
            "association": said(TEXT, "hexadecimal"),
        },
    ),
    "dane_match": shape(
        "a port's records held against a chain that is served there",
        {
            "endpoint": shape("", {"address": TEXT, "port": COUNT}),
            "key_type": TEXT,
            "sha256": said(SHA256, "the leaf's"),
            "not_after": TIME,
            "records": array(
                shape(
                    "",
                    {
                        "record": ref("tlsa_record"),
                        "unusable": said(TEXT, "why clients pass it over, or empty"),
                        "why_not": said(TEXT, "why it does not match, or empty"),
                    },
                )
            ),
        },
    ),
}
