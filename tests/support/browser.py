"""A headless Chromium that is on this machine; without one its tests are skipped."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")


def found() -> str | None:
    """Return the browser's program, or None."""
    return os.environ.get("ETL_TEST_BROWSER") or next(filter(None, map(shutil.which, NAMES)), None)


@contextmanager
def browser() -> Iterator[Browser]:
    """Give a running browser, or skip."""
    program = found()
    if program is None:
        pytest.skip(f"no browser on this machine: none of {', '.join(NAMES)} is installed")
    with sync_playwright() as playwright:
        # Root, as CI runs, has no sandbox of Chromium's; the pages are the tests' own.
        running = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        try:
            yield running
        finally:
            running.close()


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
