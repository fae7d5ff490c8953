"""Where the cells of a column are: in the rows themselves, in a join, or in the customers' table."""

from collections.abc import Iterable, Sequence

from etl.config.job import Job
from etl.config.reading import CUSTOMER_COLUMN
from etl.gather.joins import Lookup
from etl.gather.rows import FIRST_FILES, RowTable, StoredFile
from etl.gather.summary import Tally


class View:
    """Writes SQL over `gathered g`, the results `step_N s_N` of joins and `customers u`.

    An opening that gives a column which a join adds has the last word for its own rows.
    """

    def __init__(self, job: Job, rows: RowTable, lookups: Sequence[Lookup]) -> None:
        self._rows = rows
        self._lookups = lookups
        self._joins = {name: number for number, join in enumerate(job.join) for name in join.columns}
        self._given = [
            (part, {*opening.columns, *opening.constants})
            for part, opening in enumerate(job.opening, FIRST_FILES + 1)
        ]

    def text(self, name: str) -> str:
        """Return the expression of a column's cells."""
        return "u.customer" if name == CUSTOMER_COLUMN else self._either(name, "c", "v")

    def kind(self, name: str) -> str:
        """Return the expression of the kinds of a column's cells."""
        return "NULL::UTINYINT" if name == CUSTOMER_COLUMN else self._either(name, "k", "k")

    def kinds_in(self, file: StoredFile, name: str) -> set[int]:
        """Return the kinds that a column may have in a file; empty: it is plain text."""
        join = self._joins.get(name)
        if join is None or file.part in self._parts_giving({name}):
            return file.kinds.get(name, set())
        return self._lookups[join].kinds.get(name, set())

    def tables(self, names: Iterable[str]) -> str:
        """Return a FROM clause that has the columns."""
        return "".join(
            ["gathered g", *(f" JOIN {table} {alias} ON {alias}.place = g.place"
                             for table, alias in self._needed(names))],
        )  # fmt: skip

    def within(self, names: Iterable[str], first: int, end: int) -> str:
        """Return a condition on the place; said of each table, so that each reads only those rows."""
        aliases = ["g", *(alias for _, alias in self._needed(names))]
        return " AND ".join(f"{alias}.place >= {first} AND {alias}.place < {end}" for alias in aliases)

    def parts_without(self, lookup: Lookup) -> tuple[int, ...]:
        """Return the openings that need nothing of a join."""
        return self._parts_giving(set(lookup.join.columns))

    def tally(self, count: int | None, first: int | None) -> Tally:
        """Return a count with the place of the row that has this number."""
        return Tally(count=count or 0, first=self._rows.place(first))

    def _either(self, name: str, own: str, joined: str) -> str:
        number, join = self._rows.number(name), self._joins.get(name)
        mine = f"g.{own}{number}"
        if join is None:
            return mine
        theirs = f"s_{join}.{joined}{self._lookups[join].value(name)}"
        parts = self._parts_giving({name})
        if not parts:
            return theirs
        return f"CASE WHEN g.part IN ({', '.join(map(str, parts))}) THEN {mine} ELSE {theirs} END"

    def _parts_giving(self, names: set[str]) -> tuple[int, ...]:
        return tuple(part for part, given in self._given if names <= given)

    def _needed(self, names: Iterable[str]) -> list[tuple[str, str]]:
        wanted = set(names)
        steps = sorted({self._joins[name] for name in wanted if name in self._joins})
        customers = [("customers", "u")] if CUSTOMER_COLUMN in wanted else []
        return [*((f"step_{number}", f"s_{number}") for number in steps), *customers]
