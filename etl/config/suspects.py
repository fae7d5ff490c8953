"""Columns that decide whether a row was ever a message to a customer, and that no job may overlook."""

from collections.abc import Iterable
from typing import Final

from etl.config.job import Job
from etl.config.presets import plain
from etl.config.reading import CustomerOf

NOTES: Final = frozenset({
    "public", "ispublic", "private", "isprivate", "internal", "isinternal", "visibility", "type", "parttype",
    "messagetype", "recipients",
})  # fmt: skip
"""They can tell internal notes from messages."""

UNSENT: Final = frozenset({
    "fivetranactive", "fivetrandeleted", "deleted", "isdeleted", "deletedat", "draft", "isdraft", "draftmode",
    "faileddatetime",
})  # fmt: skip
"""They can tell superseded, deleted and unsent rows from messages."""


def overlooked(job: Job, names: Iterable[str]) -> tuple[str, ...]:
    """Return the columns of a file that the job should use and does not, in the file's order.

    Those that tell notes are answered by `columns.visibility`, or by a rule of `[rows]` on any of them.
    """
    used = _used(job)
    answered = job.columns.visibility is not None or any(plain(name) in NOTES for name in used)
    suspects = UNSENT if answered else UNSENT | NOTES
    return tuple(name for name in names if plain(name) in suspects and name not in used)


def _used(job: Job) -> frozenset[str]:
    columns = job.columns
    names = [*columns.mapped, *job.rows.columns, *(join.on for join in job.join)]
    if columns.author is not None:
        names.append(columns.author)
    if isinstance(columns.user, CustomerOf):
        names.append(columns.user.customer_of)
    return frozenset(names)
