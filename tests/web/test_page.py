"""The page in Debian's Chromium: every page and state, held to WCAG by axe-core, on a real Postfix
and Dovecot; what strangers' servers say stays text."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from sqlalchemy import update

from letterlock.findings.assess import assess, judge
from letterlock.model.dns_answer import Security
from letterlock.model.service import SMTP
from letterlock.model.wording import Wording
from letterlock.report.facts_document import written
from letterlock.report.result import Result
from letterlock.web.asked import asked
from letterlock.web.certificate_ends import End
from letterlock.web.certificate_ends import written as written_ends
from letterlock.web.store.checks import Checks, Outcome
from letterlock.web.store.database import open_database
from letterlock.web.store.tables import MONITORS
from tests.findings.sample import certificate, good, greeting, handshake, target
from tests.findings.test_exchange import answer, domain, host
from tests.machine import HOSTNAME, ForbiddenError, Machine
from tests.report import sample
from tests.web.browser import PATIENCE, chromium, faults, watched
from tests.web.hostile import PAYLOADS, HostileServer
from tests.web.running import DEADLINE, Running, serving

TOP = Path(__file__).resolve().parent.parent.parent
PICTURES = TOP / "docs/pictures"
expect.set_options(timeout=PATIENCE)


MONITORS_FILE = """
[[monitor]]
target = "127.0.0.80"
title = "mail.example.com"
ports = [993]
depth = "verdict"

[[monitor]]
target = "127.0.0.79"
title = "Our mail server that has quite a name"
ports = [993]
depth = "verdict"

[[monitor]]
target = "gone.invalid"
"""


@dataclass(frozen=True)
class Scene:
    """A machine with Postfix and Dovecot as they come, a service on it, a browser beside it; `data`
    is the service's folder."""

    machine: Machine
    service: Running
    browser: Browser
    data: Path

    @contextmanager
    def page(self, tolerated: str = "", **more: object) -> Iterator[Page]:
        """A page in a context of its own, that must not complain, but for what is `tolerated`."""
        settings: dict[str, object] = {
            "viewport": {"width": 1100, "height": 800},
            "locale": "en-GB",
        }
        context: BrowserContext = self.browser.new_context(**(settings | more))  # type: ignore[arg-type]
        context.set_default_timeout(PATIENCE)
        context.set_default_navigation_timeout(PATIENCE)
        page = context.new_page()
        complaints = watched(page)
        try:
            yield page
        finally:
            context.close()
        assert [each for each in complaints if not tolerated or tolerated not in each] == []

    def monitored(self, title: str, last: str | None, error: str | None, days: int) -> None:
        """A monitor as if it had been looked at; its certificate has so many days left. It is not
        due before the test is over."""
        database = open_database(self.data, None)
        now = datetime.now(UTC)
        seen = written_ends([End("0", title, now + timedelta(days=days, hours=1), ())])
        values = {
            "last": last, "error": error, "check_id": None, "looked": now.timestamp(),
            "due": now.timestamp() + 9e6, "certificates": seen if last else "",
        }  # fmt: skip
        deadline = time.monotonic() + DEADLINE
        try:
            wanted = update(MONITORS).where(MONITORS.c.title == title).values(values)
            while True:
                with database.write() as connection:
                    if connection.execute(wanted).rowcount:
                        return
                assert time.monotonic() < deadline, "no worker knows the monitor"
                time.sleep(0.1)
        finally:
            database.close()

    def stored(
        self,
        target: str,
        *results: Result,
        error: str | None = None,
        grade: str = "D",
        worst: str | None = "high",
    ) -> str:
        """A check that is done, as if a worker had seen this."""
        database = open_database(self.data, None)
        try:
            checks = Checks(database)
            check = checks.add(asked(target).new())
            # Not for the worker beside: done in one step.
            with database.write() as connection:
                connection.exec_driver_sql(
                    "UPDATE checks SET state = 'running', worker = 'test', attempts = 1 "
                    "WHERE id = ?",
                    (check.id,),
                )
            report = written(results) if results else None
            ours = replace(check, attempts=1)
            assert checks.finish(ours, "test", Outcome(report, error, True, grade, worst))
            return check.id
        finally:
            database.close()


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("page")
    try:
        machine = Machine(folder)
    except ForbiddenError as reason:
        pytest.skip(f"no private system here: {reason}")
    with machine:
        machine.start()
        pid = machine.system.pid
        inside = ("nsenter", f"--target={pid}", "--mount", "--net", "--uts", f"--wd={folder}", "--")
        limits = ("--allow-private", "--per-client", "1000", "--per-target", "1000", "--reuse", "0")
        ca = ("--ca-file", "/root/delivery/root.pem")
        machine.delivery()
        (folder / "monitors.toml").write_text(MONITORS_FILE)
        monitors = ("--monitors", "monitors.toml")
        with (
            serving(folder, *limits, *ca, *monitors, inside=inside) as service,
            chromium(folder, pid) as browser,
        ):
            yield Scene(machine, service, browser, folder / "data")


