"""What batches count, added up per file and over all."""

from collections import Counter
from dataclasses import dataclass, field

from etl.model.schemas import NormalizedBatch


@dataclass(slots=True, kw_only=True)
class Tally:
    """Counts that batches bring along."""

    skipped: Counter[str] = field(default_factory=Counter)
    changed: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    offsets: Counter[str] = field(default_factory=Counter)
    split: int = 0

    def add(self, other: "Tally | NormalizedBatch") -> None:
        """Add the counts of a batch, or of another tally."""
        self.skipped.update(other.skipped)
        self.changed.update(other.changed)
        self.found.update(other.found)
        self.offsets.update(other.offsets)
        self.split += other.split
