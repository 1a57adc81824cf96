"""Small scripts that need more than one raw hello, each with a result type of its own in
`probe.ask`. Bounded in bytes by the channel and in time by the limits, harmless to the server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType

from letterlock.probe.ask import ProcedureName, ProcedureResult, TlsOptions
from letterlock.probe.procedures.around import around_starttls
from letterlock.probe.procedures.faults import ccs_injection, heartbleed
from letterlock.probe.procedures.ground import Ground
from letterlock.probe.procedures.handshake import early_data, handshake, resume
from letterlock.probe.procedures.injection import second_starttls, starttls_injection
from letterlock.probe.procedures.login import login_before_tls
from letterlock.probe.procedures.renegotiate import renegotiate
from letterlock.probe.procedures.robot import robot
from letterlock.probe.procedures.ticketbleed import ticketbleed

#: Raises Obstacle (its `unknown` is the outcome) where the server does not let it be known.
Run = Callable[[Ground, TlsOptions], Awaitable[ProcedureResult]]

PROCEDURES: Mapping[ProcedureName, Run] = MappingProxyType(
    {
        ProcedureName.HANDSHAKE: handshake,
        ProcedureName.RENEGOTIATE: renegotiate,
        ProcedureName.RESUME: resume,
        ProcedureName.EARLY_DATA: early_data,
        ProcedureName.HEARTBLEED: heartbleed,
        ProcedureName.CCS: ccs_injection,
        ProcedureName.ROBOT: robot,
        ProcedureName.TICKETBLEED: ticketbleed,
        ProcedureName.AROUND_STARTTLS: around_starttls,
        ProcedureName.STARTTLS_INJECTION: starttls_injection,
        ProcedureName.SECOND_STARTTLS: second_starttls,
        ProcedureName.LOGIN_BEFORE_TLS: login_before_tls,
    }
)

__all__ = ["PROCEDURES", "Ground", "Run"]
