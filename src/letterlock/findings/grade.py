"""The grade of an endpoint and of the server: the rule of docs/grades.md, from findings alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from letterlock.model.facts import EndpointFacts
from letterlock.model.finding import Finding, Severity
from letterlock.model.service import Endpoint, port_words
from letterlock.model.tls_facts import Depth
from letterlock.model.unknown import Unknown
from letterlock.model.verdict import Grade, Letter
from letterlock.model.wording import Wording, joined

#: With these there is no TLS that would deserve a better letter, whatever their severity.
NO_TLS = frozenset(
    {
        "starttls-not-offered",
        "starttls-refused",
        "handshake-failed",
        "plain-on-tls-port",
        "tls-on-plain-port",
    }
)
#: From so many findings of severity medium on, it is a D instead of a C.
MANY = 3

_WORST: Mapping[Severity, Letter] = {
    Severity.INFO: Letter.A,
    Severity.LOW: Letter.B,
    Severity.MEDIUM: Letter.C,
    Severity.HIGH: Letter.E,
    Severity.CRITICAL: Letter.F,
}
#: How far the rest of an unfinished look could still take a grade down: these it cannot change.
_SETTLED = (Letter.E, Letter.F)


def counts(finding: Finding) -> bool:
    """A profile's bar is the user's choice: it has a verdict of its own and no part in grades."""
    return not finding.id.startswith("profile-")


def grade(findings: Iterable[Finding]) -> Grade:
    """The letter for one endpoint's findings, or for the server's own. `because` names those that
    decide, each once."""
    counted = [finding for finding in findings if counts(finding)]
    without = [finding for finding in counted if finding.id in NO_TLS]
    if without:
        return Grade(Letter.F, _titles(without))
    worst = max((finding.severity for finding in counted), key=_rank, default=Severity.INFO)
    letter = _WORST[worst]
    if letter is Letter.A:
        return Grade(letter)
    deciding = [finding for finding in counted if finding.severity is worst]
    if worst is Severity.MEDIUM and len({finding.id for finding in deciding}) >= MANY:
        letter = Letter.D
    return Grade(letter, _titles(deciding))


def endpoint_grade(facts: EndpointFacts, findings: Iterable[Finding]) -> Grade | Unknown:
    """An endpoint's grade from its own findings. Unknown where too little was asked for a grade
    that more questions could not take down again."""
    given = grade(finding for finding in findings if finding.endpoint == facts.endpoint)
    if given.letter in _SETTLED:
        return given
    missing = _missing(facts)
    return given if missing is None else Unknown(missing)


def server_grade(
    endpoints: Mapping[Endpoint, Grade | Unknown], findings: Iterable[Finding]
) -> Grade | Unknown:
    """The worst of its endpoints' and of what is said of the server as a whole. Unknown where an
    endpoint's is and could still be worse, and where there is no endpoint."""
    known = {place: one for place, one in endpoints.items() if isinstance(one, Grade)}
    own = grade(finding for finding in findings if finding.endpoint is None)
    if not known:
        return Unknown(Wording("no endpoint has a grade"))
    worst = max((*known.values(), own), key=lambda one: one.letter.rank)
    unknown = [place for place, one in endpoints.items() if isinstance(one, Unknown)]
    if unknown and worst.letter is not Letter.F:
        return Unknown(
            Wording("not determined for {places}", places=joined(", ", map(str, unknown)))
        )
    return Grade(worst.letter, _where(worst.letter, known, own))


def _where(letter: Letter, endpoints: Mapping[Endpoint, Grade], own: Grade) -> tuple[str, ...]:
    """What decides, with the ports it was seen on."""
    if letter is Letter.A:
        return ()
    ports: dict[str, list[int]] = {}
    for place, one in endpoints.items():
        for phrase in one.because if one.letter is letter else ():
            ports.setdefault(phrase, []).append(place.port)
    phrases = [
        Wording("{title} ({ports})", title=phrase, ports=port_words(sorted(set(where))))
        for phrase, where in ports.items()
    ]
    return (*(own.because if own.letter is letter else ()), *phrases)


def _missing(facts: EndpointFacts) -> str | None:
    """Why there can be no grade yet. The versions are what every rule builds on."""
    if isinstance(facts.handshake, Unknown) and facts.tls is None:
        return facts.handshake.reason
    if facts.tls is None:
        return Wording("only one handshake was made")
    if facts.tls.depth is Depth.VERDICT:
        return Wording("the depth verdict asks for profiles only")
    unknown = [each.name for each in facts.tls.protocols if isinstance(each.offered, Unknown)]
    if not facts.tls.protocols or unknown:
        return Wording("not determined: {what}", what=joined(", ", unknown) or Wording("versions"))
    if not any(each.cipher_suites for each in facts.tls.protocols if each.offered is True):
        return Wording("not determined: {what}", what=Wording("cipher suites"))
    return None


def _rank(severity: Severity) -> int:
    return severity.rank


def _titles(findings: Iterable[Finding]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(finding.title for finding in findings))
