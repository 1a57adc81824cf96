"""certbot's installer plugin: `certbot run -i letterlock`, `install`, `renew`, `rollback`.

certbot 5, certbot/interfaces.py: Installer and RenewDeployer. certbot calls `deploy_cert` and
`save()` for each name, then `save(title)`, then `restart()` (client.py, deploy_certificate); at a
renewal `renew_deploy`, then `restart()` (main.py, renew_cert). Everything happens in `save(title)`
or `renew_deploy`: one transaction of ours, with the reload, the handshakes on every port and, where
those fail, the way back. So `restart` has nothing left to do, and must not fail: certbot would
answer with `rollback_checkpoints`, which would undo a run before. certbot's own reverter is not
used: it keeps no owner, does not fsync and never looks at what is served.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from certbot import errors, interfaces
from certbot.display import util as display_util
from certbot.plugins import common

from letterlock.cli.certificate_options import CertificateOptions, read_pairs, trust_store
from letterlock.cli.live_system import observer, observer_with, servers_below
from letterlock.cli.secure_options import CertLayout, SaslServer, SecureOptions
from letterlock.model.errors import LetterlockError

_ROOT = Path("/")
#: In the history, what certbot asked for.
VERB = "certbot"
#: certbot waits for nobody, but another hook may be at work.
_WAIT_SECONDS = 60


@dataclass(frozen=True, slots=True)
class _Asked:
    """What `deploy_cert` was called with."""

    domain: str
    certificate: str
    key: str
    chain: tuple[str, ...]


@contextmanager
def _as_certbot_says() -> Iterator[None]:
    try:
        yield
    except LetterlockError as error:
        raise errors.PluginError(str(error)) from error


class Installer(common.Plugin, interfaces.Installer, interfaces.RenewDeployer):
    """Postfix and Dovecot, through letterlock."""

    description = "Postfix and Dovecot, verified on every mail port (letterlock)"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._asked: list[_Asked] = []

    @classmethod
    def add_parser_arguments(cls, add: Callable[..., None]) -> None:
        add("profile", default="intermediate", help="letterlock's profile: modern, intermediate, "
            "old, or a TOML file.")  # fmt: skip
        add("host", default=None, help="The name that mail clients use for this server (default: "
            "the first of --domains).")  # fmt: skip
        add("sasl", default=None, choices=[each.value for each in SaslServer],
            help="Let Dovecot answer AUTH for Postfix.")  # fmt: skip
        add("require-tls", default=False, action="store_true",
            help="Users' ports refuse to work without TLS (port 25 does not).")  # fmt: skip
        add("ca-file", default=None, help="Believe the root certificates in this file instead of "
            "the system's (laboratories).")  # fmt: skip

    def prepare(self) -> None:
        """Raises NoInstallationError where neither server is installed."""
        if os.geteuid() != 0:
            raise errors.PluginError("letterlock changes the mail servers, which needs root")
        if not servers_below(_ROOT):
            raise errors.NoInstallationError("neither Postfix nor Dovecot is installed")
        self.recovery_routine()

    def more_info(self) -> str:
        return (
            "Puts the certificate on Postfix and Dovecot, hardens them, reloads them and looks at "
            "every mail port with a full handshake; if any port is not as it should be, everything "
            "is as it was."
        )

    def get_all_names(self) -> Iterable[str]:
        """The names that the servers are configured for."""
        from letterlock.servers.find import find_servers
        from letterlock.servers.postfix import Postfix
        from letterlock.servers.references import named
        from letterlock.servers.sni_source import sni_name
        from letterlock.servers.tools import Tools

        with _as_certbot_says():
            servers = find_servers(Tools.for_root(_ROOT))
            own = {s.read().value("myhostname") for s in servers if isinstance(s, Postfix)}
            of_their_own = {sni_name(key) for each in named(servers).every for key in each.names}
        return {name for name in own | of_their_own if "." in name}

    def deploy_cert(
        self, domain: str, cert_path: str, key_path: str, chain_path: str, fullchain_path: str
    ) -> None:
        """Noted; `save` with a title carries it out."""
        # certbot install --cert-path has no full chain, and maybe no chain.
        chain = (chain_path,) if chain_path and not fullchain_path else ()
        self._asked.append(_Asked(domain, fullchain_path or cert_path, key_path, chain))

    def save(self, title: str | None = None, temporary: bool = False) -> None:
        """Put what was asked for into force, and see it on the wire. Raises PluginError: then
        everything is as it was."""
        if not title or temporary or not self._asked:
            return
        asked, self._asked = self._asked, []
        host = self.conf("host") or asked[0].domain
        with _as_certbot_says():
            self._secure(host, asked[0])

    def _secure(self, host: str, asked: _Asked) -> None:
        from letterlock.cli.secure_plan import prepare, refuse_invalid, refuse_taken_ports
        from letterlock.cli.secure_run import judge
        from letterlock.install.rehearse import rehearse
        from letterlock.install.state import StateFolder
        from letterlock.install.transaction import apply

        certificate = CertificateOptions(
            certs=(asked.certificate,),
            keys=(asked.key,),
            chain=asked.chain,
            ca_file=self.conf("ca-file"),
        )
        bundles = read_pairs(certificate, host)
        prepared = prepare(self._options(host), bundles, trust_store(certificate.ca_file))
        refuse_taken_ports(prepared, starting=False)
        plan = replace(prepared.plan, verb=VERB)
        observe = observer_with(prepared.trust)
        if plan.changes:
            refuse_invalid(prepared)
            judge(rehearse(plan, prepared.servers, observe))
        outcome = apply(plan, prepared.servers, observe, StateFolder(), wait=_WAIT_SECONDS)
        for note in (*prepared.notices, *plan.notices, *outcome.notes):
            display_util.notify(f"note: {note}")
        ports = len({facts.endpoint.port for facts in outcome.facts})
        display_util.notify(f"{host}: in service, seen on {ports} ports.")

    def _options(self, host: str) -> SecureOptions:
        sasl = self.conf("sasl")
        return SecureOptions(
            host=host,
            profile=self.conf("profile"),
            root=_ROOT,
            cert_layout=CertLayout.SEPARATE,
            cert_dir=None,
            key_dir=None,
            require_tls=bool(self.conf("require-tls")),
            minimum_protocol=None,
            exclude_ciphers=(),
            server_preference=False,
            wrapper_ports=(),
            dh_size=None,
            sasl=SaslServer(sasl) if sasl else None,
        )

    def renew_deploy(self, lineage: interfaces.RenewableCert, *_args: Any, **_more: Any) -> None:
        """A renewed certificate into service; kept as pending where that fails, for certbot does
        not ask again. Raises PluginError."""
        from letterlock.certs.bundle import CertificateFiles
        from letterlock.renew.deliver import Delivery
        from letterlock.renew.handover import Handover

        files = CertificateFiles(lineage.fullchain_path, lineage.key_path)
        handover = Handover("certbot", lineage.lineagename, files, ca_file=self.conf("ca-file"))
        delivery = Delivery(root=_ROOT, observe=observer_with, wait=_WAIT_SECONDS)
        with _as_certbot_says():
            delivered = delivery.deliver(handover)
        if delivered.key_changed:
            display_util.notify("note: the key is another one; TLSA records need the new one")

    def restart(self) -> None:
        """Nothing: what was put into force was reloaded and verified in the same breath."""

    def rollback_checkpoints(self, rollback: int = 1) -> None:
        """Undo the last `rollback` runs that certbot asked for, renewals and those of deploy
        hooks among them, the newest first."""
        from letterlock.install.history import Result, history
        from letterlock.install.rollback import plan_rollback
        from letterlock.install.state import StateFolder
        from letterlock.install.transaction import apply
        from letterlock.renew.plan import VERB as DEPLOY

        state = StateFolder()
        with _as_certbot_says():
            done = [
                entry
                for entry in history(state)
                if entry.verb in (VERB, DEPLOY) and entry.result is Result.DONE and not entry.undoes
            ]
            if not done:
                raise errors.PluginError("certbot has nothing in force here to roll back")
            for entry in reversed(done[-rollback:]):
                plan = plan_rollback(state, entry.id)
                apply(plan, servers_below(_ROOT), observer(_ROOT), state, wait=_WAIT_SECONDS)
                display_util.notify(f"undone: {entry.subject}, run {entry.id}")

    def recovery_routine(self) -> None:
        """Forget what was only asked for, and bring back the old state of a run cut short."""
        from letterlock.install.recover import recover
        from letterlock.install.state import StateFolder

        self._asked = []
        with _as_certbot_says():
            for recovery in recover(StateFolder(), servers_below(_ROOT), wait=_WAIT_SECONDS):
                display_util.notify(str(recovery))

    def config_test(self) -> None:
        """Raises MisconfigurationError with what the servers' own checkers say."""
        said = [
            f"{server.name}: {line}"
            for server in servers_below(_ROOT)
            for line in server.validate()
        ]
        if said:
            raise errors.MisconfigurationError("; ".join(said))

    def supported_enhancements(self) -> list[str]:
        """None: HTTP's headers and redirects have no meaning here."""
        return []

    def enhance(
        self, domain: str, enhancement: str, options: list[str] | str | None = None
    ) -> None:
        raise errors.PluginError(f"{enhancement} is not for mail ({domain}, {options})")
