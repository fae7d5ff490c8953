"""One message: waits, refusals, and what they mean for everybody."""

import itertools

import pytest

from etl.ledger.interface import Intent, Outcome
from etl.model.events import HoldOff, Retrying, Settled, Warned
from etl.model.exchange import Answer, Envelope, Failure, Phase, Receipt
from etl.model.states import State
from etl.replay.limits import Bounds
from etl.replay.pacer import SLACK_SECONDS
from etl.replay.stop import StopKind

ACCEPTED = Answer(
    status=200,
    envelope=Envelope.ACCEPTANCE,
    receipt=Receipt(platform_id="7", conversation_id="8", bot_replied=False),
)
BOT = Answer(
    status=200,
    envelope=Envelope.ACCEPTANCE,
    receipt=Receipt(platform_id="7", conversation_id="8", bot_replied=True),
)
UNREACHABLE = Failure(phase=Phase.CONNECT, kind="connect_failed")


def status(code: int, retry_after_seconds: float | None = None) -> Answer:
    """Return a plain answer."""
    return Answer(
        status=code, envelope=Envelope.SENSELESS, receipt=None, retry_after_seconds=retry_after_seconds
    )


def once(ordinal: int, exchange):
    """Return a script in which one message's first attempt goes wrong."""
    return lambda message, attempt: exchange if (message.ordinal, attempt) == (ordinal, 1) else ACCEPTED


def test_429_holds_everybody_in_full(world):
    """Not the lane that was told, the whole run waits (promise P5)."""
    w = world(4, 4, 4, workers=3, rate=20.0)
    w.replay(once(1, status(429, 40.0)))

    told = next(sent.ended for sent in w.sent if sent.ordinal == 1)
    assert [sent for sent in w.sent if told < sent.began < told + 40.0] == []
    assert set(w.states().values()) == {State.ACCEPTED}
    assert w.of(HoldOff) == [HoldOff(seconds=40.0, reason="http_429")]
    assert w.of(Retrying) == [Retrying(ordinal=1, reason="http_429", wait_seconds=40.0)]


def test_429_is_remembered_for_the_next_run(world):
    """Otherwise the next cron job would break the word that this one gave."""
    w = world(2, workers=1, max_wait_seconds=10.0)
    w.replay(once(0, status(429, 600.0)))

    assert w.stop.reason is not None
    assert w.stop.reason.kind is StopKind.THROTTLED
    assert w.states() == {0: State.PENDING}
    left = (w.ledger.hold_off_us() - w.clock.wall_us()) / 1_000_000
    assert pytest.approx(600.0, abs=1.0) == left


def test_longer_hold_off_is_the_one_remembered(world):
    """Two answers in flight may ask for different pauses; the later end counts."""
    w = world(1, 1, workers=2, rate=100.0, max_wait_seconds=10.0, latency_seconds=1.0)
    w.replay(lambda message, _: status(429, 600.0 if message.ordinal == 0 else 1.0))

    assert len(w.sent) == 2
    left = (w.ledger.hold_off_us() - w.clock.wall_us()) / 1_000_000
    assert left > 590.0


def test_hold_off_counts_from_the_answer_not_from_its_commit(world):
    """While the outcome is being made durable, nobody else may send."""
    w = world(1, 9, workers=2, rate=100.0, latency_seconds=0.005)
    seen: list[float] = []
    w.after_write = lambda _: seen.append(w.pacer.wait_seconds(w.clock.now))
    w.replay(once(0, status(429, 30.0)))
    told = next(sent.ended for sent in w.sent if sent.ordinal == 0)

    assert pytest.approx(30.0) == max(seen)
    assert [sent for sent in w.sent if told < sent.began < told + 30.0] == []


@pytest.mark.parametrize("retry_503", [True, False])
def test_retry_after_of_a_503_holds_everybody(world, retry_503):
    """Whether the message counts as taken is the job's word; the pause is the API's."""
    w = world(3, 3, workers=2, rate=20.0, retry_503=retry_503)
    w.replay(once(1, status(503, 40.0)))

    told = next(sent.ended for sent in w.sent if sent.ordinal == 1)
    assert [sent for sent in w.sent if told < sent.began < told + 40.0] == []
    assert w.states()[1] is (State.ACCEPTED if retry_503 else State.UNCERTAIN)
    assert w.ledger.hold_off_us() is not None


def test_endless_429_ends_the_run_when_patience_does(world):
    """A storm is waited out for so long, then the run says: later."""
    w = world(2, workers=1, max_wait_seconds=100.0)
    began = w.clock.now
    w.replay(lambda _, __: status(429, 30.0))

    assert w.stop.reason is not None
    assert w.stop.reason.kind is StopKind.THROTTLED
    assert 60.0 <= w.clock.now - began <= 110.0
    assert w.states() == {0: State.PENDING}


