"""The driver of a run by many workers: it cuts the plan, tends a pump on each, watches the ledger, ends it.

Done is what the ledger says is done: a worker's or an engine's word proves nothing.
"""

import asyncio
import secrets
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

from etl.clock import MICROSECONDS, SYSTEM
from etl.cluster.interface import Engine
from etl.config.job import Job
from etl.config.notice import Notify
from etl.config.secrets import Secret
from etl.config.target import Target
from etl.config.workspace import Workspace
from etl.errors import EngineError, EtlError, LedgerError, UsageError
from etl.ledger.interface import Ledger
from etl.ledger.postgres.address import Address
from etl.ledger.postgres.ledger import PostgresLedger
from etl.ledger.postgres.shards import SharedRuns
from etl.ledger.sharing import LOST, PaceWish, Shard, Worked
from etl.model.events import Event, HoldOff, PaceChanged, SettledElsewhere, Warned
from etl.model.plan import PlanFolder
from etl.model.states import State
from etl.pipeline.depots import depot_of
from etl.pipeline.failing import Failures
from etl.pipeline.planreading import PlanPlace
from etl.pipeline.probing import Probe, require
from etl.pipeline.pump import Pumped, PumpSpec, pump
from etl.pipeline.replaying import share_to_begin_with
from etl.plan.lanes import PlanReader
from etl.replay.conversations import Conversations
from etl.replay.limits import Limits
from etl.replay.runner import Tally
from etl.replay.sharding import cut
from etl.replay.shared_pace import spacing_seconds
from etl.replay.stop import Stop, StopKind, on_signals

