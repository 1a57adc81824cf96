"""Judge mail ports by sslyze's policy check: Mozilla's guideline 5.7.

A program for sslyze's own environment, `.cache/peers`: its one argument is JSON with `name`,
`roots` (a file) and `ports` (port → the guideline's configuration and the STARTTLS protocol or
null); its answer, too: port → what is against the guideline, as sslyze names and says it."""

from __future__ import annotations

import json
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

#: A busy machine is slow; what could not be found out in time is asked again.
_SECONDS = 20
_TIMES = 3


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


def main() -> None:
    asked = json.loads(sys.argv[1])
    found: dict[str, dict[str, str]] = {}
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
                found[port] = told
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
