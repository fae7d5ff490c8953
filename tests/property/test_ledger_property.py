"""The ledger against a dictionary: whatever is asked of it, in any order, it does what the model does."""

import shutil
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from etl.errors import LedgerError
from etl.ledger.interface import (
    DOUBT_SCHEMA,
    EXPORT_SCHEMA,
    TOUCHED_SCHEMA,
    Decision,
    Intent,
    Ledger,
    Outcome,
    PlanRecord,
    Selection,
    Word,
)
from etl.ledger.opening import open_ledger, open_readonly
from etl.ledger.postgres.address import Address
from etl.ledger.postgres.opening import open_postgres, open_postgres_readonly
from etl.model.states import MOVES, State
from support.postgres import drop, end_owner, server, unused_address

TARGET = "https://api.example/1"
PER_LANE = 3
ORDINALS = st.integers(0, 3 * PER_LANE - 1)
OUTCOMES = st.sampled_from(sorted(State))
WORDS = st.sampled_from(sorted(State))
DECIDABLE = frozenset({State.PENDING, State.REJECTED, State.UNCERTAIN})


@dataclass
class Message:
    """A touched message of the model."""

    state: State
    run: int
    attempts: int = 1
    maybe_doubled: bool = False
    before_restore: bool = False
    """Rejected before a restore: it may have been retried since."""


def lane(ordinal: int) -> str:
    """Return the lane of a message."""
    return f"user-{ordinal // PER_LANE}"


