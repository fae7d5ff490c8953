"""Laws of reading back, over small worlds in which equal texts, users and seconds abound."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from etl.verify.findings import ACCEPTED, UNCERTAIN, Finding
from support.comparison import Sent, Shown, compared

PLACES = st.tuples(st.sampled_from(["ann", "bob"]), st.sampled_from(["ok", "yes"]), st.integers(0, 4))
"""User, text, second."""
ROWS = st.lists(PLACES, max_size=12)


def shown(places: Sequence[tuple[str, str, int]]) -> list[Shown]:
    """Return a report of these."""
    return [Shown(user=user, text=text, at=at) for user, text, at in places]


def counts(ours: Sequence[Sent], *theirs: Sequence[Shown]) -> dict[Finding, int]:
    """Return how often each finding was made."""
    with TemporaryDirectory() as folder, compared(Path(folder), ours, *theirs) as verdicts:
        return verdicts.counts()


def reference(ours: list[tuple[str, str, int]], theirs: list[tuple[str, str, int]]) -> dict[Finding, int]:
    """Return the counts by the arithmetic of multisets."""
    mine, there = Counter(ours), Counter(theirs)
    present = (mine & there).total()
    doubled = sum((there - mine)[place] for place in mine)
    lost = Counter((user, text) for user, text, _ in (mine - there).elements())
    stray = Counter((place[0], place[1]) for place in (there - mine).elements() if place not in mine)
    shifted = (lost & stray).total()
    return {
        Finding.PRESENT: present,
        Finding.SHIFTED: shifted,
        Finding.MISSING: mine.total() - present - shifted,
        Finding.DOUBLED: doubled,
        Finding.FOREIGN: there.total() - present - doubled - shifted,
    }


@settings(max_examples=20)
@given(ours=ROWS, theirs=ROWS)
def test_counts_are_those_of_multisets(ours, theirs):
    """Two equal messages need two equal rows; what is left over on either side is exactly counted."""
    found = counts([Sent(user=user, text=text, at=at) for user, text, at in ours], shown(theirs))

    expected = reference(ours, theirs)
    assert expected == {finding: found[finding] for finding in expected}


@settings(max_examples=20)
@given(
    ours=st.lists(
        st.tuples(PLACES, st.sampled_from(["accepted", "uncertain", "rejected", None])), max_size=12
    ),
    theirs=ROWS,
)
def test_every_message_and_every_row_has_one_place(ours, theirs):
    """Nothing vanishes: verdicts share out the messages, and rows are ours, repeated or foreign."""
    messages = [Sent(user=user, text=text, at=at, state=state) for (user, text, at), state in ours]

    found = counts(messages, shown(theirs))

    states = Counter(message.state for message in messages)
    assert states["accepted"] == sum(found[finding] for finding in ACCEPTED)
    assert states["uncertain"] == sum(found[finding] for finding in UNCERTAIN)
    claimed = (Finding.PRESENT, Finding.SHIFTED, Finding.PROVEN, Finding.UNEXPECTED)
    others = (Finding.DOUBLED, Finding.FOREIGN)
    assert sum(found[finding] for finding in (*claimed, *others)) <= len(theirs)
    assert len(theirs) <= sum(found[finding] for finding in (*claimed, *others, Finding.AMBIGUOUS))


@settings(max_examples=20)
@given(ours=st.lists(st.tuples(PLACES, st.sampled_from(["accepted", "taken", "lost"])), max_size=12))
def test_proof_is_never_wrong(ours):
    """Where the platform neither doubles nor moves, what is proven was taken, and what is absent was not."""
    messages = [
        Sent(user=user, text=text, at=at, state="accepted" if fate == "accepted" else "uncertain")
        for (user, text, at), fate in ours
    ]
    report = shown([place for place, fate in ours if fate != "lost"])

    with TemporaryDirectory() as folder, compared(Path(folder), messages, report) as verdicts:
        proven = {proof.ordinal for proof in verdicts.proven()}
        absent = {row["ordinal"] for row in verdicts.first(Finding.ABSENT, limit=99)}

    fates = [fate for _, fate in ours]
    assert {"taken"} >= {fates[ordinal] for ordinal in proven}
    assert {"lost"} >= {fates[ordinal] for ordinal in absent}
    alone = {place for place, count in Counter(place for place, _ in ours).items() if count == 1}
    assert proven >= {n for n, (place, fate) in enumerate(ours) if fate == "taken" and place in alone}


@settings(max_examples=15)
@given(rows=ROWS, cut=st.integers(0, 12), shared=st.integers(0, 3))
def test_ranges_that_share_days_double_nothing(rows, cut, shared):
    """Whether the last day of a range is in its answer is not public, so ranges overlap on purpose."""
    places = sorted(rows, key=lambda place: place[2])
    messages = [Sent(user=user, text=text, at=at) for user, text, at in places]
    # A range holds whole seconds here as it holds whole days there.
    border = places[cut][2] if cut < len(places) else 99
    first = shown([place for place in places if place[2] < border + shared])
    second = shown([place for place in places if place[2] >= border])

    found = counts(messages, first, second)

    assert {finding: len(rows) if finding is Finding.PRESENT else 0 for finding in Finding} == found
