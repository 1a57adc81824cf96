"""The certificate files that the servers' configurations name, and where each is served."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from letterlock.conf.master_cf import MasterService
from letterlock.model.service import Endpoint
from letterlock.servers.dovecot import Dovecot
from letterlock.servers.dovecot_configuration import DovecotConfiguration
from letterlock.servers.postfix import Postfix
from letterlock.servers.postfix_configuration import PostfixConfiguration
from letterlock.servers.vocabulary import vocabulary


@dataclass(frozen=True, slots=True)
class Reference:
    """One certificate file as a configuration names it, and where it is served. `name` is the only
    server name (SNI) that it is for, a `*.` pattern maybe; None: every one without its own."""

    server: str
    certificate: str
    key: str
    endpoints: tuple[Endpoint, ...]
    name: str | None = None


def references(servers: Iterable[Postfix | Dovecot]) -> tuple[Reference, ...]:
    """Everything that the present configurations name.

    Raises InputError for a configuration that cannot be read."""
    found: list[Reference] = []
    for server in servers:
        if isinstance(server, Postfix):
            found += of_postfix(server.read())
        else:
            found += of_dovecot(server.read())
    return tuple(found)


def of_postfix(configuration: PostfixConfiguration) -> tuple[Reference, ...]:
    """One per pair of files; services that name the same files share it."""
    where: dict[tuple[str, str], list[Endpoint]] = {}
    for listener in configuration.listeners():
        for pair in _postfix_pairs(configuration, listener.entry):
            where.setdefault(pair, []).extend(configuration.endpoints_of(listener))
    return tuple(
        Reference("Postfix", certificate, key, tuple(dict.fromkeys(endpoints)))
        for (certificate, key), endpoints in where.items()
        if endpoints
    )


def _postfix_pairs(
    configuration: PostfixConfiguration, entry: MasterService
) -> Iterator[tuple[str, str]]:
    """Certificate and key. Of `smtpd_tls_chain_files`, which overrides the others, each file with
    the one before it: a key comes before its certificate, or in the same file (postconf(5))."""
    wrapped = configuration.enabled("smtpd_tls_wrappermode", entry)
    if configuration.level(entry) == "none" and not wrapped:
        return
    chain = configuration.value("smtpd_tls_chain_files", entry).replace(",", " ").split()
    if chain:
        yield from zip(chain, [chain[0], *chain], strict=False)
        return
    for kind in ("", "ec", "d"):
        certificate = configuration.value(f"smtpd_tls_{kind}cert_file", entry)
        key = configuration.value(f"smtpd_tls_{kind}key_file", entry)
        if certificate and certificate != "none":
            yield certificate, key or certificate


def of_dovecot(configuration: DovecotConfiguration) -> tuple[Reference, ...]:
    """The settings outside of every block, and those of `local_name` and `protocol` blocks."""
    blocks = dict.fromkeys(
        each.block_path
        for each in configuration.effective
        if len(each.block_path) < 2
        and each.block_path[:1] != ("",)
        and (not each.block_path or each.block_path[0].split()[0] in ("local_name", "protocol"))
    )
    return tuple(
        reference
        for block in blocks
        for kind in ("", "alternative-")
        for reference in _dovecot_reference(configuration, block, kind)
    )


def _dovecot_reference(
    configuration: DovecotConfiguration, block: tuple[str, ...], kind: str
) -> Iterator[Reference]:
    certificate = configuration.value(_spelled(configuration, f"{kind}certificate"), block)
    certificate = certificate.removeprefix("<").strip()
    if not certificate:
        return
    # doveconf hides what a key is, and the file's name with it.
    key = configuration.tree.get(_spelled(configuration, f"{kind}key"), block=block) or ""
    key = key.removeprefix("<").strip()
    word, _, argument = block[0].partition(" ") if block else ("", "", "")
    protocol = argument if word == "protocol" else None
    own = {
        each.block_path[0].partition(" ")[2]
        for each in configuration.effective
        if not block and each.block_path and each.block_path[0].startswith("protocol ")
        and each.name == _spelled(configuration, f"{kind}certificate")
    }  # fmt: skip
    endpoints = tuple(
        endpoint
        for listener in configuration.inet_listeners()
        if protocol in (None, listener.protocol) and listener.protocol not in own
        for endpoint in configuration.endpoints_of(listener)
    )
    names = argument.replace('"', "").split() if word == "local_name" else [None]
    for name in names:
        if endpoints:
            yield Reference("Dovecot", certificate, key or certificate, endpoints, name)


def _spelled(configuration: DovecotConfiguration, concept: str) -> str:
    row = vocabulary("dovecot").spelling(concept, configuration.version)
    return row.name if row else ""
