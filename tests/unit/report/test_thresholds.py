"""The limits of `[validate]`: each at its edge and beyond."""

from dataclasses import replace

import pytest

from etl.config.sending import Validate
from etl.model.insight import Sessions
from etl.report.thresholds import needs_insight, refusals
from support.plans import COUNTS, INSIGHT, PLAN

SMALL = replace(COUNTS, rows=100, rejects=10, skipped=0, duplicates=20, known=0, planned=70)
SIDES = replace(INSIGHT.sides, dialogues=10, only_customer=2, only_agent=1)
SPLIT = Sessions(expiration_minutes=600, conversations=20, split=4, merged=0)
SUMMARY = replace(PLAN, conservation=SMALL, roles={"customer": 70}, found={"html": 4})
SEEN = replace(
    INSIGHT,
    sides=SIDES,
    preview=replace(INSIGHT.preview, tickets=10, as_planned=(SPLIT,)),
    personal={"card": 3},
)

LIMITS = [
    ("max_reject_share", 0.1, 0.09, "10 of 100 rows were rejected"),
    ("max_duplicate_share", 0.2, 0.19, "20 of 100 rows repeat others"),
    ("max_one_sided_share", 0.3, 0.29, "30 % of the dialogues have one side only"),
    ("max_split_share", 0.4, 0.39, "40 % of the tickets would be cut"),
    ("min_rows", 100, 101, "100 rows are fewer than"),
    ("require_roles", ("customer",), ("customer", "agent"), "no message is from: agent"),
    ("refuse_personal_data", ("email",), ("email", "card"), "(card 3)"),
]


def faults(**limits):
    """Return what is refused."""
    return [one.fault for one in refusals(SUMMARY, SEEN, Validate(**limits))]


def test_without_limits_nothing_is_refused():
    """Every default lets pass what is no fault as such."""
    assert [] == faults()


@pytest.mark.parametrize(("name", "edge", "beyond", "words"), LIMITS)
def test_a_limit_holds_at_its_edge_and_refuses_beyond(name, edge, beyond, words):
    """Cron and CI gate on them."""
    assert [] == faults(**{name: edge})
    (fault,) = faults(**{name: beyond})
    assert words in fault


def test_nothing_but_rejects_is_always_refused():
    """A wrong format is no reason for exit code 0."""
    counts = replace(SMALL, rejects=100, duplicates=0, planned=0)
    (one,) = refusals(replace(PLAN, conservation=counts), None, Validate())
    assert "100 of 100 rows" in one.fault


def test_an_input_that_the_ledger_knows_in_full_passes():
    """The nightly run of an overlapping export may find nothing new."""
    counts = replace(SMALL, rejects=0, duplicates=0, known=100, planned=0)
    empty = replace(
        INSIGHT, sides=replace(SIDES, dialogues=0, only_customer=0, only_agent=0),
        preview=replace(INSIGHT.preview, as_planned=(replace(SPLIT, split=0),)),
    )  # fmt: skip
    known = replace(PLAN, conservation=counts, roles={})
    strict = Validate(
        require_roles=("customer", "agent"), max_one_sided_share=0, max_split_share=0, max_reject_share=0
    )
    assert [] == refusals(known, empty, strict)


def test_every_broken_limit_is_told_at_once():
    """Nobody wants to find them one run after another."""
    assert 3 == len(faults(max_reject_share=0, max_duplicate_share=0, min_rows=1_000))


@pytest.mark.parametrize(("name", "beyond"), [(name, beyond) for name, _, beyond, _ in LIMITS])
def test_a_look_over_the_plan_is_needed_by_limits_of_what_it_tells(name, beyond):
    """An import that nobody asked for a look does not pay for one, and no limit is forgotten for that."""
    limits = Validate(**{name: beyond})
    told_without = [one.fault for one in refusals(SUMMARY, None, limits)]
    assert needs_insight(limits) is (told_without == [])
    assert not needs_insight(Validate())
