"""One run by many workers: leases, epochs, the one pace and the word that ends it, in a real PostgreSQL."""

import asyncio
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from etl.clock import SYSTEM
from etl.errors import LedgerError
from etl.ledger.evidence import Pause
from etl.ledger.interface import Intent, Outcome, Selection, Word
from etl.ledger.leases import Leases
from etl.ledger.postgres import pump_statements
from etl.ledger.postgres.connection import connect
from etl.ledger.postgres.pump import PumpLedger
from etl.ledger.postgres.pump_columns import late_columns
from etl.ledger.postgres.pump_rescue import OneByOne
from etl.ledger.postgres.shards import SharedRuns, end_workers
from etl.ledger.sharing import LOST, PaceWish, Shard
from etl.ledger.writer import GroupCommit
from etl.model.plan import Lane
from etl.model.states import State
from support.postgres import shell
from support.wire import Side, Wire, wire

LEDGERS = ["postgres"]
LANE = Lane(name="user-0", first=0, length=10)
OTHER = Lane(name="user-1", first=10, length=10)
SHARDS = [
    Shard(number=number, part=-1, first_lane=number, end_lane=number + 1, messages=10) for number in range(3)
]
WISH = PaceWish(
    spacing_seconds=0.1, share=1.0, rest_seconds=0.0, hold_off_seconds=0.0, max_messages=None,
    duration_seconds=None,
)  # fmt: skip

Worker = tuple[PumpLedger, Leases]

_WAITING = "SELECT 1 FROM pg_locks WHERE NOT granted AND %s = ANY(pg_blocking_pids(pid))"


@pytest.fixture
def runs(address, started) -> Iterator[SharedRuns]:
    """Return the driver's side of a run of three shards."""
    with closing(SharedRuns(address)) as found:
        found.begin(started[1], SHARDS, WISH)
        yield found


@pytest.fixture
def worker(address, started, runs) -> Iterator[Callable[[], Worker]]:  # noqa: ARG001  begun before
    """Return a maker of workers."""
    with ExitStack() as stack:

        def make() -> Worker:
            leases = Leases(30.0)
            pump = PumpLedger(address, run=started[1], leases=leases, rest_seconds=1.0, patience_seconds=10)
            return stack.enter_context(closing(pump)), leases

        yield make


def begin(worker: Worker, lane: Lane = LANE) -> None:
    """Claim a shard and open its lane."""
    pump, leases = worker
    claim = pump.claim()
    assert claim is not None
    leases.opened(lane, claim)


def expire(address) -> None:
    """Let all leases end, as time does."""
    with shell(address) as connection:
        connection.execute("UPDATE shard SET lease_until = now() - interval '1 s' WHERE state = 'open'")


def test_workers_get_different_shards_in_order(worker):
    """The longest lanes begin first, and no shard has two owners."""
    one, other = worker()[0], worker()[0]
    found = [one.claim(), other.claim(), one.claim(), other.claim()]

    assert [(0, 1), (1, 1), (2, 1)] == [(claim.number, claim.epoch) for claim in found if claim]
    assert found[3] is None


def test_shard_that_is_just_being_claimed_is_passed_over(address, worker, started):
    """Two workers that ask at once wait for nobody, and get two shards."""
    one = worker()[0]
    with shell(address) as connection, connection.transaction():
        connection.execute("SELECT claim(%s, 'other', '9 s', 1)", (started[1],))
        claim = one.claim()

    assert claim is not None
    assert (1, 1) == (claim.number, claim.epoch)


def test_message_is_sent_under_a_claim(worker, ledger, intent, outcome):
    """As in any run: pending, in flight, accepted; and the last send is known to the next run."""
    one = worker()
    begin(one)
    before = ledger.mark()
    one[0].commit([intent(0)])
    assert {State.IN_FLIGHT: 1} == ledger.counts()
    one[0].commit([outcome(0), intent(1)])

    assert {State.ACCEPTED: 1, State.IN_FLIGHT: 1} == ledger.counts()
    assert before != ledger.mark()


