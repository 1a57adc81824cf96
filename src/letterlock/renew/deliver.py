"""A hand-over brought into service: kept, planned, applied, seen on the wire; or kept for later."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from letterlock.certs.bundle import Bundle, CertificateFiles, prepare
from letterlock.certs.names import covers
from letterlock.certs.trust import TrustStore
from letterlock.install import disk
from letterlock.install.history import Result, history
from letterlock.install.interrupts import StoppedError
from letterlock.install.permissions import close_to_others
from letterlock.install.recover import Report, silent
from letterlock.install.rehearse import Rehearsal, rehearse
from letterlock.install.sni_index import index_change
from letterlock.install.state import StateFolder
from letterlock.install.transaction import Outcome, apply
from letterlock.install.verify import Observe
from letterlock.model.certificate import Certificate
from letterlock.model.errors import InputError, LetterlockError, Location, RefusedError
from letterlock.model.facts import Handshake
from letterlock.model.unknown import Unknown
from letterlock.renew.handover import Embedded, Handover
from letterlock.renew.pending import Pending, done, failed, keep, waiting
from letterlock.renew.plan import Deployment, Surroundings, plan_deployment
from letterlock.renew.slots import slots
from letterlock.renew.sni_indexes import Indexes
from letterlock.servers.dovecot import Dovecot
from letterlock.servers.find import find_servers
from letterlock.servers.postfix import Postfix
from letterlock.servers.reading import refusal
from letterlock.servers.references import named
from letterlock.servers.sni_source import sni_key, sni_name
from letterlock.servers.tools import Tools

MailServers = tuple[Postfix | Dovecot, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """What became of a hand-over. `deployment.plan` None: no mail server uses this certificate.
    `before` is the certificate that it took the place of, on disk or else as served; None where
    that is not known, or where it was in service already."""

    deployment: Deployment
    bundle: Bundle
    outcome: Outcome | None = None
    rehearsal: Rehearsal | None = None
    before: Certificate | None = None

    @property
    def key_changed(self) -> bool | None:
        """Whether the public key is another one than before, so that TLSA records for it need
        care (RFC 7671 section 8); None where nothing was replaced."""
        if self.before is None:
            return None
        return self.before.spki_sha256 != self.bundle.leaf.spki_sha256


@dataclass(frozen=True, slots=True)
class Attempt:
    """One certificate handed over, as its `client` calls it, for these names: what became of it,
    or why not."""

    subject: str
    client: str
    names: tuple[str, ...]
    delivered: Delivered | None
    error: LetterlockError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """How hand-overs are delivered to the system below `root`. `observe` is given the roots to
    believe; `wait` is how many seconds to wait for another run to end."""

    root: Path
    observe: Callable[[TrustStore], Observe]
    rehearse: bool = True
    wait: float = 0
    dry_run: bool = False
    report: Report = silent

    def deliver(self, handover: Handover, *, by_hand: bool = False) -> Delivered:
        """Deliver what was just handed over. `by_hand`: somebody reads the error, so what cannot
        be used at all is not kept.

        Raises LetterlockError: it is pending then, or the message says why it is not even that."""
        if self.dry_run:
            return self._deliver(handover)
        state = StateFolder(self.root)
        unkept: RefusedError | None = None
        try:
            one = keep(state, handover, unread=not by_hand)
        except RefusedError as error:
            # A full disk must not keep a certificate from being tried; what fails then says both.
            unkept = error
        if unkept is not None:
            try:
                return self._deliver(handover)
            except LetterlockError as error:
                raise RefusedError(f"{error}; and {unkept}") from error
        if not isinstance(handover.contents, CertificateFiles):
            handover = one.handover
        with _kept_unless_done(state, one, again=False, drop_input=by_hand):
            return self._deliver(handover)

    def retry(self, one: Pending) -> Delivered:
        """Try once more what is pending. Raises LetterlockError; it is still pending then."""
        if self.dry_run:
            return self._deliver(one.handover)
        with _kept_unless_done(StateFolder(self.root), one, again=True):
            return self._deliver(one.handover)

    def retry_all(self) -> tuple[Attempt, ...]:
        """Try everything that is kept once more; of what is damaged, that. Raises RefusedError
        where it may not be read, StoppedError where a signal ended it."""
        kept = waiting(StateFolder(self.root))
        attempts = [self._attempt(one) for one in kept.pending]
        for each in kept.damaged:
            error = RefusedError(
                each.reason,
                where=Location(str(each.path)),
                remedy="hand the certificate over again, and remove that folder",
            )
            attempts.append(Attempt(each.path.name, "", (), None, error))
        return tuple(attempts)

    def _attempt(self, one: Pending) -> Attempt:
        try:
            return Attempt(one.subject, one.client, one.names, self.retry(one))
        except StoppedError:
            raise
        except LetterlockError as error:
            return Attempt(one.subject, one.client, one.names, None, error)

    def _deliver(self, handover: Handover) -> Delivered:
        at = datetime.now(UTC)
        bundle, trust = self._bundle(handover, at)
        servers = find_servers(Tools.for_root(self.root))
        surroundings = self._surroundings(servers, bundle)
        deployment = plan_deployment(bundle, handover.host, surroundings, at)
        plan = deployment.plan
        if plan is None or self.dry_run:
            return Delivered(deployment=deployment, bundle=bundle)
        if plan.changes:
            _refuse_invalid(servers)
        observe = self.observe(trust)
        before = self._before(deployment, servers, observe, bundle)
        rehearsal: Rehearsal | None = None
        if self.rehearse and plan.changes:
            rehearsal = rehearse(plan, servers, observe, self.report)
            _judge(rehearsal)
        for file in deployment.exposed:
            # It is to hold the new key, and would be staged with the mode it has.
            close_to_others(self.root, file)
        outcome = apply(
            plan, servers, observe, StateFolder(self.root), wait=self.wait, report=self.report
        )
        return Delivered(
            deployment=deployment,
            bundle=bundle,
            outcome=outcome,
            rehearsal=rehearsal,
            before=before,
        )

    def _bundle(self, handover: Handover, at: datetime) -> tuple[Bundle, TrustStore]:
        ca_file = handover.ca_file
        trust = TrustStore.from_file(ca_file) if ca_file else TrustStore.system(self.root)
        with _as_files(handover.contents) as files:
            bundle = prepare(
                files, handover.host, trust, at, allow_self_signed=handover.allow_self_signed
            )
        return bundle, (_own_root(bundle, trust) if handover.allow_self_signed else trust)

    def _surroundings(self, servers: MailServers, bundle: Bundle) -> Surroundings:
        own = (
            server.read().value("myhostname") for server in servers if isinstance(server, Postfix)
        )
        written = frozenset(
            file
            for entry in history(StateFolder(self.root))
            if entry.result is Result.DONE
            for file in entry.files
        )
        preferred = tuple(name for name in own if "." in name and covers(bundle.leaf, name))
        found = named(servers)
        asked = dict.fromkeys(name.lower() for name in bundle.leaf.dns_names)
        readers = {table.name: one.reader for one in found.sni for table in one.tables}
        return Surroundings(
            self.root,
            slots(found.every),
            written,
            preferred,
            Indexes(
                {table.name: table for one in found.sni for table in one.tables},
                lambda table, wanted: index_change(readers[table.name], table, wanted),
            ),
            {
                (one.server, sni_name(key)): table
                for one in found.sni
                for key, table in one.answered_by_others(map(sni_key, asked)).items()
            },
        )

    def _before(
        self, deployment: Deployment, servers: MailServers, observe: Observe, bundle: Bundle
    ) -> Certificate | None:
        held = next((each.held for each in deployment.replaced if each.held), None)
        if held is not None or deployment.plan is None:
            return held
        running = {
            endpoint for server in servers if server.running() for endpoint in server.endpoints()
        }
        asked = [each for each in deployment.plan.expectations if each.endpoint in running]
        for expectation in asked[:1]:
            for facts in observe([expectation.endpoint], expectation.name, expectation.key_type):
                if isinstance(facts.handshake, Handshake) and facts.handshake.chain:
                    leaf = facts.handshake.chain[0]
                    return leaf if leaf.sha256 != bundle.leaf.sha256 else None
        return None


@contextmanager
def _kept_unless_done(
    state: StateFolder, one: Pending, *, again: bool, drop_input: bool = False
) -> Iterator[None]:
    try:
        yield
    except LetterlockError as error:
        if drop_input and isinstance(error, InputError):
            done(state, one)
        else:
            failed(state, one, str(error), again=again)
        raise
    done(state, one)


@contextmanager
def _as_files(contents: CertificateFiles | Embedded) -> Iterator[CertificateFiles]:
    """Contents as files, those that stood in another one in memory alone."""
    if isinstance(contents, CertificateFiles):
        yield contents
        return
    with ExitStack() as stack:
        paths = []
        for part in (contents.certificate, contents.key):
            descriptor = os.memfd_create("letterlock", os.MFD_CLOEXEC)
            stack.callback(os.close, descriptor)
            disk.write_all(descriptor, part)
            paths.append(f"/proc/self/fd/{descriptor}")
        yield CertificateFiles(paths[0], paths[1])


def _own_root(bundle: Bundle, trust: TrustStore) -> TrustStore:
    """What `--allow-self-signed` let in is its own trust anchor."""
    anchor = bundle.root or (None if bundle.chain else bundle.leaf)
    if anchor is None or not anchor.self_issued or anchor in trust:
        return trust
    return TrustStore.of([anchor], "the certificate's own root (--allow-self-signed)")


def _refuse_invalid(servers: MailServers) -> None:
    """Raise RefusedError where a server's own checker refuses its present configuration: the
    reload would put that into force."""
    for server in servers:
        if isinstance(server, Postfix):
            main_file, checker = f"{server.folder}/main.cf", "postfix check"
        else:
            main_file, checker = server.file, "doveconf -n"
        for complaint in server.validate():
            fault = refusal(server.name, complaint, Location(main_file), checker)
            raise RefusedError(fault.what, where=fault.where, remedy=fault.remedy)


def _judge(rehearsal: Rehearsal) -> None:
    if isinstance(rehearsal, Unknown) or not rehearsal.complaints:
        return
    more = len(rehearsal.complaints) - 1
    besides = f" (and {more} more)" if more else ""
    raise RefusedError(
        f"the rehearsal failed: {rehearsal.complaints[0]}{besides}; nothing was changed"
    )
