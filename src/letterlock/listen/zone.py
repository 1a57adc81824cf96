"""The DNS records that a sending test needs, as a zone-file snippet (RFC 1035 section 5.1)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence

from letterlock.listen.addresses import Names
from letterlock.listen.places import Place, Role
from letterlock.model.dns_promises import StsMode, StsPolicy
from letterlock.model.listening import Trap
from letterlock.wire.promises.sts import policy_text

#: A TLSA record that no key has: the digest of these words.
_NOBODYS = hashlib.sha256(b"letterlock listen: no key has this digest").hexdigest()
#: RFC 8461 section 3.2; a day, for a test that ends.
_MAX_AGE = 86400


def policy(names: Names) -> str:
    """The MTA-STS policy of its trap (RFC 8461 section 3.2)."""
    return policy_text(StsPolicy(StsMode.ENFORCE, (names.host(Trap.MTA_STS),), _MAX_AGE))


def policy_host(names: Names) -> str:
    """Where the policy is fetched (RFC 8461 section 3.3)."""
    return f"mta-sts.{names.mail_domain(Trap.MTA_STS)}"


def snippet(names: Names, places: Sequence[Place], good_tlsa: str | None) -> str:
    """Whole lines, ending in a line feed. `good_tlsa` is the record data of the good host, None
    where its certificate is not known."""
    return "".join(f"{line}\n" for line in _lines(names, places, good_tlsa))


def _lines(names: Names, places: Sequence[Place], good_tlsa: str | None) -> Iterator[str]:
    yield f"$ORIGIN {names.domain}."
    yield "$TTL 300"
    for trap in Trap:
        yield ""
        yield f"; {trap.value}"
        yield f"{trap.value} MX 10 mx.{trap.value}"
        yield from _addresses(trap, places)
        yield from _promises(trap, good_tlsa)
        if trap is Trap.MTA_STS:
            yield from _policy_host(names, places)


def _addresses(trap: Trap, places: Iterable[Place]) -> Iterator[str]:
    host = f"mx.{trap.value}"
    own = [each for each in places if each.trap is trap]
    found = own or [each for each in places if each.trap is None]
    named = [each.address for each in found if each.address not in ("0.0.0.0", "::")]  # noqa: S104
    for address in dict.fromkeys(named):
        yield _record(host, address)
    if not named:
        yield f"; {host} A or AAAA: the address that --listen {trap.value}=ADDRESS names"
    elif not own:
        yield "; shared with other traps: only senders that send SNI are told apart"


def _promises(trap: Trap, good_tlsa: str | None) -> Iterator[str]:
    owner = f"_25._tcp.mx.{trap.value}"
    match trap:
        case Trap.GOOD if good_tlsa:
            yield f"{owner} TLSA {good_tlsa}"
        case Trap.GOOD:
            yield f"; {owner} TLSA: told with --cert"
        case Trap.TLSA_MISMATCH:
            yield f"{owner} TLSA 3 1 1 {_NOBODYS}"
        case Trap.MTA_STS:
            yield f'_mta-sts.{trap.value} TXT "v=STSv1; id=letterlock1;"'


def _policy_host(names: Names, places: Iterable[Place]) -> Iterator[str]:
    owner = f"mta-sts.{Trap.MTA_STS.value}"
    own = [each.address for each in places if each.trap is Role.POLICY]
    for address in own:
        yield _record(owner, address)
    if not own:
        yield f"; {owner} A or AAAA: a web server with a valid certificate for it, or --listen"
        yield f"; policy=ADDRESS; https://{policy_host(names)}/.well-known/mta-sts.txt:"
        yield from (f";   {line}" for line in policy(names).splitlines())


def _record(owner: str, address: str) -> str:
    return f"{owner} {'AAAA' if ':' in address else 'A'} {address}"
