"""What a stranger asks for, held to what is let in."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from letterlock.model.errors import InputError
from letterlock.model.service import BY_PORT, SERVICES
from letterlock.model.tls_facts import Depth
from letterlock.model.wording import Wording, joined
from letterlock.probe.resolve import Target, parse_target
from letterlock.web.store.checks import New

if TYPE_CHECKING:
    from letterlock.certs.trust import TrustStore
    from letterlock.check.run import Request
    from letterlock.probe.examine import Manners
    from letterlock.probe.lookup.resolver import Resolver

#: Longer than any address of mail (RFC 5321 section 4.5.3.1.3) with a port.
_LONGEST = 320
_MOST_PORTS = len(BY_PORT)
#: Who asks with the admin's token: no stranger, whose digests have 32 characters.
ADMIN = "admin"


class Options(msgspec.Struct, frozen=True, omit_defaults=True):
    """`ports` are those to look at instead of all; `name` is verified instead of the target's."""

    name: str | None = None
    ports: tuple[int, ...] = ()
    depth: Depth = Depth.STANDARD


@dataclass(frozen=True, slots=True)
class Asked:
    """A target and what to ask of it."""

    target: Target
    options: Options

    @property
    def subject(self) -> str:
        """What its history is kept under."""
        return f"@{self.target.name}" if self.target.is_domain else self.target.name

    def new(self, client: str = "") -> New:
        """To be stored. A mail domain stands for itself: nobody's mailbox is written down."""
        told = f"@{self.target.shown}" if self.target.is_domain else self.target.text
        options = msgspec.json.encode(self.options, order="sorted").decode()
        port = self.target.port or ""
        question = f"{self.subject} {port} {options}"
        digest = hashlib.sha256(question.encode()).hexdigest()
        return New(told, self.subject, options, digest, client)

    def request(
        self, trust: TrustStore, manners: Manners, resolver: Resolver | None = None
    ) -> Request:
        from letterlock.check.run import Request

        return Request(
            trust,
            name=self.options.name,
            ports=self.options.ports,
            manners=manners,
            depth=self.options.depth,
            resolver=resolver,
        )


def asked(
    target: str,
    *,
    name: str | None = None,
    ports: tuple[int, ...] = (),
    depth: Depth = Depth.STANDARD,
    any_port: bool = False,
) -> Asked:
    """Raises InputError: what is wrong with it. Ports are mail's own."""
    text = target.strip()
    if not text:
        raise InputError(
            Wording("there is no target"),
            remedy=Wording("write a host name or an e-mail address"),
        )
    if len(text) > _LONGEST or not text.isprintable():
        raise InputError(Wording("the target is no host name, address or e-mail address"))
    parsed = parse_target(text)
    if name is not None:
        name = _name(name, parsed)
    wanted = tuple(sorted(set(ports)))
    if len(wanted) > _MOST_PORTS:
        raise InputError(
            Wording(
                "{number} ports are too many; mail has {most}", number=len(wanted), most=_MOST_PORTS
            )
        )
    for port in (*wanted, *filter(None, [parsed.port])):
        if port not in BY_PORT and not any_port:
            known = joined(", ", [str(each.port) for each in SERVICES])
            raise InputError(
                Wording("port {port} is none of mail's ports", port=port),
                remedy=Wording("they are {ports}", ports=known),
            )
    return Asked(parsed, Options(name, wanted, depth))


def _name(name: str, target: Target) -> str | None:
    text = name.strip()
    if not text:
        return None
    if len(text) > _LONGEST:
        raise InputError(Wording("the name is too long"))
    verified = parse_target(text)
    if verified.port is not None or verified.is_domain:
        raise InputError(Wording("the name {name} is not only a name", name=repr(text)))
    if target.is_domain:
        raise InputError(
            Wording("a name does not go with a mail domain"),
            remedy=Wording("each of its hosts is verified by its own name"),
        )
    return verified.name


def asked_again(target: str, options: str) -> Asked:
    """As it was stored. Raises InputError where another letterlock has stored it."""
    try:
        return Asked(parse_target(target), msgspec.json.decode(options, type=Options))
    except msgspec.MsgspecError as error:
        raise InputError(f"what was asked cannot be read: {error}") from None
