"""Handshakes of one's choice, with real servers."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from letterlock.model.service import IMAPS, POP3, SMTP, SUBMISSIONS, Service
from letterlock.model.unknown import Unknown
from letterlock.probe.ask import (
    AroundStarttls,
    EarlyData,
    HandshakeResult,
    ProcedureName,
    Renegotiated,
    Resumed,
)
from tests.probe.procedures.direct import offering, put
from tests.weak_servers import gnutls, mail, openssl, tlslite, tlslite_settings


def shaken(endpoint: object, **chosen: object) -> HandshakeResult:
    outcome, connections = put(ProcedureName.HANDSHAKE, endpoint, offering(**chosen))  # type: ignore[arg-type]
    assert isinstance(outcome, HandshakeResult), outcome
    assert connections == 1
    return outcome


@pytest.mark.parametrize("version", ["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"])
def test_the_version_asked_for_is_the_one_agreed_on(version: str) -> None:
    with openssl() as endpoint:
        agreed = shaken(endpoint, minimum=version, maximum=version)
    assert agreed.version == version
    assert agreed.alert is None
    assert len(agreed.chain) == 1


def test_suite_group_and_scheme_are_those_offered() -> None:
    with openssl() as endpoint:
        older = shaken(
            endpoint,
            maximum="TLSv1.2",
            cipher_suites=("TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",),
            groups=("secp521r1",),
            signature_schemes=("rsa_pkcs1_sha384",),
        )
        newer = shaken(
            endpoint,
            cipher_suites=("TLS_CHACHA20_POLY1305_SHA256",),
            groups=("secp384r1", "a group of nobody's"),
            signature_schemes=("rsa_pss_rsae_sha512",),
        )
        finite = shaken(endpoint, cipher_suites=("TLS_DHE_RSA_WITH_AES_128_GCM_SHA256",))
    assert (older.cipher_suite, older.named_group, older.signature_scheme) == (
        "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256", "secp521r1", "rsa_pkcs1_sha384",
    )  # fmt: skip
    assert (newer.version, newer.cipher_suite, newer.named_group, newer.signature_scheme) == (
        "TLSv1.3", "TLS_CHACHA20_POLY1305_SHA256", "secp384r1", "rsa_pss_rsae_sha512",
    )  # fmt: skip
    assert (finite.version, finite.cipher_suite) == (
        "TLSv1.2", "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256",
    )  # fmt: skip
    assert finite.signature_scheme == "rsa_pss_rsae_sha256"


def test_the_certificate_is_that_of_the_key_type_asked_for() -> None:
    with openssl(keys=("RSA", "ECDSA")) as endpoint:
        rsa = shaken(endpoint, signature_schemes=("rsa_pss_rsae_sha256",))
        ecdsa = shaken(endpoint, signature_schemes=("ecdsa_secp256r1_sha256",))
    assert rsa.chain != ecdsa.chain


def test_nothing_in_common_is_an_alert() -> None:
    with openssl("-no_tls1_3") as endpoint:
        outcome = shaken(endpoint, minimum="TLSv1.3")
    assert outcome == HandshakeResult(alert="protocol_version")


def test_what_openssl_cannot_offer_is_unknown_and_names_it() -> None:
    with openssl() as endpoint:
        for chosen in (
            {"cipher_suites": ("TLS_RSA_EXPORT_WITH_RC4_40_MD5",)},
            {"groups": ("a group of nobody's",)},
            {"minimum": "SSLv3", "maximum": "SSLv3"},
        ):
            outcome, _ = put(ProcedureName.HANDSHAKE, endpoint, offering(**chosen))
            assert isinstance(outcome, Unknown)
            assert "OpenSSL" in outcome.reason


def test_alpn_and_extended_master_secret() -> None:
    with openssl("-alpn", "imap,smtp") as endpoint:
        agreed = shaken(endpoint, alpn=("smtp",), maximum="TLSv1.2")
        other = shaken(endpoint, alpn=("pop3",), maximum="TLSv1.2")
        newer = shaken(endpoint)
    assert agreed.alpn == "smtp"
    assert agreed.extended_master_secret is True
    assert other.alpn is None
    assert newer.extended_master_secret is None
    with tlslite(tlslite_settings()) as endpoint:
        settings = tlslite_settings()
    settings.useExtendedMasterSecret = False
    with tlslite(settings) as endpoint:
        assert shaken(endpoint, maximum="TLSv1.2").extended_master_secret is False


def test_a_stapled_response_is_given_as_it_came(tmp_path: Path) -> None:
    response = tmp_path / "response.der"
    # A responseStatus of tryLater and nothing more (RFC 6960 section 4.2.1): s_server sends on
    # whatever parses.
    response.write_bytes(bytes.fromhex("30030a0103"))
    with openssl("-status_file", str(response)) as endpoint:
        for version in ("TLSv1.2", "TLSv1.3"):
            agreed = shaken(endpoint, minimum=version, maximum=version)
            assert agreed.ocsp_response == response.read_bytes()
    with openssl() as endpoint:
        assert shaken(endpoint).ocsp_response == b""


@pytest.mark.parametrize("service", [SMTP, SUBMISSIONS, POP3, IMAPS])
def test_the_dialogue_inside_ends_politely(service: Service) -> None:
    """Each of the little server's sessions ends by QUIT or LOGOUT: else its thread would still be
    waiting at the end."""
    with mail(service) as endpoint:
        assert shaken(endpoint).version == "TLSv1.3"


# --- resumption


def resumed(endpoint: object, version: str) -> tuple[Resumed, int]:
    outcome, connections = put(ProcedureName.RESUME, endpoint, offering(maximum=version))  # type: ignore[arg-type]
    assert isinstance(outcome, Resumed), outcome
    return outcome, connections


def test_sessions_are_resumed_by_id_and_by_ticket() -> None:
    with openssl() as endpoint:
        older, three = resumed(endpoint, "TLSv1.2")
        newer, two = resumed(endpoint, "TLSv1.3")
    assert (older.session_id, older.ticket, older.ticket_tls13) == (True, True, None)
    assert (newer.session_id, newer.ticket, newer.ticket_tls13) == (None, None, True)
    assert (three, two) == (3, 2)
    # In a session resumed by its id OpenSSL leaves the ticket's lifetime open.
    assert (older.lifetime_hint, newer.lifetime_hint) == (None, 7200)


def test_a_session_that_another_question_brought_is_resumed_over_one_connection() -> None:
    """One that the server does not take up costs one more, and the answer is the same."""
    with mail() as endpoint:
        around, _ = put(ProcedureName.AROUND_STARTTLS, endpoint)
        assert isinstance(around, AroundStarttls) and around.session
        took, one = put(
            ProcedureName.RESUME, endpoint, offering(maximum="TLSv1.3", resume=around.session)
        )
    with mail() as endpoint:  # another server, with other ticket keys
        not_taken, two = put(
            ProcedureName.RESUME, endpoint, offering(maximum="TLSv1.3", resume=around.session)
        )
    assert took == not_taken == Resumed(ticket_tls13=True, lifetime_hint=7200)
    assert (one, two) == (1, 2)


def test_what_is_not_there_to_resume_by() -> None:
    with openssl("-no_ticket", "-no_cache") as endpoint:
        assert resumed(endpoint, "TLSv1.2")[0] == Resumed(session_id=False, ticket=False)
    with openssl("-no_cache") as endpoint:
        by_ticket = resumed(endpoint, "TLSv1.2")[0]
    assert by_ticket == Resumed(session_id=False, ticket=True, lifetime_hint=7200)
    with openssl("-no_ticket") as endpoint:
        by_id = resumed(endpoint, "TLSv1.2")[0]
        assert (by_id.session_id, by_id.ticket) == (True, False)
    with openssl("-num_tickets", "0") as endpoint:
        assert resumed(endpoint, "TLSv1.3")[0] == Resumed(ticket_tls13=False)


def test_early_data_is_read_from_the_ticket() -> None:
    with openssl("-early_data", "-max_early_data", "4096") as endpoint:
        assert put(ProcedureName.EARLY_DATA, endpoint)[0] == EarlyData(4096)
        assert resumed(endpoint, "TLSv1.3")[0].max_early_data_size == 4096
        agreed = shaken(endpoint)
        assert agreed.ticket
        assert agreed.max_early_data_size == 4096
    with openssl() as endpoint:
        assert put(ProcedureName.EARLY_DATA, endpoint)[0] == EarlyData(0)
        assert resumed(endpoint, "TLSv1.3")[0].max_early_data_size == 0
        assert resumed(endpoint, "TLSv1.2")[0].max_early_data_size is None


# --- renegotiation


def renegotiated(endpoint: object, **chosen: object) -> Renegotiated:
    outcome, _ = put(ProcedureName.RENEGOTIATE, endpoint, offering(**chosen))  # type: ignore[arg-type]
    assert isinstance(outcome, Renegotiated), outcome
    return outcome


@pytest.mark.parametrize("version", ["TLSv1", "TLSv1.2", "TLSv1.3"])
def test_a_renegotiation_that_the_client_begins(version: str) -> None:
    with openssl("-client_renegotiation") as endpoint:
        assert renegotiated(endpoint, maximum=version).accepted
    with openssl() as endpoint:
        refused = renegotiated(endpoint, maximum=version)
    assert not refused.accepted
    assert "no renegotiation" in refused.evidence


def test_gnutls_resumes_and_is_asked_to_renegotiate() -> None:
    with gnutls("--earlydata", "--maxearlydata", "1000") as endpoint:
        older, newer = resumed(endpoint, "TLSv1.2")[0], resumed(endpoint, "TLSv1.3")[0]
        assert put(ProcedureName.EARLY_DATA, endpoint)[0] == EarlyData(1000)
        assert renegotiated(endpoint).accepted
    assert older.ticket
    assert newer.ticket_tls13
    with gnutls("--noticket") as endpoint:
        assert resumed(endpoint, "TLSv1.2")[0].ticket is False


def test_a_server_of_tls13_alone_has_none() -> None:
    with openssl("-tls1_3") as endpoint:
        outcome, _ = put(ProcedureName.RENEGOTIATE, endpoint)
    assert isinstance(outcome, Unknown)
    assert "protocol_version" in outcome.reason


def test_this_machines_openssl_agrees() -> None:
    """The servers are what they are meant to be: `openssl s_client` sees the same."""
    with openssl("-no_ticket", service=IMAPS) as endpoint:
        done = subprocess.run(
            ["openssl", "s_client", "-connect", str(endpoint), "-tls1_2"],
            input=b"", capture_output=True, timeout=60, check=False,
        )  # fmt: skip
    assert b"Protocol  : TLSv1.2" in done.stdout
    assert b"TLS session ticket" not in done.stdout
