"""With which names a server shows the new certificate, and with which it goes on showing
another."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from letterlock.certs.names import covers
from letterlock.model.certificate import Certificate
from letterlock.model.errors import Location, RefusedError
from letterlock.renew.slots import Slot


@dataclass(frozen=True, slots=True)
class Stuck:
    """A name that is served something else from an entry of its own, and `why`; `slot` is the
    entry's, None for one in a table that can only be asked."""

    slot: Slot | None
    why: RefusedError


@dataclass(frozen=True, slots=True)
class Asking:
    """The slots of all servers, the names that foreign tables answer (server and name, with the
    table), the new certificate, and the only name that it is for, if any."""

    slots: Sequence[Slot]
    foreign: Mapping[tuple[str, str], str]
    leaf: Certificate
    host: str | None

    def name_for(self, slot: Slot, *first: str) -> str | None:
        """A name to send so that this slot answers and its client accepts the new certificate: its
        own; for the default one, a name that no entry of its own answers, those in `first` before
        others. None where there is no such name."""
        candidates: Iterable[str]
        if slot.name is None:
            asked = (self.host,) if self.host else ()
            candidates = (*asked, *first, *(_plain(name) for name in self.leaf.dns_names))
        elif slot.is_pattern:
            below = slot.name[1:]
            own = (name for name in self.leaf.dns_names if slot.answers(name) and name[0] != "*")
            candidates = (*own, f"mail{below}", f"any-name{below}")
        else:
            candidates = (slot.name,)
        return next((name for name in map(str.lower, candidates) if self._reach(slot, name)), None)

    def _reach(self, slot: Slot, name: str) -> bool:
        if not covers(self.leaf, name) or (slot.server, name) in self.foreign:
            return False
        answering = {each.name for each in self._answering(slot.server, name)}
        return slot.name in answering if slot.name else not answering

    def _answering(self, server: str, name: str) -> list[Slot]:
        """The slots that are for this name: for itself, else for the longest pattern, as Postfix
        looks up one parent domain after the other (tls_misc.c, server_sni_callback())."""
        own = [each for each in self.slots if each.server == server and each.answers(name)]
        exact = [each for each in own if not each.is_pattern]
        longest = max((len(each.name or "") for each in own), default=0)
        return exact or [each for each in own if len(each.name or "") == longest]

    def stuck(self, server: str, name: str, new: Collection[Slot]) -> Stuck | None:
        """Why a server's clients that send this name are not served the new certificate though an
        entry is for it alone: the entry is none of the `new` slots."""
        table = self.foreign.get((server, name.lower()))
        if table is not None:
            why = RefusedError(
                f"tls_server_sni_maps has an entry of its own for {name} in {table}, which cannot "
                "be renewed from here: clients that name it go on being served what that says",
                where=Location(table.partition(":")[2] or table),
                remedy="change or remove it there, and try again",
            )
            return Stuck(None, why)
        answering = self._answering(server, name)
        if not answering or set(answering) & set(new):
            return None
        one = answering[-1]
        file = one.certificate or "only the table's index has it"
        why = RefusedError(
            f"{name} has a certificate of its own there ({file}), which this one does not renew: "
            "clients that name it go on being served it",
            where=one.where,
            remedy=f"letterlock secure {name} --sni --cert … --key … lets letterlock keep it",
        )
        return Stuck(one, why)


def _plain(name: str) -> str:
    """A name that a wildcard stands for."""
    return name.replace("*.", "mail.", 1)
