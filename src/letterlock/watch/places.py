"""Many places in few words."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

#: Of more that have nothing in common the first are named.
_MOST = 14


def compact(places: Iterable[tuple[str, str]]) -> str:
    """Places of faults with what they are about (`127.0.0.1:993`, `RSA`), addresses with the same
    ports and ports with the same addresses together: `127.0.0.1, [::1] ports 993, 995 (RSA)`."""
    by_place: dict[str, list[str]] = {}
    for place, about in places:
        by_place.setdefault(place, []).append(about)
    by_about: dict[tuple[str, ...], list[str]] = {}
    for place, abouts in by_place.items():
        by_about.setdefault(tuple(sorted(set(abouts))), []).append(place)
    parts = []
    for kinds, same in by_about.items():
        told = ", ".join(each for each in kinds if each)
        parts += [f"{part} ({told})" if told else part for part in _together(same)]
    more = f" and {len(parts) - _MOST} more" if len(parts) > _MOST else ""
    return f"{', '.join(parts[:_MOST])}{more}"


def _together(places: Iterable[str]) -> list[str]:
    ports: dict[str, set[int]] = {}
    others = []
    for place in places:
        address, _, port = place.rpartition(":")
        # A file's line looks like a port.
        if address and port.isdecimal() and "/" not in address:
            ports.setdefault(address, set()).add(int(port))
        else:
            others.append(place)
    alike = sorted(ports, key=lambda each: (sorted(ports[each]), each))
    for same, addresses in groupby(alike, key=lambda each: sorted(ports[each])):
        noun = "port" if len(same) == 1 else "ports"
        others.append(f"{', '.join(addresses)} {noun} {', '.join(map(str, same))}")
    return others
