"""The sending test from the button to the result: page, listener and sender as processes, each
told of the others by the database alone; in Chromium, held to WCAG."""

from __future__ import annotations

import os
import re
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme
from playwright.sync_api import Page, expect

from letterlock.listen.addresses import digest
from letterlock.model.listening import Trap
from letterlock.web.store.sendings import Bounds
from tests.listen.running import Client
from tests.web.browser import PATIENCE, chromium, faults, watched
from tests.web.running import DEADLINE, Running, serving
from tests.web.test_page import picture

DOMAIN = "traps.example"
_PORT = 2525
#: Of this run alone.
_NET = f"127.{100 + os.getpid() // 256 % 100}.{os.getpid() % 256}"
_HOSTS = {Trap.GOOD: f"{_NET}.21", Trap.EXPIRED: f"{_NET}.22", Trap.NO_STARTTLS: f"{_NET}.23"}
#: Of the command line's, beside those of the page.
_OWN = "my-own-token"
_HELO = "<img/src=x/onerror=alert(1)>"
expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """One that a listener which was root can get into."""
    made = Path(tempfile.mkdtemp(prefix="letterlock-sending-"))
    made.chmod(0o711)
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA(key_type=trustme.KeyType.ECDSA)


@pytest.fixture(scope="module")
def service(folder: Path) -> Iterator[Running]:
    with serving(folder, "--sending", DOMAIN, "--role", "page") as running:
        yield running


@contextmanager
def listening(folder: Path, authority: trustme.CA) -> Iterator[subprocess.Popen[str]]:
    """`letterlock listen` beside the service, as the user that its data are."""
    authority.cert_pem.write_to_path(folder / "ca.pem")
    hosts = (f"mx.good.{DOMAIN}", f"mx.tlsa-mismatch.{DOMAIN}")
    good = authority.issue_cert(*hosts, key_type=trustme.KeyType.ECDSA)
    good.private_key_and_cert_chain_pem.write_to_path(folder / "good.pem")
    if os.geteuid() == 0:
        for each in (folder / "data", *(folder / "data").iterdir()):
            shutil.chown(each, "nobody", "nogroup")
    places = [f"--listen={trap}={host}:{_PORT}" for trap, host in _HOSTS.items()]
    with (folder / "listen.log").open("w") as log:
        process = subprocess.Popen(
            [
                sys.executable, "-m", "letterlock", "listen", DOMAIN, "--cert=good.pem",
                "--ca-file=ca.pem", f"--data={folder / 'data'}", f"--token={_OWN}", *places,
            ],
            stdout=log, stderr=log, text=True, cwd=folder,
        )  # fmt: skip
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        status = process.wait(60)
    assert status == 0, (folder / "listen.log").read_text()


def until(happened: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + DEADLINE
    while not happened():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.05)


def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def deliver(trap: Trap, token: str, tls: ssl.SSLContext | None) -> str:
    """The answer to its one recipient, or what kept it from getting there."""
    with Client(_PORT, _HOSTS[trap]) as client:
        client.open(_HELO)
        if tls is not None:
            try:
                client.starttls(tls, f"mx.{trap}.{DOMAIN}")
            except ssl.SSLError as error:
                return str(error.reason)
        client.say("MAIL FROM:<me@sender.example>")
        answer = client.say(f"RCPT TO:<{token}@{trap}.{DOMAIN}>")
        if answer.startswith("250"):
            client.say("DATA")
            client.say("Subject: secret words\r\n\r\nhello\r\n.")
        return answer


def row(page: Page, trap: Trap) -> str:
    cells = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name=trap, exact=True))
    return cells.first.inner_text()


def test_from_the_button_to_the_result(
    folder: Path, authority: trustme.CA, service: Running
) -> None:
    nobody = service.get("/sending")
    assert "Nobody takes mail for the test at the moment" in nobody.text
    assert service.post("/sendings").status_code == 503
    with (
        listening(folder, authority) as listener,
        chromium(folder, os.getpid()) as browser,
    ):
        offered = "Begin a test"
        until(lambda: offered in service.get("/sending").text, "nobody listens")
        page = browser.new_page(viewport={"width": 360, "height": 740}, locale="en-GB")
        page.set_default_timeout(PATIENCE)
        complaints = watched(page)
        page.goto(f"{service.url}/")
        page.get_by_role("link", name="Sending").click()
        assert faults(page) == []
        page.get_by_role("button", name=offered).click()
        page.wait_for_url(re.compile(r"/s/[a-z2-9]{16}$"))
        token = page.url[-16:]
        assert page.get_by_text("Nothing yet.").is_visible()
        mailto = page.locator("a[href^='mailto:']").all_inner_texts()
        assert mailto == [f"{token}@{trap}.{DOMAIN}" for trap in Trap]
        assert faults(page) == []
        page.evaluate("window.isTheSamePage = true")
        without_script = browser.new_context(java_script_enabled=False).new_page()
        without_script.goto(page.url)

        tls = trusting(authority)
        until(
            lambda: deliver(Trap.GOOD, token, tls).startswith("250"), "the test is not known there"
        )
        expect(page.get_by_role("status")).to_contain_text("so far")
        assert "CERTIFICATE_VERIFY_FAILED" in deliver(Trap.EXPIRED, token, tls)
        expect(page.get_by_text("refused: unknown_ca")).to_be_visible()
        assert deliver(Trap.NO_STARTTLS, token, None).startswith("250")
        expect(page.get_by_text("delivered in clear text")).to_be_visible()
        expect(without_script.get_by_text("delivered in clear text")).to_be_visible()
        assert "delivered\tTLSv1.3" in row(page, Trap.GOOD)
        assert "never came" in row(page, Trap.WRONG_NAME)
        assert page.get_by_text(_HELO).is_visible()
        assert page.evaluate("window.isTheSamePage"), "it shows what came as it comes"
        assert faults(page) == []
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0

        page.set_viewport_size({"width": 1100, "height": 800})
        picture(page, "sending", whole=True)
        page.goto(f"{service.url}/s/{token}?lang=zh-Hant")
        assert "已送達" in row(page, Trap.GOOD)
        assert complaints == []
        shared = service.get(f"/s/{digest(token)}").text
        assert "delivered in clear text" in shared
        assert token not in shared
        _nobody_else_writes(service, token)
        assert deliver(Trap.GOOD, _OWN, tls).startswith("250")
        assert listener.poll() is None
    assert "Nobody takes mail" in service.get("/sending").text, "it has signed off"
    screen = (folder / "listen.log").read_text()
    assert f"\n{_OWN}: 127.0.0.1" in screen
    assert digest(token) not in screen
    kept = b"".join(each.read_bytes() for each in (folder / "data").iterdir())
    for secret in (token, _OWN, "secret words", "me@sender.example"):
        assert secret.encode() not in kept


def _nobody_else_writes(service: Running, token: str) -> None:
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
        assert service.post("/sendings", headers=headers).status_code == 403
    answers = [service.post("/sendings").status_code for _ in range(Bounds().per_client)]
    assert answers[-1] == 429
    assert set(answers[:-1]) == {303}
    for path in ("/s/nosuch", f"/s/{token[:-1]}a/events", f"/s/{token.upper()}", "/s/" + "0" * 32):
        assert service.get(path).status_code == 404, path
