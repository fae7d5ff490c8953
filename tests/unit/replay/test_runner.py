"""The run: order, concurrency, durability and resuming, with the real ledger and a virtual clock."""

import itertools

import pytest

from etl.errors import LedgerError
from etl.ledger.interface import Decision, Intent, Outcome
from etl.model.events import LaneHeld, Settled
from etl.model.exchange import Answer, Envelope, Failure, Phase, Receipt
from etl.model.states import State
from etl.replay.stop import StopKind

ACCEPTED = Answer(
    status=200,
    envelope=Envelope.ACCEPTANCE,
    receipt=Receipt(platform_id="7", conversation_id="8", bot_replied=False),
)
TIMEOUT = Failure(phase=Phase.SENT, kind="timeout")
REFUSED = Answer(status=422, envelope=Envelope.ERROR, receipt=None, error="bad field")


def only(ordinal: int, exchange):
    """Return a script that accepts everything but one message."""
    return lambda message, _: exchange if message.ordinal == ordinal else ACCEPTED


def test_run_sends_every_message_once(world):
    """Planned is accepted when nothing goes wrong (promise P1)."""
    w = world(5, 3, 2, 1, workers=3)
    tally = w.replay()

    assert tally.sent == {State.ACCEPTED: 11}
    assert set(w.states().values()) == {State.ACCEPTED}
    assert sorted(sent.ordinal for sent in w.sent) == list(range(11))
    assert len(w.of(Settled)) == 11
    assert w.stop.reason is None


def test_lanes_are_sent_in_order_and_one_at_a_time(world):
    """With a latency of several slots, or a violation would not show (promise P3)."""
    w = world(6, 6, 6, 6, rate=50.0, workers=4, latency_seconds=0.3)
    w.replay()

    for lane in {sent.lane for sent in w.sent}:
        own = [sent for sent in w.sent if sent.lane == lane]
        assert [sent.ordinal for sent in own] == sorted(sent.ordinal for sent in own)
        assert all(later.began >= earlier.ended for earlier, later in itertools.pairwise(own))
    overlapping = [one for one in w.sent for other in w.sent if one.began < other.began < one.ended]
    assert overlapping


def test_intent_is_on_disk_before_the_request(world):
    """A kill at any moment leaves a trace of what may have been sent (promise P2)."""
    w = world(4, 4)
    w.replay()

    assert {sent.on_disk for sent in w.sent} == {"in_flight"}


