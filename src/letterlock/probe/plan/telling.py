"""What the courses found out, as facts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from letterlock.model.cipher_suites import suite_name
from letterlock.model.named_groups import group_name
from letterlock.model.signature_schemes import scheme_name
from letterlock.model.tls_facts import NOT_ASKED, DialogueFacts, GroupFacts, ProtocolFacts, Ternary
from letterlock.model.unknown import Cause, Unknown
from letterlock.model.wording import Wording
from letterlock.probe.ask import ProcedureName, Replied, Tried
from letterlock.probe.plan.course import Course
from letterlock.probe.plan.ladder import Ladder
from letterlock.probe.plan.record import Record
from letterlock.probe.plan.scripts import Scripts
from letterlock.wire.tls.code_points import TLS1_2, TLS1_3, version_name

_UNANSWERED = Unknown(
    Wording("every hello's connection was closed without a word"), Cause.DISCONNECTED
)


@dataclass(frozen=True, slots=True)
class Telling:
    """Tells of versions, groups and schemes; `missing` says why nothing is known of what was not
    asked."""

    courses: Mapping[int, Course]
    record: Record
    missing: Unknown

    def protocol(self, course: Course) -> ProtocolFacts:
        ladder = course.suites
        order = ladder.decided_by
        return ProtocolFacts(
            name=course.name,
            offered=self._offered(course),
            cipher_suites=tuple(map(suite_name, ladder.found)),
            complete=ladder.exhausted and not ladder.skipped and self._met_anything,
            order=self.missing if order is NOT_ASKED else order,
            refused=tuple(map(suite_name, ladder.refused)) if ladder.found else (),
        )

    @property
    def _met_anything(self) -> bool:
        return bool(self.record.sightings)

    def _offered(self, course: Course) -> Ternary:
        if course.suites.found:
            return True
        if course.obstacle is not None:
            return course.obstacle
        if not course.suites.exhausted:
            return self.missing
        if course.closed_without_a_word and not self._met_anything:
            return _UNANSWERED
        return False

    def groups(self) -> Iterator[GroupFacts]:
        for below_tls13 in (True, False):
            ladders = [
                course.groups
                for course in self.courses.values()
                if (course.version < TLS1_3) is below_tls13 and course.groups is not None
            ]
            ladder = next((each for each in ladders if each.found or each.refused), None)
            used = self._used_groups(below_tls13)
            if ladder is None and not used:
                continue
            yield self._group_facts(ladder, used)

    def _used_groups(self, below_tls13: bool) -> dict[int, list[str]]:
        """Each group seen, with the versions it was seen in."""
        used: dict[int, list[str]] = {}
        for each in self.record.sightings:
            group = each.answer.group
            if group is not None and (each.version < TLS1_3) is below_tls13:
                names = used.setdefault(group, [])
                if version_name(each.version) not in names:
                    names.append(version_name(each.version))
        return used

    def _group_facts(self, ladder: Ladder | None, used: dict[int, list[str]]) -> GroupFacts:
        found = list(ladder.found) if ladder else []
        found += [group for group in used if group not in found]
        order = ladder.decided_by if ladder else self.missing
        return GroupFacts(
            groups=tuple(map(group_name, found)),
            used_in=tuple(sorted({name for names in used.values() for name in names})),
            complete=ladder is not None and ladder.exhausted and not ladder.skipped,
            order=self.missing if order is NOT_ASKED else order,
            refused=tuple(map(group_name, ladder.refused)) if ladder else (),
        )

    def schemes(self, *, accepted: bool) -> Iterator[tuple[str, tuple[str, ...]]]:
        course = self.courses[TLS1_2]
        codes = [
            code
            for ladder in course.schemes.values()
            for code in (ladder.found if accepted else ladder.refused)
        ]
        if codes:
            yield course.name, tuple(map(scheme_name, codes))
        trials = self.courses[TLS1_3].trials
        if trials is not None and trials.trustworthy:
            codes = trials.accepted if accepted else trials.refused
            if codes:
                yield version_name(TLS1_3), tuple(map(scheme_name, codes))


def dialogue(scripts: Scripts, missing: Unknown) -> DialogueFacts:
    def tried(name: ProcedureName) -> Ternary:
        outcome = scripts.outcome(name)
        if isinstance(outcome, Tried):
            return outcome.present
        return outcome if isinstance(outcome, Unknown) else missing

    second = scripts.outcome(ProcedureName.SECOND_STARTTLS)
    facts = DialogueFacts(
        injection=tried(ProcedureName.STARTTLS_INJECTION),
        login_before_tls=tried(ProcedureName.LOGIN_BEFORE_TLS),
    )
    if isinstance(second, Replied):
        return replace(facts, second_starttls=second.reply)
    return replace(facts, second_starttls=second if isinstance(second, Unknown) else missing)
