"""Thunderbird's autoconfig, as written and as somebody hostile writes it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from letterlock.model.service import IMAP, IMAPS, POP3S, SUBMISSION, SUBMISSIONS
from letterlock.wire.promises.autoconfig import Server, read_autoconfig
from letterlock.wire.promises.malformed import MalformedError


def server(kind: str, host: str, port: object, socket: str) -> str:
    way = "outgoing" if kind == "smtp" else "incoming"
    return (
        f'<{way}Server type="{kind}"><hostname>{host}</hostname><port>{port}</port>'
        f"<socketType>{socket}</socketType><username>%EMAILADDRESS%</username>"
        f"<authentication>password-cleartext</authentication></{way}Server>"
    )


def config(*servers: str, head: str = '<?xml version="1.0" encoding="UTF-8"?>') -> bytes:
    return (
        f'{head}<clientConfig version="1.1"><emailProvider id="example.com">'
        f"<domain>example.com</domain>{''.join(servers)}</emailProvider></clientConfig>"
    ).encode()


IMAPS_993 = server("imap", "mail.example.com", 993, "SSL")


def test_servers_in_their_order() -> None:
    data = config(
        IMAPS_993,
        server("imap", "MAIL.%EMAILDOMAIN%", 143, "STARTTLS"),
        server("pop3", "mail.example.com", 995, "SSL"),
        server("exchange", "", "", ""),
        server("smtp", "mail.example.com.", 10587, "plain"),
        server("smtp", "mail.example.com", 465, "SSL"),
    )
    assert read_autoconfig(data, "example.com") == (
        Server("mail.example.com", 993, IMAPS, True),
        Server("mail.example.com", 143, IMAP, True),
        Server("mail.example.com", 995, POP3S, True),
        Server("mail.example.com", 10587, SUBMISSION, False),
        Server("mail.example.com", 465, SUBMISSIONS, True),
    )


def test_no_servers() -> None:
    assert read_autoconfig(config(), "example.com") == ()


BILLION = """<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>"""
FETCHING = """<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>"""


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "not well-formed XML"),
        (b"<html></html>", "is a 'html', not a clientConfig"),
        (config(IMAPS_993)[:-5], "not well-formed XML"),
        (config(IMAPS_993, head=BILLION), "document type"),
        (config(server("imap", "&a;", 993, "SSL"), head=FETCHING), "document type"),
        (config(server("imap", "&a;", 993, "SSL")), "not well-formed XML"),
        (config(IMAPS_993, head='<?xml version="1.0" encoding="x"?>'), "XML"),
        (config("<a>" * 100000), "nested too deeply"),
        (config(*[IMAPS_993] * 21), "more than 20 servers"),
        (config(server("imap", "mail example", 993, "SSL")), "the hostname 'mail example'"),
        (config(server("imap", "%EMAILLOCALPART%.a", 993, "SSL")), "the hostname"),
        (config(server("imap", "a..b", 993, "SSL")), "the hostname"),
        (config(server("imap", "a." * 126 + "aa", 993, "SSL")), "the hostname"),
        (config(server("imap", "a", 0, "SSL")), "the port '0'"),
        (config(server("imap", "a", 65536, "SSL")), "the port '65536'"),
        (config(server("imap", "a", "٩", "SSL")), "the port"),
        (config(server("imap", "a", 993, "TLS")), "the socketType 'TLS'"),
        (config('<incomingServer type="imap"/>'), "the hostname ''"),
    ],
)
def test_what_is_none(data: bytes, said: str) -> None:
    with pytest.raises(MalformedError, match=said):
        read_autoconfig(data, "example.com")


_TAGS = ("clientConfig", "emailProvider", 'incomingServer type="imap"', "hostname", "a")
_PIECES = st.lists(
    st.sampled_from(
        [*(f"<{tag}>" for tag in _TAGS), *(f"</{tag.partition(' ')[0]}>" for tag in _TAGS), "&amp;"]
    )
).map("".join)


@given(st.one_of(st.binary(max_size=80), _PIECES.map(str.encode)))
def test_any_bytes_are_read_or_malformed(data: bytes) -> None:
    try:
        read_autoconfig(data, "example.com")
    except MalformedError:
        return
