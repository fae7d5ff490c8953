"""A world for the replay: a clock that is turned by nobody, a scripted API, the real ledger."""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, cast

import pytest

from etl.errors import LedgerError
from etl.ledger.evidence import Pause
from etl.ledger.interface import Intent, Ledger, Outcome, PlanRecord
from etl.ledger.opening import open_ledger
from etl.ledger.sqlite import SqliteLedger
from etl.ledger.writer import GroupCommit
from etl.model.events import Event
from etl.model.exchange import Answer, Envelope, Exchange, Receipt
from etl.model.plan import Lane, PlannedMessage
from etl.model.rate import Rate
from etl.model.schemas import Role
from etl.model.states import State
from etl.pipeline.replaying import LedgerMemory
from etl.replay.adaptive import Adaptive, remembered_share
from etl.replay.breaker import Breaker
from etl.replay.conclusions import Conclusions, Policy
from etl.replay.conversations import Conversations
from etl.replay.critical import CriticalPath
from etl.replay.delivery import Delivery
from etl.replay.gate import Gate
from etl.replay.lane import blocking_states
from etl.replay.limits import Bounds, Limits
from etl.replay.pacer import Pacer
from etl.replay.runner import Runner, Scope, Tally
from etl.replay.stop import Stop
from support.virtual import VirtualClock

ACCEPTED = Answer(
    status=200,
    envelope=Envelope.ACCEPTANCE,
    receipt=Receipt(platform_id="7", conversation_id="8", bot_replied=False),
)

Script = Callable[[PlannedMessage, int], Exchange]


@dataclass(frozen=True)
class Sent:
    """One request as the scripted API saw it."""

    ordinal: int
    lane: str
    began: float
    ended: float
    on_disk: str
    """The message's state in the ledger's file when the request began, read by another connection."""


@dataclass
class ScriptedApi:
    """Answers by a script, after some latency."""

    clock: VirtualClock
    path: Path
    script: Script
    latency_seconds: float
    connects: Callable[[int], float] = lambda _: 0.0
    connections: int = 0
    sent: list[Sent] = field(default_factory=list)
    attempts: dict[int, int] = field(default_factory=dict)

    async def prepare(self) -> None:
        """Connect, which takes a while."""
        self.connections += 1
        await self.clock.sleep(self.connects(self.connections))

    async def send(self, message: PlannedMessage) -> Exchange:
        """Return what the script says, after the latency."""
        began, on_disk = self.clock.now, _state_on_disk(self.path, message.ordinal)
        self.attempts[message.ordinal] = self.attempts.get(message.ordinal, 0) + 1
        exchange = self.script(message, self.attempts[message.ordinal])
        await self.clock.sleep(self.latency_seconds)
        self.sent.append(
            Sent(
                ordinal=message.ordinal,
                lane=message.lane,
                began=began,
                ended=self.clock.now,
                on_disk=on_disk,
            ),
        )
        return exchange


@dataclass
class OutsideWriter:
    """The real group commit; the clock stands still while its thread works."""

    inner: GroupCommit
    clock: VirtualClock
    after: Callable[[Intent | Outcome], None]

    async def write(self, *entries: Intent | Outcome) -> None:
        """Write for real, then tell the test."""
        self.clock.outside += 1
        try:
            await self.inner.write(*entries)
        finally:
            self.clock.outside -= 1
        for entry in entries:
            self.after(entry)


@dataclass
class OutsideMemory:
    """What the run uses; the clock stands still while its thread works."""

    inner: LedgerMemory
    clock: VirtualClock

    async def set_hold_off(self, until_us: int, *, pause: Pause | None = None) -> None:
        """Remember for real."""
        with self._outside():
            await self.inner.set_hold_off(until_us, pause=pause)

    async def remember_learned_rate(self, rate_per_second: float | None) -> None:
        """Remember for real."""
        with self._outside():
            await self.inner.remember_learned_rate(rate_per_second)

    @contextmanager
    def _outside(self) -> Iterator[None]:
        self.clock.outside += 1
        try:
            yield
        finally:
            self.clock.outside -= 1


