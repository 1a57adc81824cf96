"""Questions to a resolver, each asked once; whether its answers are secure, insecure or bogus."""

from __future__ import annotations

import ipaddress
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self, TypeVar

from letterlock.model.dns_answer import Answer, ResolverFacts, Security
from letterlock.model.errors import InputError, UndeterminedError
from letterlock.model.unknown import Cause, Unknown
from letterlock.model.wording import Wording, joined

if TYPE_CHECKING:
    from dns.message import Message

Record = TypeVar("Record")

#: Seconds for one question to one resolver over UDP, then TCP; how often each is asked; how many
#: of those in resolv.conf (MAXNS of resolver(3)).
_PATIENCE = 5.0
_TRIES = 2
_MOST_SERVERS = 3
#: Records of one answer that are looked at.
MOST_RECORDS = 100
#: Names with deliberately broken signatures. A resolver that validates fails for them; one that
#: only copies the AD bit, or does not validate, gives them out.
BROKEN_NAMES = ("dnssec-failed.org", "rhybar.cz")
#: Extended errors that blame the way, not the signatures (RFC 8914 section 4): a failure with one
#: of these is not a bogus answer. Stale, other, cached error, not ready, prohibited, no reachable
#: authority, network error.
_NOT_SIGNATURES = frozenset({13, 14, 18, 22, 23})


@dataclass(slots=True)
class Resolver:
    """A recursive resolver, `servers` in the order of asking: address and port. What it said is
    kept, so that nothing is asked twice; threads may share one."""

    servers: tuple[tuple[str, int], ...]
    patience: float = _PATIENCE
    _said: dict[tuple[str, str], Answer[Any] | Unknown] = field(default_factory=dict)
    _validates: bool | Unknown | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def system(cls) -> Self:
        """Those of /etc/resolv.conf. Raises UndeterminedError where it names none."""
        import dns.exception
        import dns.resolver

        try:
            found = dns.resolver.Resolver()
        except (dns.exception.DNSException, OSError) as error:
            raise UndeterminedError(
                f"the system's resolver is not known: {_words(error)}",
                remedy="name one: --resolver",
            ) from None
        servers = [(str(each), found.port) for each in found.nameservers if _is_address(str(each))]
        if not servers:
            raise UndeterminedError(
                "/etc/resolv.conf names no resolver", remedy="name one: --resolver"
            )
        return cls(tuple(servers[:_MOST_SERVERS]))

    @classmethod
    def parse(cls, text: str) -> Self:
        """`ADDRESS`, `ADDRESS:PORT` or `[IPv6]:PORT`. Raises InputError."""
        from letterlock.probe.resolve import parse_target

        target = parse_target(text)
        if not target.is_address:
            raise InputError(
                f"{text!r} is not the address of a resolver", remedy="such as 127.0.0.1 or [::1]:53"
            )
        return cls(((target.name, target.port or 53),))

    @property
    def facts(self) -> ResolverFacts:
        address, port = self.servers[0]
        shown = f"[{address}]" if ":" in address and port != 53 else address
        return ResolverFacts(shown if port == 53 else f"{shown}:{port}", self.validates)

    @property
    def validates(self) -> bool | Unknown:
        """Whether it hands out only what validates: tried, not believed. The root's AD bit alone
        shows nothing, since a resolver can copy it."""
        with self._lock:
            if self._validates is None:
                self._validates = self._try_validation()
            return self._validates

    def look_up(
        self, name: str, kind: str, read: Callable[[Any], Record]
    ) -> Answer[Record] | Unknown:
        """The records of a type (`MX`) at a name in A-labels, each as `read` makes it. Unknown
        where the resolver does not answer, or fails for another reason than signatures."""
        key = (name.lower(), kind)
        if key not in self._said:
            self._said[key] = self._find(name, kind)
        said = self._said[key]
        if isinstance(said, Unknown):
            return said
        records = tuple(read(each) for each in said.records[:MOST_RECORDS])
        return Answer(said.name, records, said.security, said.exists, said.aliases, said.why)

    def _find(self, name: str, kind: str) -> Answer[Any] | Unknown:
        reply = self._ask(name, kind)
        if isinstance(reply, Unknown):
            return reply
        if not _failed(reply):
            return _answer(name, reply, self._security(reply))
        unchecked = self._broken_only_when_checked(name, kind, reply)
        if isinstance(unchecked, Unknown):
            return unchecked
        why = "; ".join(filter(None, (_extended(reply), _run_out(unchecked))))
        return _answer(name, unchecked, Security.BOGUS, why)

    def _broken_only_when_checked(self, name: str, kind: str, reply: Message) -> Message | Unknown:
        """The reply without validation, where validation is what failed: it is had with CD, and
        still not without (RFC 4035 section 3.2.2)."""
        text = Wording(
            "the resolver answers {code} for {kind} of {name}",
            code=_rcode(reply),
            kind=kind,
            name=name,
        )
        if why := _extended(reply):
            text = Wording("{text} ({why})", text=text, why=why)
        failure = Unknown(text, Cause.DNS_FAILURE)
        if _rcode(reply) != "SERVFAIL" or _codes(reply) & _NOT_SIGNATURES:
            return failure
        unchecked = self._ask(name, kind, unchecked=True)
        if isinstance(unchecked, Unknown) or _failed(unchecked):
            return failure
        again = self._ask(name, kind)
        if isinstance(again, Unknown) or not _failed(again):
            return failure
        return unchecked

    def _security(self, reply: Message) -> Security | Unknown:
        import dns.flags

        validates = self.validates
        if isinstance(validates, Unknown):
            return validates
        if not validates:
            return Unknown(Wording("the resolver does not validate"), Cause.DNS_FAILURE)
        return Security.SECURE if reply.flags & dns.flags.AD else Security.INSECURE

    def _try_validation(self) -> bool | Unknown:
        import dns.flags

        root = self._ask(".", "SOA")
        if isinstance(root, Unknown):
            return root
        if not root.flags & dns.flags.AD:
            return False
        for name in BROKEN_NAMES:
            reply = self._ask(name, "SOA")
            if isinstance(reply, Unknown):
                continue
            if not _failed(reply):
                if reply.answer:
                    return False
                continue
            unchecked = self._ask(name, "SOA", unchecked=True)
            if not isinstance(unchecked, Unknown) and unchecked.answer:
                return True
        return Unknown(
            Wording("no name with broken signatures could be had to try the resolver with"),
            Cause.DNS_FAILURE,
        )

    def _ask(self, name: str, kind: str, *, unchecked: bool = False) -> Message | Unknown:
        """The first reply to be had, DNSSEC's records with it; over TCP where it is cut short."""
        import dns.exception
        import dns.flags
        import dns.message
        import dns.query

        try:
            query = dns.message.make_query(f"{name.rstrip('.')}.", kind, want_dnssec=True)
        except (dns.exception.DNSException, ValueError) as error:
            return Unknown(
                Wording("{name} cannot be asked for: {error}", name=name, error=_words(error)),
                Cause.DNS_FAILURE,
            )
        query.flags |= dns.flags.AD | (dns.flags.CD if unchecked else 0)
        reason: str = ""
        unreadable: Unknown | None = None
        for address, port in self.servers * _TRIES:
            try:
                reply, _ = dns.query.udp_with_fallback(
                    query, address, timeout=self.patience, port=port, ignore_unexpected=True
                )
            except dns.exception.Timeout:
                reason = Wording("no answer within {seconds} s", seconds=format(self.patience, "g"))
            except dns.exception.FormError as error:
                unreadable = Unknown(
                    Wording(
                        "the answer for {name} makes no sense: {error}",
                        name=name,
                        error=_words(error),
                    ),
                    Cause.BROKEN_DIALOGUE,
                )
            except (dns.exception.DNSException, OSError, EOFError, ValueError) as error:
                reason = _words(error)
            else:
                return reply
        if unreadable is not None:
            return unreadable
        asked = joined(", ", dict.fromkeys(address for address, _ in self.servers))
        return Unknown(
            Wording(
                "the resolver {resolver} does not answer for {kind} of {name}: {reason}",
                resolver=asked,
                kind=kind,
                name=name,
                reason=reason,
            ),
            Cause.DNS_FAILURE,
        )


