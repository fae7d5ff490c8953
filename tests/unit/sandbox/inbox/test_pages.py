"""What is on each page, where a socket would hide it."""

from contextlib import closing
from itertools import pairwise

from starlette.requests import Request

from etl.sandbox.inbox.pages import Pages, Visit
from etl.sandbox.inbox.reading import reading
from etl.sandbox.inbox.refusals import Refusals
from etl.sandbox.inbox.views import Display, Views
from etl.sandbox.store import Store
from support.inbox import DEPLOYMENT, START, message


def visit(read, *, now_us=START * 1_000_000):
    """Return a visit of the start page."""
    scope = {
        "type": "http", "method": "GET", "scheme": "http", "path": "/inbox/", "query_string": b"",
        "headers": [(b"host", b"127.0.0.1:1")], "server": ("127.0.0.1", 1), "root_path": "",
    }  # fmt: skip
    return Visit(
        request=Request(scope), read=read, now_us=now_us, display=Display(theme="system", zone="UTC")
    )


def test_page_of_an_older_moment_stands_beside_a_newer_tally(tmp_path):
    """Two browsers may ask while an import writes; neither may get an error for it."""
    with (
        closing(Store.open(tmp_path / "s.db", deployment_id=DEPLOYMENT)) as store,
        closing(Pages(store, Views(), Refusals())) as pages,
        reading(store) as older,
    ):
        assert (0,) == pages.state(visit(older))[:1]
        store.record([message(name="a"), message(name="a")])
        with reading(store) as newer:
            assert (2, 0, 2) == pages.state(visit(newer))[:3]
        html = bytes(pages.overview(visit(older)).body).decode()

    assert "Nothing has arrived yet" in html
    assert "/inbox/conversations/1" not in html


def test_state_changes_with_arrivals_refusals_and_the_clock(tmp_path):
    """A page that was not sent again must still be true: the rate falls when an import ends."""
    with (
        closing(Store.open(tmp_path / "s.db", deployment_id=DEPLOYMENT)) as store,
        closing(Pages(store, Views(), Refusals())) as pages,
    ):
        store.record([message()])
        received_us = 1_700_000_000_000_000
        with reading(store) as read:
            states = [
                pages.state(visit(read, now_us=received_us + seconds * 1_000_000))
                for seconds in (0, 1, 2, 10, 100, 101, 200)
            ]

    changes = [before != after for before, after in pairwise(states)]
    assert [False, True, True, True, False, True] == changes
