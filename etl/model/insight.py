"""What a plan's messages look like as a whole: counts for a person's judgement, bounded in size, no text.

A *conversation* is what the platform will make of the messages: a lane, cut where the silence is longer
than the bot's session expiration. A *ticket* is a value of the mapped conversation column.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Sessions:
    """The conversations that one session expiration would give."""

    expiration_minutes: int
    conversations: int
    split: int
    """Tickets that end up in several conversations."""
    merged: int
    """Conversations that mix several tickets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """The conversations to expect, and what other settings would give."""

    expiration_minutes: int
    """The job's `message.session_expiration_minutes`."""
    tickets: int
    """0 when no conversation column is mapped."""
    without_ticket: int
    """Messages without a ticket."""
    as_planned: tuple[Sessions, ...]
    """By expiration, ascending; one of them is the job's."""
    by_ticket: tuple[Sessions, ...]
    """The same if every ticket were a lane of its own; empty without tickets."""

    @property
    def expected(self) -> Sessions:
        """Return what the job's own settings give."""
        return next(one for one in self.as_planned if one.expiration_minutes == self.expiration_minutes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """Who takes part: per ticket, and per conversation for messages without a ticket."""

    dialogues: int
    only_customer: int
    """Nobody answered."""
    only_agent: int
    """No customer: agents and bots alone."""
    agent_first: int
    """Begin with an agent: often the opening message stands in another file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LongLane:
    """One of the longest lanes."""

    lane: str
    """Shortened."""
    messages: int
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BusyUser:
    """A lane that may be many people."""

    lane: str
    """Shortened."""
    messages: int
    share: float
    dialogues: int
    """Tickets of this lane; conversations without a conversation column."""
    placeholder: bool
    """The id stands for nobody in particular."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Users:
    """Ids that may not be one person each."""

    busy: tuple[BusyUser, ...]
    """Placeholder-like ids first, then those with most dialogues."""
    shared_tickets: int
    """Tickets with two or more users."""
    shared_examples: tuple[str, ...]
    """The first of them, shortened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """What the instants give away."""

    per_year: dict[str, int]
    whole_minutes: int
    """Messages whose second is 0."""
    ties: int
    """Messages in the same second as the one before in their lane."""
    before_2005: int
    last_day: int
    """Messages of the 24 hours before planning; 0 when that instant is not known."""
    gap_seconds: tuple[float, float, float]
    """Half, 90 % and 99 % of the silences within a lane are at most so long (rounded by at most 2 %)."""
    gaps: dict[str, int]
    """Silences by length; the session expiration is one of the edges."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """Lengths in characters, and repetition."""

    median: int
    most: int
    """99 % are at most so long; it and the median are rounded by at most 2 %."""
    longest: int
    over_1000: int
    repeated: tuple[int, ...]
    """How often the most frequent openings of longer texts occur, most frequent first; estimated from every
    eighth message when there are many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Insight:
    """Everything of it."""

    preview: Preview
    sides: Sides
    longest: tuple[LongLane, ...]
    users: Users
    times: Times
    texts: Texts
    personal: dict[str, int]
    """Messages whose texts hold personal data that the job does not mask, by kind; none has no entry."""
