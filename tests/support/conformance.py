"""What the tests that every ledger passes share."""

from collections.abc import Iterable
from typing import Any

import pyarrow as pa

from etl.ledger.interface import Decision
from etl.model.states import State

ALL = frozenset(State)
UNSETTLED = frozenset({State.UNCERTAIN, State.REJECTED, State.IN_FLIGHT})


def rows(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> list[dict[str, Any]]:
    """Return a stream of batches as rows, after a look at its schema."""
    listed = list(batches)
    assert all(schema == batch.schema for batch in listed)
    return [row for batch in listed for row in batch.to_pylist()]


def decision(plan: int, ordinal: int, state: State) -> Decision:
    """Return somebody's word on a message."""
    return Decision(plan=plan, ordinal=ordinal, state=state, who="ann", why="seen in the inbox", now_us=9_000)
