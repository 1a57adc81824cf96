"""The questions about one protocol version, one hello at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from letterlock.model.cipher_suites import CipherSuite
from letterlock.model.unknown import Unknown
from letterlock.model.wording import Wording
from letterlock.probe.plan import groups, signatures, suites
from letterlock.probe.plan import riders as riding
from letterlock.probe.plan.ladder import Ladder
from letterlock.probe.plan.record import Refusal, Sighting
from letterlock.probe.plan.riders import Rider
from letterlock.probe.plan.sent import Drive, Forbidden, Sent, Shared, Tier
from letterlock.wire.tls import extensions
from letterlock.wire.tls.answer import Answer
from letterlock.wire.tls.client_hello import Offer
from letterlock.wire.tls.code_points import SSL3, TLS1_2, TLS1_3, version_name

#: Refused what it had agreed to, or chose what it was not offered: answers that fit no order.
_CONTRADICTION = Unknown(Wording("the server contradicts its own answers"))


#: The ladder of schemes for suites of whatever authentication.
ANY_KEY = ""


def _signed_by(key: str, one: CipherSuite) -> bool:
    return suites.signs(one) and key in (ANY_KEY, one.authentication)


class Course:
    """Finds out about `version` by hellos that offer it as the highest. A server that answers with
    a lower version has no suite (left) in this one."""

    def __init__(self, version: int, shared: Shared, ladder: Ladder) -> None:
        self.version = version
        self.name = version_name(version)
        self.suites = ladder
        self.shared = shared
        #: The ladders carried on by this course alone; None where another one does it.
        self.groups: Ladder | None = None
        self.schemes: dict[str, Ladder] = {}
        self.trials: signatures.Trials | None = None
        self.obstacle: Unknown | None = None
        self.closed_without_a_word = False
        self._given_up: list[Ladder] = []
        self._suspect: Rider | None = None
        self._count = 0
        self._shown: set[tuple[str, Rider | None]] = set()
        self._hung_up = False
        #: A trial was refused together with something else.
        self._mixed_up = False
        self.waiting = False
        #: Whether hellos are made for schemes alone; else they only ride.
        self.drives_schemes = True
        #: The suites of the first hello, where not all are wanted at once.
        self.first_offer: tuple[int, ...] | None = None
        #: Once the version was met, ask only whether any of these is accepted.
        self.forbidden: Forbidden | None = None

    # --- what is known

    @property
    def settled(self) -> bool:
        """Whether it is known if the version is offered, or will not be."""
        return bool(self.suites.found) or self.suites.exhausted or self.obstacle is not None

    @property
    def finished(self) -> bool:
        """Nothing more is to be learnt of its suites, nor under way."""
        return not self.waiting and (self.suites.exhausted or self.obstacle is not None)

    @property
    def absent(self) -> bool:
        return self.suites.exhausted and not self.suites.found

    # --- what to ask

    def next(self) -> Sent | None:
        """The next hello; None while one is under way or nothing is left to ask. Making it changes
        nothing yet."""
        if self.waiting or self.obstacle is not None:
            return None
        return (
            self._for_suites()
            or self._for_certificates()
            or self._for_groups()
            or self._for_schemes()
            or self._for_rest()
        )

    def hand_out(self, sent: Sent) -> None:
        """`sent`, which `next` made, is asked now."""
        self.waiting = True
        self._count += 1
        if sent.rider is not None:
            self.shared.riders.hand_out(sent.rider)
        if sent.shows is not None:
            self._shown.add(sent.shows)

    def _for_suites(self) -> Sent | None:
        if self.suites.exhausted:
            return None
        if self.suites.found and self.version < TLS1_2:
            self.suites.doubt(self.shared.refuted)
        offered = self.suites.offer()
        if not self.suites.found and self.first_offer:
            offered = self.first_offer
        critical = self._strict_groups() if self.suites.certain else self.suites
        tier = Tier.SUITES
        if not self.suites.found:
            tier = Tier.REACH if self.version >= TLS1_3 - 1 else Tier.VERSIONS
        return self._sent(tier, offered, critical)

    def _for_certificates(self) -> Sent | None:
        """A hello for each kind of key that was only seen without the name, or only with it."""
        if self.groups is None or self.version == TLS1_3 or self.forbidden is not None:
            return None
        for key in sorted(self.shared.authentications):
            codes = tuple(
                code for code in self.suites.found if suites.suite(code).authentication == key
            )
            for rider in (None, Rider.NO_NAME):
                if codes and self._unseen(key, rider):
                    sent = self._sent(Tier.SUITES, codes, None)
                    return replace(sent, rider=rider, shows=(key, rider))
        return None

    def _unseen(self, key: str, rider: Rider | None) -> bool:
        """Whether no certificate for the key was seen with the name, or without it where that is
        agreed to."""
        if (key, rider) in self._shown:
            return False
        sni = self.shared.sni
        if rider is Rider.NO_NAME:
            if sni is None or self.shared.riders.agreed.get(rider) is not True:
                return False
            sni = None
        return not any(
            each.answer.chain and each.sni == sni and each.authentication == key
            for each in self.shared.record.sightings
        )

    def _strict_groups(self) -> Ladder | None:
        """The groups' ladder may be carried on where a refusal can mean nothing else: in TLS 1.3,
        whose suites work with any group."""
        ladder = self.groups
        if self.version != TLS1_3 or ladder is None or ladder.certain or not self._open(ladder):
            return None
        return ladder

    def _for_groups(self) -> Sent | None:
        ladder = self.groups
        if ladder is None or not self._open(ladder):
            return None
        usable = self._usable(ladder, lambda one: suites.with_curve(one) or one.is_tls13)
        return self._made_for(ladder, Tier.GROUPS, usable)

    def _for_schemes(self) -> Sent | None:
        if not self.drives_schemes:
            return None
        for key, ladder in self.schemes.items():
            usable = self._usable(ladder, partial(_signed_by, key))
            if self._open(ladder) and usable:
                return self._made_for(ladder, Tier.REST, usable)
        return None

    def _made_for(self, ladder: Ladder, tier: int, usable: tuple[int, ...]) -> Sent | None:
        if not usable:
            return None
        return self._sent(tier, usable, None if ladder.certain else ladder, purpose=ladder)

    def _usable(self, ladder: Ladder, wanted: Callable[[CipherSuite], bool]) -> tuple[int, ...]:
        """Of the suites found, those whose answer shows a value of the ladder. To refute, which is
        what a focused one is for, any suite will do: each is offered."""
        if not self.suites.found:
            return ()
        listed = suites.universe(self.version) if ladder.focused else self.suites.found
        return tuple(code for code in listed if wanted(suites.suite(code)))

    def _for_rest(self) -> Sent | None:
        if not self.suites.found:
            return None
        trials_open = self.trials is not None and not self.trials.done
        if trials_open and not self.shared.keys_known:
            return None
        found = self.suites.found
        offered = tuple(each for each in found if not suites.suite(each).is_anonymous) or tuple(
            found
        )
        riders_open = self.shared.riders_alone and self.shared.riders.fitting(
            self.version, self.shared.highest, certificate=self._shows_certificate(offered)
        )
        if not (trials_open or riders_open or self._suspect):
            return None
        return self._sent(Tier.REST, offered, None)

    def _open(self, ladder: Ladder) -> bool:
        return not ladder.exhausted and ladder not in self._given_up

    def _sent(
        self,
        tier: int,
        offered: tuple[int, ...],
        critical: Ladder | None,
        purpose: Ladder | None = None,
    ) -> Sent:
        named, offered_groups = self._driven(self.groups, critical)
        signed = [self._driven(ladder, critical) for ladder in self.schemes.values()]
        schemes = tuple(code for _, codes in signed for code in codes)
        rider, trial = self._passenger(offered, critical)
        offer = self._offer(
            offered,
            offered_groups if self.groups is not None else groups.universe(self.version),
            trial or schemes or signatures.universe(self.version),
        )
        return Sent(
            key=f"{self.name} hello {self._count + 1}",
            tier=tier,
            offer=offer,
            suites=None if self.suites.exhausted else Drive(self.suites, offered),
            groups=named,
            schemes=tuple(drive for drive, _ in signed if drive is not None),
            critical=critical,
            purpose=purpose,
            rider=rider,
            trial=trial,
        )

    @staticmethod
    def _driven(
        ladder: Ladder | None, critical: Ladder | None
    ) -> tuple[Drive | None, tuple[int, ...]]:
        """The ladder's part of the offer. One that can be refused is carried on only by a hello of
        its own; elsewhere all of it is offered, and what is picked tells no order."""
        if ladder is None:
            return None, ()
        if ladder is critical:
            return Drive(ladder, ladder.offer()), ladder.offer()
        everything = (*ladder.everything(), *ladder.skipped)
        carried = not ladder.strict and not ladder.exhausted
        return (Drive(ladder, everything) if carried else None), everything

    def _passenger(
        self, offered: tuple[int, ...], critical: Ladder | None
    ) -> tuple[Rider | None, tuple[int, ...] | None]:
        """What rides along. With a hello that may be refused, only a trial that probably succeeds:
        if it is refused nothing is learnt, and trials keep to other hellos from then on."""
        if self._suspect is not None or not self.suites.found:
            return None, None
        if self.trials is not None and self.shared.keys_known:
            self.trials.plan(self.shared.authentications)
            trial = self.trials.next()
            if trial is not None and (critical is None or (len(trial) == 1 and not self._mixed_up)):
                return None, trial
        if critical is not None:
            return None, None
        certificate = self._shows_certificate(offered)
        riders = self.shared.riders
        return riders.claim(self.version, self.shared.highest, certificate=certificate), None

    def _shows_certificate(self, offered: tuple[int, ...]) -> bool:
        """Whether what is picked is authenticated: the first found, or one offered before it."""
        first = self.suites.found[0]
        upto = offered.index(first) + 1 if first in offered else len(offered)
        return not any(suites.suite(code).is_anonymous for code in offered[:upto])

    def _offer(
        self, offered: tuple[int, ...], curves: tuple[int, ...], schemes: tuple[int, ...]
    ) -> Offer:
        """Everything that a server may tell for free is asked for each time; a ticket every other
        time, since a server that gives one may leave out the session id."""
        below = self.version < TLS1_3
        sni = self.shared.sni
        seed = f"{self.shared.salt} {self.name} {self._count}".encode()
        return Offer(
            versions=(self.version,),
            cipher_suites=offered,
            server_name=sni.encode("ascii") if sni else None,
            groups=curves,
            signature_schemes=schemes,
            compressions=(1, 0) if below else (0,),
            session_ticket=b"" if below and self._count % 2 == 0 else None,
            ask_status=True,
            ask_timestamps=True,
            extra=(extensions.heartbeat(),) if self.version > SSL3 else (),
            random=hashlib.sha256(seed).digest(),
        )

    # --- what is learnt

    def learn(self, sent: Sent, outcome: Answer | Refusal | Unknown) -> int | None:
        """Returns the lower version that the server agreed to instead, if it did."""
        self.waiting = False
        match outcome:
            case Unknown():
                self._stop(sent, outcome)
            case Refusal():
                self._refused(sent, outcome)
            case Answer(version=version) if version == self.version:
                self._agreed(sent, outcome)
            case Answer(version=int(version)) if version < self.version:
                return self._lower(sent, version)
            case _:
                self._stop(
                    sent,
                    Unknown(
                        Wording(
                            "a hello of {version} was answered with a higher one", version=self.name
                        )
                    ),
                )
        return None

    def _stop(self, sent: Sent, reason: Unknown) -> None:
        if sent.rider is not None:
            self.shared.riders.give_up(sent.rider, reason)
        self.obstacle = reason

    def _lower(self, sent: Sent, version: int) -> int | None:
        if sent.critical is self.suites:
            self._turned_down(self.suites)
            return version
        self._stop(sent, _CONTRADICTION)
        return None

    def _refused(self, sent: Sent, refusal: Refusal) -> None:
        if self._doubtful(refusal):
            if sent.rider is not None:
                self.shared.riders.open.append(sent.rider)
            return
        if sent.rider is not None:
            self._suspect = sent.rider
            self.shared.riders.suspect(sent.rider, refusal.alert)
        elif sent.trial is not None and sent.critical is not None:
            self._mixed_up = True
        elif sent.trial is not None and self.trials is not None:
            self.trials.settle(sent.trial, accepted=False)
        elif sent.critical is None:
            self.obstacle = _CONTRADICTION
        else:
            self.closed_without_a_word |= refusal.alert is None
            self._turned_down(sent.critical)

    def _doubtful(self, refusal: Refusal) -> bool:
        """Some servers say no by hanging up. One that has sent alerts is put the question again."""
        if refusal.alert is not None:
            self.shared.sends_alerts = True
            return False
        self._hung_up, before = True, self._hung_up
        return self.shared.sends_alerts and not before

    def _turned_down(self, ladder: Ladder) -> None:
        if ladder is self.suites and not ladder.found and self.first_offer:
            ladder.refute(self.first_offer)
            self.first_offer = None
        else:
            ladder.turned_down()

    def _agreed(self, sent: Sent, answer: Answer) -> None:
        first = not self.suites.found
        code = answer.cipher_suite
        if code is None or not self._learn_suite(sent, code):
            self._stop(sent, _CONTRADICTION)
            return
        self._note(code)
        self.shared.record.add(
            Sighting(self.version, riding.apply(sent.rider, sent.offer), sent.rider, answer)
        )
        self._settle_passengers(sent)
        self._hung_up = False
        before = sent.purpose.progress if sent.purpose else None
        if self.version == TLS1_2:
            self.shared.refuted.update(self.suites.refused)
        self._learn_group(sent, answer.group)
        self._learn_scheme(sent, answer)
        if sent.purpose is not None and sent.purpose.progress == before:
            # Made for this ladder, and it did not move: it would be made for ever.
            self._given_up.append(sent.purpose)
        if first:
            self._met()

    def _settle_passengers(self, sent: Sent) -> None:
        if sent.trial is not None and self.trials is not None:
            self.trials.settle(sent.trial, accepted=True)
        if sent.rider is not None:
            self.shared.riders.accept(sent.rider)
        elif self._suspect is not None:
            self.shared.riders.convict(self._suspect)
            self._suspect = None

    def _learn_suite(self, sent: Sent, code: int) -> bool:
        if sent.suites is not None:
            return sent.suites.ladder.picked(code, sent.suites.offered)
        if code not in sent.offer.cipher_suites:
            return False
        self.suites.seen(code)
        return True

    def _learn_group(self, sent: Sent, group: int | None) -> None:
        if group is None:
            return
        if sent.groups is not None:
            sent.groups.ladder.picked(group, sent.groups.offered)
        elif self.groups is not None and self.groups.focused:
            self.groups.seen(group)

    def _learn_scheme(self, sent: Sent, answer: Answer) -> None:
        scheme = answer.key_exchange.signature_scheme if answer.key_exchange else None
        for drive in sent.schemes:
            if scheme is not None and scheme in drive.offered:
                drive.ladder.picked(scheme, drive.offered)

    def _met(self) -> None:
        """The version is there: from now on the suites most likely refused go first."""
        self.shared.highest = max(self.shared.highest, self.version)
        self.suites.rearrange(suites.unlikely_first(self.version, self.shared.authentications))
        if self.forbidden is not None:
            self._focus(self.forbidden)

    def _focus(self, forbidden: Forbidden) -> None:
        self.suites.focus(forbidden.suites)
        if self.groups is not None:
            self.groups.focus(forbidden.groups)
        for ladder in self.schemes.values():
            ladder.focus(forbidden.schemes)

    def _note(self, code: int) -> None:
        self.shared.authentications |= {suites.suite(code).authentication} & {"RSA", "ECDSA"}

    def adopt(self, suite: int) -> None:
        """A hello of a higher version was answered with this one and `suite`."""
        if not self.suites.found and suite in self.suites.rest:
            self.suites.picked(suite, tuple(self.suites.rest))
            self._note(suite)
            self._met()
