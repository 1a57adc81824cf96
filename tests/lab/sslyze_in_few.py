"""sslyze's questions about cipher suites and curves in a tenth of the connections, its answers the
same: it makes one for each suite of each version, some 600 a port, nearly all of them refused.

A server that would take one thing alone takes a hello that offers it among others. So one that
refuses a hello refuses everything in it; what it chooses is offered no more. Where anything else
happens than a choice or a refusal, each is asked for by itself, as sslyze does it. Imported in
sslyze's own environment only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any, TypeVar

from nassl._nassl import OpenSSLError
from nassl.ssl_client import ClientCertificateRequested
from sslyze import TlsVersionEnum
from sslyze.connection_helpers.tls_connection import NoCiphersAvailableBugInSSlyze, SslConnection
from sslyze.errors import (
    ServerRejectedTlsHandshake,
    ServerTlsConfigurationNotSupported,
    TlsHandshakeTimedOut,
)
from sslyze.plugins import elliptic_curves_plugin as curves
from sslyze.plugins.openssl_cipher_suites import _test_cipher_suite as one
from sslyze.plugins.openssl_cipher_suites import implementation as suites
from sslyze.plugins.openssl_cipher_suites._tls12_workaround import WorkaroundForTls12ForCipherSuites
from sslyze.plugins.openssl_cipher_suites.cipher_suites import CipherSuite, CipherSuitesRepository
from sslyze.plugins.plugin_base import ScanJob, ScanJobResult
from sslyze.server_connectivity import ServerConnectivityInfo

Thing = TypeVar("Thing")
Answer = TypeVar("Answer")
#: What a hello with all of these came to: the one chosen and the answer that says so, or None for a
#: refusal.
Offer = Callable[[Sequence[Thing]], tuple[Thing, Answer] | None]
_UNCLEAR = (
    ServerTlsConfigurationNotSupported, ClientCertificateRequested, TlsHandshakeTimedOut,
    OpenSSLError,
)  # fmt: skip


def sort_out(
    things: Sequence[Thing],
    offer: Offer[Thing, Answer],
    alone: Callable[[Thing], Answer],
    refused: Callable[[Thing], Answer],
) -> list[Answer]:
    """An answer for each."""
    left = list(things)
    answers: list[Answer] = []
    try:
        while left:
            chosen = offer(left)
            if chosen is None:
                return answers + [refused(thing) for thing in left]
            left.remove(chosen[0])
            answers.append(chosen[1])
    except _UNCLEAR:
        answers += [alone(thing) for thing in left]
    return answers


def _shaken(connection: SslConnection) -> bool:
    try:
        connection.connect()
    except ServerRejectedTlsHandshake:
        return False
    finally:
        connection.close()
    return True


# --- suites


def _suites(server: ServerConnectivityInfo, version: TlsVersionEnum) -> list[Any]:
    """An answer for each suite, as sslyze's own jobs give them, but for those that its OpenSSL
    cannot offer in that version."""
    by_client: dict[bool, list[CipherSuite]] = {}
    for suite in CipherSuitesRepository.get_all_cipher_suites(version):
        by_client.setdefault(_legacy(version, suite), []).append(suite)
    answers: list[Any] = []
    for legacy, its in by_client.items():
        try:
            answers += sort_out(
                its,
                _suite_offer(server, version, legacy),
                lambda suite: one.connect_with_cipher_suite(server, version, suite),
                lambda suite: one.CipherSuiteRejectedByServer(suite, "refused among others"),
            )
        except NoCiphersAvailableBugInSSlyze:
            continue
    return answers


def _legacy(version: TlsVersionEnum, suite: CipherSuite) -> bool:
    """Which of its two OpenSSLs sslyze asks with."""
    if version is TlsVersionEnum.TLS_1_2:
        return bool(WorkaroundForTls12ForCipherSuites.requires_legacy_openssl(suite.openssl_name))
    return version is not TlsVersionEnum.TLS_1_3


def _suite_offer(
    server: ServerConnectivityInfo, version: TlsVersionEnum, legacy: bool
) -> Offer[CipherSuite, Any]:
    def offer(offered: Sequence[CipherSuite]) -> tuple[CipherSuite, Any] | None:
        connection = server.get_preconfigured_tls_connection(
            override_tls_version=version, should_use_legacy_openssl=legacy
        )
        names = {suite.openssl_name: suite for suite in offered}
        one._set_cipher_suite_string(version, ":".join(names), connection.ssl_client)
        if not _shaken(connection):
            return None
        chosen = names[connection.ssl_client.get_current_cipher_name()]
        key = connection.ssl_client.get_ephemeral_key()
        return chosen, one.CipherSuiteAcceptedByServer(chosen, key)

    return offer


# --- curves


def _curves(server: ServerConnectivityInfo, nids: Sequence[Any]) -> list[Any]:
    version = server.tls_probing_result.highest_tls_version_supported

    def offer(offered: Sequence[Any]) -> tuple[Any, Any] | None:
        connection = server.get_preconfigured_tls_connection(
            override_tls_version=version, should_use_legacy_openssl=False
        )
        curves.enable_ecdh_cipher_suites(version, connection.ssl_client)
        connection.ssl_client.set_groups(list(offered))
        if not _shaken(connection):
            return None
        key = connection.ssl_client.get_ephemeral_key()
        # A plain number, where sslyze has an object; none where no curve was used.
        chosen = next((nid for nid in offered if nid == getattr(key, "curve", None)), None)
        return None if chosen is None else (chosen, _curve(chosen, True))

    return sort_out(
        nids, offer, lambda nid: curves._test_curve(server, nid), lambda nid: _curve(nid, False)
    )


def _curve(nid: Any, accepted: bool) -> Any:
    name = curves._OPENSSL_NID_TO_SECG_ANSI_X9_62[nid]
    return curves._EllipticCurveResult(curves.EllipticCurve(name, nid.value), accepted)


# --- in sslyze


def use() -> None:
    """Have sslyze ask so from here on: one job for all suites of a version, one for all curves."""
    plugin = suites._CipherSuitesScanImplementation
    asked = curves.SupportedEllipticCurvesImplementation
    own_jobs, own_result = (
        asked.scan_jobs_for_scan_command, asked.result_for_completed_scan_jobs,
    )  # fmt: skip

    def suite_jobs(
        cls: Any, server_info: ServerConnectivityInfo, extra_arguments: None = None
    ) -> list[ScanJob]:
        return [ScanJob(_suites, [server_info, cls._tls_version])]

    def suite_result(
        cls: Any, server_info: ServerConnectivityInfo, scan_job_results: list[ScanJobResult]
    ) -> suites.CipherSuitesScanResult:
        answers = scan_job_results[0].get_result()

        def those(kind: type) -> list[Any]:
            found = [each for each in answers if isinstance(each, kind)]
            return sorted(found, key=attrgetter("cipher_suite.name"), reverse=True)

        return suites.CipherSuitesScanResult(
            tls_version_used=cls._tls_version,
            accepted_cipher_suites=those(one.CipherSuiteAcceptedByServer),
            rejected_cipher_suites=those(one.CipherSuiteRejectedByServer),
        )

    def curve_jobs(
        cls: Any, server_info: ServerConnectivityInfo, extra_arguments: None = None
    ) -> list[ScanJob]:
        jobs = own_jobs(server_info, extra_arguments)
        nids = [job.function_arguments[1] for job in jobs if job.function_arguments]
        return [ScanJob(_curves, [server_info, nids])] if nids else list(jobs)

    def curve_result(
        cls: Any, server_info: ServerConnectivityInfo, scan_job_results: list[ScanJobResult]
    ) -> curves.SupportedEllipticCurvesScanResult:
        (all_of_them,) = scan_job_results
        try:
            answers = all_of_them.get_result()
        except curves._EllipticCurveNotSupported:
            return own_result(server_info, scan_job_results)
        each = [ScanJobResult(_return_value=answer, _exception=None) for answer in answers]
        return own_result(server_info, each)

    plugin.scan_jobs_for_scan_command = classmethod(suite_jobs)
    plugin.result_for_completed_scan_jobs = classmethod(suite_result)
    asked.scan_jobs_for_scan_command = classmethod(curve_jobs)
    asked.result_for_completed_scan_jobs = classmethod(curve_result)
