"""A renewed certificate as a plan: new versions in the store, what to reload, what to expect.

A renewal writes no configuration: only certificate files that a server's configuration names
already. Where it names the ACME client's own files, nothing is written at all: the servers named
are reloaded, and seen to serve the new one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from letterlock.certs import material
from letterlock.certs.bundle import Bundle
from letterlock.certs.errors import CertificateError
from letterlock.certs.names import covers
from letterlock.certs.store import ECDSA_SUFFIX, STORE, Layout, StoredCertificate, plan_store
from letterlock.install.place import follow, outside
from letterlock.model.certificate import Certificate, KeyType
from letterlock.model.errors import InputError
from letterlock.model.plan import Change, Expectation, Plan
from letterlock.renew.references import Reference

VERB = "deploy"


@dataclass(frozen=True, slots=True)
class Replaced:
    """One place that the new certificate takes: for the name `host`, in the files that a
    configuration calls `certificate`. `held` is what was there before; None where the new one is
    there already, as in the ACME client's own files, or where nothing was."""

    host: str
    certificate: str
    held: Certificate | None


@dataclass(frozen=True, slots=True)
class Deployment:
    """`plan` is None where no mail server uses this certificate. `kept` says of places that might
    have been meant why they stay as they are."""

    plan: Plan | None
    replaced: tuple[Replaced, ...]
    kept: tuple[str, ...]

    @property
    def hosts(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(each.host for each in self.replaced))


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a deployment must know of the system. `references` are those of its servers; `written`
    the files that letterlock's runs in force have written; `preferred` names to ask with at
    places that are for any name, first the best."""

    root: Path
    references: tuple[Reference, ...]
    written: frozenset[str] = frozenset()
    preferred: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Place:
    """A reference with what its file holds, the name to ask with there, and what to write for it
    (None: nothing). `is_new`: it will hold the new certificate, not one kept beside it."""

    reference: Reference
    held: Certificate
    asked: str
    store: StoredCertificate | None
    is_new: bool = True


def plan_deployment(
    bundle: Bundle, host: str | None, surroundings: Surroundings, at: datetime
) -> Deployment:
    """What `bundle` changes. `host` is the only name it is for, None: every name whose certificate
    it renews. Reads what is there, writes nothing.

    Raises InputError where `host` has no place, CertificateError where the store is in disorder.
    """
    planner = _Planner(bundle, host, surroundings, at)
    places = planner.places()
    kept = tuple(dict.fromkeys(planner.kept))
    if not places:
        if host is not None and not kept:
            raise InputError(
                f"no mail server here is configured with a certificate for {host} that letterlock "
                "keeps, nor with the file handed over",
                remedy=f"the first time it is: letterlock secure {host} --cert … --key …",
            )
        return Deployment(None, (), kept)
    plan = Plan(
        verb=VERB,
        subject=places[0].asked,
        changes=_once(change for place in places if place.store for change in place.store.changes),
        servers=tuple(dict.fromkeys(place.reference.server for place in places)),
        expectations=tuple(dict.fromkeys(planner.expectations(places))),
        notices=kept,
        certificates_only=True,
    )
    new = bundle.leaf.sha256
    replaced = (
        Replaced(
            place.asked,
            place.reference.certificate,
            None if place.held.sha256 == new else place.held,
        )
        for place in places
        if place.is_new
    )
    return Deployment(plan, tuple(dict.fromkeys(replaced)), kept)


def _once(changes: Iterable[Change]) -> tuple[Change, ...]:
    first: dict[Path, Change] = {}
    for change in changes:
        first.setdefault(change.path, change)
    return tuple(first.values())


class _Planner:
    def __init__(
        self, bundle: Bundle, host: str | None, surroundings: Surroundings, at: datetime
    ) -> None:
        self._bundle = bundle
        self._leaf = bundle.leaf
        self._host = host
        self._around = surroundings
        self._at = at
        self._stored: dict[str, StoredCertificate | None] = {}
        self.kept: list[str] = []

    def places(self) -> list[_Place]:
        """The references that the new certificate concerns."""
        held = ((each, self._held(each.certificate)) for each in self._around.references)
        places = (self._place(reference, leaf) for reference, leaf in held if leaf)
        return [place for place in places if place]

    def _place(self, reference: Reference, held: Certificate) -> _Place | None:
        host = self._kept_for(reference)
        if host is not None:
            store = self._renewed(host, reference)
            asked = self._asked_with(reference, host) or host
            is_new = store is not None and self._is_new(reference, store)
            return _Place(reference, held, asked, store, is_new) if store else None
        if held.sha256 == self._leaf.sha256:
            name = self._asked_with(reference, *self._around.preferred)
            return _Place(reference, held, name, None) if name else None
        return None

    def _is_new(self, reference: Reference, store: StoredCertificate) -> bool:
        other = store.alternative
        if other is None:
            return True
        ecdsa = Path(reference.certificate).stem.endswith(ECDSA_SUFFIX)
        pair = other if ecdsa else store.primary
        return pair.leaf_sha256 == self._leaf.sha256

    def _held(self, path: str) -> Certificate | None:
        """The first certificate of a file; None for a key's file, or one that cannot be read."""
        root = self._around.root
        try:
            read = material.read(outside(root, follow(root, path)))
        except CertificateError:
            return None
        return read.certificates[0].certificate if read.certificates else None

    def _kept_for(self, reference: Reference) -> str | None:
        """The host whose certificate letterlock keeps in that file: in its store, or where
        `secure --cert-dir` put it."""
        path = Path(reference.certificate)
        if path.parent.name == "current" and str(path.parent.parent.parent) == STORE:
            return _host_of(path.parent.parent.name)
        if reference.certificate in self._around.written and path.suffix == ".pem":
            return _host_of(path.stem)
        return None

    def _renewed(self, host: str, reference: Reference) -> StoredCertificate | None:
        if self._host not in (None, host) or not covers(self._leaf, host):
            return None
        if host not in self._stored:
            fits = self._fits(host)
            self._stored[host] = self._store(host, reference) if fits else None
        return self._stored[host]

    def _fits(self, host: str) -> bool:
        """Whether the new certificate renews what is kept for a host; if not, why is noted."""
        for reference in self._around.references:
            held = self._held(reference.certificate) if self._kept_for(reference) == host else None
            if held is None:
                continue
            more = sorted(set(held.dns_names) - set(self._leaf.dns_names))
            if more and self._host is None:
                self.kept.append(
                    f"{host} keeps its certificate, which is also for {', '.join(more)}"
                )
                return False
            same_type = held.public_key.algorithm == self._leaf.public_key.algorithm
            if same_type and self._leaf.not_before < held.not_before:
                issued = f"{held.not_before:%Y-%m-%d}"
                self.kept.append(f"{host} keeps its certificate, which is newer: issued {issued}")
                return False
        return True

    def _store(self, host: str, reference: Reference) -> StoredCertificate:
        path, root = Path(reference.certificate), self._around.root
        if path.is_relative_to(STORE):
            bundles = (self._bundle, *self._beside(path.parent))
            return plan_store(host, bundles, Layout.SEPARATE, self._at, root)
        return plan_store(
            host,
            (self._bundle,),
            Layout.COMBINED if reference.key == reference.certificate else Layout.SEPARATE,
            self._at,
            root,
            certificate_folder=str(path.parent),
            key_folder=str(Path(reference.key).parent),
        )

    def _beside(self, current: Path) -> tuple[Bundle, ...]:
        """The stored certificate of the other key type, which the new version has too: to the byte
        and unjudged, for a renewal changes nothing but what was renewed."""
        folder = outside(self._around.root, follow(self._around.root, current))
        if not (folder / f"fullchain{ECDSA_SUFFIX}.pem").is_file():
            return ()
        if self._leaf.public_key.key_type is None:
            raise InputError(
                f"the store has an RSA and an ECDSA certificate, and the new one is of neither "
                f"type: {self._leaf.public_key}",
                remedy="letterlock secure --single replaces both",
            )
        is_rsa = self._leaf.public_key.key_type is KeyType.RSA
        suffix = ECDSA_SUFFIX if is_rsa else ""
        certificate = folder / f"fullchain{suffix}.pem"
        leaf = material.read(certificate).certificates[0].certificate
        key = material.read_bytes(folder / f"key{suffix}.pem")
        return (Bundle(leaf, (), None, certificate.read_bytes(), key),)

    def _asked_with(self, reference: Reference, *first: str) -> str | None:
        """A name to ask with so that this reference answers, and none for a name of its own."""
        if reference.name is not None:
            own: set[str] = set()
            candidates = [reference.name]
        else:
            own = {
                each.name.lower()
                for each in self._around.references
                if each.name is not None and each.server == reference.server
            }
            asked = [self._host] if self._host else []
            candidates = [*asked, *first, *self._leaf.dns_names]
        for candidate in candidates:
            name = candidate.lower().replace("*.", "mail.", 1)
            taken = name in own or f"*.{name.partition('.')[2]}" in own
            if not taken and covers(self._leaf, name):
                return name
        return None

    def expectations(self, places: Sequence[_Place]) -> Iterable[Expectation]:
        """What to see at each place of the new certificate: by a client that speaks its key type
        alone, where one of another type is served beside it."""
        for place in places:
            if place.is_new:
                beside = self._beside_another(place.reference)
                key_type = self._leaf.public_key.key_type if beside else None
                for endpoint in place.reference.endpoints:
                    yield Expectation(endpoint, place.asked, self._leaf.sha256, key_type)

    def _beside_another(self, reference: Reference) -> bool:
        return any(
            other.certificate != reference.certificate
            and (other.server, other.name) == (reference.server, reference.name)
            and set(other.endpoints) & set(reference.endpoints)
            and self._held(other.certificate) is not None
            for other in self._around.references
        )


def _host_of(folder: str) -> str:
    return folder.replace("_wildcard.", "*.", 1)
