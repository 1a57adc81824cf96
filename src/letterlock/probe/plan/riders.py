"""Questions about a server's tolerance that ride on hellos which it would agree to anyway.

At most one on a hello. Where the server agrees, the rider's question is answered and so is the
hello's own; where it refuses, the rider was the reason if the next hello without it is agreed to,
and the hello's own question is put again."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum

from letterlock.model.tls_facts import Ternary
from letterlock.model.tls_names import alert_name
from letterlock.model.unknown import Unknown
from letterlock.model.wording import Wording
from letterlock.wire.tls.client_hello import ClientHello, Offer
from letterlock.wire.tls.code_points import FALLBACK_SCSV, TLS1_0, TLS1_2, TLS1_3, grease
from letterlock.wire.tls.extensions import Extension, padding

#: RFC 7507 section 3.
_INAPPROPRIATE_FALLBACK = 86
#: A name that nobody has (RFC 2606 section 2), a protocol that no mail server speaks.
WRONG_NAME = b"wrong-name.invalid"
WRONG_PROTOCOL = b"http/1.1"
#: As large as a share of X25519MLKEM768 makes a hello (draft-ietf-tls-ecdhe-mlkem section 4).
_LARGE = 1300
#: Beyond TLS 1.3's 0x0304; in legacy_version, as RFC 5246 appendix E.1 has it.
_FUTURE_VERSION = 0x0305


class Rider(StrEnum):
    NO_NAME = "no-name"
    WRONG_NAME = "wrong-name"
    WRONG_PROTOCOL = "wrong-protocol"
    GREASE = "grease"
    FUTURE_VERSION = "future-version"
    LARGE = "large"
    FALLBACK = "fallback"


def apply(rider: Rider | None, offer: Offer) -> Offer:
    """The offer with what the rider changes in it."""
    match rider:
        case Rider.NO_NAME:
            return replace(offer, server_name=None)
        case Rider.WRONG_NAME:
            return replace(offer, server_name=WRONG_NAME)
        case Rider.WRONG_PROTOCOL:
            return replace(offer, alpn=(WRONG_PROTOCOL,))
        case Rider.GREASE:
            return _greased(offer)
        case Rider.FALLBACK:
            return replace(offer, cipher_suites=(*offer.cipher_suites, FALLBACK_SCSV))
    return offer


def _greased(offer: Offer) -> Offer:
    """RFC 8701 section 3.1: an unknown value everywhere, first where order counts."""
    versions = (grease(4), *offer.versions) if TLS1_3 in offer.versions else offer.versions
    return replace(
        offer,
        versions=versions,
        cipher_suites=(grease(0), *offer.cipher_suites),
        groups=(grease(1), *offer.groups),
        signature_schemes=(grease(2), *offer.signature_schemes),
        extra=(Extension(grease(3)), *offer.extra, Extension(grease(5), b"\0")),
    )


def dress(rider: Rider | None, hello: ClientHello) -> ClientHello:
    """The hello with what no Offer can say."""
    match rider:
        case Rider.FUTURE_VERSION:
            return replace(hello, legacy_version=_FUTURE_VERSION)
        case Rider.LARGE:
            return hello.with_extension(padding(_LARGE))
    return hello


@dataclass(slots=True)
class Riders:
    """Which questions are open, and the answers: True where the server agreed in spite of it."""

    open: list[Rider] = field(default_factory=list)
    agreed: dict[Rider, Ternary] = field(default_factory=dict)
    _claimed: set[Rider] = field(default_factory=set)
    _suspected: dict[Rider, int | None] = field(default_factory=dict)

    def fitting(self, version: int, highest: int, *, certificate: bool = True) -> Rider | None:
        """The first open one that may ride on a hello of `version`, when `highest` is the best
        version known, and that no other hello of the same round has claimed. `certificate` says
        that the answer will show one."""
        free = [each for each in self.open if each not in self._claimed]
        if not certificate:
            free = [each for each in free if each is not Rider.NO_NAME]
        return next((each for each in free if self._fits(each, version, highest)), None)

    def claim(self, version: int, highest: int, *, certificate: bool) -> Rider | None:
        rider = self.fitting(version, highest, certificate=certificate)
        if rider is not None:
            self._claimed.add(rider)
        return rider

    def new_round(self) -> None:
        """Claims whose hellos were not handed out are void."""
        self._claimed.clear()

    def hand_out(self, rider: Rider) -> None:
        if rider in self.open:
            self.open.remove(rider)

    @staticmethod
    def _fits(rider: Rider, version: int, highest: int) -> bool:
        if version < TLS1_0:
            return False
        match rider:
            case Rider.FALLBACK:
                return version < highest
            case Rider.NO_NAME:
                return version < TLS1_3
            case Rider.FUTURE_VERSION:
                return version == min(highest, TLS1_2)
        return True

    def accept(self, rider: Rider) -> None:
        self.agreed[rider] = True

    def suspect(self, rider: Rider, alert: int | None) -> None:
        """Refused with it; not yet known to be agreed to without."""
        reason = Wording("closed") if alert is None else alert_name(alert)
        self.agreed[rider] = Unknown(
            Wording("refused ({reason}), and whether because of this is not known", reason=reason)
        )
        self._suspected[rider] = alert

    def convict(self, rider: Rider) -> None:
        """The same was agreed to without the suspect."""
        self.agreed[rider] = False

    def give_up(self, rider: Rider, reason: Unknown) -> None:
        self.agreed[rider] = reason

    def fallback_refused(self, missing: Unknown) -> Ternary:
        """RFC 7507: inappropriate_fallback says that the signal was understood; of a server that
        says no by hanging up, that it agreed to the same hello without the signal."""
        agreed = self.agreed.get(Rider.FALLBACK, missing)
        if isinstance(agreed, Unknown) or agreed:
            return agreed if isinstance(agreed, Unknown) else False
        alert = self._suspected[Rider.FALLBACK]
        if alert is None or alert == _INAPPROPRIATE_FALLBACK:
            return True
        name = alert_name(alert)
        return Unknown(
            Wording("a fallback was refused by {name} instead of inappropriate_fallback", name=name)
        )
