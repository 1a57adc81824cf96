"""The servers' side of a run: is the configuration valid, is it in use, is it seen on the wire."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from letterlock.install import verify
from letterlock.install.verify import Observe
from letterlock.model.errors import LetterlockError, RefusedError
from letterlock.model.facts import EndpointFacts
from letterlock.model.plan import Expectation, Plan
from letterlock.model.service import Endpoint
from letterlock.servers.interface import MailServer

Facts = tuple[EndpointFacts, ...]


class Serving:
    """The servers found, and what of them a plan concerns."""

    def __init__(
        self,
        plan: Plan,
        servers: Sequence[MailServer],
        observe: Observe,
        report: Callable[[str], None],
        patience: float,
    ) -> None:
        self._plan = plan
        self._all = servers
        self._concerned = [server for server in servers if server.name in plan.servers]
        self._observe = observe
        self._report = report
        self._patience = patience
        self._before: Facts = ()
        self._gently = False
        self._endpoints: dict[str, tuple[Endpoint, ...]] = {}
        self._up: set[str] = set()
        #: The names of the servers that ran before the run.
        self.ran: frozenset[str] = frozenset()

    def look_before(self) -> None:
        """See what is served now, to compare with later."""
        running = [server for server in self._concerned if self._runs(server)]
        self.ran = frozenset(server.name for server in running)
        if running:
            self._report("looking at what is served now")
        self._before = self._look(running, verify.sample(self._expected()))

    def _look(self, running: Sequence[MailServer], expected: Sequence[Expectation]) -> Facts:
        """The endpoints expected and those of running servers, each asked with its name."""
        wanted = [verify.question(each) for each in expected] if running else []
        named = {endpoint for endpoint, _, _ in wanted}
        name = wanted[0][1] if wanted else self._plan.subject
        for server in running:
            wanted += [
                (each, name, None) for each in self._endpoints_of(server) if each not in named
            ]
        return verify.observe_all(self._observe, wanted)

    def _expected(self) -> list[Expectation]:
        """What can be asked for: nothing of a stopped server's endpoints."""
        stopped: set[Endpoint] = set()
        for server in self._all:
            if not self._runs(server):
                stopped.update(self._endpoints_of(server))
        return [each for each in self._plan.expectations if each.endpoint not in stopped]

    def _runs(self, server: MailServer) -> bool:
        """Whether it runs or did so earlier in this run: one that has ended since is missed on the
        wire, not passed over as a stopped one."""
        if server.name not in self._up and server.running():
            self._up.add(server.name)
        return server.name in self._up

    def _endpoints_of(self, server: MailServer) -> tuple[Endpoint, ...]:
        """Asked once of the files before the change and once of those after it."""
        if server.name not in self._endpoints:
            self._endpoints[server.name] = server.endpoints()
        return self._endpoints[server.name]

    def validate(self) -> None:
        """Of the files as they are now. Raises RefusedError with what the servers' own checkers
        say."""
        self._endpoints.clear()
        said = []
        for server in self._concerned:
            self._report(f"checking the configuration of {server.name}")
            said += [f"{server.name}: {line}" for line in server.validate()]
        if said:
            raise RefusedError(f"the configuration is not valid: {'; '.join(said)}")

    def put_into_service(self, starting: Callable[[str], None] | None) -> tuple[str, ...]:
        """Reload what runs and, if `starting` is given, call it and start what does not; the
        names of those that stay stopped. Raises RefusedError."""
        stopped = []
        for server in self._concerned:
            if server.running():
                self._report(f"reloading {server.name}")
                if self._plan.certificates_only:
                    self._gently |= server.renew()
                else:
                    server.reload()
                if not server.running():
                    raise RefusedError(f"{server.name} did not come back after the reload")
            elif starting is not None:
                self._report(f"starting {server.name}")
                starting(server.name)
                server.start()
            else:
                stopped.append(server.name)
        return tuple(stopped)

    def verify(self) -> Facts:
        """What is seen, once it is as expected and nothing that answered before is lost.

        Raises RefusedError with what is wrong, once patience is over."""
        running = [server for server in self._concerned if self._runs(server)]
        if not running:
            return ()
        self._report("verifying on the wire")
        return self._settle_reloaded(running)

    def _settle_reloaded(self, running: Sequence[MailServer]) -> Facts:
        if self._gently:
            # What spares the sessions may not have been enough.
            try:
                return self._settle(running, self._patience)
            except RefusedError:
                for server in running:
                    server.reload()
        return self._settle(running, self._patience)

    def _settle(self, running: Sequence[MailServer], patience: float) -> Facts:
        facts, said = verify.settle(
            lambda: self._look(running, self._expected()), self._complaints, patience
        )
        if said:
            raise RefusedError(f"not as expected on the wire: {'; '.join(said)}")
        return facts

    def _complaints(self, facts: Facts) -> tuple[str, ...]:
        # An endpoint that the plan takes out of the configuration is no loss.
        configured = {end for server in self._concerned for end in self._endpoints_of(server)}
        was = [fact for fact in self._before if fact.endpoint in configured]
        wrong = verify.complaints(self._expected(), facts)
        return wrong or verify.losses(was, facts, tls_may_go=self._plan.undoes is not None)

    def as_before(self) -> tuple[str, ...]:
        """How what is served differs from what was seen before, once patience is over."""
        if not self._before:
            return ()
        self._report("verifying that what was served before is served again")
        wanted = [verify.question(fact) for fact in self._before]
        try:
            _, said = verify.settle(
                lambda: verify.observe_all(self._observe, wanted),
                lambda facts: verify.differences(self._before, facts),
                self._patience,
            )
        except LetterlockError as error:
            return (f"what is served now could not be seen: {error}",)
        return said

    def confirm(self, start: bool) -> Facts:
        """For files that need no change: what is seen, after starting (if `start`) what is
        stopped, and after a reload if it is not yet as expected, such as after a renewal that
        nobody told the servers: of those the plan names, or of all. Raises RefusedError."""
        if not self._plan.expectations:
            return ()
        self._concerned = self._concerned or list(self._all)
        if start and any(not server.running() for server in self._all):
            self.put_into_service(lambda _name: None)
        running = [server for server in self._all if self._runs(server)]
        if not running:
            return ()
        self._report("verifying on the wire")
        try:
            return self._settle(running, patience=0)
        except RefusedError:
            # A reload also puts into force whatever somebody was editing: only if it is valid.
            self.validate()
            self.put_into_service(None)
            return self._settle_reloaded(running)
