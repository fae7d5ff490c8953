"""Intents, outcomes and words as statements, each checked: one that breaks a rule is named."""

import sqlite3
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any, Final, assert_never

from etl.ledger import statements
from etl.ledger.interface import Decision, Intent, Outcome
from etl.ledger.refusals import refused
from etl.ledger.words import storable
from etl.model.states import State

_VALUES: Final = {state: state.value for state in State}
"""Of an enum's member the value is a function's; here it is asked for each message."""


def apply_all(cursor: sqlite3.Cursor, kind: type, entries: list[Any]) -> None:
    """Apply entries of one kind; one after the other if that fails, which tells the one to blame."""
    cursor.execute("SAVEPOINT entries")
    try:
        applied = _intend_all(cursor, entries) if kind is Intent else _record_all(cursor, entries)
    except sqlite3.IntegrityError:
        applied = -1
    if applied != len(entries):
        cursor.execute("ROLLBACK TO entries")
        for entry in entries:
            apply(cursor, entry)
    cursor.execute("RELEASE entries")


def _intend_all(cursor: sqlite3.Cursor, intents: list[Intent]) -> int:
    return _execute_all(cursor, statements.intents, intents)


def _record_all(cursor: sqlite3.Cursor, outcomes: list[Outcome]) -> int:
    recorded = _execute_all(cursor, statements.outcomes, [_stored(outcome) for outcome in outcomes])
    attempts = [_attempt(outcome) for outcome in outcomes if _is_told(outcome)]
    if attempts and recorded == len(outcomes):
        cursor.executemany(statements.ATTEMPT, attempts)
    return recorded


def _execute_all(
    cursor: sqlite3.Cursor, statement: Callable[[int], str], rows: Sequence[tuple[object, ...]]
) -> int:
    """Execute one statement for many rows and return how many it changed.

    A statement a row would save, for each, what it has to undo if it fails, and would take Python's lock from
    the thread that sends, and give it back: more than the row itself costs.
    """
    changed, done = 0, 0
    size = statements.MOST_ROWS
    while done < len(rows):
        while size > len(rows) - done:
            size //= 4  # few sizes, so that each statement is prepared once
        cursor.execute(statement(size), tuple(chain.from_iterable(rows[done : done + size])))
        changed, done = changed + cursor.rowcount, done + size
    return changed


def apply(cursor: sqlite3.Cursor, entry: Intent | Outcome | Decision) -> None:
    """Apply one entry.

    Raises:
        LedgerError: it is not allowed in the message's state.
    """
    try:
        match entry:
            case Intent():
                _intend(cursor, entry)
            case Outcome():
                _record(cursor, entry)
            case Decision():
                _decide(cursor, entry)
            case _:
                assert_never(entry)
    except sqlite3.IntegrityError as error:
        fault = str(error)
        if fault == "UNIQUE constraint failed: message.lane":
            fault = "another message of its user is in flight"
        raise refused(entry, fault) from error


def _intend(cursor: sqlite3.Cursor, intent: Intent) -> None:
    cursor.execute(statements.INTENT, intent)
    if cursor.rowcount != 1:
        raise refused(intent, "it is not pending, or it is another message than before")


def _record(cursor: sqlite3.Cursor, outcome: Outcome) -> None:
    if not recorded(cursor, outcome):
        raise refused(outcome, "it is not in flight under this run")


def recorded(cursor: sqlite3.Cursor, outcome: Outcome) -> bool:
    """Record an outcome if its message is in flight under its run; return whether it was."""
    cursor.execute(statements.OUTCOME, _stored(outcome))
    if cursor.rowcount != 1:
        return False
    if _is_told(outcome):
        cursor.execute(statements.ATTEMPT, _attempt(outcome))
    return True


def _stored(outcome: Outcome) -> tuple[object, ...]:
    """Return the parameters of `OUTCOME`."""
    plan, ordinal, run, state, now_us, _, reason, http_status, platform_id, conversation_id = outcome
    return (
        _VALUES[state], http_status, storable(reason), storable(platform_id), storable(conversation_id),
        None if state is State.PENDING else now_us, plan, ordinal, run,
    )  # fmt: skip


def _is_told(outcome: Outcome) -> bool:
    """Return whether it gets a row of its own: it is no plain acceptance."""
    return outcome.state is not State.ACCEPTED or outcome.phase != "answered"


def _attempt(outcome: Outcome) -> tuple[object, ...]:
    """Return the parameters of `ATTEMPT`."""
    return outcome.phase, outcome.now_us, outcome.plan, outcome.ordinal


def _decide(cursor: sqlite3.Cursor, decision: Decision) -> None:
    address = (decision.plan, decision.ordinal)
    words = (storable(decision.who), storable(decision.why))
    cursor.execute(statements.DECISION, (decision.state.value, *words, decision.now_us, *address))
    if cursor.rowcount != 1:
        raise refused(decision, "the ledger does not know it")
    settled_us = None if decision.state is State.PENDING else decision.now_us
    cursor.execute(statements.DECIDE, (decision.state.value, settled_us, *address))
