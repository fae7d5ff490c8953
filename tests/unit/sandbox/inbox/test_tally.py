"""What only the whole history tells."""

from contextlib import closing, contextmanager

import pytest

from etl.sandbox.inbox import tally as tallying
from etl.sandbox.inbox.tally import Arrival, Checks, ProblemKind, Tally
from etl.sandbox.store import Store
from support.inbox import DEPLOYMENT, RECEIVED_US, START, message


@contextmanager
def counted(messages):
    """Give a tally that has taken over all messages, however small its batches are."""
    with closing(Store.in_memory(deployment_id=DEPLOYMENT)) as store, closing(Tally(on_disk=False)) as tally:
        store.record(messages)
        while tally.checked < len(messages):
            tally.catch_up(store.rows)
        yield tally


@pytest.fixture(params=[1, 2, 20_000])
def batch(request, monkeypatch):
    """Cut the history anywhere: a verdict must not depend on it."""
    monkeypatch.setattr(tallying, "_BATCH", request.param)


@pytest.mark.usefixtures("batch")
def test_message_older_than_one_before_it_is_out_of_order():
    """Time that goes backwards for a user is what an importer must never cause; other users don't matter."""
    messages = [
        message(at=START + 10, name="a"),
        message(at=START, name="b", user="u-2"),
        message(at=START + 5, name="c"),
        message(at=START + 10, name="d"),
        message(at=START + 6, name="e"),
    ]

    with counted(messages) as tally:
        assert (
            Checks(
                checked=5,
                users=2,
                late=2,
                doubled=0,
                marked=False,
                problems=(
                    Arrival(seq=5, kind=ProblemKind.LATE, earlier=START + 10),
                    Arrival(seq=3, kind=ProblemKind.LATE, earlier=START + 10),
                ),
            )
            == tally.checks()
        )


@pytest.mark.usefixtures("batch")
def test_id_that_comes_again_is_a_double_each_time():
    """Whoever sent twice finds both places."""
    messages = [message(name=name) for name in ("a", "b", "a", "a")]

    with counted(messages) as tally:
        checks = tally.checks()

        assert (0, 2) == (checks.late, checks.doubled)
        assert [(4, 1), (3, 1)] == [(problem.seq, problem.earlier) for problem in checks.problems]


@pytest.mark.usefixtures("batch")
def test_counts_are_by_day_and_by_arrival():
    """The charts are drawn from these."""
    messages = [message(at=at, name=str(at)) for at in (START, START + 1, START + 86_400)]

    with counted(messages) as tally:
        slot = RECEIVED_US // 10_000_000

        assert [(19_146, 2), (19_147, 1)] == tally.days()
        assert [(slot, 3)] == tally.slots(first=slot - 1, last=slot + 1)
        assert [] == tally.slots(first=slot + 1, last=slot + 9)


@pytest.mark.parametrize(
    ("text", "variables", "marked"),
    [
        ("Agent: hi", {}, True),
        ("Bot: hi", {}, True),
        ("hi", {"speaker": "agent"}, True),
        ("hi", {"speaker": "loud"}, False),
        ("An Agent: hi", {}, False),
    ],
)
def test_store_is_marked_by_prefix_or_variable(text, variables, marked):
    """Without any mark nobody is called a customer."""
    with counted([message(text, variables=variables)]) as tally:
        assert marked is tally.checks().marked


def test_tally_keeps_the_last_problems_and_counts_all(monkeypatch):
    """A million doubles must not fill the memory of who shows them."""
    monkeypatch.setattr(tallying, "_KEPT", 3)
    monkeypatch.setattr(tallying, "_BATCH", 2)

    with counted([message(name="same") for _ in range(9)]) as tally:
        checks = tally.checks(most=100)

        assert 8 == checks.doubled
        assert [9, 8, 7] == [problem.seq for problem in checks.problems]


def test_one_call_takes_a_bounded_part(monkeypatch):
    """The first page of a large store must not wait for all of it."""
    monkeypatch.setattr(tallying, "_BATCH", 2)
    monkeypatch.setattr(tallying, "_MOST_BATCHES", 2)
    with closing(Store.in_memory(deployment_id=DEPLOYMENT)) as store, closing(Tally(on_disk=True)) as tally:
        store.record([message(name=str(number)) for number in range(9)])

        tally.catch_up(store.rows)

        assert 4 == tally.checked