@pytest.mark.parametrize("clock_us", [1, 4 * 10**15], ids=["long ago", "far ahead"])
def test_last_send_is_when_the_server_had_it_whatever_a_workers_clock_says(worker, ledger, intent, clock_us):
    """The next run's rest must not be shorter because a worker's clock was behind."""
    one = worker()
    begin(one)
    before_us = SYSTEM.wall_us()
    one[0].commit([intent(0, now_us=clock_us)])

    last_us = ledger.last_send_us()
    assert before_us - 2_000_000 <= last_us <= SYSTEM.wall_us()
    one[0].renew()
    assert pytest.approx(last_us, abs=1_000_000) == ledger.last_send_us()


def test_takeover_calls_uncertain_what_was_in_flight(address, worker, ledger, intent):
    """It may have been sent; nothing else is touched."""
    one, other = worker(), worker()
    begin(one)
    one[0].commit([intent(0)])
    expire(address)
    claim = other[0].claim()

    assert claim is not None
    assert (0, 2, 1) == (claim.number, claim.epoch, claim.doubted)
    assert {State.UNCERTAIN: 1} == ledger.counts()
    assert ["interrupted"] == [entry.reason for entry in ledger.entries(frozenset(State), limit=9)]


def test_fenced_worker_writes_nothing_and_learns_it(address, worker, ledger, intent):
    """Its intent goes nowhere, and the lease is gone before anybody looks at it."""
    one, other = worker(), worker()
    begin(one)
    expire(address)
    other[0].claim()
    one[0].commit([intent(0)])

    assert {} == ledger.counts()
    assert not one[1].hold(0, SYSTEM.monotonic())


def test_known_answer_of_a_fenced_worker_counts(address, worker, ledger, intent, outcome):
    """The message was accepted whoever owns its shard; the record says where the word comes from."""
    one, other = worker(), worker()
    begin(one)
    one[0].commit([intent(0)])
    expire(address)
    other[0].claim()
    one[0].commit([outcome(0)])

    assert {State.ACCEPTED: 1} == ledger.counts()
    with shell(address) as connection:
        words = connection.execute("SELECT from_state, to_state, who, why FROM decision").fetchall()
    assert [("uncertain", "accepted", "etl", "its answer came late: accepted")] == words
    assert 0 == ledger.verify_seals().unexplained


def test_mark_tells_of_a_takeover_and_of_a_late_answer(address, worker, ledger, intent, outcome):
    """Whoever made something of the ledger's messages must see that it is out of date."""
    one, other = worker(), worker()
    begin(one)
    one[0].commit([intent(0)])
    expire(address)
    marks = [ledger.mark()]
    other[0].claim()
    marks.append(ledger.mark())
    one[0].renew()
    marks.append(ledger.mark())
    late = (*late_columns([outcome(0)], one[1].claim_of), "etl", 9_000)
    one[0]._writer.rows(pump_statements.LATE, late)
    marks.append(ledger.mark())

    assert {State.ACCEPTED: 1} == ledger.counts()
    assert 4 == len(set(marks))


def test_answer_after_the_seal_counts_as_a_word(worker, ledger, runs, started, intent, outcome):
    """A worker wakes up long after: the seal of the run stays true, and nobody has to settle the message."""
    one = worker()
    begin(one)
    one[0].commit([intent(0)])
    runs.fence(started[1])
    ledger.recover(now_us=8_000)
    ledger.end_run(started[1], exit_code=3, now_us=8_001)
    ledger.seal(now_us=8_002)
    one[0].commit([outcome(0)])
    found = ledger.verify_seals()

    assert {State.ACCEPTED: 1} == ledger.counts()
    assert [started[1]] == [seal.run for seal in found.sealed]
    assert ((), 1) == (found.differing, found.unsealed_words)


def test_known_refusal_of_a_fenced_worker_is_to_be_sent_again(address, worker, ledger, intent, outcome):
    """It was surely not taken, and what is uncertain can't become rejected."""
    one, other = worker(), worker()
    begin(one)
    one[0].commit([intent(0)])
    expire(address)
    other[0].claim()
    one[0].commit([outcome(0, State.REJECTED)])

    assert {State.PENDING: 1} == ledger.counts()


def test_word_of_a_person_stands_against_a_late_answer(address, worker, ledger, intent, outcome):
    """Somebody has looked meanwhile."""
    one, other = worker(), worker()
    begin(one)
    one[0].commit([intent(0)])
    expire(address)
    other[0].claim()
    word = Word(state=State.SKIPPED, who="ann", why="looked", now_us=9_000)
    ledger.settle(Selection(states=frozenset({State.UNCERTAIN})), word)
    one[0].commit([outcome(0)])

    assert {State.SKIPPED: 1} == ledger.counts()


