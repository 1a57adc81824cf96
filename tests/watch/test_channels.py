"""Channels that do not take a message: told why, without a secret, in bounded time and space."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from letterlock.model.errors import UndeterminedError
from letterlock.probe.webhook import post_json
from letterlock.servers.errand import errand
from letterlock.servers.tools import Tools
from letterlock.watch import channels as module
from letterlock.watch.channels import NotHandedOverError, channels
from letterlock.watch.settings import Settings

SECRET = "t0ken-nobody-reads"
DOCUMENT = b'{"format_version": 1}'


@contextmanager
def server(behave: Callable[[socket.socket], None]) -> Iterator[tuple[int, list[bytes]]]:
    """A port on loopback, and the head and body of every request that came; `behave` answers."""
    requests: list[bytes] = []
    open_now: list[socket.socket] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            open_now.append(connection)
            with connection:
                got = b""
                while DOCUMENT not in got:
                    got += connection.recv(65536)
                requests.append(got)
                with suppress(OSError):
                    behave(connection)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1], requests
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for connection in open_now:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        thread.join()


def answer(text: str) -> Callable[[socket.socket], None]:
    return lambda connection: connection.sendall(text.encode())


def drip(connection: socket.socket) -> None:
    """A byte now and then, for as long as somebody listens."""
    for byte in b"HTTP/1.1 200 OK\r\nX: " + b"x" * 10_000:
        connection.sendall(bytes([byte]))
        time.sleep(0.05)


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


@pytest.mark.parametrize(
    ("behave", "reason"),
    [
        (answer("HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n"), r"^it answers HTTP 500$"),
        (answer("HTTP/1.1 404 No\r\n\r\n"), r"^it answers HTTP 404$"),
        (
            answer("HTTP/1.1 307 There\r\nLocation: http://127.0.0.1:{port}/other\r\n\r\n"),
            r"^it redirects \(HTTP 307\), which is not followed$",
        ),
        (answer(""), r"^RemoteProtocolError"),
        (reset, r"^ReadError"),
        (answer("220 mail.example.com ESMTP\r\n"), r"^RemoteProtocolError"),
        (drip, r"^no answer within 1 s$"),
    ],
)
def test_a_webhook_that_does_not_take_it(
    behave: Callable[[socket.socket], None], reason: str
) -> None:
    with server(behave) as (port, requests):
        with pytest.raises(UndeterminedError, match=reason) as caught:
            post_json(
                f"http://127.0.0.1:{port}/{SECRET}", DOCUMENT, longest=1 if behave is drip else 60
            )
        assert len(requests) == 1, "asked once, and nobody else"
    assert SECRET not in str(caught.value)


def test_a_webhook_that_takes_it() -> None:
    endless = "HTTP/1.1 202 Accepted\r\nContent-Length: 100000000\r\n\r\n"
    with server(answer(endless)) as (port, requests):
        (channel,) = channels(
            Settings(webhook=f"http://127.0.0.1:{port}/{SECRET}"), Path("/"), postfix_runs=False
        )
        channel.hand_over(DOCUMENT)
    assert SECRET not in channel.shown
    assert requests[0].startswith(f"POST /{SECRET} HTTP/1.1\r\n".encode())
    assert b"\r\nContent-Type: application/json\r\n" in requests[0]
    with pytest.raises(NotHandedOverError, match=r"^ConnectError"):
        channel.hand_over(DOCUMENT)


def command(*words: str) -> Callable[[bytes], None]:
    (channel,) = channels(Settings(command=words), Path("/"), postfix_runs=False)
    return channel.hand_over


def sh(script: str) -> Callable[[bytes], None]:
    return command("/bin/sh", "-c", script)


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo first >&2; echo last: no route >&2; exit 3", "^it ended with 3: last: no route$"),
        ("exit 1", r"^it ended with 1: nothing \(exit code 1\)$"),
        ("kill -9 $$", "^it ended with -9"),
        ("printf 'a\\033[31mb' >&2; exit 1", r"^it ended with 1: a(\\x1b|\?|�)\[31mb$"),
        ("head -c 50000000 /dev/zero | tr '\\0' x >&2; exit 1", "^it ended with 1: x{300}$"),
    ],
)
def test_a_command_that_fails(script: str, reason: str) -> None:
    with pytest.raises(NotHandedOverError, match=reason):
        sh(script)(DOCUMENT)


def test_a_command_that_is_not_there() -> None:
    with pytest.raises(NotHandedOverError, match=r"^/no/such/program cannot be run: No such file"):
        command("/no/such/program")(DOCUMENT)


def test_a_command_that_prints_megabytes(tmp_path: Path) -> None:
    """It is heard out, and only the end of what it says is kept in memory."""
    sh(f"cat >{tmp_path}/got; head -c 50000000 /dev/zero; head -c 50000000 /dev/zero >&2")(DOCUMENT)
    assert (tmp_path / "got").read_bytes() == DOCUMENT
    script = "head -c 1000000 /dev/zero >&2; echo end >&2"
    said = errand(Tools(), "/bin/sh", "-c", script, stdin=b"", timeout=60).stderr
    assert said.endswith(b"\0end\n") and len(said) < 10_000


def test_a_command_that_leaves_somebody_behind(tmp_path: Path) -> None:
    """Its end is what counts, not that of whoever holds its standard error open."""
    sh(f"sleep 1000 & echo $! >{tmp_path}/pid")(DOCUMENT)
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)


def test_of_a_command_that_hangs_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it would have done later would come on top of the next attempt."""
    monkeypatch.setattr(module, "COMMAND_TAKES", 0.5)
    with pytest.raises(NotHandedOverError, match=r"^/bin/sh did not end within 0\.5 s$"):
        sh(f"sleep 1000 & echo $! >{tmp_path}/pid; wait; touch {tmp_path}/later")(DOCUMENT)
    child = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + 60
    while Path(f"/proc/{child}").exists() and "Z" not in Path(f"/proc/{child}/stat").read_text():
        assert time.monotonic() < deadline, "its child goes on"
    assert not (tmp_path / "later").exists()
