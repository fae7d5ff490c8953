"""Values of options."""

import pytest

from etl.cli.kinds import duration_seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("45s", 45), ("90min", 5_400), ("90m", 5_400), ("2h", 7_200), ("1h30m", 5_400), ("1d", 86_400)],
)
def test_durations_are_read_with_their_units(text, seconds):
    """As people write them."""
    assert seconds == duration_seconds(text)


@pytest.mark.parametrize("text", ["", "2", "h", "1.5h", "-2h", "2 hours", "0s", "30m1h"])
def test_other_words_are_no_duration(text):
    """A bare number could mean seconds or hours."""
    with pytest.raises(ValueError, match=r"is no duration|no time at all"):
        duration_seconds(text)
