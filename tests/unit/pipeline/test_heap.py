"""The collector while messages are sent."""

import gc
import threading

import pytest

from etl.pipeline.heap import frozen_heap


def test_heap_thaws_with_the_last_who_sends():
    """Workers of one process begin and end as they like; none leaves the collector as others need it."""
    before, frozen = gc.get_threshold(), gc.get_freeze_count()
    inside, leave = threading.Event(), threading.Event()

    def other() -> None:
        with frozen_heap():
            inside.set()
            assert leave.wait(timeout=30)

    thread = threading.Thread(target=other)
    with frozen_heap():
        thread.start()
        assert inside.wait(timeout=30)
    assert gc.get_threshold()[0] > before[0]
    assert gc.get_freeze_count() > frozen
    leave.set()
    thread.join()

    assert before == gc.get_threshold()
    assert 0 == gc.get_freeze_count()


def test_heap_thaws_after_a_failure():
    """A worker that can't go on is called again."""
    before = gc.get_threshold()
    with pytest.raises(ValueError, match="gone"), frozen_heap():
        raise ValueError("gone")

    assert before == gc.get_threshold()
