"""One message: wait for its turn, make the intent durable, send, judge, make the outcome durable.

Order of the steps: the slot first, so that a message does not wait between intent and send, where a
kill would make it uncertain; then the intent; then the guard and the request at once. What the answer
means for everybody holds before its own outcome is on disk: meanwhile others could send.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final, Protocol

from etl.clock import MICROSECONDS, Clock
from etl.ledger.interface import Intent, Outcome
from etl.model.events import Event, HoldOff, Retrying, Settled, Warned
from etl.model.exchange import Answer, Exchange, Phase
from etl.model.plan import PlannedMessage
from etl.model.states import State
from etl.replay.breaker import Breaker
from etl.replay.outcome import Judgement, Verdict, judge
from etl.replay.pacer import Pacer
from etl.replay.patience import Patience
from etl.replay.stop import Stop, StopKind

_NAP_SECONDS: Final = 0.25
"""A long wait is slept in pieces, so that a drain is noticed."""

_GUARD_MOST_SECONDS: Final = 1.5
"""A little more than the window of any rate above one a second."""


class Sender(Protocol):
    """Sends one message once."""

    async def send(self, message: PlannedMessage) -> Exchange:
        """Return what came of it; raises nothing but a cancellation."""


class Writer(Protocol):
    """Makes ledger entries durable."""

    async def write(self, entry: Intent | Outcome) -> None:
        """Return once the entry is durable; LedgerError when it can't be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The job's words that a delivery follows."""

    retry_503: bool
    max_wait_seconds: float
    stop_when_bot_replies: bool


class Delivery:
    """Everything that the deliveries of one run share: pace, patience, breaker, ledger."""

    def __init__(  # noqa: PLR0913  wiring: each argument is one collaborator
        self,
        *,
        plan: int,
        run: int,
        pacer: Pacer,
        breaker: Breaker,
        policy: Policy,
        writer: Writer,
        stop: Stop,
        clock: Clock,
        random: Random,
        observe: Callable[[Event], None],
        remember_hold_off: Callable[[int], None],
    ) -> None:
        self._plan = plan
        self._run = run
        self._pacer = pacer
        self._breaker = breaker
        self._policy = policy
        self._writer = writer
        self._stop = stop
        self._clock = clock
        self._observe = observe
        self._remember_hold_off = remember_hold_off
        self._patience = Patience(max_wait_seconds=policy.max_wait_seconds, random=random)
        self._held_until_us = 0

    async def deliver(self, message: PlannedMessage, sender: Sender) -> State | None:
        """Send a message until it is settled or uncertain; None when the run drains before that.

        Raises:
            LedgerError: an entry can't be made durable; nothing was sent without a durable intent.
        """
        while await self._turn():
            await self._writer.write(self._intent(message))
            if not await self._guard():
                await self._writer.write(self._withdrawal(message))
                continue
            started = self._clock.monotonic()
            self._pacer.sent(started)
            exchange = await sender.send(message)
            judgement = judge(exchange, retry_503=self._policy.retry_503)
            try:
                self._consider(message, exchange, judgement)
            finally:  # an observer that fails must not cost the outcome
                await self._writer.write(self._outcome(message, exchange, judgement))
            self._remember(judgement)
            if judgement.verdict is Verdict.STOP:
                return None
            if judgement.verdict is not Verdict.RETRY:
                latency_seconds = self._clock.monotonic() - started
                self._observe(
                    Settled(ordinal=message.ordinal, state=judgement.state, latency_seconds=latency_seconds),
                )
                return judgement.state
        return None

    async def _turn(self) -> bool:
        """Wait for a slot; return False when the run drains."""
        slot = self._pacer.book(self._clock.monotonic())
        while not self._stop.requested:
            now = self._clock.monotonic()
            if self._pacer.void(slot):
                slot = self._pacer.book(now)
            left = max(slot - now, self._pacer.wait_seconds(now))
            if left <= 0:
                return True
            await self._clock.sleep(min(left, _NAP_SECONDS))
        return False

    async def _guard(self) -> bool:
        """Wait out what a stall since the slot has cost; return False when the message had better not go.

        The intent is durable, so a kill in here makes the message uncertain: a long wait or a drain
        withdraws it instead.
        """
        gives_up = self._clock.monotonic() + _GUARD_MOST_SECONDS
        while not self._stop.requested:
            now = self._clock.monotonic()
            left = self._pacer.wait_seconds(now)
            if left <= 0:
                return True
            if now + left > gives_up:
                return False
            await self._clock.sleep(left)
        return False

    def _withdrawal(self, message: PlannedMessage) -> Outcome:
        return Outcome(
            plan=self._plan,
            ordinal=message.ordinal,
            run=self._run,
            state=State.PENDING,
            now_us=self._clock.wall_us(),
            phase=Phase.CONNECT.value,
            reason="withdrawn",
        )

    def _intent(self, message: PlannedMessage) -> Intent:
        return Intent(
            plan=self._plan,
            ordinal=message.ordinal,
            run=self._run,
            key=message.key,
            content=message.content,
            lane=message.lane,
            at_us=message.at_us,
            now_us=self._clock.wall_us(),
        )

    def _outcome(self, message: PlannedMessage, exchange: Exchange, judgement: Judgement) -> Outcome:
        answer = exchange if isinstance(exchange, Answer) else None
        receipt = answer.receipt if answer else None
        accepted = judgement.verdict is Verdict.ACCEPTED
        text = answer.error if answer and judgement.verdict is Verdict.REJECTED else None
        return Outcome(
            plan=self._plan,
            ordinal=message.ordinal,
            run=self._run,
            state=judgement.state,
            now_us=self._clock.wall_us(),
            phase="answered" if isinstance(exchange, Answer) else exchange.phase.value,
            reason=f"{judgement.reason}: {text}" if text else judgement.reason,
            http_status=answer.status if answer else None,
            platform_id=receipt.platform_id if receipt and accepted else None,
            conversation_id=receipt.conversation_id if receipt and accepted else None,
        )

    def _consider(self, message: PlannedMessage, exchange: Exchange, judgement: Judgement) -> None:
        """Draw the run's conclusions from one outcome."""
        if isinstance(exchange, Answer):
            self._patience.answered()
        retry = judgement.verdict is Verdict.RETRY
        if not retry:
            self._patience.recovered()
        if retry or judgement.hold_off_seconds is not None:
            self._pause(message, judgement)
        if isinstance(exchange, Answer):
            self._consider_bot(exchange)
        if judgement.verdict is Verdict.STOP:
            self._stop.request(StopKind.REFUSED, _refusal(judgement.reason))
        elif self._breaker.observe(judgement):
            self._stop.request(
                StopKind.BREAKER,
                f"{judgement.reason} so often in a row that the set-up must be wrong",
            )

    def _consider_bot(self, answer: Answer) -> None:
        if answer.receipt is None or not answer.receipt.bot_replied:
            return
        message = "the bot answered a standby message: this deployment does not behave as documented"
        if self._policy.stop_when_bot_replies:
            self._stop.request(StopKind.BOT_REPLIED, message)
        else:
            self._observe(Warned(message=message))

    def _pause(self, message: PlannedMessage, judgement: Judgement) -> None:
        """Let everybody wait, or end the run when that is more than the job allows."""
        now = self._clock.monotonic()
        asked = judgement.hold_off_seconds
        wait_seconds = self._patience.backoff_seconds() if asked is None else asked
        kind = StopKind.UNREACHABLE if asked is None else StopKind.THROTTLED
        self._pacer.hold_off(now + wait_seconds)
        exhausted = self._patience.exhausted(now, wait_seconds)
        if exhausted and judgement.verdict is not Verdict.STOP:
            self._stop.request(kind, _exhausted(kind, judgement.reason))
        if asked is not None:
            self._observe(HoldOff(seconds=asked, reason=judgement.reason))
        if judgement.verdict is Verdict.RETRY:
            self._observe(
                Retrying(ordinal=message.ordinal, reason=judgement.reason, wait_seconds=wait_seconds),
            )

    def _remember(self, judgement: Judgement) -> None:
        """Store a hold-off for the next run; of two that overlap the one that ends later."""
        if judgement.hold_off_seconds is None:
            return
        until_us = self._clock.wall_us() + int(judgement.hold_off_seconds * MICROSECONDS)
        if until_us > self._held_until_us:
            self._held_until_us = until_us
            self._remember_hold_off(until_us)


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


def _exhausted(kind: StopKind, reason: str) -> str:
    if kind is StopKind.UNREACHABLE:
        return f"the API can't be reached ({reason})"
    return f"the API asked to wait longer than replay.max_wait_seconds ({reason})"
