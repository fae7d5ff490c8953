"""Laws of pace and of lanes over generated histories."""

import itertools
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from etl.model.plan import Lane
from etl.model.rate import Rate
from etl.model.states import SETTLED, State
from etl.replay.lane import blocking_states, standing, unfinished
from etl.replay.pacer import SLACK_SECONDS, Pacer

AHEAD_SECONDS = 0.01

TINY = 1e-6
"""Rounding of sums of floats around 1,000."""

RATES = st.one_of(st.integers(1, 200).map(float), st.floats(0.05, 200.0)).map(lambda n: Rate(amount=n))
MINUTES = st.integers(1, 12_000).map(lambda n: Rate.per_minute(float(n)))
SECONDS = st.floats(0.0, 30.0)
SHARES = st.floats(0.01, 1.0)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("come"), st.integers(1, 40).map(float)),
        st.tuples(st.just("take"), st.integers(1, 5).map(float)),
        st.tuples(st.just("reserve"), st.integers(0, 250).map(float)),
        st.tuples(st.just("hurry"), st.integers(1, 5).map(float)),
        st.tuples(st.just("pass"), st.floats(0.0, 0.2)),
        st.tuples(st.just("stall"), SECONDS),
        st.tuples(st.just("hold"), SECONDS),
        st.tuples(st.just("share"), SHARES),
        st.tuples(st.just("restart"), SECONDS),
    ),
    max_size=40,
)