class LedgerMachine(RuleBasedStateMachine):
    """Plays plans, runs, commits with right and wrong entries, decisions, crashes and reopenings."""

    @initialize()
    def begin(self) -> None:
        """Start with an empty ledger."""
        self.place = self.make_place()
        self.ledger = self.opened(create=True)
        self.messages: dict[tuple[int, int], Message] = {}
        self.plan = 0
        self.run = 0
        self.live = False
        self.now = 0
        self.last_send: int | None = None
        self.mark = self.ledger.mark()
        self.generation = 0

    def teardown(self) -> None:
        """Leave nothing behind."""
        if hasattr(self, "ledger"):
            self.ledger.close()
            self.clear()

    def make_place(self) -> Any:
        """Return where a ledger of one's own may be."""
        return Path(tempfile.mkdtemp()) / "ledger.sqlite"

    def clear(self) -> None:
        """Remove it."""
        shutil.rmtree(self.place.parent)

    def opened(self, *, create: bool) -> Ledger:
        """Open the ledger for writing."""
        return open_ledger(self.place, target=TARGET, create=create)

    def beside(self) -> Ledger | None:
        """Open the ledger for questions."""
        return open_readonly(self.place, target=TARGET)

    def check_last_send(self) -> None:
        """Compare when the newest intent was written."""
        assert self.last_send == self.ledger.last_send_us()

    def tick(self) -> int:
        """Return a later time."""
        self.now += 1
        return self.now

    def changed(self, *, expected: bool) -> None:
        """Compare the mark with the one before."""
        mark = self.ledger.mark()
        assert expected == (mark != self.mark)
        self.mark = mark

    @rule()
    def start_plan(self) -> None:
        """Open another plan, which closes this one."""
        record = PlanRecord(
            number=0,
            hash=str(self.plan),
            fingerprint="",
            identity="",
            source="s",
            messages=9,
            lanes=3,
            open=True,
        )
        self.plan = self.ledger.start_plan(record, now_us=self.tick()).number
        self.live = False
        self.changed(expected=True)

    @precondition(lambda self: self.plan)
    @rule()
    def start_run(self) -> None:
        """Begin a run of the open plan."""
        self.run = self.ledger.start_run(self.plan, host="h", pid=1, version="0", now_us=self.tick())
        self.live = True
        self.changed(expected=False)

    @precondition(lambda self: self.live)
    @rule()
    def end_run(self) -> None:
        """End it."""
        self.ledger.end_run(self.run, exit_code=0, now_us=self.tick())
        self.live = False
        self.changed(expected=False)

    @rule(ordinals=st.lists(ORDINALS, min_size=1, max_size=3))
    def intend(self, ordinals: list[int]) -> None:
        """Write intents, possible or not."""
        self.commit([self.intent(ordinal) for ordinal in ordinals])

    @rule(ordinal=ORDINALS, state=OUTCOMES)
    def settle(self, ordinal: int, state: State) -> None:
        """Write one outcome, possible or not."""
        self.commit([self.outcome(ordinal, state)])

    @rule(steps=st.lists(st.tuples(ORDINALS, st.none() | OUTCOMES), min_size=1, max_size=6))
    def mixed(self, steps: list[tuple[int, State | None]]) -> None:
        """Write a mixture."""
        self.commit([self.intent(o) if state is None else self.outcome(o, state) for o, state in steps])

    @rule(state=st.sampled_from([State.ACCEPTED, State.REJECTED, State.UNCERTAIN, State.PENDING]))
    def finish_everything(self, state: State) -> None:
        """Write the outcome of all that this run has in flight, and the next intents, as a real run does."""
        flying = [
            ordinal
            for (plan, ordinal), message in sorted(self.messages.items())
            if (plan, message.run, message.state) == (self.plan, self.run, State.IN_FLIGHT)
        ]
        self.commit([self.outcome(ordinal, state) for ordinal in flying])

    @rule(ordinal=ORDINALS, word=WORDS)
    def decide(self, ordinal: int, word: State) -> None:
        """Say a word on a message, allowed or not."""
        address = (self.plan, ordinal)
        before = self.messages.get(address)
        allowed = before is not None and before.state in DECIDABLE and (before.state, word) in MOVES
        allowed = allowed and word not in {State.IN_FLIGHT, State.UNCERTAIN}
        decision = Decision(plan=self.plan, ordinal=ordinal, state=word, who="w", why="y", now_us=self.tick())
        if allowed and before is not None:
            self.ledger.decide([decision])
            before.maybe_doubled |= self.doubles(before, word)
            before.state = word
        else:
            with pytest.raises(LedgerError):
                self.ledger.decide([decision])
        self.changed(expected=allowed)

    @rule(
        states=st.sets(st.sampled_from([State.UNCERTAIN, State.REJECTED]), min_size=1),
        lanes=st.sets(st.integers(0, 2)),
        word=st.sampled_from([State.ACCEPTED, State.PENDING, State.SKIPPED]),
    )
    def settle_many(self, states: set[State], lanes: set[int], word: State) -> None:
        """Say one word on all that fits."""
        names = tuple(f"user-{number}" for number in sorted(lanes))
        meant = [
            message
            for (_, ordinal), message in self.messages.items()
            if message.state in states and (not names or lane(ordinal) in names)
        ]
        selection = Selection(states=frozenset(states), lanes=names)
        said = Word(state=word, who="w", why="y", now_us=self.tick())
        if all((message.state, word) in MOVES for message in meant):
            assert len(meant) == self.ledger.settle(selection, said)
            for message in meant:
                message.maybe_doubled |= self.doubles(message, word)
                message.state = word
            self.changed(expected=bool(meant))
        else:
            with pytest.raises(LedgerError):
                self.ledger.settle(selection, said)
            self.changed(expected=False)

    @precondition(lambda self: self.live)
    @rule(ordinals=st.sets(ORDINALS, min_size=1))
    def put_back_from_a_copy(self, ordinals: set[int]) -> None:
        """Take the file for a restored copy, and doubt what is not settled."""
        self.ledger.restore(generation=self.generation, who="w", why="y", now_us=self.tick() + 10)
        self.now += 10
        rows = [
            {"ordinal": o, "key": o.to_bytes(16, "big"), "content": bytes(16), "lane": lane(o), "at_us": o}
            for o in sorted(ordinals)
        ]
        doubted = [o for o in sorted(ordinals) if self.state(o) in {None, State.PENDING}]
        batch = pa.RecordBatch.from_pylist(rows, DOUBT_SCHEMA)
        assert len(doubted) == self.ledger.doubt(self.plan, self.run, [batch], now_us=self.tick())
        for ordinal in doubted:
            new = Message(State.UNCERTAIN, self.run)
            self.messages.setdefault((self.plan, ordinal), new).state = State.UNCERTAIN
        for message in self.messages.values():
            message.before_restore = message.state is State.REJECTED
        self.changed(expected=True)

    def state(self, ordinal: int) -> State | None:
        """Return the state of a message of this plan."""
        message = self.messages.get((self.plan, ordinal))
        return message.state if message else None

    def doubles(self, message: Message, word: State) -> bool:
        """Return whether sending a message again may double it."""
        doubtful = message.state is State.UNCERTAIN or message.before_restore
        return doubtful and word is State.PENDING

    @rule()
    def recover(self) -> None:
        """Start after a crash."""
        flying = [message for message in self.messages.values() if message.state is State.IN_FLIGHT]
        assert len(flying) == self.ledger.recover(now_us=self.tick())
        for message in flying:
            message.state = State.UNCERTAIN
        self.changed(expected=bool(flying))

    @rule()
    def reopen(self) -> None:
        """Close and open it again."""
        self.ledger.close()
        self.ledger = self.opened(create=False)
        self.changed(expected=False)

    def intent(self, ordinal: int) -> Intent:
        """Return an intent under the newest run."""
        return Intent(
            plan=self.plan, ordinal=ordinal, run=self.run, key=ordinal.to_bytes(16, "big"), content=bytes(16),
            lane=lane(ordinal), at_us=ordinal, now_us=self.tick(),
        )  # fmt: skip

    def outcome(self, ordinal: int, state: State) -> Outcome:
        """Return an outcome under the newest run."""
        return Outcome(
            plan=self.plan, ordinal=ordinal, run=self.run, state=state, now_us=self.tick(),
            phase="answered", reason=state.value,
        )  # fmt: skip

    def commit(self, entries: list[Intent | Outcome]) -> None:
        """Commit to both; both must take all or nothing."""
        after = {address: Message(**vars(message)) for address, message in self.messages.items()}
        if all(self.applied(after, entry) for entry in entries):
            self.ledger.commit(entries)
            self.messages = after
            sent = [entry.now_us for entry in entries if isinstance(entry, Intent)]
            self.last_send = sent[-1] if sent else self.last_send
            self.changed(expected=bool(entries))
        else:
            with pytest.raises(LedgerError):
                self.ledger.commit(entries)
            self.changed(expected=False)

    def applied(self, messages: dict[tuple[int, int], Message], entry: Intent | Outcome) -> bool:
        """Apply one entry to the model's rows and return whether that is allowed."""
        address = (entry.plan, entry.ordinal)
        stored = messages.get(address)
        if isinstance(entry, Outcome):
            right = stored is not None and stored.state is State.IN_FLIGHT and stored.run == entry.run
            if not right or stored is None or (State.IN_FLIGHT, entry.state) not in MOVES:
                return False
            stored.state = entry.state
            return True
        taken = {lane(o) for (_, o), message in messages.items() if message.state is State.IN_FLIGHT}
        if not self.live or lane(entry.ordinal) in taken:
            return False
        if stored is None:
            messages[address] = Message(State.IN_FLIGHT, entry.run)
            return True
        if stored.state is not State.PENDING:
            return False
        stored.state, stored.run, stored.attempts = State.IN_FLIGHT, entry.run, stored.attempts + 1
        return True

    @invariant()
    def answers_like_the_model(self) -> None:
        """Every question has the model's answer."""
        if not hasattr(self, "ledger"):
            return
        stored = sorted(self.messages.items())
        assert Counter(message.state for _, message in stored) == self.ledger.counts()
        here = [(ordinal, message.state) for (plan, ordinal), message in stored if plan == self.plan]
        assert here == list(zip(*self.ledger.progress(self.plan, 0, 9), strict=True))
        exported = pa.Table.from_batches(self.ledger.export(), schema=EXPORT_SCHEMA)
        names = ["ordinal", "state", "attempts", "maybe_doubled", "run"]
        assert exported.select(names).to_pylist() == [
            {"ordinal": ordinal, **{name: vars(message)[name] for name in names[1:]}}
            for (_, ordinal), message in stored
        ]
        touched = pa.Table.from_batches(self.ledger.touched(), schema=TOUCHED_SCHEMA)
        states = [message.state for _, message in stored if message.state is not State.PENDING]
        assert Counter(states) == Counter(touched.column("state").to_pylist())
        self.check_last_send()
        generation = self.ledger.name().generation
        assert generation >= self.generation
        self.generation = generation

    @invariant()
    def lists_like_the_model(self) -> None:
        """So do the lists for people, from beside."""
        beside = self.beside() if hasattr(self, "place") else None
        if beside is None:
            return
        stored = sorted(self.messages.items())
        states = frozenset({State.UNCERTAIN, State.REJECTED, State.IN_FLIGHT})
        listed = [(plan, ordinal) for (plan, ordinal), message in stored if message.state in states]
        assert Counter(lane(ordinal) for _, ordinal in listed) == beside.blocked_lanes(states)
        assert listed[:4] == [(entry.plan, entry.ordinal) for entry in beside.entries(states, limit=4)]
        beside.close()


class PostgresMachine(LedgerMachine):
    """Plays the same with a ledger in PostgreSQL, whose sessions an administrator ends now and then."""

    def make_place(self) -> Address:
        """Return a schema of one's own."""
        return unused_address(server())

    def clear(self) -> None:
        """Remove it."""
        drop(self.place)

    def opened(self, *, create: bool) -> Ledger:
        """Open the ledger for writing."""
        return open_postgres(self.place, target=TARGET, create=create)

    def beside(self) -> Ledger | None:
        """Open the ledger for questions."""
        return open_postgres_readonly(self.place, target=TARGET)

    def check_last_send(self) -> None:
        """Compare whether anything was sent: when, the server says."""
        assert (self.last_send is None) == (self.ledger.last_send_us() is None)

    @rule()
    def lose_session(self) -> None:
        """End the session that holds the lock."""
        end_owner(self.place)


TestLedger = LedgerMachine.TestCase
TestLedger.settings = settings(
    max_examples=40,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)

TestPostgresLedger = PostgresMachine.TestCase
TestPostgresLedger.settings = settings(
    max_examples=5,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
