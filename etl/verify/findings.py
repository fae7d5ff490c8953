"""What reading back can say of a message or of a row of the report."""

from enum import StrEnum
from typing import Final


class Level(StrEnum):
    """How much is read back."""

    FULL = "full"
    """Every message."""
    SAMPLE = "sample"
    """A random sample of the accepted ones, and every uncertain one."""
    TOTALS = "totals"
    """Only how many messages each day has."""


class Finding(StrEnum):
    """A verdict. The first four share out the accepted messages, the next four the uncertain ones."""

    PRESENT = "present"
    SHIFTED = "shifted"
    MISSING = "missing"
    UNKNOWN = "unknown"
    PROVEN = "proven"
    AMBIGUOUS = "ambiguous"
    ABSENT = "absent"
    UNKNOWN_DOUBT = "unknown_doubt"
    DOUBLED = "doubled"
    SWAPPED = "swapped"
    UNEXPECTED = "unexpected"
    BY_HAND = "by_hand"
    FOREIGN = "foreign"

    @property
    def meaning(self) -> str:
        """Return the finding in words, as the README prints it."""
        return _MEANINGS[self]


_MEANINGS: Final[dict[Finding, str]] = {
    Finding.PRESENT: "accepted, and in the report: by its id, or by user, text and time",
    Finding.SHIFTED: "accepted; the report has its user and text, at another time",
    Finding.MISSING: "accepted, and not in a report that surely covers it",
    Finding.UNKNOWN: "accepted; the report can't tell: cut off, other days, too young, or the text is gone",
    Finding.PROVEN: "uncertain, and in the report without ambiguity: `--settle` settles it as accepted",
    Finding.AMBIGUOUS: "uncertain; the report has the like, but too few, too many, or at another time",
    Finding.ABSENT: "uncertain, and not in a report that surely covers it; settles nothing by itself",
    Finding.UNKNOWN_DOUBT: "uncertain; the report can't tell, for the same reasons as `unknown`",
    Finding.DOUBLED: "one more row with the id, or the user, text and time, of a message that was found",
    Finding.SWAPPED: "present, but after a message of its user that was sent later",
    Finding.UNEXPECTED: "in the report, though by the ledger it was never accepted",
    Finding.BY_HAND: "a message of `etl send`, by its id, or by user and time; only counted",
    Finding.FOREIGN: "a row of the report that is none of ours; only counted",
}

ACCEPTED: Final = (Finding.PRESENT, Finding.SHIFTED, Finding.MISSING, Finding.UNKNOWN)
"""Each accepted message that is looked at has exactly one of these."""

UNCERTAIN: Final = (Finding.PROVEN, Finding.AMBIGUOUS, Finding.ABSENT, Finding.UNKNOWN_DOUBT)
"""Each uncertain one exactly one of these."""

SOUND: Final = frozenset({Finding.PRESENT, Finding.BY_HAND, Finding.FOREIGN})
"""Findings that leave nothing to do; `proven` does until it is settled."""
