"""What one worker of a cluster does for a run: it claims shards and sends them until nothing is left.

The same lanes, deliveries and conclusions as in a run of one process; only slots, leases and commits are
shared. It may be cut off at any point, and run again anywhere.
"""

import os
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from random import SystemRandom
from typing import Final

from etl.api.client import Client
from etl.clock import SYSTEM
from etl.config.job import Job
from etl.config.secrets import Secret, read_token
from etl.config.target import Target
from etl.ledger.leases import Leases
from etl.ledger.postgres.address import Address
from etl.ledger.postgres.pump import PumpLedger
from etl.ledger.postgres.pump_rescue import OneByOne
from etl.ledger.postgres.reader import PostgresReader
from etl.ledger.sharing import Beginning
from etl.ledger.writer import GroupCommit
from etl.model.events import Event
from etl.model.states import State
from etl.pipeline import loops
from etl.pipeline.heap import frozen_heap
from etl.pipeline.planreading import PlanPlace, reading
from etl.pipeline.pumping import Beat, SharedBook, SharedMemory, SharedShards, SharedWriter
from etl.plan.lanes import PlanReader
from etl.replay.adaptive import Adaptive
from etl.replay.breaker import Breaker
from etl.replay.claimed import ClaimedLanes
from etl.replay.conclusions import Conclusions, Policy
from etl.replay.conversations import Conversations
from etl.replay.delivery import Delivery
from etl.replay.lane import blocking_states
from etl.replay.limits import Bounds, Limits
from etl.replay.runner import Runner, Scope
from etl.replay.shared_gate import SharedGate
from etl.replay.shared_pace import most_ahead
from etl.replay.stop import Stop

_PATIENCE_SECONDS: Final = 120.0

_LINGER_SECONDS: Final = 0.025
"""A commit over the network costs as much as a dozen messages, and a worker has only a part of the rate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PumpSpec:
    """What a worker has to know of a run; it holds no secret of an account."""

    job: Job
    folder: Path
    """What relative paths of the job start from, on every worker."""
    plan: PlanPlace
    address: Address
    plan_number: int
    run: int
    target: Target
    sandbox_token: str | None = field(repr=False)
    """That of a sandbox which the driver runs meanwhile; otherwise each worker reads its own."""

    @property
    def token(self) -> Secret:
        """Return the token, from where the job says it is on this machine.

        Raises:
            UsageError: it is not there.
        """
        if self.sandbox_token is not None:
            return Secret(self.sandbox_token)
        return read_token(self.target, folder=self.folder, environ=os.environ)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pumped:
    """What a worker's call came to."""

    stop: str | None
    """Why it ended before the run was done, in one line."""
    compared: int
    merged: int
    split: int


def pump(spec: PumpSpec) -> Pumped:
    """Send for a run until all its shards are done, somebody says stop, or the run has ended.

    Raises:
        EtlError: this worker can't; others can go on.
    """
    with reading(spec.plan) as reader:
        return _Pump(spec, reader).run()


