"""What one outcome means for everybody: pauses, pace, the end of the run."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random
from typing import Protocol, assert_never

from etl.clock import MICROSECONDS, Clock
from etl.ledger.evidence import Pause
from etl.model.events import Event, HoldOff, PaceChanged, Retrying, Warned
from etl.model.exchange import Answer, Exchange
from etl.replay.adaptive import Adaptive
from etl.replay.breaker import Breaker, Trip
from etl.replay.outcome import Judgement, Verdict
from etl.replay.patience import Patience
from etl.replay.stop import Stop, StopKind


class Memory(Protocol):
    """What a target's ledger keeps for the next run; calls may take long, and raise LedgerError."""

    async def set_hold_off(self, until_us: int, *, pause: Pause | None = None) -> None:
        """Remember until when the API asked everybody to wait, in microseconds since 1970 UTC."""

    async def remember_learned_rate(self, rate_per_second: float | None) -> None:
        """Remember the pace that the API took well; None: the whole rate."""


class Pacing(Protocol):
    """What answers say of the pace."""

    def hold_off(self, until: float) -> None:
        """Let nobody send before `until` (monotonic seconds); a shorter wish never shortens a longer one."""

    def set_share(self, share: float) -> None:
        """Use that share of the rate from now on, in (0, 1]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The job's words that a delivery follows."""

    max_wait_seconds: float
    max_throttles: int
    stop_when_bot_replies: bool
    allowed_per_second: float
    """The rate of which the pace is a share."""


