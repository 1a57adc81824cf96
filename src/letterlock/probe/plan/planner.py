"""What to ask of one endpoint next, and what all the answers come to."""

from __future__ import annotations

from collections.abc import Iterator

from letterlock.model.cipher_suites import kind_name
from letterlock.model.service import Endpoint
from letterlock.model.tls_facts import (
    NOT_ASKED,
    Depth,
    ProtocolFacts,
    Ternary,
    TlsFacts,
)
from letterlock.model.unknown import Cause, Unknown
from letterlock.model.wording import Wording
from letterlock.probe.ask import (
    Ask,
    HandshakeResult,
    Hello,
    Outcome,
    Procedure,
)
from letterlock.probe.plan import faults, groups, signatures, suites
from letterlock.probe.plan.behaviour import behaviour
from letterlock.probe.plan.certificates import Certificates, Reader
from letterlock.probe.plan.course import ANY_KEY, Course
from letterlock.probe.plan.ladder import Ladder
from letterlock.probe.plan.record import Refusal, read
from letterlock.probe.plan.riders import Rider, Riders
from letterlock.probe.plan.scripts import Scripts
from letterlock.probe.plan.sent import Sent, Shared, Tier
from letterlock.probe.plan.telling import Telling, dialogue
from letterlock.probe.plan.verdict import Demands
from letterlock.wire.tls.answer import Answer
from letterlock.wire.tls.code_points import SSL2, SSL3, TLS1_0, TLS1_1, TLS1_2, TLS1_3, version_name
from letterlock.wire.tls.sslv2 import Sslv2ClientHello

#: Versions below TLS 1.3, best first: the order in which they are met.
_BELOW = (TLS1_2, TLS1_1, TLS1_0, SSL3)
_SSLV2 = "SSLv2 hello"
_BUDGET = Unknown(Wording("connection budget"), Cause.BUDGET)


