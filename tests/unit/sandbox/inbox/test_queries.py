"""What the pages read from the store."""

from contextlib import closing

import pytest

from etl.sandbox.errors import SandboxError
from etl.sandbox.inbox import queries, tally
from etl.sandbox.inbox.filters import FIRST, Activity, Filters
from etl.sandbox.inbox.reading import reading
from etl.sandbox.inbox.speakers import Speaker
from etl.sandbox.store import Store
from support.inbox import DEPLOYMENT, RECEIVED_US, START, message

DAY = 86_400


@pytest.fixture
def store():
    """Return an empty store in memory."""
    with closing(Store.in_memory(deployment_id=DEPLOYMENT)) as made:
        yield made


def plan(store, statement, *values):
    """Return how SQLite would run a statement."""
    return " / ".join(row[3] for row in store.rows(f"EXPLAIN QUERY PLAN {statement}", *values))


def shown(store, filters, *, active_since=0):
    """Return the users of a page."""
    return [
        row.user_id
        for row in queries.listed(store.rows, filters, zone="UTC", active_since=active_since)
    ]  # fmt: skip


def test_pages_stay_fast_whatever_is_stored(store):
    """A page of a million messages is found by an index and read in its order, without sorting."""
    listed = plan(store, queries._LIST, *[0] * 4, "", 50)
    thread = plan(store, queries._THREAD, 9, 9, 1, 0, 100)
    search = plan(store, queries._SEARCH.format(likes=queries._LIKE), 9, 0, "%x%", 9, 0, 9, "", 50)

    assert "SEARCH c USING INDEX conversation_by_last" in listed
    assert "SEARCH message USING INDEX message_of_conversation" in listed
    assert "SEARCH message USING INDEX message_of_conversation" in thread
    assert "SEARCH m USING INTEGER PRIMARY KEY" in search
    assert "SEARCH message USING COVERING INDEX message_of_id" in plan(store, queries._FIND, "a")
    assert "SEARCH f USING COVERING INDEX message_of_id" in plan(store, tally._READ, 0, 9)
    assert "TEMP B-TREE" not in listed + thread + search


