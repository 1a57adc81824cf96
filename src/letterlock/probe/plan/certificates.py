"""The chains that a server serves: one per key type, with and without a name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from letterlock.model.certificate import Certificate, ChainVerdict
from letterlock.model.tls_facts import ServedChain, Stapled
from letterlock.model.unknown import Unknown
from letterlock.probe.ask import HandshakeResult
from letterlock.probe.plan.record import Record
from letterlock.probe.plan.riders import Rider

Chain = tuple[bytes, ...]


class Reader(Protocol):
    """What knows X.509, passed in. None of its methods raises for what a server serves."""

    def chain(self, served: Chain) -> tuple[tuple[Certificate, ...], ChainVerdict]:
        """The certificates that can be read, and the verdict on them."""
        ...

    def stapled(self, response: bytes) -> Stapled:
        """An OCSP response, in DER."""
        ...

    def timestamps(self, leaf: bytes) -> int | Unknown:
        """How many signed certificate timestamps are in the certificate."""
        ...


@dataclass(slots=True)
class _Served:
    sni: str | None
    chain: Chain
    response: bytes = b""
    timestamps: int = 0


@dataclass(slots=True)
class Certificates:
    """Chains that full handshakes showed, beside those of the record. TLS 1.3 encrypts its own: a
    server that speaks nothing below is asked by full handshakes."""

    handshakes: list[tuple[str | None, HandshakeResult]] = field(default_factory=list)

    def facts(self, record: Record, reader: Reader) -> tuple[ServedChain, ...]:
        merged: dict[tuple[str | None, Chain], _Served] = {}
        for served in (*self._seen(record), *self._shaken()):
            known = merged.setdefault((served.sni, served.chain), served)
            known.response = known.response or served.response
            known.timestamps = max(known.timestamps, served.timestamps)
        return tuple(_served(each, reader) for each in merged.values())

    @staticmethod
    def _seen(record: Record) -> Iterator[_Served]:
        for each in record.sightings:
            answer = each.answer
            if answer.chain and each.rider is not Rider.WRONG_NAME:
                timestamps = len(answer.extensions.timestamps or ())
                yield _Served(each.sni, answer.chain, answer.stapled or b"", timestamps)

    def _shaken(self) -> Iterator[_Served]:
        for sni, result in self.handshakes:
            if result.chain:
                yield _Served(sni, result.chain, result.ocsp_response, result.scts)


def _served(each: _Served, reader: Reader) -> ServedChain:
    chain, verdict = reader.chain(each.chain)
    inside = reader.timestamps(each.chain[0])
    scts: int | Unknown = each.timestamps or inside
    if isinstance(inside, int):
        scts = inside + each.timestamps
    return ServedChain(
        key_type=chain[0].public_key.algorithm if chain else "unreadable",
        sni=each.sni,
        chain=chain,
        verdict=verdict,
        stapled=reader.stapled(each.response) if each.response else None,
        scts=scts,
    )
