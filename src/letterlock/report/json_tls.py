"""The JSON of what many small conversations told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

from letterlock.model.tls_facts import (
    Behaviour,
    DialogueFacts,
    GroupFacts,
    KnownFault,
    ProtocolFacts,
    Resumption,
    ServedChain,
    Stapled,
    TlsFacts,
)
from letterlock.model.unknown import Unknown
from letterlock.report.suites import is_post_quantum, openssl_name, suite_grade, suite_tone

_Json = dict[str, Any]


def unknown(value: Unknown) -> _Json:
    return {"unknown": value.reason, "cause": value.cause.value}


def known(value: Any) -> Any:
    """An Unknown as the object with its reason, a tuple as a list, an enumeration as its text."""
    if isinstance(value, Unknown):
        return unknown(value)
    return list(value) if isinstance(value, tuple) else getattr(value, "value", value)


def tls_members(tls: TlsFacts | None, chain: Callable[[ServedChain], _Json]) -> _Json:
    """The members that an endpoint has beyond its one full handshake: null, or an empty list, where
    they were not asked for. `chain` gives `chain` and `verdict` of a served chain."""
    if tls is None:
        return {**dict.fromkeys(_SINGLE), **{name: [] for name in _LISTS}}
    return {
        "depth": tls.depth.value,
        "protocols": [_protocol(each) for each in tls.protocols],
        "groups": [_groups(each) for each in tls.groups],
        "diffie_hellman": [_plain(each) for each in tls.diffie_hellman],
        "signature_schemes": _schemes(tls.signature_schemes),
        "refused_schemes": _schemes(tls.refused_schemes),
        "chains": [{**_served(each), **chain(each)} for each in tls.chains],
        "behaviour": behaviour(tls.behaviour),
        "known_faults": [_known_fault(each) for each in tls.known_faults],
        "dialogue": _dialogue(tls.dialogue),
        "connections": tls.connections,
        "refused_connections": tls.refused,
        "left_out": list(tls.left_out),
    }


_SINGLE = ("depth", "behaviour", "dialogue", "connections", "refused_connections")
_LISTS = (
    "protocols",
    "groups",
    "diffie_hellman",
    "signature_schemes",
    "refused_schemes",
    "chains",
    "known_faults",
    "left_out",
)


def _schemes(per_version: tuple[tuple[str, tuple[str, ...]], ...]) -> list[_Json]:
    return [{"protocol": version, "schemes": list(schemes)} for version, schemes in per_version]


def _plain(value: Any) -> _Json:
    return {each.name: known(getattr(value, each.name)) for each in fields(value)}


def _protocol(protocol: ProtocolFacts) -> _Json:
    return {
        **_plain(protocol),
        "refused": _refused(protocol),
        "cipher_suite_grades": [
            {
                "name": name,
                "openssl_name": openssl_name(name),
                "grade": suite_grade(name) or None,
                "weakness": suite_tone(name)[1] or None,
            }
            for name in protocol.cipher_suites
        ],
    }


def _groups(each: GroupFacts) -> _Json:
    return {
        **_plain(each),
        "refused": _refused(each),
        "post_quantum": any(map(is_post_quantum, each.groups)),
    }


def _refused(each: ProtocolFacts | GroupFacts) -> list[str]:
    """Nothing where it follows from `complete`: hundreds of names otherwise."""
    return [] if each.complete else list(each.refused)


def _served(served: ServedChain) -> _Json:
    stapled = served.stapled
    return {
        "key_type": served.key_type,
        "sni": served.sni,
        "stapled": {"status": known(stapled.status)}
        if isinstance(stapled, Stapled)
        else known(stapled),
        "scts": known(served.scts),
    }


def behaviour(facts: Behaviour) -> _Json:
    """Flat, but for `resumption`."""
    resumption: Resumption = facts.resumption
    return {**_plain(facts), "resumption": _plain(resumption)}


def _known_fault(fault: KnownFault) -> _Json:
    return _plain(fault)


def _dialogue(dialogue: DialogueFacts) -> _Json:
    return _plain(dialogue)
