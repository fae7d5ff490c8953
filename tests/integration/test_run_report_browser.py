"""The run report in a real browser: both themes, axe-core's rules, and nothing asked of the network."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from etl.report.replayed_page import write_run_page
from support.browser import chromium, opened
from support.replayed import REPORT


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """Return the address of a page on which everything occurs."""
    path = tmp_path_factory.mktemp("report") / "run.html"
    write_run_page(path, REPORT, json_file=path.with_suffix(".json"))
    return path.as_uri()


@pytest.fixture(scope="module")
def running():
    """Return a browser for all tests here: starting one takes a second."""
    with chromium() as started:
        yield started


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_run_page_passes_axe_in_both_themes(running, report, scheme):
    """Contrast, names, order of headings, tables: no finding of any weight."""
    with opened(running, report, scheme=scheme, bypass_csp=True) as (page, _):
        findings = Axe().run(page).response["violations"]
    assert [] == [(finding["id"], finding["impact"], finding["nodes"][0]["html"]) for finding in findings]


def test_a_run_page_asks_for_nothing_and_fits_a_narrow_screen(running, report):
    """One file, opened from disk; wide tables scroll within themselves."""
    with opened(running, report, scheme="light") as (page, noise):
        page.set_viewport_size({"width": 390, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert "Not complete" in page.locator("h1 + .verdict").inner_text()
    assert [] == noise