def test_unreachable_from_the_start_ends_after_three_tries(world):
    """A wrong address must not cost a quarter of an hour."""
    w = world(2, workers=1)
    w.replay(lambda _, __: UNREACHABLE)

    assert w.stop.reason is not None
    assert w.stop.reason.kind is StopKind.UNREACHABLE
    assert len(w.sent) == 3
    assert w.clock.now - 1_000.0 < 5.0
    assert w.states() == {0: State.PENDING}


def test_api_that_goes_away_is_waited_for(world):
    """An outage in the night is no reason to end; nothing was sent meanwhile."""
    w = world(3, workers=1, max_wait_seconds=900.0)
    w.replay(lambda message, attempt: UNREACHABLE if message.ordinal == 1 and attempt < 9 else ACCEPTED)

    assert w.stop.reason is None
    assert set(w.states().values()) == {State.ACCEPTED}
    assert len(w.of(Retrying)) == 8


def test_two_short_outages_are_no_long_one(world):
    """Patience is for one stretch of trouble; a message that gets through ends it."""
    w = world(4, workers=1, max_wait_seconds=60.0)
    w.replay(lambda message, attempt: status(429, 40.0) if message.ordinal > 0 and attempt < 2 else ACCEPTED)

    assert w.stop.reason is None
    assert set(w.states().values()) == {State.ACCEPTED}


def test_api_that_stays_away_ends_the_run(world):
    """After `max_wait_seconds` a person should know."""
    w = world(3, workers=1, max_wait_seconds=300.0)
    w.replay(lambda message, _: ACCEPTED if message.ordinal == 0 else UNREACHABLE)

    assert w.stop.reason is not None
    assert w.stop.reason.kind is StopKind.UNREACHABLE
    assert 200.0 < w.clock.now - 1_000.0 <= 310.0
    assert w.states() == {0: State.ACCEPTED, 1: State.PENDING}


@pytest.mark.parametrize("code", [401, 403, 404, 405, 301])
def test_refusal_of_the_run_stops_at_once(world, code):
    """One request is enough; the message stays pending for a right token or address."""
    w = world(3, 3, workers=1)
    w.replay(once(1, status(code)))

    assert w.stop.reason is not None
    assert w.stop.reason.kind is StopKind.REFUSED
    assert str(code) in w.stop.reason.message
    assert w.states() == {0: State.ACCEPTED, 1: State.PENDING}


def test_certificate_failure_stops_at_once(world):
    """There is nothing to retry, and no way around verification."""
    w = world(3, workers=1)
    w.replay(lambda _, __: Failure(phase=Phase.CERTIFICATE, kind="certificate"))

    assert w.stop.reason is not None
    assert "certificate" in w.stop.reason.message
    assert (1, {0: State.PENDING}) == (len(w.sent), w.states())


def test_other_lanes_stop_while_a_401_is_recorded(world):
    """A revoked token must not be shown again and again."""
    w = world(*[5] * 4, workers=4, rate=1_000.0, latency_seconds=0.02)
    w.replay(lambda message, _: status(401) if message.ordinal == 0 else ACCEPTED)

    told = next(sent.ended for sent in w.sent if sent.ordinal == 0)
    assert [sent for sent in w.sent if sent.began > told] == []
    assert State.UNCERTAIN not in w.states().values()


def test_bot_that_replies_stops_the_run(world):
    """The deployment is not what the operator thinks."""
    w = world(3, workers=1)
    w.replay(once(1, BOT))

    assert w.stop.reason is not None
    assert w.stop.reason.kind is StopKind.BOT_REPLIED
    assert w.states() == {0: State.ACCEPTED, 1: State.ACCEPTED}


def test_bot_that_replies_is_a_warning_if_the_job_says_so(world):
    """Some bots greet; the operator may know that, and need not read it a million times."""
    w = world(3, workers=1, stop_when_bot_replies=False)
    w.replay(lambda _, __: BOT)

    assert len(w.of(Warned)) == 1
    assert set(w.states().values()) == {State.ACCEPTED}


@pytest.mark.parametrize(
    ("exchange", "state"),
    [(status(400), State.REJECTED), (status(200), State.UNCERTAIN)],
)
def test_breaker_stops_after_three_of_a_kind(world, exchange, state):
    """A wrong set-up costs three requests, not a million rejects."""
    w = world(1, 1, 1, 1, 1, 1, workers=1)
    w.replay(lambda _, __: exchange)

    assert w.stop.reason is not None
    assert w.stop.reason.kind is StopKind.BREAKER
    assert w.states() == dict.fromkeys(range(3), state)