class Planner:
    """The questions about one endpoint. Pure: no I/O, no clock.

    `sni` is the name to send, None for an address. `demands` is the profile that the depth
    `verdict` refutes or not; without it, it asks like `standard`. With `max_connections` the asks
    come strictly by weight of matter, and what is not paid for becomes Unknown."""

    def __init__(
        self,
        endpoint: Endpoint,
        sni: str | None,
        depth: Depth,
        *,
        reader: Reader,
        demands: Demands | None = None,
        max_connections: int | None = None,
    ) -> None:
        self.endpoint = endpoint
        self.depth = depth
        self._reader = reader
        self._demands = demands if depth is Depth.VERDICT else None
        self._left = max_connections
        self._broke = False
        self._shared = Shared(sni, depth, salt=f"{endpoint} {sni}")
        self._shared.riders = Riders(list(Rider) if self._demands is None else [])
        if sni is None and Rider.NO_NAME in self._shared.riders.open:
            self._shared.riders.open.remove(Rider.NO_NAME)
        self._courses = {version: self._course(version) for version in (TLS1_3, *_BELOW)}
        self._open_courses = [TLS1_2, TLS1_3]
        self._scripts = Scripts(endpoint, self._shared, self._courses)
        self._certificates = Certificates()
        self._sslv2: Ternary | None = None
        self._sslv2_kinds: tuple[int, ...] = ()
        self._sslv2_asked = False
        self._sent: dict[str, Sent] = {}
        self._tiers: dict[str, int] = {}

    # --- asking

    def ready(self) -> tuple[Ask, ...]:
        """What may be asked now and was not handed out yet, what matters most first."""
        wishes = sorted(self._wishes(), key=lambda wish: wish[0])
        if self._left is not None:
            wishes = self._affordable(wishes)
        for tier, ask, sent in wishes:
            self._tiers[ask.key] = tier
            self._hand_out(ask, sent)
        return tuple(ask for _, ask, _ in wishes)

    @property
    def done(self) -> bool:
        """Nothing is under way and nothing is left to ask (or to pay for)."""
        return not self._tiers and (self._broke or not list(self._wishes()))

    def learn(self, ask: Ask, outcome: Outcome) -> None:
        """What came of an ask. Each is learnt once."""
        self._tiers.pop(ask.key, None)
        if isinstance(ask.what, Procedure):
            self._learn_script(ask, outcome)
        elif ask.key == _SSLV2:
            self._learn_sslv2(outcome)
        else:
            self._learn_hello(self._sent.pop(ask.key), outcome)

    def _wishes(self) -> Iterator[tuple[int, Ask, Sent | None]]:
        for sent in self._hellos():
            yield sent.tier, Ask(sent.key, Hello(sent.client_hello())), sent
        if self._wants_sslv2:
            hello = Sslv2ClientHello(suites.kinds(), challenge=b"letterlock hello").to_records()
            tier = Tier.VERSIONS if self._demands is None else Tier.REST
            yield tier, Ask(_SSLV2, Hello(hello, sslv2=True)), None
        for tier, _, ask in self._scripts.next():
            yield tier, ask, None

    def _hellos(self) -> list[Sent]:
        """Riders get hellos of their own once there are no others that they could go with."""
        for alone in (False, True):
            self._shared.riders_alone = alone
            self._shared.riders.new_round()
            found = [self._courses[version].next() for version in self._open_courses]
            sent = [each for each in found if each is not None]
            if sent or self._sent:
                return sent
        return []

    @property
    def _wants_sslv2(self) -> bool:
        return not self._sslv2_asked and self._courses[TLS1_2].settled

    def _hand_out(self, ask: Ask, sent: Sent | None) -> None:
        if sent is not None:
            self._sent[ask.key] = sent
            self._course_of(sent).hand_out(sent)
        elif ask.key == _SSLV2:
            self._sslv2_asked = True
        else:
            self._scripts.handed_out(ask.key)

    def _affordable(
        self, wishes: list[tuple[int, Ask, Sent | None]]
    ) -> list[tuple[int, Ask, Sent | None]]:
        """None that matters less than one under way, whose answer may bring more that matters."""
        barrier = min(self._tiers.values(), default=Tier.REST)
        if wishes and not self._tiers:
            barrier = wishes[0][0]
        taken = []
        for wish in wishes:
            if wish[0] > barrier:
                break
            if self._left is not None and wish[1].weight <= self._left:
                self._left -= wish[1].weight
                taken.append(wish)
        self._broke = bool(wishes) and not taken and not self._tiers
        return taken

    # --- the courses

    def _course(self, version: int) -> Course:
        strike = suites.classmates(version) if self.depth is not Depth.FULL else None
        course = Course(version, self._shared, Ladder(suites.universe(version), strike))
        if version >= TLS1_2:
            self._lead(course)
        if self._demands is not None:
            self._refute(course, self._demands)
        return course

    def _lead(self, course: Course) -> None:
        """Give it the ladders that one course carries on for all."""
        # OpenSSL follows its own order where it asks for another key share, whatever decides below.
        tls13 = course.version == TLS1_3
        course.groups = Ladder(groups.universe(course.version), expect_server=tls13)
        if tls13:
            if self.depth is Depth.FULL:
                course.trials = signatures.Trials()
            return
        if course.version < TLS1_2:
            return
        keys = ("RSA", "ECDSA")
        course.schemes = {key: Ladder(signatures.universe(TLS1_2, key)) for key in keys}
        course.drives_schemes = self.depth is not Depth.STANDARD

    def _refute(self, course: Course, demands: Demands) -> None:
        """Ask for what is allowed, then whether anything forbidden is: one instance is enough."""
        forbidden = demands.forbidden(course.version)
        course.forbidden = forbidden
        course.suites = _until_refuted(suites.universe(course.version), forbidden.suites)
        if demands.allows(course.version):
            course.first_offer = demands.allowed_suites(course.version) or None
        if course.groups is not None:
            listed = groups.universe(course.version)
            course.groups = _until_refuted(listed, forbidden.groups)
        if course.schemes:
            listed = signatures.universe(course.version)
            course.schemes = {ANY_KEY: _until_refuted(listed, forbidden.schemes)}

    def _course_of(self, sent: Sent) -> Course:
        return self._courses[max(sent.offer.versions)]

    def _learn_hello(self, sent: Sent, outcome: Outcome) -> None:
        course = self._course_of(sent)
        heard = read(outcome) if isinstance(outcome, Answer) else outcome
        if not isinstance(heard, (Answer, Refusal, Unknown)):
            raise TypeError(f"{type(heard).__name__} as the answer to a hello")
        lower = course.learn(sent, heard)
        self._shared.keys_known |= self._courses[TLS1_2].settled
        if course.version <= TLS1_2:
            self._descend(course, lower, heard)

    def _descend(self, course: Course, lower: int | None, heard: object) -> None:
        """The next version down is asked for once this one is settled; a refusal of a first hello,
        which claims all versions below, refutes them all, and a lower version agreed to refutes
        those between."""
        if not course.settled:
            return
        below = [self._courses[version] for version in _BELOW if version < course.version]
        if lower is not None:
            for each in below:
                if each.version > lower and not each.suites.found:
                    each.suites.refute(tuple(each.suites.rest))
            self._adopt(lower, heard)
            below = [each for each in below if each.version <= lower]
        elif course.absent:
            for each in below:
                each.suites.refute(tuple(each.suites.rest))
                each.closed_without_a_word = course.closed_without_a_word
            return
        if below and below[0].version not in self._open_courses:
            self._open_courses.append(below[0].version)

    def _adopt(self, version: int, heard: object) -> None:
        course = self._courses.get(version)
        if course is None or not isinstance(heard, Answer) or heard.cipher_suite is None:
            return
        course.adopt(heard.cipher_suite)
        if all(not self._courses[above].suites.found for above in _BELOW if above > version):
            self._lead_below(course)

    def _lead_below(self, course: Course) -> None:
        """The best version below TLS 1.3 is one without signature schemes."""
        if course.groups is None and course.version > SSL3:
            course.groups = Ladder(groups.universe(course.version))

    # --- the rest

    def _learn_sslv2(self, outcome: Outcome) -> None:
        if isinstance(outcome, Answer):
            heard = read(outcome)
            self._sslv2_kinds = outcome.cipher_kinds
            self._sslv2 = heard if isinstance(heard, Unknown) else bool(outcome.cipher_kinds)
            if isinstance(heard, Answer) and heard.version != SSL2:
                self._sslv2 = False
        elif isinstance(outcome, Unknown):
            self._sslv2 = outcome

    def _learn_script(self, ask: Ask, outcome: Outcome) -> None:
        self._scripts.learn(ask.key, outcome)
        if isinstance(ask.what, Procedure) and isinstance(outcome, HandshakeResult):
            self._certificates.handshakes.append((ask.what.options.sni, outcome))

    # --- the facts

    def facts(self, *, connections: int = 0, refused: int = 0) -> TlsFacts:
        """All that is known, at any time."""
        missing = _BUDGET if self._broke else NOT_ASKED
        record = self._shared.record
        told = Telling(self._courses, record, missing)
        primes = groups.diffie_hellman(record.dh_params())
        sslv2 = missing if self._sslv2 is None else self._sslv2
        protocols = (
            self._sslv2_facts(sslv2),
            *(told.protocol(course) for course in self._ascending()),
        )
        how = behaviour(record, self._shared.riders, self._scripts, protocols, missing)
        return TlsFacts(
            depth=self.depth,
            protocols=protocols,
            groups=tuple(told.groups()),
            diffie_hellman=primes,
            signature_schemes=tuple(told.schemes(accepted=True)),
            refused_schemes=tuple(told.schemes(accepted=False)),
            chains=self._certificates.facts(record, self._reader),
            behaviour=how,
            known_faults=(
                *faults.tried(self._scripts, missing),
                *faults.deduced(self._courses, sslv2, how, primes, missing),
            ),
            dialogue=dialogue(self._scripts, missing),
            connections=connections,
            refused=refused,
            left_out=self._left_out(),
        )

    def _ascending(self) -> list[Course]:
        return sorted(self._courses.values(), key=lambda course: course.version)

    def _sslv2_facts(self, offered: Ternary) -> ProtocolFacts:
        kinds = tuple(map(kind_name, self._sslv2_kinds))
        return ProtocolFacts(
            version_name(SSL2), offered, kinds, complete=not isinstance(offered, Unknown)
        )

    def _left_out(self) -> tuple[str, ...]:
        said = [
            Wording("{name}: {what}", name=course.name, what=course.obstacle.reason)
            for course in self._ascending()
            if course.obstacle is not None
        ]
        if self._broke:
            said.append(Wording("the rest: connection budget"))
        return tuple(said)


def _until_refuted(universe: tuple[int, ...], forbidden: frozenset[int]) -> Ladder:
    """What is allowed first; and no further instance of the forbidden once one was found."""
    ordered = sorted(universe, key=lambda code: code in forbidden)
    return Ladder(ordered, lambda code: forbidden if code in forbidden else ())