@dataclass
class Play:
    """Many senders that follow a pacer's words: slot, intent, guard, send."""

    rate: Rate
    now: float = 1_000.0
    share: float = 1.0
    waiting: list[float] = field(default_factory=list)
    """Since when each waits for a slot, in order."""
    used: list[float] = field(default_factory=list)
    """Slots that were taken, in order."""
    hurried: list[float] = field(default_factory=list)
    """Slots of the reserve."""
    intended: list[float] = field(default_factory=list)
    """Slots of senders whose intent is on disk; they may lie an instant ahead."""
    sent: list[float] = field(default_factory=list)
    holds: list[tuple[float, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.pacer = Pacer(rate=self.rate, now=self.now, since_last_send_seconds=None)

    def run(self, steps: list[tuple[str, float]]) -> None:
        """Let everything happen, and half a minute after it."""
        for what, amount in steps:
            self.step(what, amount)
        for _ in range(60):
            self.step("pass", 0.5)

    def step(self, what: str, amount: float) -> None:
        """Let one thing happen, then everybody do what is allowed now."""
        match what:
            case "come":
                self.waiting += [self.now] * int(amount)
            case "take" | "hurry":
                self.begin(int(amount), hurried=what == "hurry")
            case "reserve":
                self.pacer.keep_free(int(amount))
            case "pass" | "stall":
                self.now += amount
            case "hold":
                self.pacer.hold_off(self.now + amount)
                self.holds.append((self.now, self.now + amount))
            case "share":
                self.share = amount
                self.pacer.set_share(amount)
            case _:
                self.restart(amount)
        self.act()

    def begin(self, count: int, *, hurried: bool) -> None:
        """Let so many ask for a slot at once, out of the reserve or as all do."""
        for _ in range(count):
            if hurried:
                self.hurry(self.pacer.take_reserved(self.now, ahead_seconds=AHEAD_SECONDS))
            else:
                self.use(self.pacer.take(self.now, since=self.now, ahead_seconds=AHEAD_SECONDS))

    def restart(self, pause: float) -> None:
        """Die, and come back after a pause with what the ledger remembers."""
        self.now += pause
        since = self.now - self.sent[-1] if self.sent else None
        held = max((until for _, until in self.holds), default=0.0)
        self.pacer = Pacer(rate=self.rate, now=self.now, since_last_send_seconds=since, share=self.share)
        self.pacer.hold_off(held)
        self.waiting, self.used, self.hurried, self.intended = [], [], [], []

    def act(self) -> None:
        """Send with every intent that may go, then turn slots that have come into intents."""
        while self.intended and self.intended[0] <= self.now and self.pacer.wait_seconds(self.now) <= 0:
            self.pacer.sent(self.now)
            self.sent.append(self.now)
            self.intended.pop(0)
        while self.waiting and self.use(self.pacer.take(self.now, since=self.waiting[0])):
            self.waiting.pop(0)

    def use(self, slot: float | None) -> bool:
        """Go on to send in a slot, which is as far from the one before as the pace says."""
        if slot is None:
            return False
        assert all(slot - other >= self.pacer.interval_seconds - TINY for other in self.used[-1:])
        assert self.pacer.interval_seconds >= 1 / (self.rate.per_second * self.share) - TINY
        self.used.append(slot)
        self.intended = sorted([*self.intended, slot])
        return True

    def hurry(self, slot: float | None) -> None:
        """Go on to send in a slot of the reserve: as far from the one before as the rate says."""
        if slot is not None:
            assert self.share == 1.0
            assert all(slot - other >= 1 / self.rate.per_second - TINY for other in self.hurried[-1:])
            self.hurried.append(slot)
            self.intended = sorted([*self.intended, slot])


@given(rate=RATES, steps=STEPS)
def test_no_window_holds_more_than_the_rate(rate, steps):
    """Whatever stalls, pauses, changes of pace and restarts happen (promise P5)."""
    play = Play(rate)
    play.run(steps)

    spans = [later - earlier for earlier, later in zip(play.sent, play.sent[rate.count :], strict=False)]
    assert all(span >= rate.window_seconds - TINY for span in spans)


@given(
    rate=st.sampled_from((1.0, 2.0, 10.0, 100.0, 1_000.0)),
    lateness=st.lists(st.floats(0.0, SLACK_SECONDS), min_size=1, max_size=50),
)
def test_late_timers_cost_less_than_a_hundredth_of_the_rate(rate, lateness):
    """A send that a timer delays must not make the guard delay the one a window later, and so on."""
    pacer = Pacer(rate=Rate(amount=rate), now=0.0, since_last_send_seconds=None)
    now, sent, messages = 0.0, 0, int(8 * rate)
    for late in itertools.islice(itertools.cycle(lateness), messages):
        since = now
        now = max(now, pacer.slot(since) + late)
        now += pacer.wait_seconds(now)
        assert pacer.take(now, since=since) is not None
        pacer.sent(now)
        sent += 1

    assert (sent - 1) / (now - lateness[(messages - 1) % len(lateness)]) >= 0.99 * rate


@given(rate=MINUTES, steps=STEPS)
def test_no_minute_holds_more_than_a_rate_by_the_minute(rate, steps):
    """The limit holds for the unit in which it is stated, across restarts that remember one send."""
    play = Play(rate)
    play.run(steps)

    most = int(rate.amount)
    spans = [later - earlier for earlier, later in zip(play.sent, play.sent[most:], strict=False)]
    assert all(span >= 60.0 - TINY for span in spans)


@given(rate=st.one_of(RATES, MINUTES))
def test_windows_lose_little_of_a_rate(rate):
    """Whole windows in a minute cost at most one of them."""
    used = rate.count / rate.window_seconds

    assert used <= rate.per_second + TINY
    assert used >= rate.per_second - rate.count / rate.unit_seconds - TINY


@given(rate=RATES, steps=STEPS)
def test_nobody_sends_during_a_hold_off(rate, steps):
    """A pause that the API asked for is respected in full (promise P5)."""
    play = Play(rate)
    play.run(steps)

    broken = [(at, hold) for at in play.sent for hold in play.holds if hold[0] + TINY < at < hold[1] - TINY]
    assert broken == []


@given(rate=RATES, before=st.integers(0, 50), pause=SECONDS, after=st.integers(1, 50))
def test_pause_is_never_caught_up(rate, before, pause, after):
    """Slots after a pause are as far apart as ever, and none lies before it."""
    pacer = Pacer(rate=rate, now=1_000.0, since_last_send_seconds=None)
    last = max(taken(pacer, before, 1_000.0), default=1_000.0)
    slots = taken(pacer, after, last + pause)

    assert slots[0] >= last + pause - SLACK_SECONDS
    assert all(later - earlier >= 1 / rate.per_second - TINY for earlier, later in itertools.pairwise(slots))


def taken(pacer: Pacer, count: int, since: float) -> list[float]:
    """Return the slots of so many who wait since then, each taken when it has come."""
    slots = []
    for _ in range(count):
        slot = pacer.slot(since)
        assert slot == pacer.take(max(slot, since), since=since)
        slots.append(slot)
    return slots


@given(rate=RATES, since=st.floats(-1e6, 1e6))
def test_restart_respects_the_last_send(rate, since):
    """The first request of a run keeps the window of the last one of the run before."""
    pacer = Pacer(rate=rate, now=1_000.0, since_last_send_seconds=since)
    window = rate.window_seconds

    assert pacer.slot(1_000.0) >= 1_000.0 + min(window, window - since) - SLACK_SECONDS - TINY


@given(rate=RATES, wishes=st.lists(SECONDS, min_size=1, max_size=10))
def test_longest_hold_off_wins(rate, wishes):
    """In whatever order they come."""
    pacer = Pacer(rate=rate, now=1_000.0, since_last_send_seconds=None)
    for wish in wishes:
        pacer.hold_off(1_000.0 + wish)

    assert pacer.slot(1_000.0) >= 1_000.0 + max(wishes) - TINY
    assert pacer.wait_seconds(1_000.0) >= max(wishes) - TINY


@given(
    first=st.integers(0, 1_000),
    known=st.lists(st.none() | st.sampled_from(State), max_size=12),
    hold_rejected=st.booleans(),
)
def test_standing_agrees_with_a_naive_reading(first, known, hold_rejected):
    """Message by message, as promise P3 says it."""
    lane = Lane(name="user", first=first, length=len(known))
    stored = {first + place: state for place, state in enumerate(known) if state is not None}
    blocking = blocking_states(hold_rejected=hold_rejected)
    stands = standing(lane, stored.keys(), stored.values(), blocking=blocking)

    still_open = [
        ordinal for ordinal in range(first, first + len(known)) if stored.get(ordinal) not in SETTLED
    ]
    next_ordinal = still_open[0] if still_open else first + len(known)
    doubtful = {State.UNCERTAIN, State.IN_FLIGHT}
    assert next_ordinal == stands.next_ordinal
    assert len(still_open) == stands.open_messages
    assert {
        o for o, state in stored.items() if state in SETTLED and o > next_ordinal
    } == stands.settled_beyond
    assert any(state in blocking for state in stored.values()) == stands.blocked
    assert sum(stored.get(ordinal) not in doubtful for ordinal in still_open) == stands.held


@given(
    known=st.lists(st.tuples(st.integers(1, 40), st.integers(0, 40)), max_size=80),
    first=st.integers(0, 1_000),
)
def test_unfinished_lanes_are_those_with_a_message_left(known, first):
    """By blocks, yet the same lanes in the same order as one by one."""
    lanes, settled, start = [], set(), first
    for number, (length, done) in enumerate(known):
        lanes.append(Lane(name=f"user-{number}", first=start, length=length))
        settled |= set(range(start, start + min(done, length)))
        start += length

    def count_settled(begin: int, end: int) -> int:
        return len(settled.intersection(range(begin, end)))

    expected = [lane for lane, (length, done) in zip(lanes, known, strict=True) if done < length]
    assert expected == list(unfinished(lanes, count_settled))
