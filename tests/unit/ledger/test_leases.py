"""What a worker may trust by its own clock."""

import pytest

from etl.ledger.leases import Leases
from etl.ledger.sharing import Claim
from etl.model.plan import Lane

LANE = Lane(name="ann", first=10, length=5)


def claim(number: int = 1, epoch: int = 1) -> Claim:
    """Return a claim."""
    return Claim(number=number, epoch=epoch, part=-1, first_lane=0, end_lane=3, doubted=0)


@pytest.fixture
def leases() -> Leases:
    """Return leases of ten seconds, one asked for at 100, with an open lane."""
    found = Leases(10.0)
    found.claimed(claim(), asked_at=100.0)
    found.opened(LANE, claim())
    return found


def test_lease_ends_by_this_machines_clock(leases):
    """It counts from when it was asked for: the database counts from a later moment."""
    assert leases.hold(12, 109.9)
    assert not leases.hold(12, 110.0)


def test_renewal_extends_from_when_it_was_asked_for(leases):
    """Not from when its answer came."""
    leases.renewed([claim()], {1}, asked_at=108.0)

    assert leases.hold(12, 117.9)
    assert not leases.hold(12, 118.0)


def test_shard_that_does_not_come_back_is_lost(leases):
    """Its epoch is another's; but an answer that is still on its way finds its claim."""
    leases.renewed([claim()], set(), asked_at=101.0)

    assert not leases.hold(12, 101.0)
    assert not leases.holds(claim())
    assert claim() == leases.claim_of(12)


def test_old_answer_does_not_extend_a_newer_claim(leases):
    """A claim that was lost and taken again is another one."""
    leases.left(claim())
    leases.claimed(claim(epoch=3), asked_at=105.0)
    leases.renewed([claim()], set(), asked_at=106.0)

    assert leases.holds(claim(epoch=3))
    assert not leases.holds(claim())


def test_closed_lane_is_not_served_any_more(leases):
    """The next claim may begin it."""
    assert leases.serves(LANE)
    assert claim() == leases.closed(LANE)
    assert not leases.serves(LANE)


def test_messages_find_their_claim_among_many_lanes():
    """Whichever lanes were opened and closed, in whatever order."""
    found = Leases(10.0)
    lanes = [Lane(name=f"user-{number}", first=100 * number, length=7) for number in (5, 1, 3, 2, 4)]
    for lane in lanes:
        found.opened(lane, claim(lane.first))
    assert claim(300) == found.closed(lanes[2])

    for lane in (lanes[0], lanes[1], lanes[3], lanes[4]):
        assert [claim(lane.first)] * 2 == [found.claim_of(lane.first), found.claim_of(lane.first + 6)]
