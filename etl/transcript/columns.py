"""Which columns the export has, which ones unfolding makes, and that no column is both."""

from typing import Final

from etl.config.job import Job
from etl.config.reading import POSITION_COLUMN
from etl.errors import UsageError

SPEAKER_COLUMN: Final = "(speaker)"
"""The column of roles where the job maps none; no export has one of that name."""
TIME_COLUMN: Final = "(time)"
"""What a job may name as its timestamp column when the export has none beside the transcript."""


def source_columns(job: Job) -> tuple[str, ...]:
    """Return the mapped columns that the export itself must have, for a job with `[input] transcript`."""
    made = {job.columns.role, SPEAKER_COLUMN, POSITION_COLUMN, TIME_COLUMN}
    return tuple(name for name in job.columns.mapped if name not in made)


def refuse_shared(job: Job) -> None:
    """Refuse a column mapped twice: what is each message's own can't be the conversation's too.

    Raises:
        UsageError: one is.
    """
    columns = job.columns
    own = {"text": columns.text, "timestamp": columns.timestamp, "role": columns.role, "id": columns.id}
    others = {
        "user": columns.user_column,
        "author": columns.author,
        "conversation": columns.conversation,
        "sequence": columns.sequence,
        "visibility": columns.visibility,
        "attachments": columns.attachments,
        "conversation_start": columns.conversation_start,
        **{f"variables.{name}": column for name, column in columns.variables.items()},
        **{f"profile.{name}": column for name, column in columns.profile.items()},
    }
    pairs = [(name, column) for name, column in [*own.items(), *others.items()] if column is not None]
    for mine, column in own.items():
        shared = [name for name, other in pairs if other == column and name != mine]
        if shared:
            raise UsageError(
                f"columns.{mine} and columns.{shared[0]} both name {column!r}: with [input] transcript each "
                f"message has its own {mine}, but the conversation has one {shared[0]}",
                hint="messages of a transcript need no id: leave `id` out and map `conversation`"
                if mine == "id"
                else f"map another column to {shared[0]}, or none",
            )
