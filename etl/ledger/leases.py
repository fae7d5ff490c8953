"""Which shards are this worker's, and until when it may trust that by its own clock."""

from bisect import bisect_right
from math import inf
from typing import Final, NamedTuple

from etl.ledger.sharing import Claim
from etl.model.plan import Lane


class _OpenLanes(NamedTuple):
    """Lanes that are served, in the plan's order, and their claims; replaced as a whole."""

    firsts: tuple[int, ...] = ()
    lanes: tuple[Lane, ...] = ()
    claims: tuple[Claim, ...] = ()


class Leases:
    """The claims of one worker; threads may share it.

    A lease counts from the moment when it was asked for: the database, which counts from a later one, gives
    it to somebody else only after that.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds: Final = seconds
        self._until: dict[int, float] = {}
        self._claims: dict[int, Claim] = {}
        self._open = _OpenLanes()

    def claimed(self, claim: Claim, *, asked_at: float) -> None:
        """Note a shard that is ours now."""
        self._claims[claim.number] = claim
        self._until[claim.number] = asked_at + self.seconds

    def left(self, claim: Claim) -> None:
        """Note that it is not ours any more."""
        if self._claims.get(claim.number) == claim:
            self._until.pop(claim.number, None)
            self._claims.pop(claim.number, None)

    def renewed(self, asked: list[Claim], kept: set[int], *, asked_at: float) -> None:
        """Note which of those that were asked for are ours still; the others have another owner."""
        for claim in asked:
            if claim.number not in kept:
                self.left(claim)
            elif claim.number in self._until:
                self._until[claim.number] = asked_at + self.seconds

    def opened(self, lane: Lane, claim: Claim) -> None:
        """Note that a lane of a shard is being served."""
        firsts, lanes, claims = self._open
        at = bisect_right(firsts, lane.first)
        self._open = _OpenLanes(
            (*firsts[:at], lane.first, *firsts[at:]),
            (*lanes[:at], lane, *lanes[at:]),
            (*claims[:at], claim, *claims[at:]),
        )

    def closed(self, lane: Lane) -> Claim:
        """Note that it is not any more; return its shard."""
        firsts, lanes, claims = self._open
        at = bisect_right(firsts, lane.first) - 1
        self._open = _OpenLanes(
            firsts[:at] + firsts[at + 1 :], lanes[:at] + lanes[at + 1 :], claims[:at] + claims[at + 1 :]
        )
        return claims[at]

    def serves(self, lane: Lane) -> bool:
        """Return whether a lane is open, by whatever claim."""
        return lane in self._open.lanes

    def claims(self) -> list[Claim]:
        """Return all that are ours as far as is known."""
        return list(self._claims.values())

    def claim_of(self, ordinal: int) -> Claim:
        """Return the claim under which a message of an open lane is sent."""
        found = self._open
        return found.claims[bisect_right(found.firsts, ordinal) - 1]

    def holds(self, claim: Claim) -> bool:
        """Return whether nobody is known to have taken it over."""
        return self._claims.get(claim.number) == claim

    def hold(self, ordinal: int, now: float) -> bool:
        """Return whether nobody else can have taken over a message's shard by `now` (monotonic seconds)."""
        claim = self.claim_of(ordinal)
        return self.holds(claim) and now < self._until.get(claim.number, -inf)
