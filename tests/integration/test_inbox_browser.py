"""The Inbox in a real Chromium: read, filter, follow, by mouse, by keyboard, for everybody."""

import re
import shutil
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import expect

from etl.sandbox.inbox import queries
from etl.sandbox.serve import embedded
from support.browser import chromium, serious
from support.command import etl
from support.inbox import DEPLOYMENT, START, message

ROOT = Path(__file__).parents[2]
PATHS = (
    "/inbox/",
    "/inbox/conversations",
    "/inbox/conversations?text=e&from=nonsense",
    "/inbox/conversations/1",
)


ROUND_MS = 2_000
# A browser calls every answer of 400 or more an error.
EXPECTED = re.compile(r"status of 40[14] ")
FOCUS = """() => {
    const at = document.activeElement;
    return [at.name || at.textContent.trim(), getComputedStyle(at).outlineStyle];
}"""


@pytest.fixture(scope="module")
def browser():
    """Return a Chromium for all tests of this file; each has a profile of its own."""
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    """Return a folder's store into which the sample was imported by the command."""
    folder = tmp_path_factory.mktemp("sample")
    for name in ("configs", "sample_data"):
        shutil.copytree(ROOT / name, folder / name)
    finished = etl("import", "configs/zendesk.toml", "--sandbox", "--rate", "500/s", cwd=folder)
    assert 0 == finished.code, finished.err
    command = next(line for line in finished.err.splitlines() if line.startswith("inbox "))
    return folder / command.partition("--store ")[2].partition(" ")[0]