def test_lease_that_nobody_took_is_renewed_even_late(address, worker, ledger, intent):
    """A long outage of the database ends no work that nobody else began."""
    one = worker()
    begin(one)
    expire(address)
    one[0].commit([intent(0)])

    assert {State.IN_FLIGHT: 1} == ledger.counts()
    assert one[1].hold(0, SYSTEM.monotonic())


def test_schema_itself_refuses_an_older_epoch(address, worker, intent):
    """Code that forgets to ask for the claim can't send either."""
    one = worker()
    begin(one)
    one[0].commit([intent(0)])
    with shell(address) as connection, pytest.raises(psycopg.IntegrityError, match="has another owner"):
        connection.execute("UPDATE message SET epoch = 7")


def test_shard_that_is_given_back_is_free_at_once(worker, runs, started):
    """For whoever asks next; one that is done is never claimed again."""
    one, other = worker()[0], worker()[0]
    first, second = one.claim(), one.claim()
    assert first is not None
    assert second is not None
    one.leave(first, done=False)
    one.leave(second, done=True)
    again = other.claim()

    assert again is not None
    assert (0, 2, 0) == (again.number, again.epoch, again.doubted)
    worked = runs.worked(started[1])
    assert worked is not None
    assert (1, 1, {other.owner: 1}, 0) == (worked.done, worked.waiting, worked.open, worked.expired)
    assert 2 == one.shards_left()


def test_first_word_ends_the_run_for_all(worker, runs, started):
    """Each worker hears it with its next commit, and none claims more."""
    one, other = worker()[0], worker()[0]
    one.claim()
    other.stop("refused", "the API refused the token")
    runs.stop(started[1], "interrupted", "Ctrl-C")
    one.renew()

    assert one.heard is not None
    assert ("refused", "the API refused the token") == (one.heard.stop_kind, one.heard.stop_message)
    assert one.claim() is None


def test_slots_are_evenly_spaced_over_all_workers(worker):
    """Whoever asks gets the next ones of one row."""
    one, other = worker()[0], worker()[0]
    first = one.book(fresh=0, again=3)
    second = other.book(fresh=0, again=1)

    assert pytest.approx(first[1] + 0.3) == second[1]
    assert 3 == first[3]


def test_hold_off_holds_everybody_and_voids_slots(worker, ledger):
    """Another era; a shorter wish never shortens a longer one; the next run knows, too."""
    one, other = worker()[0], worker()[0]
    era = one.book(fresh=0, again=1)[6]
    until_us = SYSTEM.wall_us() + 60_000_000
    one.set_hold_off(until_us, pause=Pause(at_us=1, until_us=until_us, reason="http_429"))
    one.set_hold_off(until_us - 50_000_000)
    now, first, *_, held, now_era, _share = other.book(fresh=0, again=1)

    assert now_era == era + 1
    assert first == held
    assert pytest.approx(60, abs=5) == held - now
    assert pytest.approx(until_us, abs=2_000_000) == ledger.hold_off_us()
    assert ["http_429"] == [pause.reason for pause in ledger.pauses([1])]


def test_share_follows_the_first_lesson_of_two(worker):
    """Two workers are refused at once: the pace is halved once."""
    one, other = worker()[0], worker()[0]

    assert one.set_share(0.5, before=1.0)
    assert not other.set_share(0.5, before=1.0)
    assert pytest.approx(0.2) == other.book(fresh=0, again=1)[2]


def test_messages_are_counted_over_all_workers(address, started):
    """No more are begun than may be; one that is begun gets as many slots as it needs."""
    run = started[1]
    with closing(SharedRuns(address)) as runs, ExitStack() as stack:
        runs.begin(run, SHARDS, replace(WISH, max_messages=5))
        one, other = (
            stack.enter_context(closing(PumpLedger(address, run=run, leases=Leases(9), rest_seconds=1)))
            for _ in range(2)
        )

        assert (3, 3) == one.book(fresh=3, again=0)[3:5]
        assert (4, 2) == other.book(fresh=3, again=2)[3:5]
        worked = runs.worked(run)
        assert worked is not None
        assert worked.full
        beginning = one.beginning()
        assert beginning is not None
        assert beginning.full


