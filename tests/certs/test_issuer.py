"""The fetch of a missing issuer, from a web server on loopback that also misbehaves."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from letterlock.model.errors import UndeterminedError
from letterlock.probe.issuer import LARGEST, fetch_issuer
from tests.certs.authority import hierarchy


class _Site(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        match self.path:
            case "/ca.der":
                self._answer(200, hierarchy().intermediate.der)
            case "/moved":
                self._answer(302, b"", {"Location": "/ca.der"})
            case "/round":
                self._answer(302, b"", {"Location": "/round"})
            case "/flood":
                self._answer(200, b"x" * (LARGEST + 1))
            case "/exactly":
                self._answer(200, b"x" * LARGEST)
            case _:
                self._answer(404, b"not here")

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on the tests' terminal."""


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Site) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_what_is_there(site: str) -> None:
    assert fetch_issuer(f"{site}/ca.der") == hierarchy().intermediate.der
    assert fetch_issuer(f"{site}/moved") == hierarchy().intermediate.der
    assert len(fetch_issuer(f"{site}/exactly")) == LARGEST


@pytest.mark.parametrize(
    ("path", "what"),
    [("/missing", "404"), ("/flood", "gives more than 128 KiB"), ("/round", "cannot be fetched")],
)
def test_what_cannot_be_had(site: str, path: str, what: str) -> None:
    with pytest.raises(UndeterminedError, match=what) as caught:
        fetch_issuer(f"{site}{path}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9/x", "http://[::", "ftp://127.0.0.1/x", "nonsense", "http://"]
)
def test_bad_addresses(url: str) -> None:
    with pytest.raises(UndeterminedError):
        fetch_issuer(url)
