"""ROBOT, Return Of Bleichenbacher's Oracle Threat (Böck, Somorovsky, Young, 2018): whether a
server's answer to a static-RSA ClientKeyExchange depends on what is wrong with its padding.

Only answers are compared, never times."""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from letterlock.model.unknown import Cause
from letterlock.model.wording import Wording, joined
from letterlock.probe.ask import TlsOptions, Tried
from letterlock.probe.obstacle import Obstacle
from letterlock.probe.procedures.ground import Ground
from letterlock.probe.procedures.raw import RSA_SUITES, RawTls, Reaction, offer
from letterlock.wire.tls.answer import Answer
from letterlock.wire.tls.code_points import TLS1_2, ContentType
from letterlock.wire.tls.fault_messages import (
    PaddingTrial,
    change_cipher_spec,
    robot_trials,
    sham_finished,
)
from letterlock.wire.tls.key_exchange import client_key_exchange_rsa
from letterlock.wire.tls.records import Record

#: In the order of `robot_trials`, after the correct one: wrong first bytes, zero in the wrong
#: place, no zero.
_UNREADABLE = slice(1, 4)

Reactions = tuple[Reaction, ...]


async def robot(ground: Ground, options: TlsOptions) -> Tried:
    """Five trials, a connection each; where their answers differ, all five once more, and only
    what repeats itself counts."""
    first = await _round(ground, options)
    if isinstance(first, Tried):
        return first
    if len(set(first)) == 1:
        text = Wording("every padding was answered by {answer}", answer=first[0].told())
        return Tried(present=False, evidence=text)
    second = await _round(ground, options)
    if first != second:
        raise Obstacle(
            Wording("answers to wrong paddings differ from one try to the next"), Cause.OTHER
        )
    weak = len(set(first[_UNREADABLE])) == 1
    told = joined("; ", dict.fromkeys(each.told() for each in first))
    if weak:
        text = Wording("a weak oracle: paddings are told apart by {answers}", answers=told)
    else:
        text = Wording("a strong oracle: paddings are told apart by {answers}", answers=told)
    return Tried(present=True, evidence=text)


async def _round(ground: Ground, options: TlsOptions) -> Reactions | Tried:
    reactions: list[Reaction] = []
    while len(reactions) < 5:
        reaction = await _trial(ground, options, len(reactions))
        if isinstance(reaction, Tried):
            return reaction
        reactions.append(reaction)
    return tuple(reactions)


async def _trial(ground: Ground, options: TlsOptions, number: int) -> Reaction | Tried:
    async with ground.connect() as conversation:
        tls = RawTls(ground, conversation)
        answer = await tls.ask(offer(options, RSA_SUITES))
        if isinstance(answer, str):
            text = Wording("no suite with static RSA key exchange: {answer}", answer=answer)
            return Tried(present=False, evidence=text)
        version = answer.version or TLS1_2
        trial = _trials(answer, version)[number]
        return await tls.provoke(_flight(trial, version))


def _trials(answer: Answer, version: int) -> tuple[PaddingTrial, ...]:
    """Raises Obstacle where the certificate's key is none to encrypt to."""
    try:
        leaf = x509.load_der_x509_certificate((answer.chain or (b"",))[0])
        key = leaf.public_key()
        if not isinstance(key, RSAPublicKey):
            raise ValueError("not an RSA key")
        numbers = key.public_numbers()
        return robot_trials(numbers.n, numbers.e, version)
    except ValueError as error:
        raise Obstacle(
            Wording("the certificate's key cannot be used: {error}", error=error), Cause.OTHER
        ) from None


def _flight(trial: PaddingTrial, version: int) -> bytes:
    exchange = client_key_exchange_rsa(trial.encrypted, version)
    return (
        bytes(Record(ContentType.HANDSHAKE, version, exchange))
        + change_cipher_spec(version)
        + sham_finished(version)
    )
