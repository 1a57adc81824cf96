"""A renewed certificate as a plan: new versions in the store, what to reload, what to expect.

A renewal writes no configuration: only certificate files that a server's configuration names
already, and the indexes of SNI tables, which hold a copy of them. The ACME client's own files are
not written: where the configuration names those, the servers are reloaded, and seen to serve them.
"""

from __future__ import annotations

import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from letterlock.certs.bundle import Bundle
from letterlock.certs.store import StoredCertificate
from letterlock.install.names import NAMES_ON_EVERY_PORT, cheapest
from letterlock.install.place import follow, outside
from letterlock.model.certificate import Certificate
from letterlock.model.errors import InputError
from letterlock.model.plan import Change, Expectation, FileChange, Plan
from letterlock.model.service import Endpoint
from letterlock.renew.asking import Asking
from letterlock.renew.kept import Kept
from letterlock.renew.slots import Slot
from letterlock.renew.sni_indexes import Indexes, PlannedFiles
from letterlock.servers.sni_source import sni_key

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
    have been meant why they stay as they are; `exposed` are the files among the changes that every
    user may read, and that are to be closed first."""

    plan: Plan | None
    replaced: tuple[Replaced, ...]
    kept: tuple[str, ...]
    exposed: tuple[str, ...] = ()

    @property
    def hosts(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(each.host for each in self.replaced))


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a deployment must know of the system. `slots` are where its servers serve certificates;
    `written` the files that letterlock's runs in force have written; `preferred` names to ask with
    at places that are for any name, first the best. `indexes` are Postfix's SNI tables in force;
    `foreign` the names (and servers) that tables answer which nobody but their owner can change,
    with those tables."""

    root: Path
    slots: tuple[Slot, ...]
    written: frozenset[str] = frozenset()
    preferred: tuple[str, ...] = ()
    indexes: Indexes = Indexes()  # noqa: RUF009 frozen
    foreign: Mapping[tuple[str, str], str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Place:
    """A slot with what it holds, the name to ask with there (None: it cannot be asked for), and
    what to write for it (None: nothing). `is_new`: it will hold the new certificate, not one kept
    beside it."""

    slot: Slot
    held: Certificate
    asked: str | None
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
    planner.see_what_is_stuck(places)
    stored = _once(change for place in places if place.store for change in place.store.changes)
    rebuilt = tuple(planner.index_changes(places, stored))
    plan = Plan(
        verb=VERB,
        subject=planner.subject(places),
        changes=(*stored, *rebuilt),
        servers=tuple(dict.fromkeys(place.slot.server for place in places)),
        expectations=tuple(dict.fromkeys(planner.expectations(places))),
        notices=tuple(dict.fromkeys(planner.kept)),
        certificates_only=True,
    )
    return Deployment(
        plan,
        tuple(dict.fromkeys(planner.replaced(places))),
        plan.notices,
        tuple(str(each.path) for each in rebuilt if planner.is_open(each.path)),
    )


def _once(changes: Iterable[Change]) -> tuple[Change, ...]:
    first: dict[Path, Change] = {}
    for change in changes:
        first.setdefault(change.path, change)
    return tuple(first.values())


class _Planner:
    def __init__(
        self, bundle: Bundle, host: str | None, surroundings: Surroundings, at: datetime
    ) -> None:
        self._leaf = bundle.leaf
        self._host = host
        self._around = surroundings
        self._asking = Asking(surroundings.slots, surroundings.foreign, bundle.leaf, host)
        self._kept = Kept(
            bundle, host, surroundings.root, surroundings.slots, surroundings.written, at
        )

    @property
    def kept(self) -> list[str]:
        """Notes on what stays as it is."""
        return self._kept.notes

    def places(self) -> list[_Place]:
        """The slots that the new certificate concerns."""
        return [place for slot in self._around.slots if (place := self._place(slot))]

    def _place(self, slot: Slot) -> _Place | None:
        host = self._kept.host_of(slot)
        # Of thousands of names only those that may be meant are read.
        if host is not None and not self._kept.is_meant(host, slot):
            return None
        held = self._kept.held(slot.certificate)
        if held is None:
            return None
        if host is not None:
            store = self._kept.renewed(host, slot)
            if store is None:
                return None
            asked = self._asking.name_for(slot, host)
            return _Place(slot, held, asked, store, self._kept.is_new(slot, store))
        if held.sha256 == self._leaf.sha256:
            return _Place(slot, held, self._asking.name_for(slot, *self._around.preferred), None)
        return None

    def see_what_is_stuck(self, places: Sequence[_Place]) -> None:
        """Note where a name of the new certificate goes on being served a copy of an older one.
        Raises RefusedError where a server goes on serving something else to clients of the name
        that this is for, or no name is left to ask it with."""
        new = {place.slot for place in places if place.is_new}
        for server in dict.fromkeys(slot.server for slot in self._around.slots):
            own = [place for place in places if place.slot.server == server and place.is_new]
            hosts = {self._host, *(self._kept.host_of(place.slot) for place in own)}
            reached = any(place.asked for place in own)
            for name in self._leaf.dns_names:
                stuck = self._asking.stuck(server, name, new)
                if stuck is not None and own and (name in hosts or not reached):
                    raise stuck.why
                if stuck is not None and self._is_older(stuck.slot):
                    self.kept.append(f"{stuck.why.where}: {stuck.why.what}")

    def _is_older(self, slot: Slot | None) -> bool:
        """Whether a slot holds what the new certificate would have renewed, were it known to be
        meant."""
        held = self._kept.held(slot.certificate) if slot else None
        return (
            held is not None
            and set(held.dns_names) <= set(self._leaf.dns_names)
            and held.public_key.algorithm == self._leaf.public_key.algorithm
            and held.not_before < self._leaf.not_before
        )

    def index_changes(
        self, places: Iterable[_Place], stored: Iterable[Change]
    ) -> Iterator[FileChange]:
        wanted = dict.fromkeys(
            (place.slot.table, sni_key(place.slot.name))
            for place in places
            if place.slot.table and place.slot.name and place.is_new
        )
        files = PlannedFiles(self._around.root, stored)
        yield from self._around.indexes.changes(wanted, self._leaf, files)

    def subject(self, places: Iterable[_Place]) -> str:
        """What the history calls it: a name asked with, else one that the certificate is for."""
        asked = [place.asked for place in places if place.asked]
        return next(iter((*asked, *self._leaf.dns_names)), self._leaf.subject)

    def is_open(self, path: Path) -> bool:
        """Whether every user of the machine may read a file."""
        here = outside(self._around.root, follow(self._around.root, path))
        return here.exists() and bool(here.stat().st_mode & stat.S_IRWXO)

    def replaced(self, places: Iterable[_Place]) -> Iterator[Replaced]:
        """Where the new one was not served yet: in a table's index, or else in the file."""
        for place in places:
            slot = place.slot
            if not place.is_new:
                continue
            held = place.held
            if slot.table and slot.name:
                held = self._around.indexes.leaf(slot.table, sni_key(slot.name)) or held
            new = held.sha256 == self._leaf.sha256
            yield Replaced(
                place.asked or slot.name or self.subject(()),
                slot.certificate,
                None if new else held,
            )

    def expectations(self, places: Iterable[_Place]) -> Iterator[Expectation]:
        """What to see at each place of the new certificate: by a client that speaks its key type
        alone, where one of another type is served beside it. Of more names than
        NAMES_ON_EVERY_PORT the others at one port of each server."""
        names: dict[str, None] = {}
        for place in places:
            if not place.is_new or place.asked is None:
                continue
            names.setdefault(place.asked)
            beside = self._beside_another(place.slot)
            key_type = self._leaf.public_key.key_type if beside else None
            endpoints: Sequence[Endpoint] = place.slot.endpoints
            if list(names).index(place.asked) >= NAMES_ON_EVERY_PORT and endpoints:
                endpoints = (min(endpoints, key=cheapest),)
            for endpoint in endpoints:
                yield Expectation(endpoint, place.asked, self._leaf.sha256, key_type)

    def _beside_another(self, slot: Slot) -> bool:
        return any(
            other.certificate != slot.certificate
            and (other.server, other.name) == (slot.server, slot.name)
            and set(other.endpoints) & set(slot.endpoints)
            and self._kept.held(other.certificate) is not None
            for other in self._around.slots
        )
