"""What can be asked of a SQLite ledger about its runs: for reports, and to find what was changed."""

import json
from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import Final

import pyarrow as pa

from etl.ledger import seals
from etl.ledger.evidence import ACCEPTED_SCHEMA, ATTEMPT_SCHEMA, Pause, Seal, Verification
from etl.ledger.migrations import connect, translated
from etl.ledger.reader import SqliteReader, stream
from etl.ledger.seal_script import SqliteBook

# By a word accepted ones are the word's, not the run's. The plan bounds the pass over the messages.
_ACCEPTED: Final = """
    SELECT settled_us, settled_us - intent_us, http_status FROM message
    WHERE plan IN (SELECT plan FROM run WHERE number IN (SELECT value FROM json_each(?1)))
      AND run IN (SELECT value FROM json_each(?1)) AND state = 'accepted'
      AND (plan, ordinal) NOT IN (SELECT plan, ordinal FROM decision WHERE to_state = 'accepted')
"""

_ATTEMPTS: Final = """
    SELECT at_us, state, substr(reason, 1, instr(reason || ':', ':') - 1), http_status
    FROM attempt WHERE run IN (SELECT value FROM json_each(?1))
"""

_PAUSES: Final = """
    SELECT at_us, until_us, reason FROM pause
    WHERE run IN (SELECT value FROM json_each(?1)) ORDER BY number
"""

_WORDS: Final = "SELECT to_state, count(*) FROM decision WHERE plan = ? GROUP BY to_state ORDER BY to_state"


class SqliteHistory(SqliteReader):
    """The questions about runs, beside those about messages."""

    def acceptances(self, runs: Iterable[int]) -> Iterator[pa.RecordBatch]:
        """Yield `ACCEPTED_SCHEMA` for what these runs saw accepted, in no particular order."""
        return stream(self._path, _ACCEPTED, ACCEPTED_SCHEMA, (json.dumps(list(runs)),))

    def attempts(self, runs: Iterable[int]) -> Iterator[pa.RecordBatch]:
        """Yield `ATTEMPT_SCHEMA` for these runs, in no particular order."""
        return stream(self._path, _ATTEMPTS, ATTEMPT_SCHEMA, (json.dumps(list(runs)),))

    def pauses(self, runs: Iterable[int]) -> list[Pause]:
        """Return the pauses that the API asked these runs for, oldest first."""
        found = self._rows(_PAUSES, (json.dumps(list(runs)),))
        return [Pause(at_us=at_us, until_us=until_us, reason=reason) for at_us, until_us, reason in found]

    def words(self, plan: int) -> dict[str, int]:
        """Return how many of people's words a plan's messages got, by the state that they led to."""
        return dict(self._rows(_WORDS, (plan,)))

    def seals(self) -> list[Seal]:
        """Return the seals of all runs that have one, oldest first."""
        with translated(self._path), self._reading:
            return seals.seals(SqliteBook(self._reader))

    def verify_seals(self) -> Verification:
        """Compute every seal again, in one pass over a snapshot; the memory it takes is bounded."""
        with translated(self._path), closing(connect(self._path, "ro")) as connection:
            connection.execute("BEGIN")
            return seals.verify(SqliteBook(connection))
