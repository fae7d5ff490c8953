"""Wires one replay: client, ledger writer, pacer, runner."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import SystemRandom
from typing import Final

from etl.api.client import Client
from etl.clock import MICROSECONDS, SYSTEM
from etl.config.job import Job
from etl.config.secrets import Secret
from etl.config.target import Target
from etl.ledger.evidence import Pause
from etl.ledger.interface import Ledger
from etl.ledger.rescue import Rescue
from etl.ledger.writer import GroupCommit
from etl.model.events import Event, PaceChanged, Warned
from etl.pipeline.heap import frozen_heap
from etl.replay.adaptive import Adaptive, remembered_share
from etl.replay.breaker import Breaker
from etl.replay.conclusions import Conclusions, Policy
from etl.replay.conversations import Conversations
from etl.replay.critical import CriticalPath
from etl.replay.delivery import Delivery
from etl.replay.gate import Gate
from etl.replay.limits import Limits
from etl.replay.pacer import Pacer
from etl.replay.runner import Feed, Runner, Scope, Tally
from etl.replay.stop import Stop, on_signals

_LONGEST_STALL_SECONDS: Final = 60.0
"""An intent younger than this may have been sent just now: its commit may have stalled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replaying:
    """Everything a replay needs but the plan and the address."""

    job: Job
    folder: Path
    """What relative paths of the job start from."""
    ledger: Ledger
    scope: Scope
    run: int
    expected: int
    """How many messages it is about to send."""
    limits: Limits
    conversations: Conversations
    observe: Callable[[Event], None]
    rescue: Rescue
    clock_ahead_seconds: float = 0.0
    """As `Opened` has it."""

    async def replay(self, feed: Feed, *, target: Target, token: Secret, stop: Stop) -> Tally:
        """Send what is left of a plan until it is done or `stop` is asked for.

        Raises:
            LedgerError: an entry can't be made durable.
            asyncio.CancelledError: the second signal came.
        """
        settings = self.job.replay
        client = Client(
            target,
            settings=self.job.message,
            token=token,
            timeout_seconds=settings.timeout_seconds,
            folder=self.folder,
        )
        # Outside: also the writer's last commit may wait for a ledger that is away.
        with on_signals(stop, hurry=self.ledger.hurry):
            async with client, GroupCommit(self.ledger, self.rescue) as writer:
                # By a thread: it asks the ledger, and a loop that stands still hears no signal.
                runner = await asyncio.to_thread(self._runner, feed, writer, stop)
                with frozen_heap():
                    return await runner.run(client.sender() for _ in range(settings.lanes))

    def _runner(self, feed: Feed, writer: GroupCommit, stop: Stop) -> Runner:
        return Runner(
            feed=feed,
            ledger=self.ledger,
            delivery=self._delivery(writer, stop),
            scope=self.scope,
            limits=self.limits,
            stop=stop,
            observe=self.observe,
        )

    def _delivery(self, writer: GroupCommit, stop: Stop) -> Delivery:
        settings, rate = self.job.replay, self.job.replay.rate
        adaptive = self._adaptive()
        pacer = self._pacer(adaptive)
        breaker = Breaker(settings.breaker)
        return Delivery(
            plan=self.scope.plan,
            run=self.run,
            retry_503=settings.status_503 == "retry",
            gate=Gate(
                pacer=pacer,
                critical=CriticalPath(messages=self.expected, rate=rate),
                breaker=breaker,
                limits=self.limits,
                stop=stop,
                clock=SYSTEM,
            ),
            conclusions=Conclusions(
                policy=Policy(
                    max_wait_seconds=settings.max_wait_seconds,
                    max_throttles=settings.max_throttles,
                    stop_when_bot_replies=settings.when_bot_replies == "stop",
                    allowed_per_second=rate.per_second,
                ),
                pacer=pacer,
                adaptive=adaptive,
                breaker=breaker,
                memory=LedgerMemory(self.ledger),
                stop=stop,
                clock=SYSTEM,
                random=SystemRandom(),
                observe=self.observe,
            ),
            conversations=self.conversations,
            limits=self.limits,
            writer=writer,
            stop=stop,
            clock=SYSTEM,
            observe=self.observe,
        )

    def _adaptive(self) -> Adaptive | None:
        """Return the share to begin with, as earlier runs have learned it; None when the job wants none."""
        share = share_to_begin_with(self.job, self.ledger, self.observe, idle_seconds=self._idle_seconds())
        return None if share is None else Adaptive(share=share, now=SYSTEM.monotonic())

    def _idle_seconds(self) -> float | None:
        last_us = self.ledger.last_send_us()
        if last_us is None:
            return None
        return (SYSTEM.wall_us() - last_us) / MICROSECONDS - self.clock_ahead_seconds

    def _pacer(self, adaptive: Adaptive | None) -> Pacer:
        """Return a pacer that respects what earlier runs sent and were told."""
        now, wall_us = SYSTEM.monotonic(), SYSTEM.wall_us()
        since_seconds, until_us = self._idle_seconds(), self.ledger.hold_off_us()
        if since_seconds is not None and since_seconds < _LONGEST_STALL_SECONDS:
            since_seconds = 0.0
        pacer = Pacer(
            rate=self.job.replay.rate,
            now=now,
            since_last_send_seconds=since_seconds,
            share=adaptive.share if adaptive else 1.0,
        )
        if until_us is not None and until_us > wall_us:
            seconds = (until_us - wall_us) / MICROSECONDS
            told = f"a pause of an earlier run is not over: {seconds:.0f} s of it are left"
            self.observe(Warned(message=told))
            pacer.hold_off(now + seconds)
        return pacer


class LedgerMemory:
    """What a ledger keeps for the next run, stored by a thread.

    A database that is away is waited for, and on the loop answers would become doubt meanwhile.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def set_hold_off(self, until_us: int, *, pause: Pause | None = None) -> None:
        """Remember until when the API asked everybody to wait."""
        await asyncio.to_thread(self._ledger.set_hold_off, until_us, pause=pause)

    async def remember_learned_rate(self, rate_per_second: float | None) -> None:
        """Remember the pace that the API took well."""
        await asyncio.to_thread(self._ledger.remember_learned_rate, rate_per_second)


def share_to_begin_with(
    job: Job, ledger: Ledger, observe: Callable[[Event], None], *, idle_seconds: float | None
) -> float | None:
    """Return the share of the rate that earlier runs have learned, faded; None when the job wants none."""
    if not job.replay.adapt:
        return None
    allowed, learned = job.replay.rate.per_second, ledger.learned_rate_per_second()
    share = remembered_share(
        learned_per_second=learned,
        allowed_per_second=allowed,
        idle_seconds=idle_seconds,
    )
    if learned is not None and learned < allowed:
        # What has faded stays so, or runs too short to learn would keep a lesson for ever.
        ledger.remember_learned_rate(allowed * share if share < 1.0 else None)
    if share < 1.0:
        slower = "as an earlier run has learned"
        observe(PaceChanged(per_second=allowed * share, allowed_per_second=allowed, reason=slower))
    return share
