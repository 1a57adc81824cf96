"""From the options of `secure` to its plan: read everything, change nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from letterlock.certs.bundle import Bundle
from letterlock.certs.carry import Carried, carry_over
from letterlock.certs.names import ascii_name
from letterlock.certs.store import STORE, Layout, plan_store
from letterlock.certs.trust import SYSTEM_FILES, TrustStore
from letterlock.cli.secure_options import SecureOptions
from letterlock.cli.secure_placing import Placed, place
from letterlock.cli.secure_versions import (
    assumed_versions,
    needs_dh,
    read_servers,
    refuse_unasked,
    server_name,
)
from letterlock.install.intent import Intent, Surroundings
from letterlock.install.names import KeyAndChain
from letterlock.install.plan import Configurations, plan_secure
from letterlock.install.plan_modernize import plan_modernize
from letterlock.model.errors import InputError, Location, RefusedError
from letterlock.model.plan import Change, DirectoryChange, FileChange, Plan, Reason
from letterlock.profiles.profile import PROTOCOL_VERSIONS, load
from letterlock.servers.dovecot import Dovecot
from letterlock.servers.dovecot_configuration import DovecotConfiguration
from letterlock.servers.find import find_servers
from letterlock.servers.postfix import Postfix
from letterlock.servers.postfix_configuration import PostfixConfiguration
from letterlock.servers.reading import refusal
from letterlock.servers.sasl import sasl_state
from letterlock.servers.sockets import holder
from letterlock.servers.strength import cipher_suites, openssl_knows_group
from letterlock.servers.tools import Tools

_CIPHER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9+_=.-]*")
#: The groups of RFC 7919 that OpenSSL can write as parameters.
DH_SIZES = (2048, 3072, 4096, 6144, 8192)
#: Of the file for a Dovecot that does no TLS without one.
_SPARE_DH = 3072


@dataclass(frozen=True, slots=True)
class Prepared:
    """A plan, the servers it is for, and what is believed on the wire afterwards. `notices` are
    of the certificates; `configurations` are what the plan was made from."""

    plan: Plan
    notices: tuple[str, ...]
    servers: tuple[Postfix | Dovecot, ...]
    trust: TrustStore
    configurations: Configurations

    @property
    def alive(self) -> bool:
        """Whether the system runs, rather than being a folder of files."""
        return any(server.tools.alive for server in self.servers)


def prepare(
    options: SecureOptions,
    given: tuple[Bundle, ...],
    trust: TrustStore,
    *,
    allow_self_signed: bool = False,
) -> Prepared:
    """Read both servers' configuration and plan, for the certificates given and one that the store
    holds besides.

    Raises InputError and RefusedError; nothing is changed either way."""
    tools = Tools.for_root(options.root)
    servers = find_servers(tools, assumed_versions(options))
    configurations = read_servers(servers, options.instance)
    carried = _carried(options, given, trust, allow_self_signed)
    bundles = (*given, carried.bundle) if carried.bundle else given
    host = ascii_name(options.host)
    placed = place(host, options, given, tools, configurations)
    stored = plan_store(
        options.host,
        bundles,
        Layout(options.cert_layout),
        datetime.now(UTC),
        options.root,
        certificate_folder=options.cert_dir,
        key_folder=options.key_dir,
    )
    intent = Intent(
        host=host,
        stored=stored,
        profile=load(options.profile),
        require_tls=options.require_tls,
        minimum_protocol=_known_protocol(options.minimum_protocol),
        exclude_ciphers=_cipher_names(options.exclude_ciphers),
        server_preference=options.server_preference,
        wrapper_ports=options.wrapper_ports,
        dh_file=_dh_file(options.dh_size),
        spare_dh_file=_dh_file(_SPARE_DH if needs_dh(configurations) else None),
        sasl="dovecot" if options.sasl else None,
        sni=placed.sni,
        names=placed.names(KeyAndChain.of(stored, bundles)),
        kept=placed.kept,
    )
    surroundings = _surroundings(tools, placed, configurations)
    size = options.dh_size or (_SPARE_DH if needs_dh(configurations) else None)
    more = (
        *_dh_changes(tools, size, stored.changes),
        *_hidden_from_git(tools, options.cert_dir),
    )
    plan = plan_secure(intent, configurations, surroundings, more)
    notices = (*(notice for bundle in given for notice in bundle.notices), *carried.notices)
    notices = (*notices, *placed.notices)
    return Prepared(plan, notices, servers, _believed(bundles, trust), configurations)


def prepare_modernize(options: SecureOptions) -> Prepared:
    """The same for `--modernize`, which needs no certificate."""
    servers = find_servers(Tools.for_root(options.root), assumed_versions(options))
    configurations = read_servers(servers)
    host = ascii_name(options.host) if options.host else server_name(configurations)
    plan = plan_modernize(configurations, host)
    return Prepared(plan, (), servers, TrustStore.system(options.root), configurations)


def _carried(
    options: SecureOptions, given: tuple[Bundle, ...], trust: TrustStore, allow_self_signed: bool
) -> Carried:
    """In places of the user's own nothing is kept: files there may be anybody's."""
    if len(given) > 1 or options.single or options.cert_dir or options.key_dir:
        return Carried(None)
    return carry_over(
        options.host,
        given[0],
        trust,
        datetime.now(UTC),
        options.root,
        allow_self_signed=allow_self_signed,
    )


def _believed(bundles: tuple[Bundle, ...], trust: TrustStore) -> TrustStore:
    """What was let in by `--allow-self-signed` is its own trust anchor: the root that came with the
    chain, else the self-signed leaf."""
    ends = [bundle.root or (None if bundle.chain else bundle.leaf) for bundle in bundles]
    anchors = [end for end in ends if end is not None and end.self_issued]
    if all(anchor in trust for anchor in anchors):
        return trust
    return TrustStore.of(anchors, "the certificate's own root (--allow-self-signed)")


def _known_protocol(version: str | None) -> str | None:
    if version is None or version in PROTOCOL_VERSIONS:
        return version
    raise InputError(
        f"no protocol is called {version!r}", remedy=f"choose one of {', '.join(PROTOCOL_VERSIONS)}"
    )


def _cipher_names(words: tuple[str, ...]) -> tuple[str, ...]:
    """Whether OpenSSL has them is no matter: what it has not is excluded already."""
    for word in words:
        if not _CIPHER_NAME.fullmatch(word):
            raise InputError(
                f"--exclude-ciphers: {word!r} is no cipher's name",
                remedy="give names as openssl ciphers prints them, without !",
            )
    return words


def _surroundings(tools: Tools, placed: Placed, configurations: Configurations) -> Surroundings:
    present: PostfixConfiguration | None = configurations.postfix
    dovecot: DovecotConfiguration | None = configurations.dovecot
    crypto = tools if tools.has("openssl") else Tools()
    return Surroundings(
        expand_ciphers=lambda text: cipher_suites(crypto, text),
        knows_group=cache(lambda group: openssl_knows_group(tools, group)),
        sasl=sasl_state(tools, present, dovecot) if present else None,
        sni_tables=placed.tables,
        own_names_file=placed.own_file,
        ca_file=next((file for file in SYSTEM_FILES if tools.outside(file).is_file()), None),
    )


def _dh_file(size: int | None) -> str | None:
    if size is None:
        return None
    if size not in DH_SIZES:
        sizes = ", ".join(str(each) for each in DH_SIZES)
        raise InputError(f"no group of RFC 7919 has {size} bits", remedy=f"choose one of {sizes}")
    return f"{STORE}/ffdhe{size}.pem"


def _dh_changes(tools: Tools, size: int | None, before: tuple[Change, ...]) -> tuple[Change, ...]:
    """The parameter file that `--dh-size` names, where it is not there yet."""
    file = _dh_file(size)
    if file is None:
        return ()
    crypto = tools if tools.has("openssl") else Tools()
    done = crypto.run(
        "openssl", "genpkey", "-genparam", "-algorithm", "DH", "-pkeyopt", f"group:ffdhe{size}"
    )
    if not done.ok:
        raise InputError(f"openssl cannot write the group ffdhe{size}: {done.complaints[-1]}")
    outside = tools.outside(file)
    present = outside.read_bytes() if outside.is_file() else None
    if present == done.stdout:
        return ()
    reason = Reason(f"the {size}-bit group of --dh-size", "RFC 7919 appendix A")
    change = FileChange(Path(file), present, done.stdout, reasons=(reason,))
    folder = Path(STORE)
    made = any(isinstance(c, DirectoryChange) and c.path == folder for c in before)
    missing = not made and not tools.outside(folder).is_dir()
    return (DirectoryChange(folder), change) if missing else (change,)


def _hidden_from_git(tools: Tools, cert_dir: str | None) -> tuple[Change, ...]:
    """Where /etc is a git work tree (etckeeper), the store is none of it: a key that is committed
    once stays in the history for good."""
    ignore = Path(STORE) / ".gitignore"
    tracked = any((tools.outside(folder) / ".git").exists() for folder in ignore.parents)
    if cert_dir is not None or not tracked or tools.outside(ignore).exists():
        return ()
    reason = Reason("keys are not to be committed, and this file says it of itself", "gitignore(5)")
    return (FileChange(ignore, None, b"*\n", reasons=(reason,)),)


def refuse_invalid(prepared: Prepared) -> None:
    """Raise InputError where a server's own checker refuses the configuration that it has: what
    comes of a change to it could not be told from what was wrong before."""
    refuse_unasked(prepared.servers)
    dovecot_now = prepared.configurations.dovecot
    for line in dovecot_now.refused if dovecot_now else ():
        raise InputError(
            f"{line} (this stops Dovecot, and is not about TLS)",
            remedy="mend it first (--dry-run lists all such lines, and shows the TLS part)",
        )
    for server in prepared.servers:
        if isinstance(server, Dovecot) and dovecot_now is not None and dovecot_now.outdated:
            continue
        if isinstance(server, Postfix):
            main_file, checker = f"{server.folder}/main.cf", "postfix check"
        else:
            main_file, checker = server.file, "doveconf -n"
        for complaint in server.validate():
            raise refusal(server.name, complaint, Location(main_file), checker)


def commands(prepared: Prepared) -> list[str]:
    """What is run to validate and reload the servers that the plan changes."""
    return [
        line
        for server in prepared.servers
        if server.name in prepared.plan.servers
        for line in server.commands()
    ]


def refuse_taken_ports(prepared: Prepared, starting: bool) -> None:
    """Raise RefusedError where another program holds a port that a server would have to open: one
    that the plan adds, and with `starting` also those of a stopped server."""
    exempt = {
        endpoint.port
        for server in prepared.servers
        if starting and server.running()
        for endpoint in server.endpoints()
    }
    if not starting:
        exempt = set(prepared.configurations.ports())
    for port in sorted({e.endpoint.port for e in prepared.plan.expectations} - exempt):
        owner = holder(port)
        if owner is not None:
            raise RefusedError(
                f"port {port} is held by {owner}: the mail server could not listen there",
                remedy="stop that program, or give it another port",
            )