@contextmanager
def opened(browser, sandbox, **context):
    """Give a page that was opened by the link, and fail if anything went elsewhere or wrong meanwhile."""
    elsewhere: list[str] = []
    wrong: list[str] = []
    with browser.new_context(**context) as made:
        page = made.new_page()
        # Time for the script is told by the test: it need not wait for the next round.
        page.clock.install()
        page.on("request", lambda request: elsewhere.append(request.url))
        page.on("console", lambda entry: wrong.append(entry.text) if entry.type == "error" else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("dialog", lambda dialog: wrong.append(dialog.message))
        page.goto(sandbox.inbox_url)
        yield page
    assert [] == [url for url in elsewhere if not url.startswith(f"{sandbox.base_url}/inbox/")]
    assert [] == [text for text in wrong if not EXPECTED.search(text)]


def test_customer_is_found_and_the_conversation_is_read_in_order(browser, imported):
    """What the whole page is for, on the sample, as the README has it."""
    with (
        embedded(imported, deployment_id=DEPLOYMENT) as sandbox,
        opened(browser, sandbox) as page,
    ):
        assert f"{sandbox.base_url}/inbox/" == page.url
        expect(page.get_by_role("heading", level=1)).to_have_text("Overview")
        expect(page.locator("#tiles")).to_contain_text("in order")

        page.get_by_role("link", name="Conversations", exact=True).click()
        page.get_by_label("User id").fill("1903454750165")
        page.get_by_label("To", exact=True).fill("2025-06-12")
        page.get_by_label("From", exact=True).fill("2025-06-12")
        page.get_by_role("button", name="Filter").click()
        page.locator(".rows a").click()

        expect(page.get_by_role("heading", level=1)).to_have_text("1903454750165")
        said = page.locator(".text").all_inner_texts()
        times = [element.get_attribute("datetime") for element in page.locator(".speaker time").all()]
        assert "Hvor stor er kassen med Klit seng 160? Jeg har kun en lille bil 🚗" == said[0]
        assert "Agent: Hej Bjørn. Den største kasse er 204 x 62 x 14 cm og vejer 37 kg." == said[1]
        assert 7 == len(said)
        assert sorted(times) == times
        box = [element.bounding_box() for element in page.locator(".bubble").all()[:2]]
        assert box[0]["x"] < box[1]["x"]

        page.locator("#thread").get_by_text("Request and answer").first.click()
        expect(page.locator(".raw[open] pre").first).to_contain_text('"from":"human"')


def test_text_leads_to_its_place_in_the_conversation(browser, imported):
    """The hit is what one sees first, in a long chat too."""
    with embedded(imported, deployment_id=DEPLOYMENT) as sandbox, opened(browser, sandbox) as page:
        page.goto(f"{sandbox.base_url}/inbox/conversations?text=DEN+ST%C3%98RSTE+KASSE&user=1903454750165")
        expect(page.locator("mark")).to_have_text("Den største kasse")
        page.locator(".rows a").click()

        expect(page.locator(".message:target")).to_contain_text("Den største kasse")
        expect(page.locator(".message:target")).to_be_in_viewport()


def test_import_is_followed_without_a_hand(browser):
    """Messages appear while they come, in their order, and what was opened stays open."""
    with embedded(None, deployment_id=DEPLOYMENT) as sandbox, opened(browser, sandbox) as page:
        expect(page.locator("#empty")).to_contain_text("Nothing has arrived yet")
        sandbox.store.record([message("Agent: first")])
        page.clock.run_for(ROUND_MS)
        expect(page.locator("#tiles")).to_contain_text("Messages\n1", use_inner_text=True)

        page.goto(f"{sandbox.base_url}/inbox/conversations/1")
        page.locator(".raw summary").click()
        sandbox.store.record(
            [message(text, at=START + 1 + n, name=text) for n, text in enumerate(("second", "third"))]
        )
        page.clock.run_for(ROUND_MS)
        expect(page.get_by_role("status")).to_have_text("2 new messages.")

        assert ["Agent: first", "second", "third"] == page.locator(".text").all_inner_texts()
        assert 1 == page.locator(".day").count()
        assert 1 == page.locator(".raw[open]").count()
        expect(page.locator("#facts")).to_contain_text("Messages\n3", use_inner_text=True)


def test_live_update_can_be_paused(browser):
    """What moves by itself must be stoppable (WCAG 2.2.2)."""
    with embedded(None, deployment_id=DEPLOYMENT) as sandbox:
        sandbox.store.record([message("first")])
        with opened(browser, sandbox) as page:
            page.goto(f"{sandbox.base_url}/inbox/conversations/1")
            page.get_by_role("button", name="Pause live update").click()
            sandbox.store.record([message("second", at=START + 1, name="m-2")])
            page.clock.run_for(10 * ROUND_MS)
            assert ["first"] == page.locator(".text").all_inner_texts()

            page.get_by_role("button", name="Resume live update").click()
            page.clock.run_for(ROUND_MS)
            expect(page.locator(".text")).to_have_count(2)


def test_script_in_a_message_is_shown_and_never_run(browser):
    """Neither by the page nor by the live update, which takes over HTML."""
    attack = "<img src=x onerror=alert(1)><script>alert(2)</script>"
    with embedded(None, deployment_id=DEPLOYMENT) as sandbox:
        sandbox.store.record(
            [message(attack, user=attack, variables={"a": attack}, profile={attack: attack})]
        )
        with opened(browser, sandbox) as page:
            for path in ("", "conversations", "conversations?text=onerror", "conversations/1"):
                page.goto(f"{sandbox.base_url}/inbox/{path}")
                expect(page.locator("main")).to_contain_text(attack)
            sandbox.store.record([message(attack, user=attack, at=START + 1, name="m-2")])
            page.clock.run_for(ROUND_MS)
            expect(page.locator(".text")).to_have_count(2)

            assert [attack, attack] == page.locator(".text").all_inner_texts()
            assert 0 == page.locator("main img, main script").count()


@pytest.mark.parametrize(("theme", "width"), [("light", 1_280), ("dark", 320)])
def test_pages_are_for_everybody(browser, imported, theme, width):
    """No serious finding of axe-core, and nothing to scroll sideways for, in both themes, wide and narrow."""
    with (
        embedded(imported, deployment_id=DEPLOYMENT) as sandbox,
        opened(browser, sandbox, color_scheme=theme, viewport={"width": width, "height": 800}) as page,
    ):
        for path in PATHS:
            page.goto(f"{sandbox.base_url}{path}")
            for summary in page.locator("summary").all()[:3]:
                summary.click()
            assert [] == serious(page), path
            assert width == page.evaluate("document.documentElement.scrollWidth"), path
        page.context.clear_cookies()
        page.goto(f"{sandbox.base_url}/inbox/")
        assert [] == serious(page)


def test_theme_is_chosen_and_stays(browser):
    """Against the system's word, on every page from then on."""
    back = "getComputedStyle(document.body).backgroundColor"
    with (
        embedded(None, deployment_id=DEPLOYMENT) as sandbox,
        opened(browser, sandbox, color_scheme="light") as page,
    ):
        light = page.evaluate(back)
        page.get_by_text("Display").click()
        page.get_by_label("Theme").select_option("dark")
        page.get_by_label("Time zone").select_option("Asia/Tokyo")
        page.get_by_role("button", name="Apply").click()
        expect(page.locator("html")).to_have_attribute("data-theme", "dark")
        page.get_by_role("link", name="Conversations", exact=True).click()

        assert light != page.evaluate(back)
        expect(page.locator(".display summary")).to_contain_text("Asia/Tokyo")


def test_keyboard_reaches_everything_and_shows_where_it_is(browser):
    """First the way past the header; each stop can be seen."""
    with embedded(None, deployment_id=DEPLOYMENT) as sandbox:
        sandbox.store.record([message()])
        with opened(browser, sandbox) as page:
            page.goto(f"{sandbox.base_url}/inbox/conversations")
            stops: list[str] = []
            while "u-1" not in stops:
                page.keyboard.press("Tab")
                name, outline = page.evaluate(FOCUS)
                stops += [name] if [name] != stops[-1:] else []
                assert "none" != outline, name
            page.keyboard.press("Enter")
            expect(page.get_by_role("heading", level=1)).to_have_text("u-1")

    assert [
        "Skip to the content", "Overview", "Conversations", "Display · UTC",
        "text", "user", "id", "from", "to", "activity", "Filter", "u-1",
    ] == stops  # fmt: skip


def test_pages_do_without_the_script(browser, monkeypatch):
    """Links and forms are enough to read everything."""
    monkeypatch.setattr(queries, "CONVERSATIONS_A_PAGE", 1)
    with embedded(None, deployment_id=DEPLOYMENT) as sandbox:
        sandbox.store.record([message("a"), message("b", user="u-2", name="m-2", at=START - 9)])
        with opened(browser, sandbox, java_script_enabled=False) as page:
            page.get_by_role("link", name="Conversations", exact=True).click()
            page.get_by_role("link", name="Older").click()
            page.locator(".rows a").click()

            expect(page.locator(".text")).to_have_text("b")
            expect(page.get_by_role("button", name="Pause live update")).to_have_count(0)
