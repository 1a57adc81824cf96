"""Which procedures to run, once it is known with what; and which need not be run at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from letterlock.model.cipher_suites import suite_name
from letterlock.model.service import Endpoint, TlsMode
from letterlock.model.signature_schemes import scheme_name, signature_scheme
from letterlock.model.tls_facts import Depth
from letterlock.model.unknown import Cause, Unknown
from letterlock.model.wording import Wording
from letterlock.probe.ask import (
    AroundStarttls,
    Ask,
    EarlyData,
    Outcome,
    Procedure,
    ProcedureName,
    Renegotiated,
    Resumed,
    Session,
    TlsOptions,
    Tried,
)
from letterlock.probe.plan import signatures, suites
from letterlock.probe.plan.course import Course
from letterlock.probe.plan.sent import Shared, Tier
from letterlock.wire.tls.code_points import TLS1_0, TLS1_2, TLS1_3, ExtensionType

RESUME_12 = "resume TLSv1.2"
RESUME_13 = "resume TLSv1.3"
#: Full handshakes of a server that speaks TLS 1.3 alone, for its certificates.
HANDSHAKES = ("handshake RSA", "handshake ECDSA", "handshake without a name")
#: As `probe.ask` has them.
_WEIGHTS = {RESUME_12: 4, RESUME_13: 2, ProcedureName.ROBOT: 10, ProcedureName.TICKETBLEED: 2}
_ABOUT_THE_DIALOGUE = (
    ProcedureName.STARTTLS_INJECTION,
    ProcedureName.SECOND_STARTTLS,
    ProcedureName.LOGIN_BEFORE_TLS,
)
#: As many of them as one connection bears; the others follow where it did not tell.
_AROUND = ProcedureName.AROUND_STARTTLS
_STANDARD = (ProcedureName.HEARTBLEED, ProcedureName.CCS, ProcedureName.RENEGOTIATE)
_FULL = (
    RESUME_12,
    RESUME_13,
    ProcedureName.EARLY_DATA,
    ProcedureName.TICKETBLEED,
    ProcedureName.ROBOT,
)

_NO_DIALOGUE = Unknown(
    Wording("TLS begins with the first byte: there is no dialogue before it"), Cause.NOT_APPLICABLE
)


@dataclass(slots=True)
class Scripts:
    """The procedures of one endpoint by key (their name, and what else tells them apart).

    An outcome that follows from what is known takes the place of asking."""

    endpoint: Endpoint
    shared: Shared
    courses: Mapping[int, Course]
    outcomes: dict[str, object] = field(default_factory=dict)
    _asked: set[str] = field(default_factory=set)

    def outcome(self, key: str) -> object | None:
        """A procedure's result, an Unknown, or None where it was not asked."""
        return self.outcomes.get(key)

    @property
    def wanted(self) -> tuple[str, ...]:
        depth = self.shared.depth
        if depth is Depth.VERDICT:
            return HANDSHAKES[:1]
        listed: tuple[str, ...] = (*HANDSHAKES, *_STANDARD, _AROUND, *_ABOUT_THE_DIALOGUE)
        if depth is Depth.FULL:
            return (*listed, *_FULL)
        # A login begun and called off stands in the server's log as a failed one.
        return tuple(key for key in listed if key != ProcedureName.LOGIN_BEFORE_TLS)

    def next(self) -> Iterator[tuple[int, str, Ask]]:
        """Tier, key and ask of each that can be asked now."""
        if not self._versions_known:
            return
        for key in self.wanted:
            if key in self._asked or key in self.outcomes:
                continue
            decided = self._decide(key)
            if isinstance(decided, TlsOptions):
                tier = (
                    Tier.REACH
                    if key in HANDSHAKES
                    else Tier.FAULTS
                    if key not in _FULL
                    else Tier.REST
                )
                name = _name(key)
                ask = Ask(key, Procedure(name, decided), _WEIGHTS.get(key, 1))
                yield tier, key, ask
            elif decided is not None:
                self.outcomes[key] = decided

    def handed_out(self, key: str) -> None:
        self._asked.add(key)

    def learn(self, key: str, outcome: Outcome) -> None:
        self.outcomes[key] = outcome
        if isinstance(outcome, AroundStarttls):
            told = (outcome.injection, outcome.second, outcome.login)
            pairs = zip(_ABOUT_THE_DIALOGUE, told, strict=True)
            self.outcomes |= {name: each for name, each in pairs if each is not None}

    # --- what decides

    @property
    def _versions_known(self) -> bool:
        """TLS 1.2's and 1.3's answers are there, and those of a lower version where it counts."""
        high = self.courses[TLS1_2].settled and self.courses[TLS1_3].settled
        return high and (self._below is not None or self._nothing_below)

    @property
    def _nothing_below(self) -> bool:
        return all(course.settled for version, course in self.courses.items() if version < TLS1_3)

    @property
    def _below(self) -> Course | None:
        """The highest version of TLS below 1.3 that is agreed to."""
        found = [
            course
            for version, course in self.courses.items()
            if TLS1_0 <= version < TLS1_3 and course.suites.found
        ]
        return max(found, key=lambda course: course.version, default=None)

    def _lacking(self, outcome: object, *versions: int) -> object:
        """`outcome`, if it is certain that none of the versions (by default those below TLS 1.3) is
        offered; else why it is not."""
        among = versions or tuple(version for version in self.courses if version < TLS1_3)
        for version in among:
            obstacle = self.courses[version].obstacle
            if obstacle is not None:
                return obstacle
        return outcome

    @property
    def _tls13(self) -> bool:
        return bool(self.courses[TLS1_3].suites.found)

    def _options(self, course: Course | None, codes: tuple[int, ...] = ()) -> TlsOptions | None:
        if course is None:
            return None
        return TlsOptions(
            self.shared.sni,
            minimum=course.name,
            maximum=course.name,
            cipher_suites=tuple(map(suite_name, codes)),
        )

    def _decide(self, key: str) -> TlsOptions | object | None:
        """The options to ask with, an outcome that is already known, or None: not yet."""
        if key in HANDSHAKES:
            return self._handshake(key)
        if key == _AROUND or key in _ABOUT_THE_DIALOGUE:
            return self._about_the_dialogue(key)
        return _DECISIONS[key](self)

    def _about_the_dialogue(self, key: str) -> TlsOptions | object | None:
        if self.endpoint.service.tls is TlsMode.IMPLICIT:
            return _NO_DIALOGUE
        if key == _AROUND:
            login = self.shared.depth is Depth.FULL
            return TlsOptions(self.shared.sni, login=login)
        return TlsOptions(self.shared.sni) if _AROUND in self.outcomes else None

    def _handshake(self, key: str) -> TlsOptions | object | None:
        if self._below is not None or not self._tls13:
            return Unknown(Wording("the certificates are seen without it"), Cause.NOT_APPLICABLE)
        sni = None if key == HANDSHAKES[2] else self.shared.sni
        if key == HANDSHAKES[2] and self.shared.sni is None:
            return Unknown(Wording("there is no name to leave out"), Cause.NOT_APPLICABLE)
        schemes: tuple[str, ...] = ()
        if key != HANDSHAKES[2] and self.shared.depth is not Depth.VERDICT:
            schemes = _schemes(key.split()[1])
        return TlsOptions(sni, minimum="TLSv1.3", maximum="TLSv1.3", signature_schemes=schemes)

    def _heartbleed(self) -> TlsOptions | object | None:
        if self._below is None:
            return self._lacking(
                Tried(present=False, evidence=Wording("nothing below TLS 1.3 is offered"))
            )
        below = self.shared.record.below_tls13()
        if any(each.answer.extensions.has(ExtensionType.HEARTBEAT) for each in below):
            return self._options(self._below)
        return Tried(present=False, evidence=Wording("the heartbeat extension is not answered"))

    def _ccs(self) -> TlsOptions | object | None:
        if self._below is None:
            return self._lacking(
                Tried(present=False, evidence=Wording("nothing below TLS 1.3 is offered"))
            )
        return self._options(self._below)

    def _renegotiate(self) -> TlsOptions | object | None:
        if self._below is None:
            return self._lacking(
                Renegotiated(accepted=False, evidence=Wording("TLS 1.3 has no renegotiation"))
            )
        return self._options(self._below)

    def _resume_12(self) -> TlsOptions | object | None:
        if self._below is None:
            why = Unknown(Wording("no version below TLS 1.3 is offered"), Cause.NOT_APPLICABLE)
            return self._lacking(why)
        if not self._seen_enough:
            return None
        if not (self._gives_tickets or self._gives_session_ids):
            return Resumed(session_id=False, ticket=False)
        options = self._options(self._below)
        return options and replace(options, session_ids=self._gives_session_ids)

    @property
    def _seen_enough(self) -> bool:
        """An answer with a ticket asked for, and one without."""
        asked = {each.offer.session_ticket is None for each in self.shared.record.below_tls13()}
        return len(asked) > 1 or self._nothing_more_below

    @property
    def _nothing_more_below(self) -> bool:
        return self._below is None or self._below.finished

    @property
    def _gives_tickets(self) -> bool:
        """Or may: it was never asked for one."""
        asked = [
            each.answer.extensions.has(ExtensionType.SESSION_TICKET)
            for each in self.shared.record.below_tls13()
            if each.offer.session_ticket is not None
        ]
        return any(asked) or not asked

    @property
    def _gives_session_ids(self) -> bool:
        """Or may: a ticket was asked for each time."""
        given = [
            each.answer.hello is not None and bool(each.answer.hello.session_id)
            for each in self.shared.record.below_tls13()
            if each.offer.session_ticket is None
        ]
        return any(given) or not given

    def _resume_13(self) -> TlsOptions | object | None:
        if not self._tls13:
            return self._lacking(
                Unknown(Wording("TLS 1.3 is not offered"), Cause.NOT_APPLICABLE), TLS1_3
            )
        if _AROUND not in self.outcomes:
            return None
        options = self._options(self.courses[TLS1_3])
        return options and replace(options, resume=self._session)

    @property
    def _session(self) -> Session | None:
        """Of TLS 1.3, where another question has brought one."""
        around = self.outcomes[_AROUND]
        return around.session if isinstance(around, AroundStarttls) else None

    def _early_data(self) -> TlsOptions | object | None:
        if not self._tls13:
            return self._lacking(EarlyData(0), TLS1_3)
        resumed = self.outcomes.get(RESUME_13)
        if resumed is None:
            return None
        if isinstance(resumed, Resumed) and resumed.max_early_data_size is not None:
            return EarlyData(resumed.max_early_data_size)
        return self._options(self.courses[TLS1_3])

    def _ticketbleed(self) -> TlsOptions | object | None:
        if self._below is None:
            return self._lacking(
                Tried(present=False, evidence=Wording("nothing below TLS 1.3 is offered"))
            )
        if not self._seen_enough:
            return None
        if not self._gives_tickets:
            return Tried(present=False, evidence=Wording("no tickets are given"))
        if self._tls13:
            # F5's fault of 2016 (CVE-2016-9244) was mended two years before it spoke TLS 1.3.
            return Tried(present=False, evidence=Wording("TLS 1.3 is offered, by later software"))
        return self._options(self._below)

    def _robot(self) -> TlsOptions | object | None:
        below = [course for version, course in self.courses.items() if version < TLS1_3]
        for course in sorted(below, key=lambda each: -each.version):
            codes = tuple(code for code in course.suites.found if suites.is_static_rsa(code))
            if codes and course.version >= TLS1_0:
                return self._options(course, codes)
        if any(course.obstacle is not None for course in below):
            return Unknown(Wording("whether RSA key exchange is offered was not determined"))
        if all(course.suites.exhausted for course in below):
            return Tried(present=False, evidence=Wording("RSA key exchange is not offered"))
        return None


_DECISIONS = {
    ProcedureName.HEARTBLEED: Scripts._heartbleed,
    ProcedureName.CCS: Scripts._ccs,
    ProcedureName.RENEGOTIATE: Scripts._renegotiate,
    RESUME_12: Scripts._resume_12,
    RESUME_13: Scripts._resume_13,
    ProcedureName.EARLY_DATA: Scripts._early_data,
    ProcedureName.TICKETBLEED: Scripts._ticketbleed,
    ProcedureName.ROBOT: Scripts._robot,
}


def _name(key: str) -> ProcedureName:
    return ProcedureName(key.split()[0])


def _schemes(key_type: str) -> tuple[str, ...]:
    """What a full handshake by OpenSSL can offer for a key type."""
    found = []
    for code in signatures.universe(TLS1_3):
        one = signature_scheme(code)
        if one and signatures.key_of(one) == key_type and signatures.is_usual(one):
            found.append(scheme_name(code))
    return tuple(found)
