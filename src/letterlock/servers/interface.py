"""What `install` may ask of a mail server, whichever it is."""

from __future__ import annotations

from typing import Protocol, Self

from letterlock.model.service import Endpoint
from letterlock.servers.tools import Tools
from letterlock.servers.version import Version


class MailServer(Protocol):
    """Postfix or Dovecot as installed in one system (`tools` says which)."""

    @property
    def name(self) -> str:
        """`Postfix` or `Dovecot`."""

    @property
    def version(self) -> Version: ...

    @property
    def tools(self) -> Tools: ...

    def running(self) -> bool:
        """Whether its master process is alive."""

    def validate(self) -> tuple[str, ...]:
        """What the server's own checker says keeps it from working, a line each; empty: fine."""

    def start(self) -> None:
        """Start it and return when its master process is up. Raises RefusedError with its log."""

    def stop(self) -> None:
        """Stop it; nothing happens where it does not run."""

    def reload(self) -> None:
        """Make the running server use its present configuration *and* certificates, with no
        process left that serves old ones to new connections. Raises RefusedError."""

    def renew(self) -> bool:
        """Let new connections have the present contents of the certificate files, no session ended
        where this server can do that; whether it could, else it was reloaded. Raises
        RefusedError."""

    def commands(self) -> tuple[str, ...]:
        """The commands of its own that `validate` and `reload` run, as a person would type them."""

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Where the present configuration listens for mail clients, loopback standing for a
        wildcard address."""

    def private_folders(self) -> tuple[str, ...]:
        """The folders that a second instance of it must have for itself (configuration, state,
        spool), as absolute paths in its system."""

    def within(self, tools: Tools) -> Self:
        """The same server reached through other tools, such as a rehearsal's."""
