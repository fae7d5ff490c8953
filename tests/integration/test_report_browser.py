"""The validation report in a real browser: both themes, print, and axe-core's rules of accessibility."""

import shutil

import pytest
from axe_playwright_python.sync_playwright import Axe

from support.browser import chromium, opened
from support.command import environment, etl
from support.readme import README

ROOT = README.parent


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """Return the address of the dirty sample's report, made by the command."""
    project = tmp_path_factory.mktemp("project")
    for name in ("configs", "sample_data"):
        shutil.copytree(ROOT / name, project / name)
    done = etl(
        "check",
        "configs/dirty.toml",
        "--sandbox",
        "--json",
        "--examples",
        "2",
        cwd=project,
        env=environment(),
    )
    return (project / done.data["report"]).as_uri()


@pytest.fixture(scope="module")
def running():
    """Return a browser for all tests here: starting one takes a second."""
    with chromium() as started:
        yield started


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_page_passes_axe_in_both_themes(running, report, scheme):
    """Contrast, names, order of headings, tables: no finding of any weight."""
    with opened(running, report, scheme=scheme, bypass_csp=True) as (page, _):
        findings = Axe().run(page).response["violations"]
    assert [] == [(finding["id"], finding["impact"], finding["nodes"][0]["html"]) for finding in findings]


def test_a_page_asks_for_nothing_and_complains_of_nothing(running, report):
    """One file, opened from disk: no request, no script, no breach of its own policy."""
    with opened(running, report, scheme="light") as (page, noise):
        assert 6 == page.locator("svg[role=img]").count()
        assert 0 == page.locator("script").count()
        assert "Ready with warnings" in page.locator("h1 + .verdict").inner_text()
    assert [] == noise


def test_the_themes_differ_and_charts_follow(running, report):
    """A chart in fixed colours would be black on black."""
    colours = []
    for scheme in ("light", "dark"):
        with opened(running, report, scheme=scheme) as (page, _):
            colours.append(
                page.evaluate(
                    "[getComputedStyle(document.body).backgroundColor,"
                    " getComputedStyle(document.querySelector('svg text')).fill]"
                )
            )
    light, dark = colours
    assert light[0] != dark[0]
    assert light[1] != dark[1]
    assert dark[0] != dark[1]


def test_a_narrow_page_does_not_scroll_sideways(running, report):
    """Wide tables scroll within themselves."""
    with opened(running, report, scheme="light") as (page, _):
        page.set_viewport_size({"width": 390, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_page_prints(running, report):
    """Light, without navigation, in a dozen pages."""
    with opened(running, report, scheme="dark") as (page, _):
        pdf = page.pdf(format="A4")
        page.emulate_media(media="print")
        assert "none" == page.evaluate("getComputedStyle(document.querySelector('nav')).display")
        assert "rgb(255, 255, 255)" == page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert pdf.startswith(b"%PDF-")
