"""A plan as the other stages see it: counts, lanes and one message at a time."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from etl.model.schemas import FileSummary, Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Conservation:
    """Promise P1 as numbers: `rows + carried + split` equals the sum of all the others."""

    rows: int
    """Records read from all files."""
    carried: int
    """Messages taken over from an unfinished plan."""
    split: int
    """Messages beyond one a record: transcripts unfolded, long texts split."""
    rejects: int
    skipped: int
    duplicates: int
    """Repeats within this input."""
    known: int
    """Already in the ledger: accepted, rejected, uncertain or skipped before."""
    planned: int

    @property
    def balanced(self) -> bool:
        """Return whether nothing vanished."""
        out = self.rejects + self.skipped + self.duplicates + self.known + self.planned
        return self.rows + self.carried + self.split == out


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanSummary:
    """Everything `plan.json` says."""

    hash: str
    """SHA-256, hex, over the ordered messages and all that shapes their requests."""
    fingerprint: str
    """SHA-256 over the job's shaping settings and the digests of the input files: finds a plan again
    without reading its input."""
    identity: str
    """SHA-256 over the settings that decide a message's key; two identities in one ledger would not
    recognise each other's messages."""
    source: str
    ledger_mark: str
    """The ledger's content that the plan was made against; another mark means: plan again."""
    conservation: Conservation
    lanes: int
    longest_lane: int
    first_at: str | None
    last_at: str | None
    rejects_by_code: dict[str, int]
    skipped_by_reason: dict[str, int]
    known_by_state: dict[str, int]
    roles: dict[str, int]
    changed: dict[str, int]
    found: dict[str, int]
    """Rows in which something was noticed and left, by kind; personal data is counted by `Insight`."""
    offsets: dict[str, int]
    """Times by the offset they were written with, most common first."""
    files: tuple[FileSummary, ...]
    skipped_files: tuple[str, ...]
    """Files that could not be trusted and were left out whole, each with the reason."""
    made_at: str | None = None
    """The instant of planning, ISO 8601 UTC; None: not known."""
    settings: str = ""
    """SHA-256 over the job's settings that decide which messages come out of an input: a replay, which does
    not read it, compares them."""
    parts: int = 1
    """Files that its messages lie in, each with whole lanes; one, unless several workers made the plan."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """One user's messages: the ordinals `first … first + length - 1` of the plan, in sending order."""

    name: str
    first: int
    length: int


class PlannedMessage(NamedTuple):
    """One message, ready to become a request; a tuple, since one is made for every message."""

    ordinal: int
    """Its place in the plan, from 0: the ledger's address."""
    key: bytes
    content: bytes
    lane: str
    at_us: int
    """Microseconds since 1970 UTC."""
    role: Role
    text: str
    conversation: str | None
    profile: str | None
    variables: str | None

    def __repr__(self) -> str:
        """Return its place alone: it holds what a customer wrote."""
        return f"PlannedMessage(ordinal={self.ordinal})"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanFolder:
    """A plan on disk."""

    path: Path
    summary: PlanSummary

    @property
    def messages(self) -> tuple[Path, ...]:
        """Return the files of messages, each ordered as the whole is."""
        return tuple(self.path / name for name in message_files(self.summary.parts))

    @property
    def lanes(self) -> Path:
        """Return the lanes, longest first."""
        return self.path / "lanes.parquet"

    @property
    def rejects(self) -> Path:
        """Return the rejects."""
        return self.path / "rejects.parquet"

    @property
    def rejects_csv(self) -> Path:
        """Return the same rejects as a file for people."""
        return self.path / "rejects.csv"


def message_files(parts: int) -> tuple[str, ...]:
    """Return the names of the files that a plan's messages lie in."""
    return (
        ("messages.parquet",) if parts == 1 else tuple(f"messages-{part:05}.parquet" for part in range(parts))
    )