def fill(page: Page, scene: Scene, target: str) -> None:
    page.goto(f"{scene.service.url}/")
    page.get_by_label("Mail server or e-mail address").fill(target)
    page.get_by_role("button", name="Check").click()


def picture(page: Page, name: str, *, whole: bool = False) -> None:
    """Kept beside the documents where it is asked for: `LETTERLOCK_PICTURES=1`."""
    if os.environ.get("LETTERLOCK_PICTURES"):
        PICTURES.mkdir(exist_ok=True)
        page.screenshot(path=PICTURES / f"{name}.png", full_page=whole)


def test_from_the_form_to_what_changed(scene: Scene) -> None:
    """A server as it comes, then with a certificate: two reports, and the difference."""
    with scene.page() as page:
        page.goto(f"{scene.service.url}/")
        assert faults(page) == []
        picture(page, "form")
        fill(page, scene, HOSTNAME)
        expect(page.get_by_role("status")).to_be_visible()
        assert faults(page) == []
        picture(page, "running")
        expect(page.get_by_role("heading", name="Findings", exact=True)).to_be_visible()
        assert re.fullmatch(rf"{scene.service.url}/c/[A-Za-z0-9]{{12}}", page.url)
        assert page.get_by_text("self-signed").first.is_visible()
        assert faults(page) == []
        picture(page, "bad")
        bad = page.url

        done = scene.machine.warm_letterlock(
            "secure", HOSTNAME, "--cert", f"/root/delivery/{HOSTNAME}.crt",
            "--chain", f"/root/delivery/{HOSTNAME}.ca-bundle",
            "--key", f"/root/delivery/{HOSTNAME}.key",
            "--ca-file", "/root/delivery/root.pem", "--sasl", "dovecot", "--no-rehearse", "--yes",
        )  # fmt: skip
        assert done.status == 0, done.complaints

        page.get_by_role("link", name="Check again").click()
        assert page.get_by_label("Mail server or e-mail address").input_value() == HOSTNAME
        page.keyboard.press("Tab")
        page.get_by_label("Mail server or e-mail address").press("Enter")  # no mouse
        page.wait_for_url(re.compile(r"/c/\w{12}$"))
        expect(page.get_by_role("heading", name="Ports", exact=True)).to_be_visible()
        assert page.url != bad
        assert page.get_by_text("self-signed").count() == 0
        assert faults(page) == []
        picture(page, "good")

        page.get_by_role("link", name="What changed since").click()
        expect(page.get_by_role("cell", name="better").first).to_be_visible()
        assert faults(page) == []
        picture(page, "changes")
        page.goto(f"{scene.service.url}/t/{HOSTNAME}")
        assert page.get_by_role("rowheader").count() == 2
        assert faults(page) == []
        picture(page, "history")
        page.get_by_role("button", name="Compare").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("What changed")
        badge = page.goto(f"{scene.service.url}/badge/{HOSTNAME}.svg")
        assert badge is not None
        assert "grade " in badge.text()


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("phone", {"viewport": {"width": 360, "height": 740}, "has_touch": True}),
        ("dark", {"color_scheme": "dark"}),
    ],
)
def test_every_page_on(name: str, settings: dict[str, object], scene: Scene) -> None:
    """Nothing wider than the screen, nothing too pale, whatever the page."""
    bad = scene.stored("mail.sample.example", _sample())
    failed = scene.stored("gone.example", error="gone.example cannot be resolved")
    with scene.page(**settings) as page:  # type: ignore[arg-type]
        for path in (
            "/",
            "/about",
            f"/c/{bad}",
            f"/c/{failed}",
            "/t/mail.sample.example",
        ):
            page.goto(f"{scene.service.url}{path}")
            if page.locator("details").count():
                page.locator("details").first.evaluate("one => one.open = true")
            assert faults(page) == [], path
            wider = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert wider <= 0, path
            if path.startswith(f"/c/{bad}"):
                picture(page, name)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("light", {"viewport": {"width": 1100, "height": 500}}),
        ("phone", {"viewport": {"width": 360, "height": 900}, "has_touch": True}),
        ("dark", {"viewport": {"width": 1100, "height": 500}, "color_scheme": "dark"}),
    ],
)
def test_the_status_of_our_servers(name: str, settings: dict[str, object], scene: Scene) -> None:
    """One is well, one is not and its certificate ends soon, one cannot be looked at."""
    well = scene.stored("127.0.0.80", _sample(), grade="A", worst=None)
    ill = scene.stored("127.0.0.79", _sample())
    scene.monitored("mail.example.com", well, None, 64)
    scene.monitored("Our mail server that has quite a name", ill, None, 6)
    why = Wording("{target} cannot be resolved: {reason}", target="gone.invalid", reason="no name")
    scene.monitored("gone.invalid", None, why, 0)
    with scene.page(**settings) as page:  # type: ignore[arg-type]
        page.goto(f"{scene.service.url}/status")
        rows = page.locator("tbody tr")
        for row, told in enumerate((("A", "none", "64 days left"), ("D", "high", "6 days left"))):
            for each in told:
                expect(rows.nth(row)).to_contain_text(each)
        expect(rows.nth(2)).to_contain_text("gone.invalid cannot be resolved: no name")
        assert faults(page) == []
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        if name == "light":
            picture(page, "status")