class Conclusions:
    """Draws them for all deliveries of one run."""

    def __init__(  # noqa: PLR0913  wiring: each argument is one collaborator
        self,
        *,
        policy: Policy,
        pacer: Pacing,
        adaptive: Adaptive | None,
        breaker: Breaker,
        memory: Memory,
        stop: Stop,
        clock: Clock,
        random: Random,
        observe: Callable[[Event], None],
    ) -> None:
        """`adaptive` is None where the job keeps the pace as it is."""
        self._policy = policy
        self._pacer = pacer
        self._adaptive = adaptive
        self._breaker = breaker
        self._memory = memory
        self._stop = stop
        self._clock = clock
        self._observe = observe
        self._patience = Patience(
            max_wait_seconds=policy.max_wait_seconds,
            max_throttles=policy.max_throttles,
            random=random,
        )
        self._bot_told = False
        self._held_until_us = 0
        self._unsaved: list[Callable[[], Awaitable[None]]] = []
        self._saving = asyncio.Lock()

    def draw(self, ordinal: int, exchange: Exchange, judgement: Judgement, *, sent_at: float) -> None:
        """Let one outcome, just in, count for everybody; `sent_at` is when its request left."""
        now = self._clock.monotonic()
        answered = isinstance(exchange, Answer)
        if answered:
            self._patience.answered()
        retry = judgement.verdict is Verdict.RETRY
        if not retry:
            self._patience.recovered()
        if retry or judgement.hold_off_seconds is not None:
            self._pause(ordinal, judgement, sent_at=sent_at, now=now)
        if self._adaptive is not None and (answered or judgement.hold_off_seconds is not None):
            self._adapt(self._adaptive, judgement, sent_at=sent_at, now=now)
        if isinstance(exchange, Answer) and exchange.receipt is not None and exchange.receipt.bot_replied:
            self._consider_bot()
        if judgement.verdict is Verdict.STOP:
            self._stop.request(StopKind.REFUSED, _refusal(judgement.reason))
        else:
            self._consider_breaker(ordinal, judgement, now)

    @property
    def remembered(self) -> bool:
        """Return whether all that the next run has to know is stored."""
        return not self._unsaved

    async def remember(self) -> None:
        """Store what the next run has to know, if anything is new; in order, while the loop goes on.

        Raises:
            LedgerError: it can't be stored.
        """
        if not self._unsaved:
            return
        async with self._saving:
            while self._unsaved:
                try:
                    await self._unsaved[0]()
                finally:
                    self._unsaved.pop(0)

    def _consider_bot(self) -> None:
        message = "the bot answered a standby message: this deployment does not behave as documented"
        if self._policy.stop_when_bot_replies:
            self._stop.request(StopKind.BOT_REPLIED, message)
        elif not self._bot_told:
            self._bot_told = True
            self._observe(Warned(message=message))

    def _consider_breaker(self, ordinal: int, judgement: Judgement, now: float) -> None:
        trip = self._breaker.observe(judgement, ordinal=ordinal, now=now)
        match trip:
            case Trip.NONE:
                return
            case Trip.STOP:
                message = f"{judgement.reason} so often in a row that the set-up must be wrong"
                self._stop.request(StopKind.BREAKER, message)
            case Trip.PAUSE:
                self._pause_for_probe(judgement.reason, now)
            case Trip.GIVE_UP:
                self._keep(self._breaker.pause_seconds, judgement.reason)
                self._stop.request(StopKind.FAILING, _failing(judgement.reason))
            case _:
                assert_never(trip)

    def _pause_for_probe(self, reason: str, now: float) -> None:
        seconds = self._breaker.pause_seconds
        # A run that cron starts meanwhile would begin with as many doubts again.
        self._keep(seconds, reason)
        if seconds > self._policy.max_wait_seconds:
            self._stop.request(StopKind.FAILING, _failing(reason))
            return
        self._pacer.hold_off(now + seconds)
        message = f"the server is in trouble ({reason}): all wait {seconds:.0f} s, then one message tries"
        self._observe(Warned(message=message))

    def _adapt(self, adaptive: Adaptive, judgement: Judgement, *, sent_at: float, now: float) -> None:
        before = adaptive.share
        if judgement.hold_off_seconds is not None:
            changed, reason = adaptive.refused(sent_at=sent_at, now=now), judgement.reason
        else:
            changed, reason = adaptive.answered(sent_at=sent_at, now=now), "slow answers"
        if not changed:
            return
        self._pacer.set_share(adaptive.share)
        allowed = self._policy.allowed_per_second
        learned = allowed * adaptive.share
        self._unsaved.append(
            lambda: self._memory.remember_learned_rate(learned if learned < allowed else None),
        )
        slower = adaptive.share < before
        self._observe(
            PaceChanged(per_second=learned, allowed_per_second=allowed, reason=reason if slower else None),
        )

    def _pause(self, ordinal: int, judgement: Judgement, *, sent_at: float, now: float) -> None:
        """Let everybody wait, or end the run when that is more than the job allows."""
        asked = judgement.hold_off_seconds
        wait_seconds = self._patience.backoff_seconds() if asked is None else asked
        self._pacer.hold_off(now + wait_seconds)
        exhausted = self._patience.exhausted(now, wait_seconds)
        if asked is not None:
            storm = self._patience.throttled(sent_at=sent_at, now=now)
            self._hold_off(asked, judgement.reason)
            if judgement.verdict is not Verdict.STOP and (exhausted or storm):
                self._stop.request(StopKind.THROTTLED, _throttled(judgement.reason, storm=storm))
        elif exhausted:
            self._stop.request(StopKind.UNREACHABLE, f"the API can't be reached ({judgement.reason})")
        if judgement.verdict is Verdict.RETRY:
            self._observe(Retrying(ordinal=ordinal, reason=judgement.reason, wait_seconds=wait_seconds))

    def _hold_off(self, seconds: float, reason: str) -> None:
        self._observe(HoldOff(seconds=seconds, reason=reason))
        self._keep(seconds, reason)

    def _keep(self, seconds: float, reason: str) -> None:
        """Store a pause for the next run; of two that overlap the one that ends later."""
        now_us = self._clock.wall_us()
        until_us = now_us + int(seconds * MICROSECONDS)
        if until_us > self._held_until_us:
            self._held_until_us = until_us
            pause = Pause(at_us=now_us, until_us=until_us, reason=reason)
            self._unsaved.append(lambda: self._memory.set_hold_off(until_us, pause=pause))


def _refusal(reason: str) -> str:
    meanings = {
        "certificate": "the server's certificate is not trusted",
        "http_401": "the API refused the token (401): it may have been generated anew",
        "http_402": "the API wants the account settled first (402)",
        "http_403": "the API refused the token (403)",
        "http_404": "the API does not know this address (404): check deployment_id and path",
        "http_405": "the API does not take messages at this address (405): check path and its final slash",
        "http_410": "the API says this deployment is gone (410): check deployment_id",
        "http_431": "the API finds the request's headers too large (431): check the token",
    }
    return meanings.get(reason, f"the API refused the run ({reason}): check base_url and path")


def _throttled(reason: str, *, storm: bool) -> str:
    if storm:
        return f"the API said later as often in a row as replay.max_throttles allows ({reason})"
    return f"the API asked to wait longer than replay.max_wait_seconds ({reason})"


def _failing(reason: str) -> str:
    return f"the server stays in trouble ({reason}): each further message would be one of unknown fate"