def test_next_command_waits_for_live_workers_then_fences_them(address, worker, ledger, intent):
    """What was in flight is called uncertain only when nobody can answer any more."""
    one = worker()
    begin(one)
    one[0].commit([intent(0)])
    expire(address)
    said: list[str] = []
    end_workers(address, said.append)
    one[0].commit([intent(1)])

    assert [] == said
    assert 1 == ledger.recover(now_us=9_000)
    assert {State.UNCERTAIN: 1} == ledger.counts()


def test_worker_that_had_claimed_nothing_when_its_driver_died_never_sends(address, worker):
    """It still read the plan, so it held no lease: the next command ends its run all the same."""
    one = worker()[0]
    said: list[str] = []
    end_workers(address, said.append)
    beginning = one.beginning()

    assert [] == said
    assert one.claim() is None
    assert beginning is not None
    assert ("aborted", "another command began") == (beginning.heard.stop_kind, beginning.heard.stop_message)


def test_stop_waits_for_a_claim_under_way(address, worker, runs, started):
    """Otherwise a shard would be claimed just after everybody has looked whether somebody sends."""
    worker()
    runs._connection.rows("SET lock_timeout = '50ms'")
    with shell(address) as connection, connection.transaction():
        connection.execute("SELECT claim(%s, 'other', '9 s', 1)", (started[1],))

        with pytest.raises(LedgerError, match="lock timeout"):
            runs.stop(started[1], "interrupted", "Ctrl-C")


def test_schema_lets_only_the_newest_run_claim_and_send(worker, ledger, started, intent):
    """Two runs at two paces would send faster than the API allows."""
    one = worker()
    begin(one)
    ledger.start_run(started[0], host="host", pid=1, version="0", now_us=9_000)

    assert one[0].claim() is None
    with pytest.raises(LedgerError, match="has another owner"):
        one[0].commit([intent(0)])
    assert {} == ledger.counts()


def test_driver_that_lost_its_ledger_takes_no_shard_of_the_next_run(address, worker, runs, started, ledger):
    """It learns only afterwards that somebody has taken over, whose workers go on."""
    worker()[0].claim()
    later = ledger.start_run(started[0], host="host", pid=1, version="0", now_us=9_000)
    with closing(SharedRuns(address)) as next_runs:
        next_runs.begin(later, SHARDS, WISH)
        next_pump = PumpLedger(address, run=later, leases=Leases(30.0), rest_seconds=1.0)
        with closing(next_pump):
            next_pump.claim()
            runs.stop(started[1], "aborted", "the ledger was opened by another run")
            runs.fence(started[1])
            runs.fence_stopped()
            before, now = runs.worked(started[1]), runs.worked(later)

    assert before is not None
    assert now is not None
    assert (0, 1) == (before.live, now.live)


def test_shard_that_was_fenced_is_claimed_with_its_doubt(worker, ledger, runs, started, intent):
    """What its last owner left in flight may have been sent, and would hold up its lane for good."""
    one, other = worker(), worker()
    begin(one)
    one[0].commit([intent(0)])
    runs.fence(started[1])
    claim = other[0].claim()

    assert claim is not None
    assert (3, 1) == (claim.epoch, claim.doubted)
    assert {State.UNCERTAIN: 1} == ledger.counts()


def test_worker_that_freezes_in_a_commit_keeps_its_shard_from_nobody(worker, runs, started, ledger, intent):
    """The server ends its session; what it commits when it wakes up goes to nobody."""
    one = worker()
    begin(one)
    pump, writer = one[0], one[0]._writer
    assert [("30s",)] == writer.rows("SHOW idle_in_transaction_session_timeout")
    writer.rows("SET idle_in_transaction_session_timeout = '50ms'")
    writer.rows("BEGIN")
    writer.rows("SELECT 1 FROM shard WHERE number = 0 FOR UPDATE")
    runs.fence(started[1])
    pump.commit([intent(0)])

    assert {} == ledger.counts()


def test_session_that_paused_for_too_long_is_a_lost_one(address, worker):
    """The server has undone what the frozen machine had begun; it is made again."""
    one = worker()[0]
    claim = one.claim()
    assert claim is not None
    one._writer.rows("SET idle_in_transaction_session_timeout = '50ms'")
    one._writer.rows("BEGIN")
    one._writer.rows("SELECT 1 FROM shard FOR UPDATE")
    with shell(address) as connection:
        connection.execute("SELECT 1 FROM shard FOR UPDATE")
    one.leave(claim, done=True)

    assert 2 == one.shards_left()


