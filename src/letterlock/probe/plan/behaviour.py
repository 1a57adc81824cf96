"""How the server takes what a client may send: read from the answers that there are anyway."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from letterlock.model.tls_facts import Behaviour, ProtocolFacts, Resumption, Ternary
from letterlock.model.unknown import Cause, Unknown
from letterlock.model.wording import Wording
from letterlock.probe.ask import EarlyData, ProcedureName, Renegotiated, Resumed
from letterlock.probe.plan import groups, suites
from letterlock.probe.plan.record import Record, Sighting
from letterlock.probe.plan.riders import Rider, Riders
from letterlock.probe.plan.scripts import RESUME_12, RESUME_13, Scripts
from letterlock.wire.tls.code_points import ExtensionType

_ONLY_TLS13 = Unknown(Wording("TLS 1.3 settles it: nothing below is offered"), Cause.NOT_APPLICABLE)
_NO_CBC = Unknown(
    Wording("no CBC suite was chosen: there is nothing that it would change"), Cause.NOT_APPLICABLE
)


def behaviour(
    record: Record,
    riders: Riders,
    scripts: Scripts,
    protocols: Sequence[ProtocolFacts],
    missing: Unknown,
) -> Behaviour:
    """`protocols` are the versions as far as they are known; `missing` says why there is no answer
    where nothing was asked."""

    def told(value: Ternary | None) -> Ternary:
        return missing if value is None else value

    below = list(record.below_tls13())
    # That nothing below was seen is no proof: the question may have failed.
    only_tls13 = not below and all(
        each.offered is (each.name == "TLSv1.3") for each in protocols if each.name != "SSLv2"
    )

    def shown(
        test: Callable[[Sighting], bool], quantifier: Callable[[Iterable[bool]], bool]
    ) -> Ternary:
        if below:
            return quantifier(test(each) for each in below)
        return _ONLY_TLS13 if only_tls13 else missing

    def ridden(rider: Rider) -> Ternary:
        return told(riders.agreed.get(rider))

    return Behaviour(
        compression=False if only_tls13 else shown(lambda each: bool(each.answer.compression), any),
        secure_renegotiation=shown(_answers(ExtensionType.RENEGOTIATION_INFO), all),
        client_renegotiation=False if only_tls13 else _renegotiation(scripts, missing),
        extended_master_secret=shown(_answers(ExtensionType.EXTENDED_MASTER_SECRET), all),
        encrypt_then_mac=_encrypt_then_mac(below) if below else shown(bool, all),
        fallback_scsv=riders.fallback_refused(missing),
        tolerates_grease=ridden(Rider.GREASE),
        tolerates_future_version=ridden(Rider.FUTURE_VERSION),
        tolerates_large_hello=ridden(Rider.LARGE),
        strict_sni=_opposite(ridden(Rider.WRONG_NAME)),
        strict_alpn=_opposite(ridden(Rider.WRONG_PROTOCOL)),
        early_data=_early_data(scripts, missing),
        reuses_dh_value=groups.reuse(record.dh_params(), missing),
        reuses_ecdh_value=groups.reuse(record.ecdh_params(), missing),
        heartbeat=shown(_answers(ExtensionType.HEARTBEAT), any),
        resumption=_resumption(scripts, missing),
    )


def _answers(extension: ExtensionType) -> Callable[[Sighting], bool]:
    return lambda each: each.answer.extensions.has(extension)


def _opposite(value: Ternary) -> Ternary:
    return value if isinstance(value, Unknown) else not value


def _encrypt_then_mac(below: list[Sighting]) -> Ternary:
    """Agreed to with CBC suites only (RFC 7366 section 3)."""
    test = _answers(ExtensionType.ENCRYPT_THEN_MAC)
    codes = ((each, each.answer.cipher_suite) for each in below)
    cbc = [each for each, code in codes if code is not None and suites.is_cbc(suites.suite(code))]
    return all(map(test, cbc)) if cbc else _NO_CBC


def _renegotiation(scripts: Scripts, missing: Unknown) -> Ternary:
    outcome = scripts.outcome(ProcedureName.RENEGOTIATE)
    if isinstance(outcome, Renegotiated):
        return outcome.accepted
    return outcome if isinstance(outcome, Unknown) else missing


def _early_data(scripts: Scripts, missing: Unknown) -> Ternary:
    outcome = scripts.outcome(ProcedureName.EARLY_DATA)
    if isinstance(outcome, EarlyData):
        return outcome.max_early_data_size > 0
    return outcome if isinstance(outcome, Unknown) else missing


def _resumption(scripts: Scripts, missing: Unknown) -> Resumption:
    below, above = scripts.outcome(RESUME_12), scripts.outcome(RESUME_13)

    def value(outcome: object, field: str) -> Ternary:
        if isinstance(outcome, Resumed):
            found: bool | None = getattr(outcome, field)
            return (
                Unknown(Wording("the version does not have it"), Cause.NOT_APPLICABLE)
                if found is None
                else found
            )
        return outcome if isinstance(outcome, Unknown) else missing

    hints = [each.lifetime_hint for each in (below, above) if isinstance(each, Resumed)]
    return Resumption(
        session_id=value(below, "session_id"),
        ticket=value(below, "ticket"),
        ticket_tls13=value(above, "ticket_tls13"),
        lifetime_hint=next((hint for hint in hints if hint is not None), None),
    )