@dataclass
class FailingLedger:
    """The real ledger until its disk is full."""

    inner: SqliteLedger
    commits_left: int

    def commit(self, entries: list[Intent | Outcome]) -> None:
        """Commit for real as long as there is room."""
        if self.commits_left == 0:
            raise LedgerError("the disk is full", hint="free some space")
        self.commits_left -= 1
        self.inner.commit(entries)


@dataclass
class PlanOfLanes:
    """A plan in memory: lanes of given lengths."""

    lengths: list[int]

    def lanes(self, *, first: int | None = None) -> Iterator[list[Lane]]:
        """Yield the lanes in one batch."""
        start = 0
        batch = []
        for number, length in enumerate(self.lengths):
            batch.append(Lane(name=f"user-{number}", first=start, length=length))
            start += length
        yield batch[:first]

    def messages(self, first: int, end: int) -> Iterator[PlannedMessage]:
        """Yield messages made from their ordinals."""
        owners = [f"user-{number}" for number, length in enumerate(self.lengths) for _ in range(length)]
        for ordinal in range(first, end):
            yield planned(ordinal, owners[ordinal])


def planned(ordinal: int, lane: str) -> PlannedMessage:
    """Return a message of a plan, a second after the one before."""
    return PlannedMessage(
        ordinal=ordinal,
        key=ordinal.to_bytes(16, "big"),
        content=b"c" * 16,
        lane=lane,
        at_us=1_000_000 * (ordinal + 1),
        role=Role.CUSTOMER,
        text=f"text {ordinal}",
        conversation=None,
        profile=None,
        variables=None,
    )