def test_driver_waits_for_no_lock_for_ever(address, worker, runs, started):
    """Somebody holds a shard in a shell: the command ends and says what to do."""
    worker()[0].claim()
    assert [("1min",)] == runs._connection.rows("SHOW lock_timeout")
    runs._connection.rows("SET lock_timeout = '50ms'")
    with shell(address) as connection, connection.transaction():
        connection.execute("SELECT 1 FROM shard FOR UPDATE")

        with pytest.raises(LedgerError, match="kept locked") as refused:
            runs.fence(started[1])

    assert "pg_stat_activity" in refused.value.hint


@pytest.mark.parametrize("role", ["worker", "driver", "reader", "writer"])
def test_server_notices_soon_that_a_client_vanished(role, address, ledger):  # noqa: ARG001  it makes the schema
    """Otherwise the locks of a machine without power stay for two hours, as TCP does by default."""
    with closing(connect(address, role=role)) as connection:
        found = connection.execute(
            "SELECT name, source = 'session' FROM pg_settings WHERE name LIKE 'tcp_%'"
        ).fetchall()

    assert 4 == len(found)
    assert all(ours for _, ours in found)


def cut_off(address) -> None:
    """End the sessions of all workers, as a server that falls does."""
    with shell(address) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE application_name LIKE 'etl worker%'"
        )


def test_era_after_an_outage_is_newer_than_any_that_was_heard(address, worker):
    """Eras may be lost with the server's last moments; a sender takes no slots of one that is older."""
    one, _ = worker()
    one.set_hold_off(SYSTEM.wall_us() + 30_000_000)
    one.set_share(0.5, before=1.0)
    one.renew()
    heard = one.heard.era if one.heard else 0
    with shell(address) as connection:
        connection.execute("UPDATE pace SET era = 0")
    cut_off(address)
    one.renew()

    assert one.heard
    assert one.heard.era > heard


def test_refused_entry_takes_no_known_outcome_with_it(worker, ledger, intent, outcome):
    """What the API answered for other lanes, and what was surely not sent, is known: it must not be doubt."""
    one, leases = worker()
    begin((one, leases))
    begin((one, leases), OTHER)
    one.commit([intent(0), intent(10)])

    async def send() -> list[object]:
        async with GroupCommit(one, OneByOne(one)) as group:
            batch = group.write(outcome(0), intent(1, lane="us\x00er"))
            ends = await asyncio.gather(batch, return_exceptions=True)
            late = group.write(outcome(10, State.PENDING, phase="connect", reason="withdrawn"))
            return [*ends, *await asyncio.gather(late, return_exceptions=True)]

    with pytest.raises(LedgerError, match="no Unicode"):
        asyncio.run(send())
    assert {State.ACCEPTED: 1, State.PENDING: 1} == ledger.counts()


@pytest.mark.parametrize("forget", ["UPDATE pump SET commits = commits - 2", "DELETE FROM pump"])
def test_worker_whose_commits_are_forgotten_ends_the_run_for_all(
    address, worker, runs, started, intent, forget
):
    """After a failover that lost commits: whoever takes the shard over would send again what is missing."""
    one, other = worker(), worker()
    begin(one)
    one[0].commit([intent(0)])
    one[0].renew()
    known = runs.commits(started[1])
    with shell(address) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("DELETE FROM message")
        connection.execute(forget)
    cut_off(address)

    with pytest.raises(LedgerError, match="without commits"):
        one[0].renew()
    assert runs.commits(started[1]) < known
    assert ("aborted", LOST) == (runs.worked(started[1]).stop_kind, runs.worked(started[1]).stop_message)
    assert other[0].claim() is None


def test_run_that_has_ended_takes_no_intent(worker, ledger, started, intent):
    """The driver has closed it: a worker that comes late sends nothing."""
    one = worker()
    begin(one)
    ledger.end_run(started[1], exit_code=0, now_us=9_000)

    with pytest.raises(LedgerError, match="forbid"):
        one[0].commit([intent(0)])
    assert one[0].beginning() is None