_LOOK_EVERY_SECONDS: Final = 0.25
_REPORTED: Final = (State.ACCEPTED, State.REJECTED, State.UNCERTAIN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One run to be spread."""

    plan: PlanFolder
    plan_number: int
    run: int
    target: Target
    token: Secret


class Spread:
    """Sends plans by the workers of an engine."""

    def __init__(  # noqa: PLR0913  wiring: each argument is one collaborator
        self,
        engine: Engine,
        address: Address,
        job: Job,
        *,
        space: Workspace,
        folder: Path,
        sandbox: bool,
        ledger: Ledger,
        conversations: Conversations,
        observe: Callable[[Event], None],
    ) -> None:
        """`folder` is what the job's paths start from; `sandbox`: the target runs in this process."""
        self._engine = engine
        self._address = address
        self._job = job
        self._space = space
        self._folder = folder.absolute()
        self._sandbox = sandbox
        self._ledger = ledger
        self._conversations = conversations
        self._observe = observe
        self._failures = Failures()
        self._error: EtlError | None = None
        self._said: set[str] = set()
        self._lost: EngineError | None = None
        self._share = 1.0
        self._held = 0.0
        self._hurried = False
        self._untold = False
        """Workers send, and would go on when a database that is away is back."""

    def require(self, plan: PlanFolder, target: Target) -> None:
        """Make sure that every worker sees the plan and has a token.

        Raises:
            UsageError: one does not.
        """
        text, name = secrets.token_hex(8), f".seen-{secrets.token_hex(4)}"
        seen = plan.path / name
        asked = Probe(
            token_file=name,
            token_text=text,
            target=None if self._sandbox else target,
            job_folder=self._folder,
            address=target.base_url,
        )
        depot, there = depot_of(self._space), f"{self._space.plans.name}/{name}"
        try:
            seen.write_text(text)
            if depot is None:
                require(self._engine, replace(asked, folder=plan.path.absolute()))
                return
            depot.publish(seen, there)
            require(self._engine, replace(asked, store=self._space.uri, token_file=there))
        finally:
            seen.unlink(missing_ok=True)
            if depot is not None:
                depot.remove(there)

    def part(self, plan: PlanFolder, number: int, run: int, place: tuple[Target, Secret]) -> Part:
        """Return a run to be spread: the plan and its number in the ledger, the run's, and whither."""
        target, token = place
        return Part(plan=plan, plan_number=number, run=run, target=target, token=token)

    async def replay(self, part: Part, limits: Limits, stop: Stop) -> Tally:
        """Send what is left of a plan until every shard is done, or everybody has stopped.

        Raises:
            LedgerError: the ledger can't be used.
            EtlError: no worker could work, for that reason.
            asyncio.CancelledError: the second signal came; workers finish by themselves.
        """
        runs = SharedRuns(self._address)
        with closing(runs), on_signals(stop, hurry=partial(self._hurry, runs)):
            try:
                before = await asyncio.to_thread(self._begin, runs, part, limits)
                counts = before
                if not stop.requested:
                    counts = await self._sent(runs, part, before, limits, stop)
                after = await asyncio.to_thread(self._end, runs, part)
            except asyncio.CancelledError:
                # Threads that wait for a database which is away would keep the process.
                self._untold = False
                self._hurry(runs)
                raise
        if self._error is not None:
            raise self._error
        self._tell(counts, after, limits, stop)
        sent = {state: after.get(state, 0) - before.get(state, 0) for state in _REPORTED}
        return Tally(sent={state: count for state, count in sent.items() if count > 0})

    def _begin(self, runs: SharedRuns, part: Part, limits: Limits) -> dict[State, int]:
        """Write the run's shards and pace; return the counts of before."""
        before = self._ledger.counts(part.plan_number)
        runs.begin(part.run, self._shards(part.plan), self._wish(limits))
        return before

    async def _sent(
        self, runs: SharedRuns, part: Part, before: dict[State, int], limits: Limits, stop: Stop
    ) -> dict[State, int]:
        """Let the workers send until nobody does any more, and return the last counts."""
        over = threading.Event()
        self._untold = True
        tending = asyncio.create_task(asyncio.to_thread(self._tend, self._spec(part), over))
        try:
            counts = await self._watch(runs, part, before, limits, stop)
        finally:
            over.set()
        self._told(runs)
        await tending
        return counts

    def _end(self, runs: SharedRuns, part: Part) -> dict[State, int]:
        """Take the shards from whoever still has some; return the counts."""
        runs.fence(part.run)
        self._ledger.recover(now_us=SYSTEM.wall_us())
        return self._ledger.counts(part.plan_number)

    def _hurry(self, runs: SharedRuns) -> None:
        """Wait no longer for a database that is away, as soon as no worker goes on unattended by that."""
        self._hurried = True
        if not self._untold:
            runs.hurry()
            self._ledger.hurry()

    def _told(self, runs: SharedRuns) -> None:
        """Note that all workers hear of the end, or have ended: to leave does no harm any more."""
        self._untold = False
        if self._hurried:
            self._hurry(runs)

    def _shards(self, plan: PlanFolder) -> list[Shard]:
        lengths, parts = PlanReader(plan).sizes()
        return cut(lengths, parts, slots=self._engine.workers * self._job.replay.lanes)

    def _spec(self, part: Part) -> PumpSpec:
        return PumpSpec(
            # Only the driver tells how it ended: an address may hold a secret that workers need not know.
            job=self._job.model_copy(update={"notify": Notify()}),
            folder=self._folder,
            plan=PlanPlace(
                folder=part.plan.path.absolute(), store=self._space.uri, summary=part.plan.summary
            ),
            address=self._address,
            plan_number=part.plan_number,
            run=part.run,
            target=part.target,
            sandbox_token=part.token.reveal() if self._sandbox else None,
        )

    def _wish(self, limits: Limits) -> PaceWish:
        rate, now_us, ends_at = self._job.replay.rate, SYSTEM.wall_us(), limits.bounds.ends_at
        last_us = self._ledger.last_send_us()
        idle = None if last_us is None else (now_us - last_us) / MICROSECONDS
        share = share_to_begin_with(self._job, self._ledger, self._observe, idle_seconds=idle)
        until_us = self._ledger.hold_off_us() or 0
        held = max((until_us - now_us) / MICROSECONDS, 0.0)
        if held:
            self._observe(Warned(message=f"the API asked for a pause; {held:.0f} s of it are left"))
        self._share = share or 1.0
        return PaceWish(
            spacing_seconds=spacing_seconds(rate),
            share=share or 1.0,
            # Whoever sent last may have done so just now.
            rest_seconds=rate.window_seconds if last_us is not None else 0.0,
            hold_off_seconds=held,
            max_messages=limits.messages_left,
            duration_seconds=None if ends_at is None else max(ends_at - SYSTEM.monotonic(), 0.0),
        )

    def _tend(self, spec: PumpSpec, over: threading.Event) -> None:
        try:
            self._engine.tend(pump, spec, until=over.is_set, told=self._ended)
        except EngineError as error:
            self._lost = error

    def _ended(self, worker: str, end: Pumped | BaseException) -> None:
        """Take the end of a worker's call."""
        if isinstance(end, Pumped):
            self._failures.forgive(worker)
            self._conversations.add(compared=end.compared, merged=end.merged, split=end.split)
            return
        message = end.message if isinstance(end, EtlError) else type(end).__name__
        self._warn(
            f"{message}; {end.hint}" if isinstance(end, EngineError) else f"worker {worker}: {message}"
        )
        if self._failures.add(worker) and self._failures.hopeless(self._engine.workers):
            self._error = end if isinstance(end, EtlError) else UsageError(message)

    async def _watch(
        self, runs: SharedRuns, part: Part, counts: dict[State, int], limits: Limits, stop: Stop
    ) -> dict[State, int]:
        """Watch the ledger until nobody sends any more, and return the last counts."""
        told, commits = False, 0
        while True:
            worked = await asyncio.to_thread(runs.worked, part.run)
            commits, before = await asyncio.to_thread(runs.commits, part.run), commits
            if worked is None or commits < before or worked.stop_message == LOST:
                self._lose(stop)
            if worked is None:
                return counts
            now = await asyncio.to_thread(self._ledger.counts, part.plan_number)
            self._tell(counts, now, limits, stop)
            if now.get(State.ACCEPTED, 0) > counts.get(State.ACCEPTED, 0):
                self._failures.progress()
            counts = now
            self._tell_pace(worked)
            self._follow(worked, stop)
            if stop.reason is not None and not told:
                told = True
                reason = stop.reason
                await asyncio.to_thread(runs.stop, part.run, reason.kind.value, reason.message)
                self._told(runs)
                # Since the last look a worker may have claimed; from now on none does.
                continue
            quiet = worked.live == 0
            if worked.done == worked.shards or (quiet and (stop.requested or worked.full)):
                return counts
            await SYSTEM.sleep(_LOOK_EVERY_SECONDS)

    def _lose(self, stop: Stop) -> None:
        """End the run because the database has forgotten something, and let no other one begin by itself."""
        if self._error is None and isinstance(self._ledger, PostgresLedger):
            self._ledger.distrust()
        self._error = LedgerError(
            f"{LOST} ({self._address})",
            hint="say `etl import JOB --restored` once: what it does not know is uncertain then",
        )
        stop.request(StopKind.ABORTED, LOST)

    def _follow(self, worked: Worked, stop: Stop) -> None:
        """End the run where a worker, the engine or the work itself says so."""
        if worked.stop_kind is not None:
            stop.request(StopKind(worked.stop_kind), worked.stop_message or "")
        elif self._error is not None:
            stop.request(StopKind.ABORTED, "no worker can work")
        elif self._lost is not None:
            stop.request(StopKind.CLUSTER_LOST, f"{self._lost.message}; {self._lost.hint}")
        elif worked.full and worked.live == 0:
            stop.request(StopKind.MAX_MESSAGES, "the messages of --max-messages are sent")

    def _tell(self, before: dict[State, int], after: dict[State, int], limits: Limits, stop: Stop) -> None:
        for state in _REPORTED:
            count = after.get(state, 0) - before.get(state, 0)
            if count <= 0:
                continue
            self._observe(SettledElsewhere(state=state, messages=count))
            for _ in range(count):
                over = limits.settled(state)
                if over is not None:
                    stop.request(over.kind, over.message)

    def _tell_pace(self, worked: Worked) -> None:
        allowed = self._job.replay.rate.per_second
        if worked.share != self._share:
            reason = "the API refused or was slow" if worked.share < self._share else None
            self._share = worked.share
            pace = PaceChanged(per_second=allowed * worked.share, allowed_per_second=allowed, reason=reason)
            self._observe(pace)
        if worked.held_seconds > self._held + _LOOK_EVERY_SECONDS:
            self._observe(HoldOff(seconds=worked.held_seconds, reason="as a worker was told"))
        self._held = worked.held_seconds

    def _warn(self, message: str) -> None:
        if message not in self._said:
            self._said.add(message)
            self._observe(Warned(message=message))
