"""Debian's Chromium, driven by Playwright, in a machine's network; and what axe-core says of a
page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

#: The same browser, the first without windows of its own and in two thirds of the time.
_CHROMIUMS = (Path("/usr/bin/chromium-headless-shell"), Path("/usr/bin/chromium"))
#: Milliseconds: the machine may be busy.
PATIENCE = 120_000
_AXE = files("axe_playwright_python").joinpath("axe.min.js")


@contextmanager
def chromium(folder: Path, pid: int) -> Iterator[Browser]:
    """In the network of a process. Skips, loudly, where there is no Chromium."""
    program = next(filter(Path.exists, _CHROMIUMS), None)
    if program is None:
        pytest.skip("Chromium is not installed: scripts/setup tests")
    begin = folder / "chromium"
    begin.write_text(f'#!/bin/sh\nexec nsenter --target {pid} --net {program} "$@"\n')
    begin.chmod(0o755)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=begin,
            args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
            timeout=PATIENCE,
        )
        try:
            yield browser
        finally:
            browser.close()


def faults(page: Page) -> list[str]:
    """What axe-core finds against WCAG 2.2 A and AA, and its best practices."""
    page.evaluate(_AXE.read_text("utf-8"))
    options = {
        "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
        # Of what passes, axe would describe each element.
        "resultTypes": ["violations"],
    }
    found: list[dict[str, Any]] = page.evaluate(
        f"async () => (await axe.run(document, {json.dumps(options)})).violations"
    )
    return [
        f"{each['impact']} {each['id']}: {node['html'][:200]} {node['failureSummary']}"
        for each in found
        for node in each["nodes"]
    ]


def watched(page: Page) -> list[str]:
    """What the browser complains of from now on: scripts that fail, what the policy forbids, a
    dialog that somebody's script opens."""
    told: list[str] = []
    page.on("console", lambda each: told.append(each.text) if each.type == "error" else None)
    page.on("pageerror", lambda each: told.append(str(each)))

    def dialog(each: Any) -> None:
        told.append(f"a dialog: {each.message}")
        each.dismiss()

    page.on("dialog", dialog)
    return told