def _answer(
    name: str, reply: Message, security: Security | Unknown, why: str = ""
) -> Answer[Any] | Unknown:
    import dns.exception
    import dns.message
    import dns.rcode

    if not isinstance(reply, dns.message.QueryMessage):
        return Unknown(
            Wording("the answer for {name} is none to a question", name=name), Cause.DNS_FAILURE
        )
    try:
        chain = reply.resolve_chaining()
    except (dns.exception.DNSException, ValueError) as error:
        return Unknown(
            Wording(
                "the answer for {name} makes no sense: {error}", name=name, error=_words(error)
            ),
            Cause.DNS_FAILURE,
        )
    aliases = tuple(text(each[0].target) for each in chain.cnames)
    records = tuple(chain.answer) if chain.answer is not None else ()
    exists = reply.rcode() != dns.rcode.NXDOMAIN
    return Answer(name, records, security, exists, aliases, why)


def text(name: Any) -> str:
    """A name of dnspython's in lower case without the final dot; the root stays a dot."""
    shown = str(name).lower()
    return shown if shown == "." else shown.removesuffix(".")


def _failed(reply: Message) -> bool:
    return _rcode(reply) not in ("NOERROR", "NXDOMAIN")


def _rcode(reply: Message) -> str:
    import dns.rcode

    return dns.rcode.to_text(reply.rcode())


def _codes(reply: Message) -> frozenset[int]:
    return frozenset(int(each.code) for each in reply.extended_errors())


def _extended(reply: Message) -> str:
    """The extended errors in words (RFC 8914)."""
    import dns.edns

    found = []
    for each in reply.extended_errors():
        try:
            name = dns.edns.EDECode(each.code).name.replace("_", " ").lower()
        except ValueError:
            name = f"extended error {each.code}"
        found.append(f"{name}: {each.text}" if each.text else name)
    return "; ".join(dict.fromkeys(found))


def _run_out(reply: Message) -> str:
    """Since when the signatures that came with a bogus answer are over (RFC 4034 section 3.1.5);
    empty where they are not."""
    import dns.rdatatype

    ends = [
        int(record.expiration)
        for rrset in (*reply.answer, *reply.authority)
        if rrset.rdtype == dns.rdatatype.RRSIG
        for record in rrset
    ]
    if not ends or min(ends) >= time.time():
        return ""
    return f"a signature ran out on {datetime.fromtimestamp(min(ends), UTC):%Y-%m-%d}"


def _words(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return " ".join(str(error).split()) or type(error).__name__


def _is_address(candidate: str) -> bool:
    try:
        ipaddress.ip_address(candidate.partition("%")[0])
    except ValueError:
        return False
    return True
