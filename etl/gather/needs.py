"""What a job needs of its files so that rows can be gathered; and what it can't mean."""

from collections.abc import Iterable

from etl.config.job import Job
from etl.config.reading import CUSTOMER_COLUMN, CustomerOf, Join, Opening
from etl.errors import UsageError


def is_needed(job: Job) -> bool:
    """Return whether rows must be gathered before they can be normalized."""
    return bool(job.join or job.opening or isinstance(job.columns.user, CustomerOf))


def main_columns(job: Job) -> tuple[str, ...]:
    """Return the columns to read of the first files, each once, in a fixed order."""
    wanted = [*output_columns(job), *(join.on for join in job.join)]
    if isinstance(job.columns.user, CustomerOf):
        wanted.append(job.columns.user.customer_of)
        wanted.extend(name for name in (job.columns.author,) if name is not None)
    made = {CUSTOMER_COLUMN, *added_columns(job)}
    return tuple(name for name in dict.fromkeys(wanted) if name not in made)


def output_columns(job: Job) -> tuple[str, ...]:
    """Return the columns of gathered rows: the mapped ones and those of `[rows]`, each once."""
    return tuple(dict.fromkeys([*job.columns.mapped, *job.rows.columns]))


def added_columns(job: Job) -> tuple[str, ...]:
    """Return the columns that joins add, each once, in the order of the joins."""
    return tuple(dict.fromkeys(name for join in job.join for name in join.columns))


def join_columns(join: Join) -> tuple[str, ...]:
    """Return the columns to read of a join's files, the key first, each once."""
    return tuple(dict.fromkeys([join.key, *join.columns.values()]))


def opening_columns(opening: Opening) -> tuple[str, ...]:
    """Return the columns to read of an opening's files, each once."""
    return tuple(dict.fromkeys(opening.columns.values()))


def time_columns(job: Job) -> frozenset[str]:
    """Return the columns that keep their type where a file has one: the times of a row."""
    columns = job.columns
    return frozenset(name for name in (columns.timestamp, columns.conversation_start) if name is not None)


def join_times(job: Job, join: Join) -> frozenset[str]:
    """Return the columns of a join's files that keep their type; the key never does."""
    times = time_columns(job)
    return frozenset(theirs for ours, theirs in join.columns.items() if ours in times) - {join.key}


def opening_times(job: Job, opening: Opening) -> frozenset[str]:
    """Return the columns of an opening's files that keep their type.

    One that is also mapped as something else is a time all the same.
    """
    times = time_columns(job)
    return frozenset(theirs for ours, theirs in opening.columns.items() if ours in times)


def refuse_existing(job: Job, file: str, names: Iterable[str]) -> None:
    """Check that no join adds a column that the first files have: `names` is the header of one of them.

    Raises:
        UsageError: a join does, and which of the two is meant would be a guess.
    """
    both = sorted(set(added_columns(job)).intersection(names))
    if both:
        raise UsageError(
            f"{file}: has a column {both[0]!r}, and a [[join]] adds one of that name",
            hint="give the joined column another name under `[[join]] columns` and map that one",
        )


def refuse_senseless(job: Job) -> None:
    """Check that the tables of joins and openings fit together.

    Raises:
        UsageError: they don't; the message names the table and the column.
    """
    _check_joins(job)
    _check_openings(job)
    _check_customers(job)


def _check_joins(job: Job) -> None:
    everything = set(added_columns(job))
    added: set[str] = set()
    for number, join in enumerate(job.join, 1):
        twice = sorted(added.intersection(join.columns))
        if twice:
            raise UsageError(
                f"[[join]] {number} adds the column {twice[0]!r}, and so does an earlier one",
                hint="give one of them another name",
            )
        if CUSTOMER_COLUMN in join.columns:
            raise UsageError(f"[[join]] {number} adds the column {CUSTOMER_COLUMN!r}, which is customer_of's")
        if join.on in everything and join.on not in added:
            raise UsageError(
                f"[[join]] {number} is on the column {join.on!r}, which no join before it adds",
                hint="joins are made in the order in which they are listed: move the other one up",
            )
        added.update(join.columns)


def _check_customers(job: Job) -> None:
    columns = job.columns
    joins = [number for number, join in enumerate(job.join) if join.on == CUSTOMER_COLUMN]
    if not isinstance(columns.user, CustomerOf):
        if joins:
            raise UsageError(
                f"[[join]] {joins[0] + 1} is on the column {CUSTOMER_COLUMN!r}, and columns.user says no "
                "customer_of, which makes it",
                hint="join on the column that holds the user",
            )
        return
    if not job.roles.customer:
        raise UsageError(
            "columns.user says customer_of, but roles.customer is empty: nobody is a customer",
            hint="list the values of columns.role that mean the customer",
        )
    sources = {columns.user.customer_of, columns.author, columns.role, columns.timestamp}
    if CUSTOMER_COLUMN in sources:
        raise UsageError(f"the column {CUSTOMER_COLUMN!r} is made by customer_of, which can't begin with it")
    later = {name for join in job.join[joins[0] :] for name in join.columns} if joins else set()
    needed = sorted(later.intersection(name for name in (*sources, *job.rows.columns) if name is not None))
    if needed:
        raise UsageError(
            f"[[join]] {joins[0] + 1} is on the column {CUSTOMER_COLUMN!r}, but {needed[0]!r}, which decides "
            "who the customer is, comes of that join or a later one",
            hint="move the join that adds it up, before the one on the customer",
        )


def _check_openings(job: Job) -> None:
    usable = {*main_columns(job), *added_columns(job)}
    for number, opening in enumerate(job.opening, 1):
        both = sorted(set(opening.columns).intersection(opening.constants))
        if both:
            raise UsageError(f"[[opening]] {number} gives {both[0]!r} as a column and as a constant")
        unknown = sorted({*opening.columns, *opening.constants} - usable)
        if unknown:
            raise UsageError(
                f"[[opening]] {number} gives a column {unknown[0]!r} that the job does not use",
                hint=f"the names on the left are columns of the first files: {', '.join(sorted(usable))}",
            )
        lacking = sorted(
            {*job.rows.keep, *job.rows.filled} - {*opening.columns, *opening.constants, *added_columns(job)}
        )
        if lacking:
            raise UsageError(
                f"[[opening]] {number} gives no column {lacking[0]!r}, so `[rows]` would leave out all its "
                "rows",
                hint="map the column under `[opening.columns]`, or set it under `[opening.constants]`",
            )