@dataclass
class World:
    """One target's ledger, and runs against it."""

    path: Path
    ledger: SqliteLedger
    feed: PlanOfLanes
    clock: VirtualClock = field(default_factory=VirtualClock)
    events: list[Event] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)
    """All requests of all runs, in order of their ends."""
    rate: float = 10.0
    workers: int = 2
    latency_seconds: float = 0.05
    connects: Callable[[int], float] = lambda _: 0.0
    """Seconds that the n-th connection takes."""
    breaker: int = 3
    max_wait_seconds: float = 900.0
    max_throttles: int = 20
    retry_503: bool = True
    adapt: bool = False
    bounds: Bounds = field(default_factory=Bounds)
    conversations: Conversations = field(default_factory=lambda: Conversations(expiration_minutes=600))
    stop_when_bot_replies: bool = True
    hold_rejected: bool = False
    only_first_lanes: int | None = None
    commits_before_full: int = -1
    after_write: Callable[[Intent | Outcome], None] = lambda _: None
    plan: int = 0
    run: int = 0
    stop: Stop = field(init=False)
    api: ScriptedApi = field(init=False)
    pacer: Pacer = field(init=False)
    adaptive: Adaptive | None = field(init=False)
    limits: Limits = field(init=False)

    def replay(self, script: Script = lambda _, __: ACCEPTED) -> Tally:
        """Return the tally of one run."""
        return asyncio.run(self._replay(script))

    async def _replay(self, script: Script) -> Tally:
        clock, ledger = self.clock, self.ledger
        self.begin()
        api = self.api = ScriptedApi(clock, self.path, script, self.latency_seconds, self.connects)
        committing = (
            ledger if self.commits_before_full < 0 else FailingLedger(ledger, self.commits_before_full)
        )
        try:
            async with GroupCommit(cast("Ledger", committing)) as group:
                runner = Runner(
                    feed=self.feed,
                    ledger=ledger,
                    delivery=self._delivery(OutsideWriter(group, clock, self.after_write)),
                    scope=Scope(
                        plan=self.plan,
                        only_first_lanes=self.only_first_lanes,
                        blocking=blocking_states(hold_rejected=self.hold_rejected),
                    ),
                    limits=self.limits,
                    stop=self.stop,
                    observe=self.events.append,
                )
                return cast("Tally", await clock.run(runner.run([api] * self.workers)))
        finally:
            self.sent += api.sent

    def _delivery(self, writer: OutsideWriter) -> Delivery:
        clock, breaker = self.clock, Breaker(self.breaker)
        return Delivery(
            plan=self.plan,
            run=self.run,
            retry_503=self.retry_503,
            gate=Gate(
                pacer=self.pacer,
                critical=CriticalPath(messages=sum(self.feed.lengths), rate=Rate(amount=self.rate)),
                breaker=breaker,
                limits=self.limits,
                stop=self.stop,
                clock=clock,
            ),
            conclusions=Conclusions(
                policy=Policy(
                    max_wait_seconds=self.max_wait_seconds,
                    max_throttles=self.max_throttles,
                    stop_when_bot_replies=self.stop_when_bot_replies,
                    allowed_per_second=self.rate,
                ),
                pacer=self.pacer,
                adaptive=self.adaptive,
                breaker=breaker,
                memory=OutsideMemory(LedgerMemory(self.ledger), clock),
                stop=self.stop,
                clock=clock,
                random=Random(0),  # noqa: S311  jitter
                observe=self.events.append,
            ),
            conversations=self.conversations,
            limits=self.limits,
            writer=writer,
            stop=self.stop,
            clock=clock,
            observe=self.events.append,
        )

    def begin(self) -> None:
        """Open the plan if it is not, and a run with a stop and a pacer of its own."""
        clock, ledger = self.clock, self.ledger
        if not self.plan:
            record = PlanRecord(
                number=0, hash="a" * 64, fingerprint="f" * 64, identity="i" * 64, source="acme",
                messages=sum(self.feed.lengths), lanes=len(self.feed.lengths), open=False,
            )  # fmt: skip
            self.plan = ledger.start_plan(record, now_us=clock.wall_us()).number
        self.run = ledger.start_run(self.plan, host="h", pid=1, version="0", now_us=clock.wall_us())
        last_us = ledger.last_send_us()
        self.stop = Stop(self.events.append)
        idle = None if last_us is None else (clock.wall_us() - last_us) / 1_000_000
        learned = ledger.learned_rate_per_second()
        share = remembered_share(learned_per_second=learned, allowed_per_second=self.rate, idle_seconds=idle)
        self.adaptive = Adaptive(share=share, now=clock.now) if self.adapt else None
        self.pacer = Pacer(
            rate=Rate(amount=self.rate),
            now=clock.now,
            since_last_send_seconds=idle,
            share=share if self.adapt else 1.0,
        )
        self.limits = Limits(self.bounds, wall_us=clock.wall_us())

    def states(self) -> dict[int, State]:
        """Return every touched message's state."""
        ordinals, states = self.ledger.progress(self.plan, 0, sum(self.feed.lengths))
        return dict(zip(ordinals, states, strict=True))

    def reasons(self) -> list[str]:
        """Return the reasons of all attempts that were no plain acceptance, in order."""
        with closing(sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)) as connection:
            rows = connection.execute("SELECT reason FROM attempt ORDER BY at_us, ordinal, n")
            return [str(reason) for (reason,) in rows]

    def of(self, kind: type[Any]) -> list[Any]:
        """Return the events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]


def _state_on_disk(path: Path, ordinal: int) -> str:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        row = connection.execute("SELECT state FROM message WHERE ordinal = ?", (ordinal,)).fetchone()
    return str(row[0]) if row else "absent"


@pytest.fixture
def world(tmp_path) -> Iterator[Callable[..., World]]:
    """Yield a maker of worlds, given the lanes' lengths."""
    opened: list[SqliteLedger] = []

    def make(*lengths: int, **settings: Any) -> World:
        path = tmp_path / f"state-{len(opened)}" / "ledger.sqlite"
        ledger = open_ledger(path, target="https://api.example/d", create=True)
        opened.append(ledger)
        return World(path=path, ledger=ledger, feed=PlanOfLanes(list(lengths)), **settings)

    yield make
    for ledger in opened:
        ledger.close()