@pytest.mark.parametrize("side", list(Side))
def test_commits_are_applied_once_wherever_the_connection_is_cut(side, address, ledger, started):
    """Before a question arrives or before its answer does, at every chunk: the ledger knows what it has."""
    total = at = 1
    with tempfile.TemporaryDirectory(prefix="etl-wire-") as folder, wire(Path(folder), address.url) as laid:
        while at <= total:
            run = ledger.start_run(started[0], host="host", pid=1, version="0", now_us=5_000)
            with closing(SharedRuns(address)) as runs:
                runs.begin(run, SHARDS, WISH)
            through = replace(address, url=laid.url)
            first = 100 * at
            _send_two(through, laid, plan=started[0], run=run, first=first, cut=(side, at))
            total = max(total, laid.passed[side])
            laid.arm()

            stored = ledger.progress(started[0], first, first + 50)
            assert ([first, first + 1], [State.ACCEPTED, State.UNCERTAIN]) == stored, f"cut at {at}"
            at += 1

    assert total > 6


@pytest.mark.parametrize("side", list(Side))
def test_run_is_begun_once_wherever_the_connection_is_cut(side, address, ledger, started):
    """Shards that were cut twice would be sent twice; a run without them would seem to be done."""
    total = at = 1
    with tempfile.TemporaryDirectory(prefix="etl-wire-") as folder, wire(Path(folder), address.url) as laid:
        while at <= total:
            run = ledger.start_run(started[0], host="host", pid=1, version="0", now_us=5_000)
            with closing(SharedRuns(replace(address, url=laid.url), patience_seconds=10)) as runs:
                laid.arm(side, at)
                runs.begin(run, SHARDS, WISH)
                total = max(total, laid.passed[side])
                laid.arm()
                worked = runs.worked(run)
            assert worked is not None
            assert (len(SHARDS), 0) == (worked.shards, worked.done), f"cut at {at}"
            at += 1

    assert total > 3


@pytest.mark.parametrize("applied", [True, False])
def test_run_is_begun_once_while_its_first_commit_is_still_under_way(applied, address, started):
    """A cut connection ends nothing that the server does for it: only waiting tells what became of it."""
    with (
        closing(SharedRuns(address, patience_seconds=10)) as runs,
        shell(address) as first,
        shell(address) as other,
        ThreadPoolExecutor(1) as pool,
    ):
        ((lost,),) = runs._connection.rows("SELECT pg_backend_pid()")
        other.execute("SELECT pg_terminate_backend(%s, 5000)", (lost,))
        first.execute("BEGIN")
        first.execute("INSERT INTO pace (run, spacing, share, next_at) VALUES (%s, 1, 1, 0)", (started[1],))
        first.execute("INSERT INTO shard VALUES (%s, 0, -1, 0, 3, 30)", (started[1],))
        begun = pool.submit(runs.begin, started[1], SHARDS, WISH)
        try:
            until = SYSTEM.monotonic() + 10
            while not other.execute(_WAITING, (first.info.backend_pid,)).fetchall():
                assert SYSTEM.monotonic() < until
        finally:
            first.execute("COMMIT" if applied else "ROLLBACK")
        begun.result(10)
        worked = runs.worked(started[1])

    assert worked is not None
    assert (1 if applied else len(SHARDS)) == worked.shards


def _send_two(address, laid: Wire, *, plan: int, run: int, first: int, cut: tuple[Side, int]) -> None:
    """Let a worker commit two messages over a wire that is cut."""
    leases, keys = Leases(30.0), [first, first + 1]
    intents = [
        Intent(plan, key, run, key.to_bytes(16, "big"), b"c" * 16, f"user-{key}", key, 6_000) for key in keys
    ]
    states = (State.ACCEPTED, State.UNCERTAIN)
    outcomes = [
        Outcome(plan, key, run, state, 7_000, "answered", state.value)
        for key, state in zip(keys, states, strict=True)
    ]
    with closing(PumpLedger(address, run=run, leases=leases, rest_seconds=0, patience_seconds=10)) as one:
        laid.arm(*cut)
        begin((one, leases), Lane(name="x", first=first, length=50))
        one.commit([intents[0]])
        one.commit([outcomes[0], intents[1]])
        one.book(fresh=0, again=1)
        one.commit([outcomes[1]])