def test_list_has_every_conversation_once_page_by_page(store, monkeypatch):
    """The next page begins after the last one, also where times are equal."""
    monkeypatch.setattr(queries, "CONVERSATIONS_A_PAGE", 3)
    store.record([message(user=f"u-{n}", at=START + n // 4, name=str(n)) for n in range(10)])
    found = []
    cursor = FIRST
    for _ in range(4):
        page = queries.listed(store.rows, Filters(before=cursor), zone="UTC", active_since=0)[:3]
        found += [row.user_id for row in page]
        cursor = page[-1].cursor

    assert [f"u-{n}" for n in range(9, -1, -1)] == found


@pytest.mark.parametrize(
    ("filters", "users"),
    [
        (Filters(), ["late", "mid", "early"]),
        (Filters(user="MI"), ["mid"]),
        (Filters(user="%"), []),
        (Filters(activity=Activity.ACTIVE), ["late"]),
        (Filters(activity=Activity.EXPIRED), ["mid", "early"]),
        (Filters.read({"from": "2022-06-04"}), ["late", "mid"]),
        (Filters.read({"to": "2022-06-04"}), ["mid", "early"]),
        (Filters.read({"from": "2022-06-04", "to": "2022-06-04"}), ["mid"]),
        (Filters.read({"from": "2022-06-06"}), []),
    ],
)
def test_filters_narrow_the_list(store, filters, users):
    """Each filter alone, and days from both sides."""
    store.record([message(user=user, at=START + n * DAY) for n, user in enumerate(("early", "mid", "late"))])

    assert users == shown(store, filters, active_since=START + 2 * DAY)


@pytest.mark.parametrize(
    ("sought", "found"),
    [
        ("order", ["my Order", "the ORDER 100%"]),
        ("100%", ["the ORDER 100%"]),
        ("r_er", []),
        ("ærø", ["ÆRØ", "Ærø"]),
        ("Ærø", ["ÆRØ", "Ærø"]),
        ("\\", ["back\\slash"]),
    ],
)
def test_search_finds_any_part_whatever_its_case(store, sought, found):
    """What stands for anything in LIKE stands for itself here."""
    texts = ("my Order", "the ORDER 100%", "ÆRØ", "Ærø", "back\\slash")
    store.record([message(text, name=text) for text in texts])

    hits = queries.search(store.rows, Filters(text=sought), zone="UTC", active_since=0)

    assert found == [hit.text for hit in reversed(hits.found)]
    assert hits.go_on_before is None


def test_search_looks_back_a_bounded_way_and_says_where_to_go_on(store, monkeypatch):
    """Nothing that is stored is out of reach, and no search reads everything at once."""
    monkeypatch.setattr(queries, "SEARCHED_AT_ONCE", 4)
    store.record([message("needle" if n in {0, 9} else "hay", name=str(n)) for n in range(10)])
    found: list[int] = []
    before: int | None = 2**62
    steps = 0
    while before is not None:
        hits = queries.search(
            store.rows, Filters(text="needle", before_seq=before), zone="UTC", active_since=0
        )
        found += [hit.seq for hit in hits.found]
        before = hits.go_on_before
        steps += 1

    assert [10, 1] == found
    assert 3 == steps


def test_search_page_that_is_full_goes_on_where_it_ended(store, monkeypatch):
    """Hits on the next page are not repeated."""
    monkeypatch.setattr(queries, "CONVERSATIONS_A_PAGE", 2)
    store.record([message("needle", name=str(n)) for n in range(3)])
    first = queries.search(store.rows, Filters(text="needle"), zone="UTC", active_since=0)
    second = queries.search(
        store.rows, Filters(text="needle", before_seq=first.go_on_before or 0), zone="UTC", active_since=0
    )

    assert ([3, 2], 2) == ([hit.seq for hit in first.found], first.go_on_before)
    assert ([1], None) == ([hit.seq for hit in second.found], second.go_on_before)


def test_thread_is_read_in_order_of_arrival_page_by_page(store, monkeypatch):
    """Both directions lead through every message."""
    monkeypatch.setattr(queries, "MESSAGES_A_PAGE", 2)
    store.record([message(str(n), at=START + n, name=str(n)) for n in range(5)])

    pages = [queries.thread(store.rows, 1, first_seq=seq) for seq in (0, 3, 5)]

    assert [["0", "1"], ["2", "3"], ["4"]] == [[one.text for one in page.messages] for page in pages]
    assert [(None, 3), (1, 5), (3, None)] == [(page.earlier, page.later) for page in pages]


def test_thread_marks_what_came_late_across_pages(store, monkeypatch):
    """The newest time before a page counts too."""
    monkeypatch.setattr(queries, "MESSAGES_A_PAGE", 1)
    store.record([message(at=at, name=str(at)) for at in (START + 9, START + 9, START)])

    pages = [queries.thread(store.rows, 1, first_seq=seq) for seq in (1, 2, 3)]

    assert [False, False, True] == [page.messages[0].late for page in pages]


@pytest.mark.parametrize(
    ("text", "variables", "speaker"),
    [
        ("hi", {}, Speaker.UNMARKED),
        ("Agent: hi", {}, Speaker.AGENT),
        ("Bot: hi", {}, Speaker.BOT),
        ("Agent: hi", {"speaker": "customer"}, Speaker.CUSTOMER),
        ("hi", {"speaker": "bot"}, Speaker.BOT),
    ],
)
def test_speaker_is_what_the_import_marked(store, text, variables, speaker):
    """The variable is a word of the importer; a prefix may be the customer's own."""
    store.record([message(text, variables=variables)])

    assert speaker is queries.thread(store.rows, 1, first_seq=0).messages[0].speaker


def test_long_text_is_cut_and_its_length_is_whole(store):
    """A page of a hundred megabytes helps nobody; the request has all of it."""
    store.record([message("x" * 100_000)])

    found = queries.thread(store.rows, 1, first_seq=0).messages[0]

    assert (16_384, 100_000) == (len(found.text), found.text_length)
    assert found.body_length > 100_000 > len(found.body)


def test_about_is_what_the_last_message_said(store):
    """Setting a variable again overwrites it."""
    store.record([message(variables={"a": "1"}), message(variables={"a": "2"}, profile={"seats": 2})])

    found = queries.about(store.rows, 1, "u-1")

    assert ({"a": "2"}, {"seats": 2}) == (found.variables, found.profile)


def test_id_leads_to_its_first_message(store):
    """Whoever has the ledger's id finds the message."""
    store.record([message(name=name) for name in ("a", "b", "b")])

    assert (2, None) == (queries.find(store.rows, "b"), queries.find(store.rows, "c"))


def test_rate_counts_the_last_ten_seconds(store):
    """The start page says how fast it goes now."""
    store.record([message(name=str(n)) for n in range(20)])

    rates = [queries.rate_per_second(store.rows, now_us=RECEIVED_US + us) for us in (1, 10_000_000)]

    assert [2.0, 0.0] == rates


def test_reading_a_file_shows_one_moment_of_it(tmp_path):
    """Numbers of one page fit together while an import writes on."""
    with closing(Store.open(tmp_path / "s.db", deployment_id=DEPLOYMENT)) as store:
        store.record([message()])
        with reading(store) as read:
            before = queries.totals(read)
            store.record([message(name="m-2")])
            after = queries.totals(read)
        with reading(store) as read:
            later = queries.totals(read)

    assert (1, 1, 2) == (before.messages, after.messages, later.messages)


def test_reading_can_not_write(tmp_path):
    """A page must not change what it shows."""
    with (
        closing(Store.open(tmp_path / "s.db", deployment_id=DEPLOYMENT)) as store,
        reading(store) as read,
        pytest.raises(SandboxError, match="SQLITE_READONLY"),
    ):
        read("DELETE FROM message")
