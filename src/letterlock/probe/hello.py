"""A raw hello put to a server, and its answer."""

from __future__ import annotations

from letterlock.model.unknown import Cause
from letterlock.model.wording import Wording
from letterlock.probe.ask import Hello
from letterlock.probe.channel import Channel
from letterlock.probe.conversation import Conversation
from letterlock.probe.obstacle import Obstacle, step
from letterlock.probe.procedures.ground import Ground, implicit
from letterlock.wire.tls.alert import CLOSE_NOTIFY, USER_CANCELED, WARNING, Alert
from letterlock.wire.tls.answer import Answer, Outcome, ServerAnswer
from letterlock.wire.tls.code_points import TLS1_0, ContentType

#: Answers after which the server waits for us to go on.
_OPEN = (Outcome.FLIGHT, Outcome.TLS13_HELLO, Outcome.HELLO_RETRY, Outcome.RESUMED)
#: A server's plain words for "later", where TLS was to begin at once.
_LATER = (b"4", b"* BYE", b"-ERR")


async def put_hello(ground: Ground, hello: Hello) -> Answer:
    """Put it on a fresh connection. Raises Obstacle where not a byte of an answer came, except that
    the connection was ended: so Dovecot and others turn a hello down, and CLOSED is the answer."""
    async with ground.connect() as conversation:
        answer = await _answer(conversation, hello, ground.limits.handshake)
        if answer.outcome in _OPEN:
            await _call_off(conversation.channel, answer.record_version or TLS1_0)
    if answer.outcome is Outcome.PLAIN_TEXT and implicit(ground) and answer.raw.startswith(_LATER):
        raise Obstacle(
            Wording("the server said {answer}", answer=repr(answer.raw[:80])), Cause.THROTTLED
        )
    return answer


async def _answer(conversation: Conversation, hello: Hello, seconds: float) -> Answer:
    channel = conversation.channel
    reader = ServerAnswer(sslv2=hello.sslv2)
    heard = False
    try:
        async with step(Wording("the answer to a ClientHello"), seconds):
            await channel.send(hello.client_hello)
            while not reader.done:
                data = await channel.receive()
                heard = True
                reader.receive(data)
    except Obstacle as obstacle:
        if not heard and obstacle.unknown.cause is not Cause.DISCONNECTED:
            raise
        return reader.end(obstacle.unknown.reason)
    return reader.end()


async def _call_off(channel: Channel, version: int) -> None:
    """Say that the handshake will not be gone on with (RFC 8446 section 6.1), in records of the
    version that the server's had."""
    head = bytes((ContentType.ALERT,)) + version.to_bytes(2, "big") + b"\x00\x02"
    alerts = (Alert(WARNING, USER_CANCELED), Alert(WARNING, CLOSE_NOTIFY))
    try:
        async with step(Wording("our leave"), 1.0):
            await channel.send(b"".join(head + bytes(each) for each in alerts))
    except Obstacle:
        return
