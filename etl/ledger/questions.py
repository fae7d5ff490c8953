"""What every ledger answers in the same words of SQL, and how its rows become values."""

from abc import ABC, abstractmethod
from typing import Any, Final

import pyarrow as pa

from etl.ledger.interface import Entry, LedgerName, PlanRecord, RunRecord
from etl.model.states import State

BATCH_ROWS: Final = 65_536

STATES: Final = {state.value: state for state in State}

_PLANS = (
    "SELECT number, hash, fingerprint, identity, source, messages, lanes, is_open FROM plan ORDER BY number"
)

_RUN: Final = """
    SELECT number, plan, host, pid, version, started_us, ended_us, exit_code,
           allowed_per_second, expected, forecast_seconds, expected_plan, stop
    FROM run
"""


class Questions(ABC):
    """The short questions without parameters; each kind of ledger says how rows are fetched."""

    @abstractmethod
    def _rows(self, sql: str) -> list[Any]:
        """Return the rows of a question without parameters."""

    def name(self) -> LedgerName:
        """Return which ledger this is, and its generation."""
        ((target, identity, generation),) = self._rows("SELECT target, identity, generation FROM meta")
        return LedgerName(target=target, identity=identity, generation=generation)

    def mark(self) -> str:
        """Return the mark that every change of a message or a plan draws anew."""
        return str(self._rows("SELECT mark FROM meta")[0][0])

    def learned_rate_per_second(self) -> float | None:
        """Return the rate that earlier runs found this target to bear, if they had to slow down."""
        value: float | None = self._rows("SELECT learned_rate_per_second FROM meta")[0][0]
        return value

    def last_send_us(self) -> int | None:
        """Return when the newest intent was written."""
        value: int | None = self._rows("SELECT last_send_us FROM meta")[0][0]
        return value

    def hold_off_us(self) -> int | None:
        """Return until when the API asked everybody to wait, if it did."""
        value: int | None = self._rows("SELECT hold_off_us FROM meta")[0][0]
        return value

    def open_plan(self) -> PlanRecord | None:
        """Return the plan whose messages may still be sent, if any."""
        return next((plan for plan in self.plans() if plan.open), None)

    def plans(self) -> list[PlanRecord]:
        """Return all plans, oldest first."""
        return [
            PlanRecord(
                number=number, hash=digest, fingerprint=fingerprint, identity=identity, source=source,
                messages=messages, lanes=lanes, open=bool(is_open),
            )
            for number, digest, fingerprint, identity, source, messages, lanes, is_open
            in self._rows(_PLANS)
        ]  # fmt: skip

    def last_run(self) -> RunRecord | None:
        """Return the newest run."""
        found = self._rows(f"{_RUN} ORDER BY number DESC LIMIT 1")
        return _run(found[0]) if found else None

    def runs(self) -> list[RunRecord]:
        """Return all runs, oldest first."""
        return list(map(_run, self._rows(f"{_RUN} ORDER BY number")))


def _run(row: tuple[Any, ...]) -> RunRecord:
    number, plan, host, pid, version, started_us, ended_us, exit_code, *aims = row
    allowed_per_second, expected, forecast_seconds, expected_plan, stop = aims
    return RunRecord(
        number=number, plan=plan, host=host, pid=pid, version=version, started_us=started_us,
        ended_us=ended_us, exit_code=exit_code, allowed_per_second=allowed_per_second, expected=expected,
        forecast_seconds=forecast_seconds, expected_plan=expected_plan, stop=stop,
    )  # fmt: skip


def table(rows: list[Any], schema: pa.Schema) -> pa.RecordBatch:
    """Return rows as a batch of `schema`; times and truths come as integers."""
    columns = zip(*rows, strict=True)
    arrays = [_array(column, field.type) for column, field in zip(columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _array(column: tuple[object, ...], kind: pa.DataType) -> pa.Array:
    if pa.types.is_timestamp(kind) or pa.types.is_boolean(kind):
        return pa.array(column, type=pa.int64()).cast(kind)
    return pa.array(column, type=kind)


def entry(row: tuple[Any, ...]) -> Entry:
    """Return a row (plan, ordinal, key, lane, at_us, state, reason, http_status) as an entry."""
    plan, ordinal, key, lane, at_us, state, reason, http_status = row
    return Entry(
        plan=plan, ordinal=ordinal, key=key, lane=lane, at_us=at_us,
        state=STATES[state], reason=reason, http_status=http_status,
    )  # fmt: skip


def progress(rows: list[tuple[int, str]]) -> tuple[list[int], list[State]]:
    """Return rows (ordinal, state) as two lists."""
    if not rows:
        return [], []
    ordinals, states = zip(*rows, strict=True)
    return list(ordinals), list(map(STATES.__getitem__, states))
