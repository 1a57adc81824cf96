"""Real servers whose answers are recorded: OpenSSL's s_server, and tlslite-ng in this process."""

from __future__ import annotations

import re
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tlslite.handshakesettings import HandshakeSettings
from tlslite.tlsconnection import TLSConnection
from tlslite.utils.keyfactory import parsePEMKey
from tlslite.verifierdb import VerifierDB
from tlslite.x509certchain import X509CertChain

from letterlock.wire.tls.answer import ServerAnswer
from tests.certs.openssl import openssl

Asked = Callable[[bytes], bytes]
_PATIENCE = 10.0


def make_certificate(folder: Path, name: str, *algorithm: str) -> tuple[Path, Path]:
    """Paths of a self-signed certificate and its key."""
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    openssl(
        "req", "-x509", "-newkey", *algorithm, "-nodes", "-days", "30", "-subj", f"/CN={name}",
        "-keyout", str(key), "-out", str(certificate),
    )  # fmt: skip
    return certificate, key


def der(certificate: Path) -> bytes:
    return openssl("x509", "-in", str(certificate), "-outform", "DER")


def ask(address: tuple[str, int], request: bytes, *, sslv2: bool = False) -> bytes:
    """All that the server says to `request`, until the codec has its answer or the stream ends."""
    answer, said = ServerAnswer(sslv2=sslv2), bytearray()
    with socket.create_connection(address, _PATIENCE) as connection:
        connection.sendall(request)
        while not answer.done:
            try:
                data = connection.recv(65536)
            except ConnectionResetError:
                break
            if not data:
                break
            said += data
            answer.receive(data)
    return bytes(said)


class OpensslServer:
    """`openssl s_server` on a port of its own choice, with an RSA and an ECDSA certificate."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.rsa = make_certificate(folder, "rsa.test", "rsa:2048")
        curve = ("ec", "-pkeyopt", "ec_paramgen_curve:P-256")
        self.ecdsa = make_certificate(folder, "ecdsa.test", *curve)
        command = [
            "openssl", "s_server", "-accept", "127.0.0.1:0",
            "-cert", str(self.rsa[0]), "-key", str(self.rsa[1]),
            "-dcert", str(self.ecdsa[0]), "-dkey", str(self.ecdsa[1]),
            "-cipher", "ALL:COMPLEMENTOFALL:@SECLEVEL=0", *options,
        ]  # fmt: skip
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.address = self._listening()
        self._drain = threading.Thread(target=self._read_on, daemon=True)
        self._drain.start()

    def _listening(self) -> tuple[str, int]:
        assert self._process.stdout
        said = ""
        for line in self._process.stdout:
            said += line
            match = re.search(r"ACCEPT 127\.0\.0\.1:(\d+)", line)
            if match:
                return "127.0.0.1", int(match[1])
        raise AssertionError(said)

    def _read_on(self) -> None:
        assert self._process.stdout
        for _ in self._process.stdout:
            pass

    def __enter__(self) -> OpensslServer:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()
        self._drain.join()
        for stream in (self._process.stdin, self._process.stdout):
            if stream:
                stream.close()


@contextmanager
def tlslite_server(
    certificate: tuple[Path, Path], *, anonymous: bool = False, srp: bool = False
) -> Iterator[tuple[str, int]]:
    """The address of tlslite-ng, which speaks SSLv3 to TLS 1.3 with all the suites it knows."""
    chain = X509CertChain()
    chain.parsePemList(certificate[0].read_text())
    key = parsePEMKey(certificate[1].read_text(), private=True)
    verifiers = VerifierDB()
    verifiers.create()
    verifiers[b"user"] = VerifierDB.makeVerifier(b"user", b"password", 2048)
    settings = HandshakeSettings()
    settings.minVersion = (3, 0)
    settings.cipherNames = [*settings.cipherNames, "rc4", "null"]
    settings.macNames = [*settings.macNames, "md5"]

    def serve(listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(_PATIENCE)
                try:
                    TLSConnection(connection).handshakeServer(
                        certChain=None if anonymous else chain,
                        privateKey=None if anonymous else key,
                        anon=anonymous,
                        verifierDB=verifiers if srp else None,
                        settings=settings,
                    )
                except Exception:  # noqa: S112 - its client leaves in the middle, always
                    continue

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        try:
            yield listener.getsockname()
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
