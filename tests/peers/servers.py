"""Servers to agree about, beside Postfix and Dovecot: each answers many at a time, as a mail server
does and `openssl s_server` does not."""

from __future__ import annotations

import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from letterlock.model.service import SMTP, Endpoint, Service
from tests.hostile.servers import polite, tls
from tests.probe.hostile import serving
from tests.weak_servers import ALL_SUITES, behind_starttls, leaf

_READY_SECONDS = 60


@contextmanager
def everything(*, server_order: bool) -> Iterator[Endpoint]:
    """This machine's OpenSSL with every suite and version that it has, an RSA and an ECDSA key."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    for key in ("RSA", "ECDSA"):
        leaf(key).configure_cert(context)
    context.set_ciphers(ALL_SUITES)
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    if server_order:
        context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
    else:
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    with serving(polite(tls(lambda: context))) as port:
        yield Endpoint("127.0.0.1", port, SMTP)


@contextmanager
def gnutls(priority: str, service: Service = SMTP) -> Iterator[Endpoint]:
    """GnuTLS with an RSA and an ECDSA key."""
    port = _free_port()
    with tempfile.TemporaryDirectory() as folder:
        keys = []
        for key in ("RSA", "ECDSA"):
            file = Path(folder) / key
            file.touch(0o600)
            file.write_bytes(leaf(key).private_key_and_cert_chain_pem.bytes())
            keys += ["--x509keyfile", str(file), "--x509certfile", str(file)]
        argv = ["gnutls-serv", "--port", str(port), "--echo", "--priority", priority, *keys]
        process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            _await(port)
            with behind_starttls(port, service) as endpoint:
                yield endpoint
        finally:
            process.kill()
            process.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _await(port: int) -> None:
    ends = time.monotonic() + _READY_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert time.monotonic() < ends, "gnutls-serv does not listen"
            time.sleep(0.05)
        else:
            return
