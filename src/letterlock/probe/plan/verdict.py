"""A profile's demands: what an endpoint may offer, and so what is to be refuted."""

from __future__ import annotations

from dataclasses import dataclass

from letterlock.model.cipher_suites import suite_name
from letterlock.model.named_groups import group_name
from letterlock.model.signature_schemes import scheme_name
from letterlock.probe.plan import groups, signatures, suites
from letterlock.probe.plan.sent import Forbidden
from letterlock.wire.tls.code_points import TLS1_2, version_name


@dataclass(frozen=True, slots=True)
class Demands:
    """What is tolerated of an endpoint, in IANA's names (versions as in ProtocolFacts); whatever
    else it agrees to refutes that the profile is met. `profiles.demand.Tolerated` has the same
    fields."""

    versions: frozenset[str]
    cipher_suites: frozenset[str]
    groups: frozenset[str]
    signature_schemes: frozenset[str]

    def allows(self, version: int) -> bool:
        return version_name(version) in self.versions

    def allowed_suites(self, version: int) -> tuple[int, ...]:
        """In the order in which to offer them."""
        return tuple(
            code for code in suites.universe(version) if suite_name(code) in self.cipher_suites
        )

    def forbidden(self, version: int) -> Forbidden:
        """As code points of `version`. Nothing is tolerated of a version that is not."""
        codes = frozenset(suites.universe(version))
        if self.allows(version):
            codes -= frozenset(self.allowed_suites(version))
        schemes = signatures.universe(version) if version == TLS1_2 else ()
        return Forbidden(
            suites=codes,
            groups=frozenset(
                code for code in groups.universe(version) if group_name(code) not in self.groups
            ),
            schemes=frozenset(
                code for code in schemes if scheme_name(code) not in self.signature_schemes
            ),
        )
