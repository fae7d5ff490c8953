"""Wires one replay: client, ledger writer, pacer, runner."""

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
from etl.ledger.interface import Ledger
from etl.ledger.writer import GroupCommit
from etl.model.events import Event, Warned
from etl.replay.breaker import Breaker
from etl.replay.delivery import Delivery, Policy
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
    rate_per_second: float
    observe: Callable[[Event], None]

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
        async with client, GroupCommit(self.ledger) as writer:
            with on_signals(stop):
                delivery = Delivery(
                    plan=self.scope.plan,
                    run=self.run,
                    pacer=self._pacer(),
                    breaker=Breaker(settings.breaker),
                    policy=Policy(
                        retry_503=settings.status_503 == "retry",
                        max_wait_seconds=settings.max_wait_seconds,
                        stop_when_bot_replies=settings.when_bot_replies == "stop",
                    ),
                    writer=writer,
                    stop=stop,
                    clock=SYSTEM,
                    random=SystemRandom(),
                    observe=self.observe,
                    remember_hold_off=self.ledger.set_hold_off,
                )
                runner = Runner(
                    feed=feed,
                    ledger=self.ledger,
                    delivery=delivery,
                    scope=self.scope,
                    stop=stop,
                    observe=self.observe,
                )
                return await runner.run(client.sender() for _ in range(settings.lanes))

    def _pacer(self) -> Pacer:
        """Return a pacer that respects what earlier runs sent and were told."""
        now, wall_us = SYSTEM.monotonic(), SYSTEM.wall_us()
        last_us, until_us = self.ledger.last_send_us(), self.ledger.hold_off_us()
        since_seconds = None if last_us is None else (wall_us - last_us) / MICROSECONDS
        if since_seconds is not None and since_seconds < _LONGEST_STALL_SECONDS:
            since_seconds = 0.0
        pacer = Pacer(
            rate_per_second=self.rate_per_second,
            now=now,
            since_last_send_seconds=since_seconds,
        )
        if until_us is not None and until_us > wall_us:
            seconds = (until_us - wall_us) / MICROSECONDS
            self.observe(Warned(message=f"the API asked for a pause; {seconds:.0f} s of it are left"))
            pacer.hold_off(now + seconds)
        return pacer
