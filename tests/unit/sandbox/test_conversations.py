"""When a silence ends a conversation."""

import pytest

from etl.sandbox.conversations import expired


@pytest.mark.parametrize(
    ("silence", "verdict"),
    [(-86_400, False), (0, False), (36_000, False), (36_001, True)],
)
def test_expired_only_after_more_than_the_expiration(silence, verdict):
    """The boundary belongs to the old conversation, and going back in time opens none."""
    start = 1_654_251_574

    assert verdict is expired(newest=start, timestamp=start + silence, expiration_minutes=600)
