"""What can be asked of a PostgreSQL ledger about its runs: for reports, and to find what was changed."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from typing import Final, TypeVar

import pyarrow as pa

from etl.ledger import seals
from etl.ledger.evidence import ACCEPTED_SCHEMA, ATTEMPT_SCHEMA, Pause, Seal, Verification
from etl.ledger.postgres.failures import translated
from etl.ledger.postgres.reader import PostgresReader
from etl.ledger.postgres.seal_script import PostgresBook
from etl.ledger.postgres.waiting import patiently

# By a word accepted ones are the word's, not the run's. The plan bounds the pass over the messages.
_ACCEPTED: Final = """
    SELECT settled_us, settled_us - intent_us, http_status FROM message
    WHERE plan IN (SELECT plan FROM run WHERE number = ANY(%(runs)s::bigint[]))
      AND run = ANY(%(runs)s::bigint[]) AND state = 'accepted'
      AND NOT EXISTS (SELECT 1 FROM decision WHERE decision.plan = message.plan
                      AND decision.ordinal = message.ordinal AND to_state = 'accepted')
"""

_ATTEMPTS: Final = """
    SELECT at_us, state, split_part(reason, ':', 1), http_status
    FROM attempt WHERE run = ANY(%(runs)s::bigint[])
"""

_PAUSES: Final = """
    SELECT at_us, until_us, reason FROM pause WHERE run = ANY(%s::bigint[]) ORDER BY number
"""

_WORDS: Final = """
    SELECT to_state, count(*) FROM decision WHERE plan = %s GROUP BY to_state ORDER BY to_state
"""


T = TypeVar("T")


class PostgresHistory(PostgresReader):
    """The questions about runs, beside those about messages."""

    def acceptances(self, runs: Iterable[int]) -> Iterator[pa.RecordBatch]:
        """Yield `ACCEPTED_SCHEMA` for what these runs saw accepted, in no particular order."""
        return self._stream(_ACCEPTED, ACCEPTED_SCHEMA, {"runs": list(runs)})

    def attempts(self, runs: Iterable[int]) -> Iterator[pa.RecordBatch]:
        """Yield `ATTEMPT_SCHEMA` for these runs, in no particular order."""
        return self._stream(_ATTEMPTS, ATTEMPT_SCHEMA, {"runs": list(runs)})

    def pauses(self, runs: Iterable[int]) -> list[Pause]:
        """Return the pauses that the API asked these runs for, oldest first."""
        found = self._rows(_PAUSES, (list(runs),))
        return [Pause(at_us=at_us, until_us=until_us, reason=reason) for at_us, until_us, reason in found]

    def words(self, plan: int) -> dict[str, int]:
        """Return how many of people's words a plan's messages got, by the state that they led to."""
        return dict(self._rows(_WORDS, (plan,)))

    def seals(self) -> list[Seal]:
        """Return the seals of all runs that have one, oldest first."""
        return self._of_book(seals.seals)

    def verify_seals(self) -> Verification:
        """Compute every seal again, in one pass over a snapshot; the memory it takes is bounded."""
        return self._of_book(seals.verify)

    def _of_book(self, question: Callable[[PostgresBook], T]) -> T:
        """Ask something of a snapshot of all records; from the beginning if the connection goes meanwhile."""

        def attempt() -> T:
            with closing(self._connected()) as connection:
                connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                return question(PostgresBook(connection))

        with translated(self._address):
            return patiently(attempt, seconds=self._patience_seconds, hurried=self._hurried)
