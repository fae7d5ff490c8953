"""Intents, outcomes and words as statements: a group at once, or one by one to name the one to blame."""

from collections.abc import Sequence
from itertools import groupby

import psycopg

from etl.errors import LedgerError
from etl.ledger.interface import Decision, Intent, Outcome
from etl.ledger.postgres import statements
from etl.ledger.postgres.session import Cursor
from etl.ledger.postgres.words import storable
from etl.ledger.refusals import refused
from etl.model.states import State


def apply_all(cursor: Cursor, entries: Sequence[Intent | Outcome]) -> None:
    """Apply entries in order; the server refuses the transaction if one of them does not fit."""
    for kind, group in groupby(entries, type):
        if kind is Intent:
            _intend_all(cursor, [entry for entry in group if isinstance(entry, Intent)])
        else:
            _record_all(cursor, [entry for entry in group if isinstance(entry, Outcome)])


def apply_one(cursor: Cursor, entry: Intent | Outcome) -> None:
    """Apply one entry.

    Raises:
        LedgerError: it is not allowed in the message's state.
    """
    try:
        apply_all(cursor, [entry])
    except psycopg.IntegrityError as error:
        raise _blamed(entry, error) from None


def decide(cursor: Cursor, decision: Decision) -> None:
    """Record and follow one word.

    Raises:
        LedgerError: it is not allowed in the message's state.
    """
    address = (decision.plan, decision.ordinal)
    words = (storable(decision.who), storable(decision.why))
    settled_us = None if decision.state is State.PENDING else decision.now_us
    try:
        cursor.execute(statements.DECISION, (decision.state.value, *words, decision.now_us, *address))
        if cursor.rowcount != 1:
            raise refused(decision, "the ledger does not know it")
        cursor.execute(statements.DECIDE, (decision.state.value, settled_us, *address))
    except psycopg.IntegrityError as error:
        raise refused(decision, error.diag.message_primary or "") from None


def record_late(cursor: Cursor, outcome: Outcome) -> bool:
    """Record an outcome if its message is in flight under its run; return whether it was."""
    cursor.execute(statements.LATE_OUTCOME, _columns([outcome]))
    if cursor.rowcount != 1:
        return False
    _tell(cursor, [outcome])
    return True


def _intend_all(cursor: Cursor, intents: list[Intent]) -> None:
    cursor.execute(statements.INTENTS, (*map(list, zip(*intents, strict=True)), len(intents)))


def _record_all(cursor: Cursor, outcomes: list[Outcome]) -> None:
    cursor.execute(statements.OUTCOMES, (*_columns(outcomes), len(outcomes)))
    _tell(cursor, outcomes)


def _tell(cursor: Cursor, outcomes: list[Outcome]) -> None:
    """Give each a row of its own that is no plain acceptance."""
    told = [
        (outcome.phase, outcome.now_us, outcome.plan, outcome.ordinal)
        for outcome in outcomes
        if outcome.state is not State.ACCEPTED or outcome.phase != "answered"
    ]
    if told:
        cursor.execute(statements.ATTEMPTS, tuple(map(list, zip(*told, strict=True))))


def _columns(outcomes: list[Outcome]) -> tuple[list[object], ...]:
    """Return the parameters of `OUTCOMES` without their number."""
    rows = [
        (
            outcome.state.value, outcome.http_status, storable(outcome.reason),
            storable(outcome.platform_id), storable(outcome.conversation_id),
            None if outcome.state is State.PENDING else outcome.now_us,
            outcome.plan, outcome.ordinal, outcome.run,
        )
        for outcome in outcomes
    ]  # fmt: skip
    return tuple(map(list, zip(*rows, strict=True)))


def _blamed(entry: Intent | Outcome, error: psycopg.Error) -> LedgerError:
    if error.diag.constraint_name == "message_in_flight":
        return refused(entry, "another message of its user is in flight")
    if error.diag.message_primary != "an entry does not fit":
        return refused(entry, error.diag.message_primary or "")
    if isinstance(entry, Intent):
        return refused(entry, "it is not pending, or it is another message than before")
    return refused(entry, "it is not in flight under this run")
