"""The ways to tell somebody: a mail, a webhook, a command."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from letterlock.model.errors import LetterlockError, UndeterminedError
from letterlock.probe.resolve import own_name
from letterlock.probe.smarthost import Smarthost, send_mail
from letterlock.probe.webhook import post_json
from letterlock.report.escape import printable
from letterlock.servers.errand import errand
from letterlock.servers.tools import Completed, Tools
from letterlock.watch.message import as_mail
from letterlock.watch.settings import Settings, without_secrets

_SENDMAIL = "/usr/sbin/sendmail"
#: Seconds.
_SENDMAIL_TAKES, COMMAND_TAKES = 60.0, 60.0


class NotHandedOverError(UndeterminedError):
    """A channel did not take a message, which is tried again."""


@dataclass(frozen=True, slots=True)
class Channel:
    """`kind` is its name in the settings, `shown` where it leads, without secrets. `hand_over`
    takes a document (message.document); raises NotHandedOverError."""

    kind: str
    shown: str
    hand_over: Callable[[bytes], None]


def channels(settings: Settings, root: Path, postfix_runs: bool) -> tuple[Channel, ...]:
    """Those that are set, mail first. A mail by sendmail(1) waits until Postfix runs: it would be
    taken before, and nobody would be told of the mail that lies there."""
    found = []
    if settings.mail and settings.smtp:
        found.append(_smtp(settings.mail, Smarthost.parse(settings.smtp), settings.ca_file))
    elif settings.mail:
        found.append(_mail(settings.mail, Tools.for_root(root), postfix_runs))
    if settings.webhook:
        found.append(_webhook(settings.webhook))
    if settings.command:
        found.append(_command(settings.command, Tools.for_root(root)))
    return tuple(found)


def _mail(addresses: tuple[str, ...], tools: Tools, postfix_runs: bool) -> Channel:
    def hand_over(contents: bytes) -> None:
        if not postfix_runs:
            raise NotHandedOverError("Postfix does not run")
        done = _run(
            tools, _SENDMAIL, "-i", "--", *addresses,
            stdin=as_mail(contents, addresses), timeout=_SENDMAIL_TAKES,
        )  # fmt: skip
        if not done.ok:
            raise NotHandedOverError(f"sendmail says: {_said(done)}")

    return Channel("mail", f"mail to {', '.join(addresses)}", hand_over)


def _smtp(addresses: tuple[str, ...], place: Smarthost, ca_file: str) -> Channel:
    def hand_over(contents: bytes) -> None:
        mail = as_mail(contents, addresses, own_name(look_up=False))
        try:
            send_mail(place, addresses, mail, ca_file)
        except UndeterminedError as error:
            raise NotHandedOverError(printable(str(error))) from None

    return Channel("mail", f"mail to {', '.join(addresses)} by {place}", hand_over)


def _webhook(url: str) -> Channel:
    def hand_over(contents: bytes) -> None:
        try:
            post_json(url, contents)
        except UndeterminedError as error:
            raise NotHandedOverError(str(error)) from None

    return Channel("webhook", f"the webhook at {without_secrets(url)}", hand_over)


def _command(command: tuple[str, ...], tools: Tools) -> Channel:
    def hand_over(contents: bytes) -> None:
        done = _run(tools, *command, stdin=contents, timeout=COMMAND_TAKES)
        if not done.ok:
            raise NotHandedOverError(f"it ended with {done.status}: {_said(done)}")

    return Channel("command", f"the command {command[0]}", hand_over)


def _run(tools: Tools, *argv: str, stdin: bytes, timeout: float) -> Completed:
    try:
        return errand(tools, *argv, stdin=stdin, timeout=timeout)
    except LetterlockError as error:
        raise NotHandedOverError(str(error)) from None


def _said(done: Completed) -> str:
    said = done.complaints[-1] if done.complaints else f"nothing (exit code {done.status})"
    return printable(said[:300])
