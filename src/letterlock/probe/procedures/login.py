"""A login tried in the clear where none is offered, as far as that goes without a name or a
password: the exchange is begun and cancelled (RFC 4954 section 4, RFC 9051 section 6.2.2, RFC 5034
section 4).

Dovecot notes a refusal as "tried to use disallowed plaintext auth", which fail2ban's filter counts
as one failure: once per port is all that is asked for."""

from __future__ import annotations

from letterlock.model.service import MailProtocol
from letterlock.model.wording import Wording, joined
from letterlock.probe.ask import TlsOptions, Tried
from letterlock.probe.conversation import Conversation
from letterlock.probe.obstacle import step
from letterlock.probe.procedures.ground import Ground
from letterlock.wire.lines import LineBuffer, readable

_TAG = b"LOGIN1"
_BEGIN = {
    MailProtocol.SMTP: b"AUTH PLAIN\r\n",
    MailProtocol.IMAP: _TAG + b" AUTHENTICATE PLAIN\r\n",
    MailProtocol.POP3: b"AUTH PLAIN\r\n",
    MailProtocol.LMTP: b"AUTH PLAIN\r\n",
    MailProtocol.SIEVE: b'AUTHENTICATE "PLAIN"\r\n',
}
#: RFC 5804 section 2.1: ManageSieve's is a string.
_CANCELS = {MailProtocol.SIEVE: b'"*"\r\n'}
_CANCEL = b"*\r\n"
#: How the server asks for the credentials.
_CONTINUE = {
    MailProtocol.SMTP: b"334",
    MailProtocol.IMAP: b"+",
    MailProtocol.POP3: b"+ ",
    MailProtocol.LMTP: b"334",
    MailProtocol.SIEVE: b'""',
}


async def login_before_tls(ground: Ground, options: TlsOptions) -> Tried:
    """Whether SASL PLAIN is accepted in the clear although it is not offered there; nothing is
    tried where a password may be sent in the clear by what is offered. `options` are not used."""
    del options
    async with ground.connect(in_clear=True) as conversation:
        return await try_login(ground, conversation)


async def try_login(ground: Ground, conversation: Conversation) -> Tried:
    """The same where it is ours to speak in the clear, and is so again afterwards."""
    protocol = ground.endpoint.service.protocol
    offered = conversation.dialogue.cleartext_logins(await conversation.capabilities())
    if offered:
        text = Wording("offered in the clear: {logins}", logins=joined(", ", offered))
        return Tried(present=False, evidence=text)
    lines = LineBuffer()
    answer = await _say(ground, conversation, lines, _BEGIN[protocol])
    if not _continues(answer, protocol):
        return Tried(present=False, evidence=Wording("refused: {answer}", answer=readable(answer)))
    await _say(ground, conversation, lines, _CANCELS.get(protocol, _CANCEL))
    command = _BEGIN[protocol].removeprefix(_TAG).decode("ascii").strip()
    text = Wording(
        "{command} was answered by {answer}", command=command, answer=repr(readable(answer))
    )
    return Tried(present=True, evidence=text)


def _continues(answer: bytes, protocol: MailProtocol) -> bool:
    return (answer + b" ").startswith(_CONTINUE[protocol])


async def _say(
    ground: Ground, conversation: Conversation, lines: LineBuffer, command: bytes
) -> bytes:
    """The line that answers `command`: the last of SMTP's, IMAP's that is not untagged."""
    lines.new_turn()
    awaited = Wording("the answer to {command}", command=command.decode("ascii").strip())
    async with step(awaited, ground.limits.reply):
        await conversation.channel.send(command)
        while True:
            while (line := lines.line()) is None:
                lines.feed(await conversation.channel.receive())
            if line[3:4] != b"-" and not line.startswith(b"* "):
                return line
