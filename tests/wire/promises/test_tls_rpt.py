"""TLS reporting's record."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from letterlock.wire.promises.malformed import MalformedError
from letterlock.wire.promises.tls_rpt import read_tls_rpt


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        ("v=TLSRPTv1; rua=mailto:tls@example.com", ("mailto:tls@example.com",)),
        ("v=TLSRPTv1; rua=MailTo:a@b.example", ("MailTo:a@b.example",)),
        ("v=TLSRPTv1;rua=https://example.com/v1/tlsrpt;", ("https://example.com/v1/tlsrpt",)),
        (
            "v=TLSRPTv1 ; x=y; rua=mailto:a@b.example , https://c.example",
            ("mailto:a@b.example", "https://c.example"),
        ),
        (
            "v=TLSRPTv1; rua=mailto:a@b.example?subject=x%2Cy",
            ("mailto:a@b.example?subject=x%2Cy",),
        ),
    ],
)
def test_records(text: str, addresses: tuple[str, ...]) -> None:
    assert read_tls_rpt([text, "v=spf1 -all"]) == addresses


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["v=TLSRPTv2; rua=mailto:a@b.example"], "no text at the name begins"),
        (["v=TLSRPTv1; rua=mailto:a@b.example"] * 2, "2 records"),
        (["v=TLSRPTv1;"], "has no rua"),
        (["v=TLSRPTv1; ruf=mailto:a@b.example"], "has no rua"),
        (["v=TLSRPTv1; rua=a@b.example"], "neither a mailto: nor an https: address"),
        (["v=TLSRPTv1; rua=http://b.example"], "neither a mailto: nor an https: address"),
        (["v=TLSRPTv1; rua=mailto:"], "neither a mailto: nor an https: address"),
        (["v=TLSRPTv1; rua=mailto:a@b.example,"], "neither a mailto: nor an https: address"),
        (["v=TLSRPTv1; rua="], "is not NAME=VALUE"),
        (["v=TLSRPTv1 rua=mailto:a@b.example"], "no text at the name begins"),
    ],
)
def test_broken_records(texts: list[str], said: str) -> None:
    with pytest.raises(MalformedError, match=said):
        read_tls_rpt(texts)


_TEXTS = st.text("v=TLSRP1;rua mailto:@.,https/", max_size=40).map(
    lambda text: f"v=TLSRPTv1;{text}"
)


@given(st.lists(st.one_of(st.text(max_size=40), _TEXTS), max_size=3))
def test_any_record_is_one_or_malformed(texts: list[str]) -> None:
    try:
        assert all(uri.lower().startswith(("mailto:", "https://")) for uri in read_tls_rpt(texts))
    except MalformedError:
        return
