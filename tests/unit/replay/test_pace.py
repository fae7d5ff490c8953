"""A run that adapts, and a run that is bounded: the real ledger, a virtual clock."""

import itertools

import pytest

from etl.model.events import PaceChanged, Warned
from etl.model.exchange import Answer, Envelope, Receipt
from etl.model.states import State
from etl.model.window import Window
from etl.replay.adaptive import FORGOTTEN_SECONDS
from etl.replay.conversations import Conversations
from etl.replay.limits import Bounds, ErrorBudget
from etl.replay.stop import StopKind

ACCEPTED = Answer(
    status=200,
    envelope=Envelope.ACCEPTANCE,
    receipt=Receipt(platform_id="7", conversation_id="8", bot_replied=False),
)
REFUSED = Answer(status=422, envelope=Envelope.ERROR, receipt=None, error="bad field")


def status(code: int, retry_after_seconds: float | None = None) -> Answer:
    """Return a plain answer."""
    return Answer(
        status=code, envelope=Envelope.SENSELESS, receipt=None, retry_after_seconds=retry_after_seconds
    )


def gaps(w) -> list[float]:
    """Return the seconds between requests."""
    began = sorted(sent.began for sent in w.sent)
    return [later - earlier for earlier, later in itertools.pairwise(began)]


def test_429_halves_the_pace_of_everybody_at_once(world):
    """Those who had booked slots far ahead slow down as well."""
    w = world(*[4] * 10, workers=10, rate=10.0, adapt=True)
    w.replay(lambda message, attempt: status(429, 2.0) if (message.ordinal, attempt) == (5, 1) else ACCEPTED)

    assert w.of(PaceChanged) == [PaceChanged(per_second=5.0, allowed_per_second=10.0, reason="http_429")]
    told = next(sent.ended for sent in w.sent if sent.ordinal == 5)
    after = sorted(sent.began for sent in w.sent if sent.began >= told + 2.0)
    assert all(b - a >= 0.2 - 1e-6 for a, b in itertools.pairwise(after))
    assert pytest.approx(0.202, rel=0.01) == after[3] - after[2]
    assert set(w.states().values()) == {State.ACCEPTED}


def test_pace_comes_back_in_steps_and_is_told(world):
    """Half a minute of quiet wins a twentieth."""
    w = world(120, workers=1, rate=1.0, adapt=True, latency_seconds=0.01)
    w.replay(lambda message, attempt: status(429, 1.0) if (message.ordinal, attempt) == (5, 1) else ACCEPTED)

    shares = [change.per_second / change.allowed_per_second for change in w.of(PaceChanged)]
    assert pytest.approx([0.5 + 0.05 * step for step in range(len(shares))]) == shares
    assert len(shares) > 5
    quiet = gaps(w)[10:]
    assert quiet[-1] < quiet[0]
    assert all(0.85 * earlier <= later <= earlier + 1e-6 for earlier, later in itertools.pairwise(quiet))


def test_lesson_is_kept_for_the_next_run(world):
    """The next cron job doesn't learn it again at the API's cost."""
    w = world(3, 3, workers=2, rate=4.0, adapt=True)
    w.after_write = lambda entry: (
        w.stop.request(StopKind.TERMINATED, "terminated") if entry.ordinal == 2 else None
    )
    w.replay(lambda message, attempt: status(429, 1.0) if (message.ordinal, attempt) == (0, 1) else ACCEPTED)
    assert pytest.approx(2.0) == w.ledger.learned_rate_per_second()
    first = len(w.sent)
    w.after_write = lambda _: None
    w.replay()

    second = sorted(sent.began for sent in w.sent[first:])
    assert all(b - a >= 0.5 for a, b in itertools.pairwise(second))
    assert second


def test_lesson_of_the_day_before_yesterday_is_forgotten(world):
    """The platform may have grown meanwhile."""
    w = world(2, 2, workers=2, rate=4.0, adapt=True)
    w.ledger.remember_learned_rate(0.1)
    w.only_first_lanes = 1
    w.replay()
    w.ledger.remember_learned_rate(0.1)
    w.clock.now += 2 * FORGOTTEN_SECONDS
    w.only_first_lanes = None
    w.replay()

    assert w.adaptive is not None
    assert 1.0 == w.adaptive.share


def test_slower_answers_slow_the_run_and_faster_ones_bring_it_back(world):
    """Latency rises before a service refuses."""
    w = world(*[60] * 8, workers=8, rate=10.0, adapt=True)
    start = w.clock.now

    def script(_message, _attempt):
        w.api.latency_seconds = 0.6 if start + 5 < w.clock.now < start + 15 else 0.05
        return ACCEPTED

    w.replay(script)

    changes = w.of(PaceChanged)
    assert "slow answers" == changes[0].reason
    lowest = min(change.per_second for change in changes)
    assert 2.5 <= lowest < changes[-1].per_second
    assert changes[-1].reason is None
    assert pytest.approx(changes[-1].per_second) == w.ledger.learned_rate_per_second()
    assert len(w.states()) == 480


