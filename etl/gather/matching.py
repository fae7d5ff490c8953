"""The decisions of gathering, each one statement: what a row finds in a join, and who its customer is.

Of a conversation with one customer all rows are that one's. With several, each customer's own rows stay
theirs and all other rows go to whoever wrote first, by the time cell. "First" is a property of the
conversation: it is the same however the rows are split over files or shuffled, and a later export that
only adds newer messages does not move older ones to another user, whose ledger entries would not know
them. Times are not read yet at this stage, so cells are compared as numbers where they are numbers (epochs;
times typed in Parquet, in seconds) and otherwise as they are written, which for ISO 8601 in one zone is by
time; equal ones by the author's id. Formats with the day first give some fixed customer, not always the
earliest. Rows that `[rows]` leaves out tell nobody's customer.
"""

from etl.config.job import Job
from etl.config.reading import CUSTOMER_COLUMN, CustomerOf, Rows
from etl.gather.cells import Kinds
from etl.gather.database import Database
from etl.gather.joins import Lookup, is_blank
from etl.gather.summary import Tally
from etl.gather.view import View


def match(database: Database, view: View, number: int, lookup: Lookup) -> Tally:
    """Make table `step_N`, what each row finds in join N, and count the rows that find nothing."""
    on = lookup.join.on
    values = "".join(f", l.v{place}, l.k{place}" for place in range(len(lookup.join.columns)))
    database.run(
        f"CREATE TABLE step_{number} AS "  # noqa: S608  names are made of numbers
        f"SELECT g.place, l.key IS NOT NULL AS found{values} FROM {view.tables([on])} "
        f"LEFT JOIN {lookup.name} l ON l.key = {_bare(view.text(on), lookup.join.prefix)} ORDER BY g.place",
    )
    database.run(f"DROP TABLE {lookup.name}")
    free = ", ".join(map(str, view.parts_without(lookup)))
    judged = f"step_{number} s JOIN gathered g USING (place) WHERE g.part NOT IN ({free}) AND" if free else ""
    counted = database.row(
        f"SELECT count(*), min(place) FROM {judged or f'step_{number} WHERE'} NOT found",  # noqa: S608  as above
    )
    return view.tally(*counted)


def _bare(cell: str, prefix: str | None) -> str:
    """Return the expression of a cell without a prefix that it may have."""
    if prefix is None:
        return cell
    return (
        f"CASE WHEN starts_with({cell}, {_literal(prefix)}) THEN {cell}[{len(prefix) + 1}:] ELSE {cell} END"
    )


def find_customers(database: Database, view: View, job: Job, kinds: Kinds) -> tuple[Tally, Tally]:
    """Make table `customers`, the user of each row; count rows without one and conversations with two."""
    columns = job.columns
    if not isinstance(columns.user, CustomerOf) or columns.author is None or columns.role is None:
        nothing = view.tally(0, None)
        return nothing, nothing
    names = [columns.user.customer_of, columns.author, columns.role, columns.timestamp]
    conversation, author, role, time = (view.text(name) for name in names)
    ruled = [name for name in job.rows.columns if name != CUSTOMER_COLUMN]
    counts = _counts(view, job.rows)
    database.run(
        f"CREATE TABLE speakers AS SELECT g.place, {author} AS author, "  # noqa: S608  literals are escaped
        f"CASE WHEN NOT {is_blank(conversation)} THEN {conversation} END AS conversation, "
        f"{_number(time, view.kind(columns.timestamp), kinds)} AS number, {time} AS written "
        f"FROM {view.tables([*names, *ruled])} "
        f"WHERE {_among(role, job.roles.customer)} AND NOT {is_blank(author)} AND {counts}",
    )
    database.run(
        "CREATE TABLE conversations AS "
        "SELECT conversation, min(author) <> max(author) AS several, "
        "min({'number': number, 'written': written, 'author': author}).author AS customer "
        "FROM speakers WHERE conversation IS NOT NULL GROUP BY conversation",
    )
    # A blank conversation is none in `conversations`, so a row of one finds nothing but its own author.
    database.run(
        "CREATE TABLE customers AS "  # noqa: S608  as above
        f"SELECT g.place, coalesce(p.author, c.customer) AS customer, {counts} AS counts "
        f"FROM {view.tables([*names, *ruled])} LEFT JOIN speakers p ON p.place = g.place "
        f"LEFT JOIN conversations c ON c.conversation = {conversation} ORDER BY g.place",
    )
    missing = database.row("SELECT count(*), min(place) FROM customers WHERE counts AND customer IS NULL")
    several = database.row(
        "SELECT count(DISTINCT conversation), min(place) FROM speakers JOIN conversations "
        "USING (conversation) WHERE several AND author <> customer",
    )
    database.run("DROP TABLE speakers")
    database.run("DROP TABLE conversations")
    return view.tally(*missing), view.tally(*several)


def _number(cell: str, kind: str, kinds: Kinds) -> str:
    number = f"TRY_CAST({cell} AS DOUBLE)"
    cases = "".join(
        f" WHEN {value} THEN {number} / {unit}" for value, unit in kinds.ticks_per_second().items()
    )
    return f"CASE {kind}{cases} ELSE {number} END" if cases else number


def _counts(view: View, rules: Rows) -> str:
    """Return the SQL that says whether a row counts at all; a rule about the customer comes too early."""
    kept = [_among(view.text(name), rules.keep[name]) for name in rules.keep if name != CUSTOMER_COLUMN]
    dropped = [_among(view.text(name), rules.drop[name]) for name in rules.drop if name != CUSTOMER_COLUMN]
    filled = [f"NOT {is_blank(view.text(name))}" for name in rules.filled if name != CUSTOMER_COLUMN]
    empty = [is_blank(view.text(name)) for name in rules.empty if name != CUSTOMER_COLUMN]
    return " AND ".join(["true", *kept, *(f"NOT {rule}" for rule in dropped), *filled, *empty])


def _among(cell: str, values: tuple[str, ...]) -> str:
    return f"coalesce({cell} IN ({', '.join(map(_literal, values))}), false)" if values else "false"


def _literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
