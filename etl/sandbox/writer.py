"""Makes messages durable before they are answered, many in one commit.

A commit costs one wait for the disk, however much is in it. So one thread writes: whatever gathered while
the last commit ran goes into the next one, and the event loop never waits for the disk.
"""

import asyncio
import queue
import threading
from dataclasses import dataclass
from typing import Final

from etl.sandbox.records import NewMessage, Place
from etl.sandbox.store import Store

_LARGEST_GROUP: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Waiting:
    message: NewMessage
    answer: asyncio.Future[Place]


class Writer:
    """The one thread that writes to a store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="sandbox-writer", daemon=True)

    def start(self) -> None:
        """Begin to write; once only."""
        self._thread.start()

    async def record(self, message: NewMessage) -> Place:
        """Store a message; returns once it is durable.

        Raises:
            SandboxError: the store failed; the message is not stored.
        """
        answer: asyncio.Future[Place] = asyncio.get_running_loop().create_future()
        self._queue.put(_Waiting(message=message, answer=answer))
        return await answer

    def close(self) -> None:
        """Store what is waiting and end the thread."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        going = True
        while going:
            group, going = self._gather()
            if group:
                self._commit(group)

    def _gather(self) -> tuple[list[_Waiting], bool]:
        """Wait for one message, take all that wait with it; False with the end."""
        group: list[_Waiting] = []
        waiting = self._queue.get()
        while waiting is not None:
            group.append(waiting)
            if len(group) == _LARGEST_GROUP:
                return group, True
            try:
                waiting = self._queue.get_nowait()
            except queue.Empty:
                return group, True
        return group, False

    def _commit(self, group: list[_Waiting]) -> None:
        loop = group[0].answer.get_loop()
        try:
            places = self._store.record([waiting.message for waiting in group])
        except Exception as error:  # noqa: BLE001  a writer that died would leave every request unanswered
            loop.call_soon_threadsafe(_fail, group, error)
        else:
            loop.call_soon_threadsafe(_answer, group, places)


def _answer(group: list[_Waiting], places: list[Place]) -> None:
    for waiting, place in zip(group, places, strict=True):
        # A client that went away has cancelled its wait; its message is stored all the same.
        if not waiting.answer.done():
            waiting.answer.set_result(place)


def _fail(group: list[_Waiting], error: Exception) -> None:
    for waiting in group:
        if not waiting.answer.done():
            waiting.answer.set_exception(error)