def test_pace_stays_where_the_job_says_so(world):
    """`adapt = false`: the hold-off is obeyed, the rate is kept."""
    w = world(20, workers=1, rate=4.0, latency_seconds=0.01)
    w.replay(lambda message, attempt: status(429, 1.0) if (message.ordinal, attempt) == (5, 1) else ACCEPTED)

    assert w.of(PaceChanged) == []
    assert pytest.approx(0.25175) == gaps(w)[-1]
    assert w.ledger.learned_rate_per_second() is None


def test_storm_of_429_ends_the_run(world):
    """Each asks for a second only, and none takes anything."""
    w = world(2, workers=1, max_throttles=5)
    w.replay(lambda _, __: status(429, 1.0))

    assert w.stop.reason is not None
    assert w.stop.reason.kind is StopKind.THROTTLED
    assert len(w.sent) == 5


def test_window_that_closes_drains_the_run(world):
    """Outside of it nothing is started; what was in flight is known."""
    w = world(50, 50, workers=2, rate=2.0, latency_seconds=3.0)
    closes = w.clock.now + 60 - w.clock.wall_us() % 60_000_000 / 1_000_000
    hours, minutes = divmod((w.clock.wall_us() // 60_000_000 + 1) % 1_440, 60)
    w.bounds = Bounds(window=Window.parse(f"00:00-{hours:02}:{minutes:02}", "UTC"))
    w.replay()

    assert w.stop.reason is not None
    assert w.stop.reason.kind is StopKind.WINDOW_CLOSED
    assert State.IN_FLIGHT not in w.states().values()
    assert set(w.states().values()) <= {State.ACCEPTED, State.PENDING}
    assert max(sent.began for sent in w.sent) < closes


@pytest.mark.parametrize("seconds", [0.0, 5.0])
def test_duration_that_is_over_drains_the_run(world, seconds):
    """Also when planning alone took so long."""
    w = world(90, workers=1, rate=2.0)
    w.bounds = Bounds(ends_at=w.clock.now + seconds)
    w.replay()

    assert w.stop.reason is not None
    assert w.stop.reason.kind is StopKind.MAX_DURATION
    assert all(sent.began < 1_000.0 + seconds for sent in w.sent)
    assert (seconds > 0) is bool(w.sent)


@pytest.mark.parametrize("workers", [1, 7])
def test_run_sends_as_many_messages_as_it_may(world, workers):
    """Exactly, with any number of lanes, and the next run goes on."""
    w = world(*[3] * 20, workers=workers, rate=100.0, bounds=Bounds(max_messages=10))
    w.replay()

    assert w.stop.reason is not None
    assert w.stop.reason.kind is StopKind.MAX_MESSAGES
    assert {State.ACCEPTED: 10} == w.replay().sent
    assert len(w.sent) == 20


def test_lanes_beyond_the_last_message_are_not_looked_at(world):
    """A million of them would be a minute of nothing."""
    w = world(*[1] * 50, workers=2, rate=100.0, bounds=Bounds(max_messages=5))
    looked: list[int] = []
    messages = w.feed.messages

    def look(first: int, end: int):
        looked.append(first)
        return messages(first, end)

    w.feed.messages = look
    w.replay()

    assert list(range(5)) == looked


def test_retries_are_no_further_messages(world):
    """What counts is what has an outcome."""
    w = world(9, workers=1, bounds=Bounds(max_messages=3))
    w.replay(lambda _, attempt: status(429, 1.0) if attempt == 1 else ACCEPTED)

    assert w.states() == dict.fromkeys(range(3), State.ACCEPTED)


def test_too_many_errors_drain_the_run(world):
    """Mid-run refusals don't trip the breaker; the budget is what ends them."""
    w = world(90, workers=1, rate=100.0, bounds=Bounds(max_errors=ErrorBudget(count=4)))
    w.replay(lambda message, _: REFUSED if message.ordinal >= 10 else ACCEPTED)

    assert w.stop.reason is not None
    assert w.stop.reason.kind is StopKind.MAX_ERRORS
    assert {State.ACCEPTED: 10, State.REJECTED: 5} == {
        state: list(w.states().values()).count(state) for state in set(w.states().values())
    }


def test_conversations_that_contradict_the_plan_are_told_once(world):
    """The bot's session expiration is not what the job says; in the Inbox all would look merged."""
    w = world(5, 5, workers=1, conversations=Conversations(expiration_minutes=600))
    numbers = itertools.count()

    def each_its_own(_message, _attempt):
        receipt = Receipt(platform_id="7", conversation_id=str(next(numbers)), bot_replied=False)
        return Answer(status=200, envelope=Envelope.ACCEPTANCE, receipt=receipt)

    w.replay(each_its_own)

    (warning,) = w.of(Warned)
    assert "conversations contradict" in warning.message
    assert (8, 0, 8) == (w.conversations.compared, w.conversations.merged, w.conversations.split)
