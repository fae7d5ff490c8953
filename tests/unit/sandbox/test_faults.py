"""When faults happen, without a server."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.sandbox.answers import _TROUBLES
from etl.sandbox.faults import Fault, Faults, Rule


def dealt(*texts: str, count: int = 12, seed: int = 0) -> list[Fault | None]:
    """Return what meets the first messages under rules."""
    faults = Faults([Rule.parse(text) for text in texts], seed=seed)
    return [faults.next() for _ in range(count)]


def test_every_counts_from_the_first_message_on():
    """The third of each three."""
    assert [None, None, Fault.HTML] * 4 == dealt("html=every:3")


def test_at_names_messages():
    """And no others."""
    assert [2, 7] == [number for number, fault in enumerate(dealt("400=at:2,7"), 1) if fault]


def test_odds_are_met_and_the_same_for_the_same_seed():
    """A rehearsal can be repeated; another seed is another one."""
    found = dealt("html=0.25", count=4_000, seed=1)
    assert 800 < sum(fault is not None for fault in found) < 1_200
    assert found == dealt("html=0.25", count=4_000, seed=1)
    assert found != dealt("html=0.25", count=4_000, seed=2)
    assert [Fault.HTML] * 12 == dealt("html=1")


def test_the_first_rule_that_applies_wins_and_moves_no_other():
    """One rule more must not shift another's chances, or two rehearsals could not be compared."""
    alone, beside = dealt("html=0.5", count=100), dealt("html=0.5", "400=0.5", count=100)
    assert Fault.REFUSED in beside
    assert [fault is Fault.HTML for fault in alone] == [fault is Fault.HTML for fault in beside]
    assert [Fault.HTML, Fault.REFUSED] * 2 == dealt("html=at:1,3", "400=every:1", count=4)


@pytest.mark.parametrize(
    "text", ["html", "html=", "html=0", "html=0.0", "html=1.5", "html=every:0", "html=at:0"]
)
def test_what_would_never_happen_is_no_rule(text):
    """An option that does nothing would pass for a rehearsal."""
    with pytest.raises(ValueError, match="is no fault such as"):
        Rule.parse(text)


def test_unknown_fault_is_answered_with_those_that_exist():
    """People type from memory."""
    with pytest.raises(ValueError, match=r"reset-after-store"):
        Rule.parse("htm=0.5")


@given(
    st.sampled_from(Fault),
    st.one_of(
        st.integers(1, 10**9 - 1).map(lambda number: f"every:{number}"),
        st.sets(st.integers(1, 999), min_size=1).map(lambda found: f"at:{','.join(map(str, sorted(found)))}"),
        st.integers(1, 10**6 - 1).map(lambda part: f"{part / 10**6:.6f}".rstrip("0")),
        st.just("1"),
    ),
)
def test_a_rule_is_written_as_it_is_read(fault, when):
    """The running sandbox is asked in the same words in which it was started."""
    text = f"{fault}={when}"
    assert text == str(Rule.parse(text))


def test_each_fault_has_words_and_an_answer():
    """A new one can't be forgotten in either table."""
    assert set(Fault) == _TROUBLES.keys()
    assert all(fault.meaning for fault in Fault)
