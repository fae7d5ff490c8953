"""What gathering found, in numbers."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a row stands."""

    file: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How often something was met, and where first; None when never."""

    count: int
    first: Place | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GatherSummary:
    """What came together. `rows`, `openings` and `unmatched` count rows that `[rows]` leaves out, too."""

    rows: int
    """Of the first files."""
    openings: int
    """Rows of all openings; they are not among `rows`."""
    unmatched: tuple[Tally, ...]
    """For each join the rows whose key was empty or not found; openings that give all its columns
    themselves are left out."""
    customers_missing: Tally
    """Rows without a user, since no customer is known in their conversation; only with `customer_of`."""
    conversations_with_two_customers: Tally
    """With two or more; the place is the first row of one who is not the conversation's customer."""
