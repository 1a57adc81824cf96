"""Postfix's SNI maps: what a built one holds, and the files that its source names.

`postmap -F` copies the contents of key and certificate files into the map, so that a renewal
reaches no client until it is run again (postconf(5) tls_server_sni_maps, postmap(1) -F)."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping

from letterlock.model.errors import LetterlockError
from letterlock.model.unknown import Unknown
from letterlock.servers.postfix import Postfix
from letterlock.servers.sni_tables import INDEX_ENDINGS, WITHOUT_INDEX


def split_table(table: str) -> tuple[str, str]:
    """`hash:/etc/postfix/sni` → (`hash`, `/etc/postfix/sni`)."""
    kind, _, path = table.partition(":")
    return kind, path


def built_file(table: str) -> str | None:
    """The file that postmap makes of a table's source; None for a type without one."""
    kind, path = split_table(table)
    suffix = INDEX_ENDINGS.get(kind)
    return f"{path}{suffix}" if suffix and path.startswith("/") else None


def read_from_text(table: str) -> bool:
    """Whether its processes read the source itself."""
    return split_table(table)[0] == WITHOUT_INDEX


def held_entries(postfix: Postfix, table: str) -> Mapping[str, bytes] | Unknown:
    """Server name or `.domain` → the PEM text that the map has for it."""
    if read_from_text(table):
        return Unknown("a texthash table holds nothing of its own")
    lines = _listed(postfix, table)
    if isinstance(lines, Unknown):
        return lines
    held = {}
    for name, value in lines.items():
        try:
            held[name] = base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            return Unknown(f"{table} was built without postmap -F: {name} holds no certificate")
    return held


def source_entries(postfix: Postfix, table: str) -> Mapping[str, tuple[str, ...]] | Unknown:
    """Server name or `.domain` → the files that its source names, in their order, as Postfix's own
    reader of such texts takes them."""
    kind, path = split_table(table)
    if kind not in INDEX_ENDINGS and kind != WITHOUT_INDEX:
        return Unknown(f"what a {kind} table is made from is not known here")
    if not postfix.tools.outside(path).is_file():
        return Unknown(f"its source {path} is not there")
    lines = _listed(postfix, f"{WITHOUT_INDEX}:{path}")
    if isinstance(lines, Unknown):
        return lines
    return {
        name: tuple(word for word in re.split(r"[\s,]+", value) if word)
        for name, value in lines.items()
    }


def _listed(postfix: Postfix, table: str) -> dict[str, str] | Unknown:
    try:
        done = postfix.tools.run("postmap", "-c", postfix.folder, "-s", table)
    except LetterlockError as error:
        return Unknown(str(error))
    if not done.ok:
        return Unknown(f"postmap -s {table}: {'; '.join(done.complaints) or 'fails'}")
    pairs = (line.partition("\t") for line in done.text.splitlines() if line)
    return {name.lower(): value.strip() for name, _, value in pairs}


def build_command(postfix: Postfix, table: str) -> tuple[str, ...]:
    """What makes the map again from its source."""
    return ("postmap", "-c", postfix.folder, "-F", table)
