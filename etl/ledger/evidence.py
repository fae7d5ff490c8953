"""What a ledger tells of its runs afterwards: aims, pauses, outcomes over time, seals."""

from dataclasses import dataclass
from typing import Final

import pyarrow as pa

ACCEPTED_SCHEMA: Final = pa.schema(
    [
        pa.field("at_us", pa.int64(), nullable=False),
        pa.field("took_us", pa.int64(), nullable=False),
        pa.field("http_status", pa.int64()),
    ],
)
"""Acceptances: when each was recorded, and how long after its intent."""

ATTEMPT_SCHEMA: Final = pa.schema(
    [
        pa.field("at_us", pa.int64(), nullable=False),
        pa.field("state", pa.string(), nullable=False),
        pa.field("code", pa.string(), nullable=False),
        pa.field("http_status", pa.int64()),
    ],
)
"""Attempts that did not end in a plain acceptance; `pending`: the message was put back to be sent again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """What a run sets out to do."""

    allowed_per_second: float
    expected: int
    """Messages that it is about to send."""
    forecast_seconds: float
    """How long these take at least."""
    expected_plan: str | None
    """The hash, or its beginning, that the operator approved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """The API asked everybody to wait."""

    at_us: int
    until_us: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """What a run left behind, in one digest."""

    run: int
    accepted: int
    """Messages that the run saw accepted, and that no person's word made so."""
    attempts: int
    """Its attempts that ended otherwise."""
    last_word: int
    """The number of the newest word that is covered."""
    digest: str
    """SHA-256, hex."""
    at_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What comes of computing all seals again."""

    sealed: tuple[Seal, ...]
    """As they stand in the ledger, oldest first."""
    differing: tuple[int, ...]
    """Runs whose seal does not fit what is recorded. Each is computed on the seal before it as that one
    stands, so a run is not listed only because an earlier one is."""
    unsealed: tuple[int, ...]
    """Runs without a seal: one that runs now, or was killed and nothing was opened since."""
    unsealed_words: int
    """People's words since the last seal."""
    unexplained: int
    """Messages in a state that no attempt and no word explains."""
