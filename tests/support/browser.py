"""A real browser without a window; tests that need one are skipped where there is none."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Error, Page, sync_playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_INSTALL = (
    "no Chromium was found: `apt-get install -y chromium`, or `.venv/bin/playwright install --with-deps "
    "chromium`, or set CHROMIUM to its path"
)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Give a browser: that of CHROMIUM, else one on the PATH, else Playwright's own; else skip the test."""
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=path)
        except Error:
            pytest.skip(_INSTALL)
        with browser:
            yield browser


def serious(page: Page) -> list[str]:
    """Return what axe-core finds serious or critical on a page, each rule with its places."""
    found = Axe().run(page).response["violations"]
    return [
        f"{rule['id']}: {[node['target'] for node in rule['nodes']]}"
        for rule in found
        if rule["impact"] in {"serious", "critical"}
    ]


@contextmanager
def opened(
    running: Browser, url: str, *, scheme: str, bypass_csp: bool = False
) -> Iterator[tuple[Page, list[str]]]:
    """Give a page and what it complained of or asked the network for."""
    context = running.new_context(color_scheme=scheme, bypass_csp=bypass_csp)  # type: ignore[arg-type]
    page, noise = context.new_page(), list[str]()
    page.on("console", lambda message: noise.append(message.text))
    page.on("pageerror", lambda error: noise.append(str(error)))
    page.on("request", lambda request: noise.append(request.url) if request.url != url else None)
    try:
        page.goto(url)
        yield page, noise
    finally:
        context.close()