class _Pump:
    """One call's collaborators."""

    def __init__(self, spec: PumpSpec, reader: PlanReader) -> None:
        self._spec = spec
        self._settings = spec.job.replay
        self._reader = reader
        self._token = spec.token
        self._leases = Leases(self._settings.lease_seconds)
        self._blocking = blocking_states(hold_rejected=self._settings.on_rejected == "hold")
        minutes = spec.job.message.session_expiration_minutes
        self._conversations = Conversations(expiration_minutes=minutes)
        self._stop = Stop(_quiet)

    def run(self) -> Pumped:
        """Send until there is nothing to send."""
        ledger = PumpLedger(
            self._spec.address,
            run=self._spec.run,
            leases=self._leases,
            rest_seconds=self._settings.rate.window_seconds,
        )
        with closing(ledger), closing(SharedBook(ledger)) as book:
            began = ledger.beginning()
            if began is not None and began.heard.stop_kind is None and not began.full:
                with frozen_heap():
                    loops.run(self._send(ledger, book, began), self._settings.loop)
        seen, reason = self._conversations, self._stop.reason
        return Pumped(
            stop=reason.message if reason else None,
            compared=seen.compared,
            merged=seen.merged,
            split=seen.split,
        )

    async def _send(self, ledger: PumpLedger, book: SharedBook, began: Beginning) -> None:
        left, now = began.seconds_left, SYSTEM.monotonic()
        bounds = Bounds(window=self._settings.hours, ends_at=None if left is None else now + left)
        limits = Limits(bounds, wall_us=SYSTEM.wall_us())
        adaptive = Adaptive(share=began.heard.share, now=now) if self._settings.adapt else None
        breaker = Breaker(self._settings.breaker)
        gate = SharedGate(
            book=book,
            leases=self._leases,
            most_ahead=most_ahead(self._settings.rate),
            counted=began.counted,
            adaptive=adaptive,
            breaker=breaker,
            limits=limits,
            stop=self._stop,
            clock=SYSTEM,
        )
        lanes = ClaimedLanes(
            SharedShards(ledger, self._reader, plan=self._spec.plan_number),
            self._leases,
            blocked=self._blocked(),
            stop=self._stop,
            clock=SYSTEM,
        )
        client = Client(
            self._spec.target,
            settings=self._spec.job.message,
            token=self._token,
            timeout_seconds=self._settings.timeout_seconds,
            folder=self._spec.folder,
        )
        async with client, GroupCommit(ledger, OneByOne(ledger), linger_seconds=_LINGER_SECONDS) as group:
            writer = SharedWriter(group, ledger, gate, self._stop, SYSTEM)
            async with Beat(ledger, writer, self._stop, SYSTEM, lease_seconds=self._leases.seconds):
                runner = Runner(
                    feed=self._reader,
                    ledger=lanes,
                    delivery=self._delivery(ledger, writer, gate, limits, adaptive, breaker),
                    scope=Scope(plan=self._spec.plan_number, only_first_lanes=None, blocking=self._blocking),
                    limits=limits,
                    stop=self._stop,
                    observe=_quiet,
                    lanes=lanes,
                )
                try:
                    await runner.run(client.sender() for _ in range(self._settings.lanes))
                finally:
                    await lanes.end()

    def _blocked(self) -> dict[str, int]:
        """Return the lanes that wait behind a message of another plan, or of this one since before.

        Not those in flight: they are other workers', who leave them settled or uncertain.
        """
        with closing(PostgresReader(self._spec.address, patience_seconds=_PATIENCE_SECONDS)) as reader:
            return reader.blocked_lanes(self._blocking - {State.IN_FLIGHT})

    def _delivery(
        self,
        ledger: PumpLedger,
        writer: SharedWriter,
        gate: SharedGate,
        limits: Limits,
        adaptive: Adaptive | None,
        breaker: Breaker,
    ) -> Delivery:
        settings, allowed = self._settings, self._settings.rate.per_second
        return Delivery(
            plan=self._spec.plan_number,
            run=self._spec.run,
            retry_503=settings.status_503 == "retry",
            gate=gate,
            conclusions=Conclusions(
                policy=Policy(
                    max_wait_seconds=settings.max_wait_seconds,
                    max_throttles=settings.max_throttles,
                    stop_when_bot_replies=settings.when_bot_replies == "stop",
                    allowed_per_second=allowed,
                ),
                pacer=gate,
                adaptive=adaptive,
                breaker=breaker,
                memory=SharedMemory(ledger, gate, allowed_per_second=allowed),
                stop=self._stop,
                clock=SYSTEM,
                random=SystemRandom(),
                observe=_quiet,
            ),
            conversations=self._conversations,
            limits=limits,
            writer=writer,
            stop=self._stop,
            clock=SYSTEM,
            observe=_quiet,
        )


def _quiet(_event: Event) -> None:
    """Say nothing: the ledger tells the driver how the run stands."""
