"""Judge mail ports by sslyze's policy check: Mozilla's guideline 5.7.

A program for sslyze's own environment, `.cache/peers`. A line of standard input is a question, JSON
with `net` (a file of a network namespace, null for its own), `name`, `roots` (a file) and `ports`
(port → the guideline's configuration and the STARTTLS protocol or null); a line of standard output
its answer, too: port → `issues`, what is against the guideline as sslyze names and says it,
`suites`, those accepted of each version, and `groups`, the same of curves. Each question is a
child's, forked from what has imported sslyze, which takes seconds."""

from __future__ import annotations

import ctypes
import json
import os
import sys
from pathlib import Path
from typing import Any

from sslyze import (
    CertificateInfoExtraArgument,
    ProtocolWithOpportunisticTlsEnum,
    ScanCommandsExtraArguments,
    Scanner,
    ServerNetworkConfiguration,
    ServerNetworkLocation,
    ServerScanRequest,
    ServerScanResult,
)
from sslyze.mozilla_tls_profile.tls_config_checker import (
    SCAN_COMMANDS_NEEDED_BY_MOZILLA_CHECKER,
    MozillaTlsConfiguration,
    ServerNotCompliantWithTlsConfiguration,
    ServerScanResultIncomplete,
    TlsConfigurationEnum,
    check_server_against_tls_configuration,
)
from sslyze_in_few import use

#: A busy machine is slow; what could not be found out in time is asked again.
_SECONDS = 20
_TIMES = 3

_VERSIONS = {
    "ssl_2_0": "SSLv2", "ssl_3_0": "SSLv3", "tls_1_0": "TLSv1", "tls_1_1": "TLSv1.1",
    "tls_1_2": "TLSv1.2", "tls_1_3": "TLSv1.3",
}  # fmt: skip
_GROUPS = {"X25519": "x25519", "X448": "x448"}


def request(port: str, asked: dict[str, Any]) -> ServerScanRequest:
    _, starttls = asked["ports"][port]
    upgrade = ProtocolWithOpportunisticTlsEnum[starttls.upper()] if starttls else None
    return ServerScanRequest(
        server_location=ServerNetworkLocation("127.0.0.1", int(port)),
        network_configuration=ServerNetworkConfiguration(
            tls_server_name_indication=asked["name"],
            tls_opportunistic_encryption=upgrade,
            network_timeout=_SECONDS,
        ),
        scan_commands=SCAN_COMMANDS_NEEDED_BY_MOZILLA_CHECKER,
        scan_commands_extra_arguments=ScanCommandsExtraArguments(
            certificate_info=CertificateInfoExtraArgument(custom_ca_file=Path(asked["roots"]))
        ),
    )


def issues(result: ServerScanResult, guideline: str) -> dict[str, str] | None:
    """None where something could not be found out."""
    wanted = MozillaTlsConfiguration.get(TlsConfigurationEnum(guideline))
    try:
        check_server_against_tls_configuration(result, wanted)
    except ServerNotCompliantWithTlsConfiguration as error:
        return dict(error.issues)
    except ServerScanResultIncomplete:
        return None
    return {}


def accepted(result: ServerScanResult) -> dict[str, Any]:
    scan = result.scan_result
    suites = {
        version: [
            each.cipher_suite.name
            for each in getattr(scan, f"{name}_cipher_suites").result.accepted_cipher_suites
        ]
        for name, version in _VERSIONS.items()
    }
    groups = [curve.name for curve in scan.elliptic_curves.result.supported_curves or ()]
    return {"suites": suites, "groups": [_GROUPS.get(name, name) for name in groups]}


def answer(asked: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for _ in range(_TIMES):
        missing = [port for port in asked["ports"] if port not in found]
        if not missing:
            break
        scanner = Scanner(
            per_server_concurrent_connections_limit=3, concurrent_server_scans_limit=3
        )
        scanner.queue_scans([request(port, asked) for port in missing])
        for result in scanner.get_results():
            port = str(result.server_location.port)
            told = issues(result, asked["ports"][port][0])
            if told is not None:
                found[port] = {"issues": told, **accepted(result)}
    return found


def enter(net: str) -> None:
    with Path(net).open("rb") as space:
        if ctypes.CDLL(None, use_errno=True).setns(space.fileno(), 0):
            raise OSError(ctypes.get_errno(), net)


def main() -> None:
    use()
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            asked = json.loads(line)
            if asked["net"]:
                enter(asked["net"])
            sys.stdout.write(json.dumps(answer(asked)) + "\n")
            sys.stdout.flush()
            os._exit(0)
        if os.waitpid(child, 0)[1]:
            sys.exit(1)


if __name__ == "__main__":
    main()