def _sample() -> Result:
    return sample.result()


def test_what_is_wrong_is_said_beside_the_field(scene: Scene) -> None:
    with scene.page(tolerated="400") as page:
        fill(page, scene, "http://mail.example.com/")
        expect(page.get_by_role("alert")).to_contain_text("is a URL")
        field = page.get_by_label("Mail server or e-mail address")
        assert field.input_value() == "http://mail.example.com/"
        assert field.get_attribute("aria-invalid") == "true"
        assert field.evaluate("one => one === document.activeElement")
        assert faults(page) == []
    with scene.page(tolerated="404") as page:
        page.goto(f"{scene.service.url}/c/none")
        assert page.get_by_role("heading", level=1).inner_text() == "Not there"
        assert faults(page) == []


def test_without_javascript(scene: Scene) -> None:
    with scene.page(java_script_enabled=False) as page:
        fill(page, scene, "127.0.0.1:143")
        # The page reloads by itself until the report is there.
        page.get_by_role("heading", name="Ports", exact=True).wait_for(timeout=PATIENCE)
        assert page.get_by_role("cell", name="imap", exact=True).count()


def test_by_keyboard_alone(scene: Scene) -> None:
    with scene.page() as page:
        page.goto(f"{scene.service.url}/")
        page.keyboard.press("Tab")
        assert page.locator(":focus").inner_text() == "To the content"
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        assert page.locator(":focus").get_attribute("id") == "target"
        page.keyboard.type("no-such-host.invalid")
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="no-such-host.invalid could not be looked at").wait_for()
        assert faults(page) == []


