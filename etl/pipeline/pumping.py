"""Between an event loop that sends and a shared ledger, whose calls block: each goes to a thread."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import TracebackType
from typing import Final, Self

from etl.clock import Clock
from etl.ledger.evidence import Pause
from etl.ledger.interface import Intent, Outcome
from etl.ledger.postgres.pump import PumpLedger
from etl.ledger.sharing import Claim
from etl.ledger.writer import GroupCommit
from etl.model.plan import Lane
from etl.model.states import State
from etl.plan.lanes import PlanReader
from etl.replay.shared_gate import SharedGate
from etl.replay.shared_pace import Booking
from etl.replay.stop import Stop, StopKind

_LOOK_EVERY_SECONDS: Final = 0.1
_HEAR_EVERY_SECONDS: Final = 0.5
"""Where no commit brings the run's own word."""
_RENEWALS: Final = 4
"""In the time of a lease, at least."""

_OWN_ENDS: Final = frozenset({StopKind.ABORTED, StopKind.MAX_MESSAGES})
"""Ends of one worker that say nothing of the others."""


class SharedBook:
    """Slots from the one row.

    It has one standing thread: of the loop's own, every idle one would wake up for each call, and slots are
    asked for many times a second.
    """

    def __init__(self, ledger: PumpLedger) -> None:
        self._ledger = ledger
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="etl-slots")

    def close(self) -> None:
        """Let the thread end."""
        self._thread.shutdown(wait=False)

    async def book(self, *, fresh: int, again: int, ready_seconds: float) -> Booking:
        """Return slots for those who wait."""
        ask = partial(self._ledger.book, fresh=fresh, again=again, ready_seconds=ready_seconds)
        return Booking(*await asyncio.get_running_loop().run_in_executor(self._thread, ask))


class SharedShards:
    """Shards from the ledger, their lanes from the plan."""

    def __init__(self, ledger: PumpLedger, reader: PlanReader, *, plan: int) -> None:
        self._ledger = ledger
        self._reader = reader
        self._plan = plan

    async def claim(self) -> Claim | None:
        """Return one more shard; None: none is free."""
        return await asyncio.to_thread(self._ledger.claim)

    async def leave(self, claim: Claim, *, done: bool) -> None:
        """Give a shard back."""
        await asyncio.to_thread(self._ledger.leave, claim, done=done)

    async def left(self) -> int:
        """Return how many shards are not done."""
        return await asyncio.to_thread(self._ledger.shards_left)

    async def lanes(self, claim: Claim) -> list[Lane]:
        """Return the lanes of a shard, in order."""
        return await asyncio.to_thread(self._lanes, claim)

    def _lanes(self, claim: Claim) -> list[Lane]:
        self._reader.bring(claim.part)  # here, and not between two messages
        return self._reader.between(claim.first_lane, claim.end_lane, part=claim.part)

    async def progress(self, lanes: Sequence[Lane]) -> tuple[list[int], list[State]]:
        """Return the stored messages of lanes."""
        ranges = [(lane.first, lane.first + lane.length) for lane in lanes]
        return await asyncio.to_thread(self._ledger.progress, self._plan, ranges)


class SharedMemory:
    """What an answer means for all workers, and for the next run."""

    def __init__(self, ledger: PumpLedger, gate: SharedGate, *, allowed_per_second: float) -> None:
        self._ledger = ledger
        self._gate = gate
        self._allowed = allowed_per_second

    async def set_hold_off(self, until_us: int, *, pause: Pause | None = None) -> None:
        """Let everybody wait."""
        await asyncio.to_thread(self._ledger.set_hold_off, until_us, pause=pause)

    async def remember_learned_rate(self, rate_per_second: float | None) -> None:
        """Let everybody go at that pace, unless another worker has just drawn a lesson of its own."""
        share = 1.0 if rate_per_second is None else rate_per_second / self._allowed
        if await asyncio.to_thread(self._ledger.set_share, share, before=self._gate.share):
            await asyncio.to_thread(self._ledger.remember_learned_rate, rate_per_second)


class SharedWriter:
    """The group commit, and what its answers tell of the run."""

    def __init__(
        self, group: GroupCommit, ledger: PumpLedger, gate: SharedGate, stop: Stop, clock: Clock
    ) -> None:
        self._group = group
        self._ledger = ledger
        self._gate = gate
        self._stop = stop
        self._clock = clock
        self.heard_at = clock.monotonic()

    async def write(self, *entries: Intent | Outcome) -> None:
        """Return when the entries are durable, or have no effect because their lease is gone."""
        await self._group.write(*entries)
        self.hear()

    def hear(self) -> None:
        """Follow what the ledger told last."""
        self.heard_at = self._clock.monotonic()
        heard = self._ledger.heard
        if heard is None:
            return
        self._gate.hear(era=heard.era, share=heard.share)
        if heard.stop_kind is not None:
            self._stop.request(StopKind(heard.stop_kind), heard.stop_message or "")


class Beat:
    """Keeps the leases, listens, and says stop to all when this worker finds a reason."""

    def __init__(
        self, ledger: PumpLedger, writer: SharedWriter, stop: Stop, clock: Clock, *, lease_seconds: float
    ) -> None:
        self._ledger = ledger
        self._writer = writer
        self._stop = stop
        self._clock = clock
        self._every_seconds = min(lease_seconds / _RENEWALS, _HEAR_EVERY_SECONDS)
        self._told = False

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._beat())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Say the last word, if it was not said yet.

        Raises:
            LedgerError: the leases could not be kept, and nothing else says so.
        """
        self._task.cancel()
        results = await asyncio.gather(self._task, return_exceptions=True)
        await self._tell()
        failed = [one for one in results if isinstance(one, Exception)]
        if error is None and failed:
            raise failed[0]

    async def _beat(self) -> None:
        try:
            while True:
                await self._clock.sleep(_LOOK_EVERY_SECONDS)
                await self._tell()
                if self._clock.monotonic() - self._writer.heard_at >= self._every_seconds:
                    await asyncio.to_thread(self._ledger.renew)
                    self._writer.hear()
        except Exception:
            self._stop.request(StopKind.ABORTED, "the leases could not be kept")
            raise

    async def _tell(self) -> None:
        reason = self._stop.reason
        if reason is None or self._told or reason.kind in _OWN_ENDS:
            return
        self._told = True
        await asyncio.to_thread(self._ledger.stop, reason.kind.value, reason.message)
