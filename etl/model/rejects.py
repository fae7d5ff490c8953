"""The closed lists of why a row does not become a message: rejects (faults) and skips (rules of the job)."""

from enum import StrEnum
from typing import Final


class RejectCode(StrEnum):
    """Why a row can't become a message. The README has the same table."""

    RAGGED_ROW = "ragged_row"
    RECORD_TOO_LARGE = "record_too_large"
    MISSING_USER = "missing_user"
    USER_TOO_LONG = "user_too_long"
    PLACEHOLDER_USER = "placeholder_user"
    ID_PRECISION_LOST = "id_precision_lost"
    TRANSCRIPT_UNREADABLE = "transcript_unreadable"
    BAD_RECORD = "bad_record"
    MISSING_TIMESTAMP = "missing_timestamp"
    BAD_TIMESTAMP = "bad_timestamp"
    TIMESTAMP_WITHOUT_ZONE = "timestamp_without_zone"
    TIMESTAMP_AMBIGUOUS = "timestamp_ambiguous"
    TIMESTAMP_NONEXISTENT = "timestamp_nonexistent"
    TIMESTAMP_OUT_OF_RANGE = "timestamp_out_of_range"
    MISSING_ROLE = "missing_role"
    UNKNOWN_ROLE = "unknown_role"
    UNKNOWN_VISIBILITY = "unknown_visibility"
    BAD_SEQUENCE = "bad_sequence"
    EMPTY_TEXT = "empty_text"
    TEXT_TOO_LONG = "text_too_long"
    CONFLICT = "conflict"
    LATE = "late"

    @property
    def meaning(self) -> str:
        """Return the fault in words."""
        return _REJECTS[self][0]

    @property
    def remedy(self) -> str:
        """Return how to fix it: in the export or in the job."""
        return _REJECTS[self][1]


_REJECTS: Final[dict[RejectCode, tuple[str, str]]] = {
    RejectCode.RAGGED_ROW: (
        "the row has more or fewer fields than the header",
        "export it again, or quote the field that holds the delimiter",
    ),
    RejectCode.BAD_RECORD: (
        "the line is no JSON object, or names a key twice",
        "export it again, or correct the line",
    ),
    RejectCode.RECORD_TOO_LARGE: (
        "the record is larger than `max_record_bytes`, or a quote was never closed",
        "close the quote, or raise `[input] max_record_bytes`",
    ),
    RejectCode.MISSING_USER: (
        'no user id (or, with `lane = "conversation"`, no conversation id), or one with a NUL character',
        "fill the cell, or map a column that is always filled and sound",
    ),
    RejectCode.USER_TOO_LONG: (
        "the user id has more than 255 characters",
        "map another column: this one holds something else in that row",
    ),
    RejectCode.PLACEHOLDER_USER: (
        "the user id stands for nobody in particular",
        "map another column, or say under `[users] placeholder` what becomes of such rows",
    ),
    RejectCode.ID_PRECISION_LOST: (
        "an id in scientific notation: a spreadsheet has cut its digits",
        "export again without opening the file in a spreadsheet",
    ),
    RejectCode.MISSING_TIMESTAMP: ("no time", "fill the cell, or map a column that is always filled"),
    RejectCode.TRANSCRIPT_UNREADABLE: (
        "the transcript in this cell is not in the form that `[input] transcript` names",
        "look at the row; other rows may still be sound",
    ),
    RejectCode.BAD_TIMESTAMP: (
        "the time does not match `[time] format`, or there is no such date",
        "correct the cell, or state the column's real format",
    ),
    RejectCode.TIMESTAMP_WITHOUT_ZONE: (
        "the time has no offset and the job states no zone",
        "set `[time] zone` to the zone the export was written in",
    ),
    RejectCode.TIMESTAMP_AMBIGUOUS: (
        "the local time happened twice, when the clocks went back",
        'export in UTC, or set `[time] ambiguous` to "earlier" or "later"',
    ),
    RejectCode.TIMESTAMP_NONEXISTENT: (
        "the local time never happened: the clocks went forward",
        "check `[time] zone`",
    ),
    RejectCode.TIMESTAMP_OUT_OF_RANGE: (
        "before 2001-09-09 (the API takes 10 digits) or in the future",
        "check the unit in `[time] format`",
    ),
    RejectCode.MISSING_ROLE: ("no role", "fill the cell, or map a column that is always filled"),
    RejectCode.UNKNOWN_ROLE: (
        "a role that the job does not name",
        "name it under `[roles]`, if only to skip it",
    ),
    RejectCode.UNKNOWN_VISIBILITY: (
        "neither public nor private by the job: it might be an internal note",
        "name the value under `[visibility]`",
    ),
    RejectCode.BAD_SEQUENCE: (
        "the sequence is not a whole number",
        "correct the cell, or map another column, or none",
    ),
    RejectCode.EMPTY_TEXT: ("no text, or nothing but white space", "nothing to do: there is nothing to send"),
    RejectCode.TEXT_TOO_LONG: (
        "the text has more characters than `[text] max_characters`",
        'raise it, or set `[text] too_long = "truncate"`',
    ),
    RejectCode.CONFLICT: (
        "the same message id with other content; the first one stays",
        "decide which is right and remove the other",
    ),
    RejectCode.LATE: (
        "older than a message of the same lane that was already accepted",
        'nothing, or set `[replay] late = "send"` to send it out of order',
    ),
}


class SkipReason(StrEnum):
    """Why a sound row is left out on purpose, by a rule of the job."""

    ROLE = "role"
    PRIVATE = "private"
    FILTERED = "filtered"
    RESIDUE = "residue"

    @property
    def meaning(self) -> str:
        """Return the rule in words."""
        return _SKIPS[self]


_SKIPS: Final[dict[SkipReason, str]] = {
    SkipReason.ROLE: "its role is listed under `[roles] skip`",
    SkipReason.FILTERED: "left out by `[rows]`",
    SkipReason.RESIDUE: "a mark of an earlier hand-over from Certainly, by `[text] residues`",
    SkipReason.PRIVATE: "an internal note by `[visibility]`",
}