def test_server_errors_pause_everybody_then_one_message_tries(world):
    """An outage of a minute costs a few doubts, not one for each lane and second."""
    w = world(*[1] * 40, workers=8, rate=50.0, latency_seconds=0.01)
    w.replay(lambda _, __: status(502) if w.clock.now < 1_060.0 else ACCEPTED)

    assert w.stop.reason is None
    began = sorted(sent.began for sent in w.sent)
    pauses = [later - earlier for earlier, later in itertools.pairwise(began) if later - earlier > 5.0]
    assert pytest.approx([30.0, 60.0], rel=0.02) == pauses
    uncertain = [state for state in w.states().values() if state is State.UNCERTAIN]
    assert len(uncertain) <= 3 + 8 + 1
    assert len(w.states()) == 40
    second = next(place for place, at in enumerate(began) if at > 1_060.0)
    assert began[second + 1] - began[second] >= 0.01


def test_lanes_that_waited_for_a_try_do_not_leave_together(world):
    """Their slots came and went during it; after it each has a new one."""
    w = world(*[1] * 30, workers=8, rate=10.0, retry_503=False, latency_seconds=5.0)

    def script(message, _):
        if w.clock.now > 1_050.0:
            return ACCEPTED
        return status(503, 100.0) if message.ordinal == 0 else status(502)

    w.replay(script)

    began = sorted(sent.began for sent in w.sent if sent.began > 1_050.0)
    assert len(began) > 15
    assert min(later - earlier for earlier, later in itertools.pairwise(began)) >= 0.1 - SLACK_SECONDS


def test_server_that_stays_in_trouble_ends_the_run(world):
    """Each further try would be one more message of unknown fate."""
    w = world(*[1] * 40, workers=1)
    w.replay(lambda _, __: status(500))

    assert w.stop.reason is not None
    assert w.stop.reason.kind is StopKind.FAILING
    assert w.states() == dict.fromkeys(range(6), State.UNCERTAIN)


def test_breaker_never_pauses_longer_than_the_job_waits(world):
    """Who has no patience gets none."""
    w = world(*[1] * 9, workers=1, max_wait_seconds=10.0)
    w.replay(lambda _, __: status(500))

    assert w.stop.reason is not None
    assert w.stop.reason.kind is StopKind.FAILING
    assert len(w.sent) == 3


def test_pause_for_a_server_in_trouble_is_kept_for_the_next_run(world):
    """Or each job of cron would leave as many messages in doubt as it takes to notice the trouble."""
    w = world(*[1] * 40, workers=1, rate=10.0)
    w.replay(lambda _, __: status(500))

    assert pytest.approx(120.0, abs=1.0) == (w.ledger.hold_off_us() - w.clock.wall_us()) / 1_000_000


def test_message_is_withdrawn_when_a_hold_off_comes_after_its_intent(world):
    """It would wait with a durable intent, and a kill would make it uncertain for nothing."""
    w = world(2, workers=1)
    asked: list[float] = []

    def hold_off_once(entry):
        if isinstance(entry, Intent) and entry.ordinal == 1 and not asked:
            asked.append(w.clock.now)
            w.pacer.hold_off(w.clock.now + 20.0)

    w.after_write = hold_off_once
    w.replay()

    assert w.reasons() == ["withdrawn"]
    assert set(w.states().values()) == {State.ACCEPTED}
    assert [sent.ordinal for sent in w.sent] == [0, 1]
    assert w.sent[1].began >= asked[0] + 20.0


def test_message_is_withdrawn_when_a_drain_comes_after_its_intent(world):
    """A stop is a stop; the intent is taken back, so the message is pending and not uncertain."""
    w = world(2, workers=1)
    w.after_write = lambda entry: (
        w.stop.request(StopKind.TERMINATED, "terminated")
        if isinstance(entry, Intent) and entry.ordinal == 1
        else None
    )
    w.replay()

    assert w.states() == {0: State.ACCEPTED, 1: State.PENDING}
    assert [sent.ordinal for sent in w.sent] == [0]
    assert w.reasons() == ["withdrawn"]


def test_stall_leaves_no_queue_of_durable_intents(world):
    """After a pause of the machine all slots have come; the many who can't go soon withdraw."""
    w = world(*[2] * 12, workers=12, rate=2.0, latency_seconds=8.0)
    intended: dict[int, float] = {}
    waited: list[float] = []

    def stall(entry):
        if isinstance(entry, Intent):
            if len(intended) == 11:  # all lanes are open; all of them will wait for the end of this
                w.pacer.hold_off(w.clock.now + 20.0)
            if len(intended) == 12:
                w.clock.now += 60.0
            intended[entry.ordinal] = w.clock.now
        elif entry.reason == "withdrawn":
            waited.append(w.clock.now - intended[entry.ordinal])

    w.after_write = stall
    w.replay()

    assert set(w.states().values()) == {State.ACCEPTED}
    began = sorted(sent.began for sent in w.sent)
    assert all(b - a >= 1.0 for a, b in zip(began, began[2:], strict=False))
    assert len(waited) > 1
    assert max(waited) <= 1.6


