"""TLS of one connection on the server's side: OpenSSL over memory BIOs, between the socket's
transport and the mail dialogue, with every byte seen by a witness.

aiosmtpd's own STARTTLS goes through asyncio's private SSLProtocol, which shows neither hellos nor
alerts; and the OpenSSL that `cryptography` brings along knows the post-quantum groups, whatever
the system's does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from OpenSSL import SSL

from letterlock.listen.seen import SeenTls

_CHUNK = 65536
#: What may be waiting to be sent while a client reads nothing.
MAX_UNSENT = 2**18


class TlsTransport(asyncio.Transport):
    """What the dialogue writes to: encrypts into the transport below."""

    def __init__(
        self, below: asyncio.Transport, connection: SSL.Connection, flush: Callable[[], None]
    ) -> None:
        super().__init__()
        self._below = below
        self._connection = connection
        self._flush = flush

    def write(self, data: Any) -> None:
        if self._below.is_closing():
            return
        try:
            self._connection.sendall(bytes(data))
        except SSL.Error:
            self._below.abort()
            return
        self._flush()

    def close(self) -> None:
        """With a close_notify, as far as it can be said."""
        if not self._below.is_closing():
            with suppress(SSL.Error):
                self._connection.shutdown()
            self._flush()
        self._below.close()

    def abort(self) -> None:
        self._below.abort()

    def is_closing(self) -> bool:
        return self._below.is_closing()

    def can_write_eof(self) -> bool:
        return False

    def pause_reading(self) -> None:
        self._below.pause_reading()

    def resume_reading(self) -> None:
        self._below.resume_reading()

    def is_reading(self) -> bool:
        return self._below.is_reading()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._below.get_extra_info(name, default)


class TlsProtocol(asyncio.Protocol):
    """What the socket's transport reports to, from the ClientHello on. `above` is the dialogue's
    protocol, told of pauses and of the end; plain text goes to `reader`."""

    def __init__(
        self,
        below: asyncio.Transport,
        above: asyncio.Protocol,
        context: SSL.Context,
        reader: asyncio.StreamReader,
        seen: SeenTls,
    ) -> None:
        self._below = below
        self._above = above
        self._reader = reader
        self._seen = seen
        self._connection = SSL.Connection(context, None)
        self._connection.set_app_data(seen)
        self._connection.set_accept_state()
        self._ended = False
        self.transport = TlsTransport(below, self._connection, self._flush)
        #: Done with True once the handshake is complete, with False where it failed.
        self.handshake: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        if self._ended:
            return
        if not self.handshake.done():
            self._seen.client(data)
        self._connection.bio_write(data)
        if not self.handshake.done() and not self._shake():
            return
        self._decrypt()

    def _shake(self) -> bool:
        try:
            self._connection.do_handshake()
        except SSL.WantReadError:
            self._flush()
            return False
        except SSL.Error as error:
            self._flush()
            self._seen.failed(error)
            self._end()
            return False
        self._flush()
        self._seen.complete()
        self.handshake.set_result(True)
        return True

    def _decrypt(self) -> None:
        while True:
            try:
                self._reader.feed_data(self._connection.recv(_CHUNK))
            except SSL.WantReadError:
                self._flush()
                return
            except SSL.ZeroReturnError:
                self._end()
                return
            except SSL.Error:
                self._end()
                return

    def _flush(self) -> None:
        pieces = []
        while True:
            try:
                pieces.append(self._connection.bio_read(_CHUNK))
            except SSL.Error:
                break
        data = b"".join(pieces)
        if not data or self._below.is_closing():
            return
        if not self.handshake.done():
            self._seen.server(data)
        self._below.write(data)
        if self._below.get_write_buffer_size() > MAX_UNSENT:
            self._below.abort()

    def _end(self) -> None:
        """The client's side of TLS is over, well or badly: what is left to say is said."""
        self._ended = True
        if not self.handshake.done():
            self.handshake.set_result(False)
        if not self._below.is_closing():
            self.transport.close()

    def eof_received(self) -> bool:
        self._ended = True
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self._ended = True
        if not self.handshake.done():
            self._seen.abandoned()
            self.handshake.set_result(False)
        self._above.connection_lost(error)

    def pause_writing(self) -> None:
        self._above.pause_writing()

    def resume_writing(self) -> None:
        self._above.resume_writing()
