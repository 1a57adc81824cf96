"""Dovecot's configuration read from its files alone, where `doveconf` cannot be asked: a copied
tree, or a Dovecot 1, which has none. Defaults come from the version table."""

from __future__ import annotations

from collections.abc import Iterator

from letterlock.conf.dovecot import BlockPath, DovecotSetting
from letterlock.conf.dovecot_syntax import ValueKind
from letterlock.conf.dovecot_tree import DovecotTree
from letterlock.servers.dovecot_configuration import DovecotConfiguration
from letterlock.servers.modernize_dovecot import modernized
from letterlock.servers.version import Version
from letterlock.servers.vocabulary import vocabulary

_TWO = Version(2, 0)
#: (protocol, listener, port, TLS from the first byte): the stock listeners of every version.
_LISTENERS = (
    ("imap", "imap", 143, False),
    ("imap", "imaps", 993, True),
    ("pop3", "pop3", 110, False),
    ("pop3", "pop3s", 995, True),
)


def on_paper(version: Version, tree: DovecotTree) -> DovecotConfiguration:
    """What the files come to. In blocks, settings that refer to others are taken as written."""
    modern = modernized(tree, version).tree
    defaults = tuple(
        DovecotSetting(name, value, (), 0)
        for name, value in vocabulary("dovecot").default_values(version).items()
    )
    own = tuple(
        DovecotSetting(each.name, each.value, each.block_path, each.line, each.kind)
        for each in modern.settings()
    )
    values = {each.name: each.value for each in defaults}
    referring = {e.name for e in own if e.kind is ValueKind.VARIABLE and not e.block_path}
    own += tuple(
        DovecotSetting(name, modern.get(name, values) or "", (), 0) for name in sorted(referring)
    )
    listeners = _stock() if version >= _TWO else _dovecot_1(modern, version)
    effective = (*defaults, *listeners, *own)
    if version < _TWO:
        effective += tuple(_protocols_of_2(modern, version))
    return DovecotConfiguration(version, tree, effective, on_paper=True)


def _stock() -> tuple[DovecotSetting, ...]:
    return tuple(
        setting
        for protocol, name, port, tls in _LISTENERS
        for setting in _listener(protocol, name, str(port), "", tls)
    )


def _listener(
    protocol: str, name: str, port: str, address: str, tls: bool
) -> Iterator[DovecotSetting]:
    service = (f"service {protocol}-login",)
    block = (*service, f"inet_listener {name}")
    yield DovecotSetting("protocol", protocol, service, 0)
    yield DovecotSetting("port", port, block, 0)
    yield DovecotSetting("address", address, block, 0)
    yield DovecotSetting("ssl", "yes" if tls else "no", block, 0)


def _dovecot_1(tree: DovecotTree, version: Version) -> tuple[DovecotSetting, ...]:
    """Dovecot 1 says in `protocols` and `listen`, `ssl_listen` (of all or of a protocol) what
    Dovecot 2 says in `inet_listener` blocks."""
    enabled = _protocols(tree, version)
    settings: list[DovecotSetting] = []
    for protocol, name, port, tls in _LISTENERS:
        if name not in enabled:
            settings += _listener(protocol, name, "0", "", tls)
            continue
        setting = "ssl_listen" if tls else "listen"
        address, own_port = _address(_said(tree, setting, protocol))
        if tls and not address:
            address, _ = _address(_said(tree, "listen", protocol))
        settings += _listener(protocol, name, own_port or str(port), address, tls)
    return tuple(settings)


def _protocols(tree: DovecotTree, version: Version) -> list[str]:
    said = tree.get("protocols")
    default = vocabulary("dovecot").default("protocols", version) or ""
    return (default if said is None else said).replace(",", " ").split()


def _protocols_of_2(tree: DovecotTree, version: Version) -> Iterator[DovecotSetting]:
    words = (word.removesuffix("s") for word in _protocols(tree, version) if word != "none")
    yield DovecotSetting("protocols", " ".join(dict.fromkeys(words)), (), 0)


def _said(tree: DovecotTree, name: str, protocol: str) -> str:
    block: BlockPath = (f"protocol {protocol}",)
    return tree.get(name, block=block) or tree.get(name) or ""


def _address(said: str) -> tuple[str, str]:
    """`*:10143` → (`*`, `10143`); `[::]` → (`[::]`, ``). Source: dovecot-example.conf of 1.2."""
    host, colon, port = said.rpartition(":")
    if colon and port.isdecimal() and not host.endswith(":"):
        return host, port
    return said, ""