def test_retries_pay_for_their_own_slot(world):
    """In any sliding second over all attempts (promise P5)."""
    w = world(3, 3, 3, workers=3, rate=4.0, latency_seconds=0.01)
    w.replay(lambda _, attempt: status(429, 1.0) if attempt < 3 else ACCEPTED)
    began = sorted(sent.began for sent in w.sent)

    assert len(began) == 27
    assert all(b - a >= 1.0 for a, b in zip(began, began[4:], strict=False))


def test_settled_tells_the_latency(world):
    """The forecast of the rest stands on it."""
    w = world(1, latency_seconds=0.25)
    w.replay()

    assert pytest.approx(0.25) == w.of(Settled)[0].latency_seconds


def test_no_event_and_no_reason_holds_the_text(world):
    """Message text goes into the plan and the request, nowhere else (promise P8)."""
    w = world(3, 3)
    w.replay(lambda message, _: status(422) if message.ordinal % 2 else ACCEPTED)

    assert "text 0" not in repr(w.events)
    assert not any("text" in reason for reason in w.reasons())
    assert all(b"text 1" not in path.read_bytes() for path in w.path.parent.iterdir())


def commits(w) -> list[list[tuple[str, int]]]:
    """Return a list that gets each commit of the world's runs, as kinds and ordinals."""
    seen: list[list[tuple[str, int]]] = []
    commit = w.ledger.commit

    def noted(entries):
        seen.append([(type(entry).__name__, entry.ordinal) for entry in entries])
        commit(entries)

    w.ledger.commit = noted
    return seen


def test_next_message_is_begun_with_the_outcome_before_it(world):
    """Half the waits for the disk, and intent and outcome are on it before the next request all the same."""
    w = world(3, rate=1_000.0)
    seen = commits(w)
    w.replay()

    assert [
        [("Intent", 0)],
        [("Outcome", 0), ("Intent", 1)],
        [("Outcome", 1), ("Intent", 2)],
        [("Outcome", 2)],
    ] == seen
    assert {"in_flight"} == {sent.on_disk for sent in w.sent}


def test_next_message_is_not_begun_before_its_turn(world):
    """With a slow pace it would wait with a durable intent, where a kill makes it uncertain."""
    w = world(2, rate=2.0)
    seen = commits(w)
    w.replay()

    assert [[("Intent", 0)], [("Outcome", 0)], [("Intent", 1)], [("Outcome", 1)]] == seen


@pytest.mark.parametrize(
    "exchange", [status(422), status(429, 1.0), BOT], ids=["rejected", "throttled", "bot replied"]
)
def test_nothing_is_begun_behind_what_needs_a_look(world, exchange):
    """Only an acceptance says that all is well."""
    w = world(2, rate=1_000.0)
    seen = commits(w)
    w.replay(once(0, exchange))

    assert [("Outcome", 0)] in seen


def test_message_begun_with_an_outcome_is_withdrawn_by_a_drain(world):
    """It was never sent, so it is pending and not uncertain."""
    w = world(3, rate=1_000.0)
    w.after_write = lambda entry: (
        w.stop.request(StopKind.TERMINATED, "terminated") if isinstance(entry, Outcome) else None
    )
    w.replay()

    assert {0: State.ACCEPTED, 1: State.PENDING} == w.states()
    assert [0] == [sent.ordinal for sent in w.sent]
    assert ["withdrawn"] == w.reasons()


def test_message_begun_with_an_outcome_counts_among_the_most(world):
    """The last one allowed is sent, the next is not even begun."""
    w = world(4, rate=1_000.0, bounds=Bounds(max_messages=2))
    w.replay()

    assert {0: State.ACCEPTED, 1: State.ACCEPTED} == w.states()
    assert [] == w.reasons()


def test_observer_that_fails_leaves_no_doubt_behind(world):
    """The message after it was begun already; it is taken back."""
    w = world(3, rate=1_000.0)

    def fail(event):
        if isinstance(event, Settled):
            raise ZeroDivisionError

    w.events = type("Events", (list,), {"append": lambda _, event: fail(event)})()
    with pytest.raises(ZeroDivisionError):
        w.replay()

    assert {0: State.ACCEPTED, 1: State.PENDING} == w.states()


def test_slow_connections_squeeze_no_message_into_the_next_second(world):
    """What the guard counts is what leaves, not what begins to connect (promise P5)."""
    w = world(*[1] * 60, rate=10.0, workers=20, connects=lambda number: 0.4 if number <= 8 else 0.0)
    w.replay()

    began = sorted(sent.began for sent in w.sent)
    assert 60 == len(began)
    assert all(later - earlier >= 1.0 for earlier, later in zip(began, began[10:], strict=False))
