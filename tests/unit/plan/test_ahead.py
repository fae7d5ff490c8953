"""Making the next item while the last one is used."""

from threading import Event

import pytest

from etl.plan.ahead import ahead


def test_items_come_in_their_order():
    """None is lost at either end."""
    assert [0, 1, 2, None] == list(ahead(iter([0, 1, 2, None])))
    assert [] == list(ahead(iter([])))


def test_the_next_item_is_made_while_one_is_used():
    """That is what it is for: otherwise the second core stands idle."""
    begun = Event()

    def make():
        yield "first"
        begun.set()
        yield "second"

    items = ahead(make())
    assert "first" == next(items)
    assert begun.wait(10)
    assert ["second"] == list(items)


def test_no_more_than_one_item_is_made_ahead():
    """Memory is bounded by it."""
    made = []

    def make():
        for number in range(9):
            made.append(number)
            yield number

    items = ahead(make())
    assert [0, 1] == [next(items), next(items)]
    assert len(made) <= 3


def test_an_error_comes_at_its_turn():
    """What was made before it is not lost."""

    def make():
        yield 1
        raise OSError("full")

    items = ahead(make())
    assert 1 == next(items)
    with pytest.raises(OSError, match="full"):
        next(items)
