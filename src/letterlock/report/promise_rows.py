"""What a mail domain promises beside its MX records, as rows of phrases."""

from __future__ import annotations

from collections.abc import Iterator

from letterlock.model.dns_facts import DomainFacts
from letterlock.model.dns_promises import StsFacts, StsForHost, StsMode, StsPolicy
from letterlock.model.unknown import Unknown
from letterlock.report.sheet import Phrase, Row
from letterlock.report.suites import Tone


def promise_rows(facts: DomainFacts) -> Iterator[Row]:
    """Of a domain; nothing of what was not asked."""
    if facts.sts is not None:
        yield Row("MTA-STS", tuple(_sts(facts.sts)), stacked=True)


def _sts(sts: StsFacts) -> Iterator[Phrase]:
    if isinstance(sts.record, Unknown):
        yield Phrase(str(sts.record), Tone.DIM)
    elif sts.record.bogus:
        yield Phrase("bogus", Tone.BAD, sts.record.why)
    elif sts.fault:
        yield Phrase("no valid policy", Tone.BAD, sts.fault)
    elif isinstance(sts.policy, Unknown):
        yield Phrase(str(sts.policy), Tone.DIM)
    elif sts.policy is None:
        yield Phrase("none")
    else:
        yield from _policy(sts.policy, sts.id)


def _policy(policy: StsPolicy, id_: str) -> Iterator[Phrase]:
    tone = Tone.GOOD if policy.mode is StsMode.ENFORCE else Tone.WEAK
    yield Phrase(f"mode {policy.mode.value}", tone, f"id {id_}, for {_span(policy.max_age)}")
    for pattern in policy.mx:
        yield Phrase(f"mx {pattern}")


def _span(seconds: int) -> str:
    """A number of days, where it is a whole one."""
    count, rest = divmod(seconds, 86400)
    if rest or not count:
        return f"{seconds} s"
    return "1 day" if count == 1 else f"{count} days"


def sts_row(sts: StsForHost, refused: bool) -> Row:
    """What a sender that goes by the policy does with mail for this host."""
    note = f"{sts.domain}, mode {sts.mode.value}"
    if sts.pattern is None:
        return Row("MTA-STS", (Phrase("the policy does not name it", Tone.BAD, note),))
    if refused:
        does = "does not deliver" if sts.mode is StsMode.ENFORCE else "reports a failure"
        return Row("MTA-STS", (Phrase(f"a sender {does}", Tone.BAD, note),))
    return Row("MTA-STS", (Phrase("a sender delivers", Tone.GOOD, f"{note}, mx {sts.pattern}"),))
