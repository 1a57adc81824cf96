"""What was offered and what came of it: the log that all facts are read from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from letterlock.model.cipher_suites import cipher_suite
from letterlock.model.unknown import Unknown
from letterlock.model.wording import Wording
from letterlock.probe.plan.riders import Rider
from letterlock.wire.tls.answer import Answer, Outcome
from letterlock.wire.tls.client_hello import Offer
from letterlock.wire.tls.code_points import SSL3, TLS1_3
from letterlock.wire.tls.key_exchange import DhParams, EcdhParams


@dataclass(frozen=True, slots=True)
class Sighting:
    """A hello that the server agreed to. `sni` is the name sent."""

    version: int
    offer: Offer
    rider: Rider | None
    answer: Answer

    @property
    def sni(self) -> str | None:
        return self.offer.server_name.decode("ascii") if self.offer.server_name else None

    @property
    def authentication(self) -> str:
        """Of the suite chosen: which kind of key signs or decrypts."""
        code = self.answer.cipher_suite
        one = None if code is None else cipher_suite(code)
        return one.authentication if one else ""

    @property
    def has_extensions(self) -> bool:
        """Whether the hello had any, in a version where the answers to them are in the clear."""
        return SSL3 < self.version < TLS1_3 and max(self.offer.versions) > SSL3


@dataclass(slots=True)
class Record:
    """Everything agreed to so far, in the order learnt."""

    sightings: list[Sighting] = field(default_factory=list)

    def add(self, sighting: Sighting) -> None:
        self.sightings.append(sighting)

    def below_tls13(self) -> Iterator[Sighting]:
        """Those of TLS 1.0 to 1.2, whose extensions are in the clear."""
        return (each for each in self.sightings if each.has_extensions)

    def dh_params(self) -> list[DhParams]:
        return [each for each in self._params() if isinstance(each, DhParams)]

    def ecdh_params(self) -> list[EcdhParams]:
        return [each for each in self._params() if isinstance(each, EcdhParams)]

    def _params(self) -> Iterator[object]:
        for each in self.sightings:
            if each.answer.key_exchange is not None:
                yield each.answer.key_exchange.params


@dataclass(frozen=True, slots=True)
class Refusal:
    """The hello was turned down: by an alert (its description), or by closing without a word."""

    alert: int | None


def read(answer: Answer) -> Answer | Refusal | Unknown:
    """An answer with a choice in it, a refusal, or why it is neither."""
    if answer.agreed:
        return answer
    match answer.outcome:
        case Outcome.ALERT:
            return Refusal(answer.alert.description if answer.alert else None)
        case Outcome.SSLV2_ERROR | Outcome.CLOSED:
            return Refusal(None)
        case Outcome.SSLV2_HELLO:
            return Refusal(None)
    reason = answer.reason or answer.outcome.value
    return Unknown(Wording("the hello's answer cannot be read: {reason}", reason=reason))