def test_what_a_hostile_server_says_stays_text(scene: Scene) -> None:
    """A real one, on the wire: banner, capabilities and certificate."""
    with HostileServer(scene.machine, "127.0.0.66"), scene.page() as page:
        fill(page, scene, "127.0.0.66:24")
        page.get_by_role("heading", name="Certificates").wait_for()
        page.locator("details").evaluate_all("all => all.forEach(one => one.open = true)")
        assert _foreign(page) == []
        shown = page.locator("main").inner_text()
        for payload in PAYLOADS[:10]:
            assert payload.replace("\\", "\\") in shown, payload
        assert faults(page) == []


def test_thirty_payloads_everywhere(scene: Scene) -> None:
    assert len(PAYLOADS) >= 30
    leaf = replace(certificate(), subject=f"CN={PAYLOADS[0]}", dns_names=PAYLOADS)
    facts = replace(
        good(SMTP), greeting=replace(greeting(), banner=" ".join(PAYLOADS), capabilities=PAYLOADS),
        handshake=handshake(leaf=leaf), capabilities_inside=PAYLOADS,
    )  # fmt: skip
    hosts = tuple(host(f"{each}.example", answer()) for each in PAYLOADS[:10])
    dns = replace(
        target(), target="@x.example", endpoints=(), domain=domain(*hosts, security=Security.BOGUS)
    )
    seen = replace(target(), endpoints=(facts,))
    findings, verdict = judge(seen)
    id = scene.stored("evil.example", Result(seen, findings, verdict), Result(dns, assess(dns)))
    with scene.page() as page:
        page.goto(f"{scene.service.url}/c/{id}")
        page.locator("details").evaluate_all("all => all.forEach(one => one.open = true)")
        assert _foreign(page) == []
        shown = page.locator("main").inner_text()
        missing = [each for each in PAYLOADS if each.isprintable() and each not in shown]
        assert missing == []
        page.goto(f"{scene.service.url}/t/evil.example")
        assert _foreign(page) == []
    with scene.page(tolerated="400") as page:
        page.goto(f"{scene.service.url}/")
        for payload in PAYLOADS:
            page.get_by_label("Mail server or e-mail address").fill(payload)
            page.get_by_role("button", name="Check").click()
            page.get_by_role("alert").wait_for()
            assert _foreign(page) == [], payload


def _foreign(page: Page) -> list[str]:
    """Elements that are none of ours, and what a payload would have done."""
    found: list[str] = page.evaluate(
        """() => [...document.querySelectorAll(
            'script:not([src^="/static/"]), iframe, object, embed, base, style, svg *:not(use), '
            + 'math, img:not([src^="/badge/"]), link:not([href^="/"]), form:not([action^="/"]), '
            + '[onerror], [onload], [onclick], [onfocus], [style], a[href^="javascript" i], '
            + 'marquee, video'
        )].map(one => one.outerHTML).concat(window.pwned ? ['pwned'] : [])"""
    )
    return found


def test_in_chinese(scene: Scene) -> None:
    """As the browser asks, and by the link at the foot; what a server said stays as it was."""
    id = scene.stored("chinese.example", _sample())
    with scene.page(locale="zh-TW") as page:
        page.goto(f"{scene.service.url}/c/{id}")
        assert page.locator("html").get_attribute("lang") == "zh-Hant"
        expect(page.get_by_role("heading", name="連接埠", exact=True)).to_be_visible()
        assert faults(page) == []
        picture(page, "chinese")
        page.get_by_role("link", name="English").click()
        assert page.locator("html").get_attribute("lang") == "en"
        page.get_by_role("link", name="Check", exact=True).click()
        assert page.locator("html").get_attribute("lang") == "en", "chosen once, kept"
