"""Page and worker, run until they are told to stop."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator

import uvicorn

from letterlock.model.errors import InputError
from letterlock.web import handed_over
from letterlock.web.app import LOOPBACK_NAMES, application
from letterlock.web.monitoring import Monitoring, Reporter
from letterlock.web.service import Service
from letterlock.web.settings import Settings
from letterlock.web.store.checks import Checks
from letterlock.web.store.database import Database, open_database
from letterlock.web.store.monitors import Monitors
from letterlock.web.store.sendings import Sendings
from letterlock.web.supervisor import Supervisor
from letterlock.web.worker import Worker

#: Seconds that requests have to end when the service stops; requests at once.
_GRACE = 3
_MOST = 1000
#: How far the worker beside a page stands behind it (nice(2)).
_BEHIND = 10
#: Seconds that a connection is kept for the next request.
_KEPT = 30


def listening(host: str, port: int) -> socket.socket:
    """Raises InputError where nobody can listen there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sends at once (TCP_NODELAY) only what it knows to be TCP: else each answer waits 40 ms
    # for the peer's delayed acknowledgement.
    ours = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        ours.bind((host, port))
        ours.listen(512)
    except OSError as error:
        ours.close()
        shown = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        raise InputError(
            f"nobody can listen at {shown}: {error.strerror or error}",
            remedy="say another --listen ADDRESS:PORT",
        ) from None
    return ours


def serve_page(
    settings: Settings,
    at: socket.socket,
    *,
    worker: tuple[str, ...] | None,
    proxies: tuple[str, ...] = (),
    ready: Callable[[str], None] = lambda _url: None,
) -> None:
    """The page, with a worker beside it where `worker` are letterlock's arguments for one.
    `proxies` are the addresses whose word is taken for whom they speak for; `ready` is told the
    address once it answers. Until SIGINT or SIGTERM."""
    database = open_database(settings.data, settings.database)
    supervisor = Supervisor(settings, worker) if worker is not None else None
    try:
        wake = supervisor.wake if supervisor is not None else _nobody
        service = Service.on(settings, database, wake)
        host, port = at.getsockname()[:2]
        names = LOOPBACK_NAMES if _is_loopback(host) else ()
        config = uvicorn.Config(
            application(service, names),
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=bool(proxies),
            forwarded_allow_ips=list(proxies),
            timeout_graceful_shutdown=_GRACE,
            timeout_keep_alive=_KEPT,
            limit_concurrency=_MOST,
            ws="none",
        )
        server = _Server(config, lambda: ready(_url(host, port)))
        if supervisor is not None:
            supervisor.start()
        with contextlib.suppress(KeyboardInterrupt):
            server.run(sockets=[at])
    finally:
        if supervisor is not None:
            supervisor.stop()
        at.close()
        database.close()


def serve_worker(settings: Settings, *, child: bool, reporter: Reporter | None = None) -> None:
    """A worker alone: a `child` of a page follows its standard input, another one looks by itself.
    `reporter` is told of monitors. Until SIGTERM, SIGINT or the end of the input."""
    database = open_database(settings.data, settings.database)
    try:
        worker = Worker(
            settings, Checks(database, settings.lease), Sendings(database),
            _monitoring(settings, database, reporter),
        )  # fmt: skip
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: worker.stop())
        if child:
            os.nice(_BEHIND)  # who reads a page does not wait for checks
            handed_over.listen(sys.stdin.buffer, worker.wake, worker.stop)
        worker.run()
        if child:
            # Visits that a server keeps waiting would be waited for.
            database.close()
            os._exit(0)
    finally:
        database.close()


def _monitoring(
    settings: Settings, database: Database, reporter: Reporter | None
) -> Monitoring | None:
    if settings.monitors is None or reporter is None:
        return None
    checks = Checks(database, settings.lease)
    url = settings.public_url
    return Monitoring(settings.monitors, reporter, Monitors(database), checks, url)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """As uvicorn's, but a signal that was obeyed is not raised again: the program ends well."""
        before = {number: signal.signal(number, self.handle_exit) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def _nobody() -> None:
    """Workers elsewhere look by themselves."""


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"
