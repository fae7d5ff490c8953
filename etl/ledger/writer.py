"""Durable writes for an event loop: whatever gathered while the last commit ran goes into the next.

Chosen: one plain thread and a list swap, because an fsync must not stop the loop, and a queue or a
wake-up per entry would cost more than the row itself.
"""

import asyncio
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Protocol, Self

from etl.errors import LedgerError, LedgerFullError
from etl.ledger.interface import Intent, Outcome
from etl.ledger.rescue import Rescue
from etl.model.states import State

_Waiter = tuple[asyncio.Future[None], bool]
"""Who waits for entries, and whether an intent is among them."""


class Committing(Protocol):
    """A ledger as the writer uses it."""

    def commit(self, entries: Sequence[Intent | Outcome]) -> None:
        """Apply all in one durable transaction, or none."""

    def hurry(self) -> None:
        """Wait no longer for a database that is away; from any thread."""


class GroupCommit:
    """Commits entries as many at once as have gathered: outcomes first, then intents, each in order.

    So a lane's outcome may be written together with its next intent; but an outcome only after its own
    intent is durable.

    After the first failed commit it is broken: that batch and everything later gets the error, so
    that sending stops everywhere; only outcomes, which are known and would become doubt, are given to
    `rescue`. Leaving the context commits what was written and stops the thread.
    """

    def __init__(
        self, ledger: Committing, rescue: Rescue | None = None, *, linger_seconds: float = 0.0
    ) -> None:
        """Prepare.

        Where a commit costs far more than an entry, outcomes wait `linger_seconds` for more or for an intent,
        and intents for what is written in the same turn of the loop.
        """
        self._ledger = ledger
        self._linger_seconds = linger_seconds
        self._rescue = rescue
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._outcomes: list[Outcome] = []
        self._intents: list[Intent] = []
        self._waiters: list[_Waiter] = []
        self._closing = False
        self._telling = False
        self._error: BaseException | None = None

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._finished = self._loop.create_future()
        self._thread = threading.Thread(target=self._run, name="etl-ledger-writer", daemon=True)
        self._thread.start()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Commit what was written, then stop.

        Raises:
            LedgerError: a commit failed and no other exception says so.
        """
        if exc_type is asyncio.CancelledError:
            # Somebody asked twice: what is known is kept by `rescue`, what is not is in doubt.
            self._ledger.hurry()
        with self._lock:
            self._closing = True
            self._changed.notify()
        try:
            await asyncio.shield(self._finished)
        finally:
            self._thread.join()
        if exc is None and self._error is not None:
            raise self._error

    async def write(self, *entries: Intent | Outcome) -> None:
        """Return when the entries are durable, all in one commit; also if the caller is cancelled they are.

        Raises:
            LedgerError: their commit, or an earlier one, failed; no intent of them is in the ledger.
        """
        waiter = self._loop.create_future()
        with self._lock:
            if self._error is not None:
                self._refuse_after(self._error, entries)
            if self._closing:
                raise LedgerError("the ledger's writer is closed", hint="this is a defect of etl; report it")
            intends = False
            for entry in entries:
                if isinstance(entry, Intent):
                    self._intents.append(entry)
                    intends = True
                else:
                    self._outcomes.append(entry)
            self._waiters.append((waiter, intends))
            if self._linger_seconds and intends and not self._telling:
                self._telling = True
                self._loop.call_soon(self._tell)
            elif len(self._waiters) == 1:
                self._changed.notify()
        await waiter

    def _tell(self) -> None:
        """Let the thread take what this turn of the loop has written."""
        with self._lock:
            self._telling = False
            self._changed.notify()

    def _refuse_after(self, error: BaseException, entries: Sequence[Intent | Outcome]) -> None:
        """Raise the error of a broken writer, unless there is an outcome to be rescued."""
        if self._rescue is None or not any(isinstance(entry, Outcome) for entry in entries):
            raise error

    def _run(self) -> None:
        while True:
            with self._lock:
                self._changed.wait_for(lambda: self._waiters or self._closing)
                if self._linger_seconds:
                    self._changed.wait_for(self._is_urgent, self._linger_seconds)
                outcomes, self._outcomes = self._outcomes, []
                intents, self._intents = self._intents, []
                waiters, self._waiters = self._waiters, []
            if not waiters:
                break
            self._commit(outcomes, intents, waiters)
        self._loop.call_soon_threadsafe(self._finished.set_result, None)

    def _is_urgent(self) -> bool:
        """Return whether somebody waits for more than an outcome, and nobody will join in an instant."""
        return self._closing or (bool(self._intents) and not self._telling)

    def _commit(self, outcomes: list[Outcome], intents: list[Intent], waiters: list[_Waiter]) -> None:
        if self._error is None:
            try:
                self._ledger.commit([*outcomes, *intents])
            except BaseException as error:  # noqa: BLE001  a waiter without an answer would hang for ever
                with self._lock:
                    self._error = error
            else:
                self._loop.call_soon_threadsafe(_resolve, waiters)
                return
        self._salvage(outcomes, intents, waiters, self._error)

    def _salvage(
        self,
        outcomes: list[Outcome],
        intents: list[Intent],
        waiters: list[_Waiter],
        error: BaseException,
    ) -> None:
        """Save what is known of messages in flight; nothing new is sent any more."""
        saved = False
        if self._rescue is not None and isinstance(error, LedgerFullError):
            saved = bool(outcomes) and self._saved(outcomes, self._rescue)
        else:
            # A commit whose sync failed may be in the file all the same; its messages are not sent.
            outcomes = [*outcomes, *map(_withdrawal, intents)]
        if outcomes and self._rescue is not None and not saved:
            self._rescue.keep(outcomes)
        good = [waiter for waiter in waiters if saved and not waiter[1]]
        bad = [waiter for waiter in waiters if not saved or waiter[1]]
        self._loop.call_soon_threadsafe(_resolve, good)
        self._loop.call_soon_threadsafe(_fail, bad, error)

    def _saved(self, outcomes: list[Outcome], rescue: Rescue) -> bool:
        rescue.make_room()
        try:
            self._ledger.commit(outcomes)
        except LedgerError:
            return False
        return True


def _withdrawal(intent: Intent) -> Outcome:
    return Outcome(
        plan=intent.plan,
        ordinal=intent.ordinal,
        run=intent.run,
        state=State.PENDING,
        now_us=intent.now_us,
        phase="connect",
        reason="withdrawn",
    )


def _resolve(waiters: list[_Waiter]) -> None:
    for waiter, _ in waiters:
        # A cancelled waiter is done already; its entry is durable all the same.
        if not waiter.done():
            waiter.set_result(None)


def _fail(waiters: list[_Waiter], error: BaseException) -> None:
    for waiter, _ in waiters:
        if not waiter.done():
            waiter.set_exception(error)
