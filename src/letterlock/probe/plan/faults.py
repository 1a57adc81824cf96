"""Published attacks: tried by procedures, or deduced from what is offered."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from letterlock.model.cipher_suites import CipherSuite, suite_name
from letterlock.model.tls_facts import Behaviour, DiffieHellman, KnownFault, Ternary
from letterlock.model.unknown import Unknown
from letterlock.model.wording import Wording
from letterlock.probe.ask import ProcedureName, Tried
from letterlock.probe.plan import suites
from letterlock.probe.plan.course import Course
from letterlock.probe.plan.scripts import Scripts
from letterlock.wire.tls.code_points import SSL3, TLS1_0, TLS1_3

_TRIED = (
    ("heartbleed", ProcedureName.HEARTBLEED),
    ("ccs-injection", ProcedureName.CCS),
    ("robot", ProcedureName.ROBOT),
    ("ticketbleed", ProcedureName.TICKETBLEED),
)
#: Block ciphers of 64 bits (sweet32.info).
_SMALL_BLOCKS = ("3DES", "DES", "IDEA", "RC2", "SKIPJACK", "GOST28147")
#: A prime of at most so many bits was within reach of the Logjam paper's authors (section 4).
_LOGJAM_BITS = 1024


def tried(scripts: Scripts, missing: Unknown) -> tuple[KnownFault, ...]:
    found = []
    for fault, key in _TRIED:
        outcome = scripts.outcome(key)
        if isinstance(outcome, Tried):
            found.append(KnownFault(fault, outcome.present, outcome.evidence))
        else:
            found.append(KnownFault(fault, outcome if isinstance(outcome, Unknown) else missing))
    return tuple(found)


def deduced(
    courses: Mapping[int, Course],
    sslv2: Ternary,
    behaviour: Behaviour,
    primes: Iterable[DiffieHellman],
    missing: Unknown,
) -> tuple[KnownFault, ...]:
    """What follows from suites, versions and parameters."""
    below = [course for version, course in courses.items() if version < TLS1_3]
    old = [course for course in below if course.version <= TLS1_0]
    ssl3 = [course for course in below if course.version == SSL3]

    def offered(fault: str, among: list[Course], test: Callable[[CipherSuite], bool]) -> KnownFault:
        return _offered(fault, among, test, missing)

    return (
        KnownFault("drown", sslv2, Wording("SSLv2 is offered") if sslv2 is True else ""),
        offered("poodle", ssl3, suites.is_cbc),
        offered("freak", below, lambda one: one.is_export and one.key_exchange == "RSA"),
        _logjam(offered("logjam", below, _export_dhe), primes),
        offered("sweet32", below, lambda one: one.cipher in _SMALL_BLOCKS and suites.is_cbc(one)),
        offered("beast", old, suites.is_cbc),
        offered("lucky13", below, suites.is_cbc),
        KnownFault("crime", behaviour.compression),
        offered("dheat", below, lambda one: one.key_exchange == "DHE"),
    )


def _export_dhe(one: CipherSuite) -> bool:
    return one.is_export and one.key_exchange == "DHE"


def _logjam(exported: KnownFault, primes: Iterable[DiffieHellman]) -> KnownFault:
    small = [prime for prime in primes if prime.bits <= _LOGJAM_BITS]
    if exported.present is True or not small:
        return exported
    return KnownFault(
        "logjam", True, Wording("a Diffie-Hellman prime of {bits} bits", bits=small[0].bits)
    )


def _offered(
    fault: str, among: list[Course], test: Callable[[CipherSuite], bool], missing: Unknown
) -> KnownFault:
    """Whether one of the versions has a suite of the kind. Left open where one of the kind was not
    asked for."""
    for course in among:
        for code in course.suites.found:
            if test(suites.suite(code)):
                return KnownFault(
                    fault,
                    True,
                    Wording("{version} with {suite}", version=course.name, suite=suite_name(code)),
                )
    for course in among:
        unasked = (*course.suites.rest, *course.suites.skipped)
        if any(test(suites.suite(code)) for code in unasked):
            why = missing if course.obstacle is None else course.obstacle
            return KnownFault(fault, why)
    return KnownFault(fault, False)