@pytest.mark.parametrize("rate", [0.5, 2.0, 7.5, 100.0])
def test_rate_holds_over_restarts(world, rate):
    """The quota belongs to the target, not to a process (promise P5)."""
    w = world(8, 8, 8, rate=rate, workers=3, latency_seconds=0.01)
    w.after_write = lambda entry: (
        w.stop.request(StopKind.TERMINATED, "terminated")
        if isinstance(entry, Outcome) and entry.ordinal in {2, 5}
        else None
    )
    runs = 0
    while len(w.states()) < 24 or State.PENDING in w.states().values():
        w.replay()
        runs += 1
    count = max(1, -int(-rate // 1))
    began = sorted(sent.began for sent in w.sent)

    assert runs == 3
    assert len(began) == 24
    assert all(b - a >= count / rate - 1e-6 for a, b in zip(began, began[count:], strict=False))


def test_uncertain_message_holds_its_lane_and_no_other(world):
    """The first may still be stored later, so the second must not overtake it."""
    w = world(4, 4, 4, workers=2)
    tally = w.replay(only(1, TIMEOUT))

    assert w.states() == {0: State.ACCEPTED, 1: State.UNCERTAIN} | dict.fromkeys(range(4, 12), State.ACCEPTED)
    assert tally.sent == {State.ACCEPTED: 9, State.UNCERTAIN: 1}
    assert (tally.lanes_blocked, tally.held) == (1, 2)
    assert w.of(LaneHeld) == [LaneHeld(messages=2)]


def test_uncertain_lane_stays_held_in_the_next_run(world):
    """Nothing is sent again without somebody's word."""
    w = world(4, 1)
    w.replay(only(1, TIMEOUT))
    tally = w.replay()

    assert tally.sent == {}
    assert (tally.lanes_blocked, tally.held) == (1, 2)


def test_rejected_message_lets_its_lane_go_on(world):
    """The default: a refusal for good is final, the rest of the history is worth having."""
    w = world(4)
    tally = w.replay(only(1, REFUSED))

    assert w.states()[1] is State.REJECTED
    assert tally.sent == {State.ACCEPTED: 3, State.REJECTED: 1}
    assert w.reasons() == ["http_422: bad field"]


def test_rejected_message_holds_its_lane_if_the_job_says_so(world):
    """Some people would rather look first."""
    w = world(4, 2, hold_rejected=True)
    tally = w.replay(only(1, REFUSED))

    assert w.states() == {0: State.ACCEPTED, 1: State.REJECTED, 4: State.ACCEPTED, 5: State.ACCEPTED}
    assert (tally.lanes_blocked, tally.held) == (1, 2)


def test_resume_skips_what_is_settled(world):
    """The same command goes on where the last one ended (promise P2)."""
    w = world(5, 3, workers=1)
    w.after_write = lambda entry: (
        w.stop.request(StopKind.INTERRUPTED, "interrupted")
        if isinstance(entry, Outcome) and entry.ordinal == 2
        else None
    )
    w.replay()
    assert sorted(w.states()) == [0, 1, 2]

    w.replay()

    assert [sent.ordinal for sent in w.sent] == list(range(8))
    assert set(w.states().values()) == {State.ACCEPTED}


def test_resume_skips_settled_messages_beyond_an_open_one(world):
    """A rejected message that was put back goes alone; what was accepted after it stays."""
    w = world(4)
    w.replay(only(1, REFUSED))
    word = Decision(plan=w.plan, ordinal=1, state=State.PENDING, who="me", why="fixed", now_us=1)
    w.ledger.decide([word])
    w.replay()

    assert [sent.ordinal for sent in w.sent] == [0, 1, 2, 3, 1]


def test_lane_blocked_in_another_plan_is_not_served(world):
    """Order is the user's, over all plans (promise P3)."""
    w = world(2, 2)
    w.replay(only(0, TIMEOUT))
    first = w.plan
    w.ledger.start_plan(
        w.ledger.plans()[0].__class__(
            number=0, hash="b" * 64, fingerprint="f" * 64, identity="i" * 64, source="acme",
            messages=4, lanes=2, open=False,
        ),
        now_us=1,
    )  # fmt: skip
    w.plan = first + 1
    w.sent.clear()
    # The same messages under another plan: user-1's were accepted, so only counting matters here.
    tally = w.replay(lambda _, __: REFUSED)

    assert "user-0" not in {sent.lane for sent in w.sent}
    assert tally.lanes_blocked == 1


def test_trial_run_serves_only_the_first_lanes(world):
    """`--limit-lanes 1` is the canary before the bulk."""
    w = world(3, 2, 1, only_first_lanes=1)
    w.replay()

    assert sorted(w.states()) == [0, 1, 2]


def test_drain_finishes_what_is_in_flight_and_starts_nothing(world):
    """SIGTERM makes no message uncertain."""
    w = world(9, 9, 9, rate=100.0, workers=3, latency_seconds=0.5)

    def stop_at_the_first(message, _):
        if message.ordinal == 0:
            w.stop.request(StopKind.TERMINATED, "terminated")
        return ACCEPTED

    tally = w.replay(stop_at_the_first)

    assert set(w.states().values()) <= {State.ACCEPTED, State.PENDING}
    assert tally.sent[State.ACCEPTED] == len(w.sent) <= 3
    assert all(sent.began <= w.sent[0].ended for sent in w.sent)


@pytest.mark.parametrize("commits", [0, 1, 2, 3, 6])
def test_failing_ledger_stops_everything(world, commits):
    """What can't be recorded must not be sent (promise P2)."""
    w = world(9, 9, 9, workers=3, commits_before_full=commits)
    with pytest.raises(LedgerError, match="disk is full"):
        w.replay()

    assert w.stop.reason is not None
    assert w.stop.reason.kind is StopKind.ABORTED
    on_disk = w.states()
    assert {sent.ordinal for sent in w.sent} <= set(on_disk)
    assert {sent.on_disk for sent in w.sent} <= {"in_flight"}
    assert on_disk if commits else not w.sent


def test_failing_plan_stops_every_lane(world):
    """A defect in one lane must not look like a short run in the others."""
    w = world(50, 1, 50, workers=2, rate=1_000.0)
    lanes = w.feed.lanes

    def broken(*, first=None):
        yield from [lanes(first=first).__next__()[:2]]
        raise ValueError("lanes.parquet is cut")

    w.feed.lanes = broken
    with pytest.raises(ValueError, match="cut"):
        w.replay()

    assert w.stop.reason is not None
    assert w.stop.reason.kind is StopKind.ABORTED
    assert len(w.sent) < 10


def test_outcome_is_recorded_although_an_observer_fails(world):
    """A broken progress bar costs the run, not the knowledge of what was sent."""
    w = world(3, workers=1)

    def fail(_):
        raise BrokenPipeError

    w.events = type("Events", (list,), {"append": lambda _, event: fail(event)})()
    with pytest.raises(BrokenPipeError):
        w.replay()

    assert w.states() == {0: State.ACCEPTED}


def test_ledger_holds_what_the_receipt_said(world):
    """The platform's ids are the only reference for its support."""
    w = world(1)
    w.replay()
    row = next(w.ledger.export()).to_pylist()[0]

    assert (row["state"], row["http_status"], row["platform_id"], row["conversation_id"]) == (
        "accepted", 200, "7", "8",
    )  # fmt: skip


def test_intents_carry_the_message_as_planned(world):
    """The ledger compares them with what it knows of the ordinal."""
    w = world(1)
    written: list[Intent | Outcome] = []
    w.after_write = written.append
    w.replay()

    intent = written[0]
    assert isinstance(intent, Intent)
    assert (intent.ordinal, intent.lane, intent.at_us, intent.content) == (0, "user-0", 1_000_000, b"c" * 16)


def test_short_lanes_do_not_slow_the_longest_one(world):
    """A run can't end before its longest lane, so shorter ones only take what that one leaves."""
    w = world(40, *[1] * 120, rate=4.0, workers=16, latency_seconds=1.0)
    w.replay()

    ends = max(sent.ended for sent in w.sent)
    longest = max(sent.ended for sent in w.sent if sent.lane == "user-0")
    began = min(sent.began for sent in w.sent)
    assert ends - began <= 1.03 * 160 / 4.0
    assert longest - began <= 1.1 * 40


def test_run_ends_with_its_last_message(world):
    """Workers without a lane don't wait for slots that nobody needs."""
    w = world(1, 1, rate=0.1, workers=8)
    w.replay()

    assert w.clock.now <= max(sent.ended for sent in w.sent) + 0.001
