"""One message: wait for its turn, make the intent durable, send, judge, make the outcome durable.

Order of the steps: the slot first, so that a message does not wait between intent and send, where a
kill would make it uncertain; then the intent; then a connection, the guard, and the request at once. What
the answer means for everybody holds before its own outcome is on disk: meanwhile others could send.
Where the pace lets the lane's next message go at once, its intent shares the commit of that outcome: half
the waits for the disk, and what is on disk still comes before what is sent.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from etl.clock import Clock
from etl.errors import LedgerError
from etl.ledger.interface import Intent, Outcome
from etl.model.events import Event, Settled, Warned
from etl.model.exchange import Answer, Exchange, Phase
from etl.model.plan import PlannedMessage
from etl.model.states import State
from etl.replay.conclusions import Conclusions
from etl.replay.conversations import Conversations, Track
from etl.replay.limits import Limits
from etl.replay.outcome import Judgement, Verdict, judge
from etl.replay.stop import Stop


class Sender(Protocol):
    """Sends one message once."""

    async def prepare(self) -> None:
        """Connect, if that is to be done; raises nothing but a cancellation, and sends nothing."""

    async def send(self, message: PlannedMessage) -> Exchange:
        """Return what came of it; raises nothing but a cancellation."""


class Writer(Protocol):
    """Makes ledger entries durable."""

    async def write(self, *entries: Intent | Outcome) -> None:
        """Return once the entries are durable, all in one commit; LedgerError when they can't be."""


class Gate(Protocol):
    """What all messages wait at, twice: before their intent, and between intent and send."""

    def turn_now(self, lane: int, *, left: int) -> float | None:
        """Return the time of a slot that is free now or in an instant; None when that is not so."""

    async def room(self, messages: int) -> None:
        """Wait until a lane of so many messages had better begin; not longer than the run lasts."""

    async def turn(self, ordinal: int, lane: int, *, left: int) -> float | None:
        """Wait for a message's slot and return its time; None: it is not to be sent any more.

        Its lane is named by the ordinal of its first message; `left` of it are to be sent, this one included.
        """

    def leave(self, lane: int) -> None:
        """Take that a lane sends no more in this run."""

    async def guard(self, ordinal: int, slot: float) -> bool:
        """Wait for the slot and take a last look; False: the message had better not go."""


class Walk:
    """One open lane: its connection, its conversation, and the slot of a message whose intent is on disk."""

    __slots__ = ("lane", "left", "sender", "slot", "track")

    def __init__(self, sender: Sender, lane: int, *, left: int) -> None:
        """Begin a lane, named by the ordinal of its first message, of which so many are to be sent."""
        self.sender = sender
        self.lane = lane
        self.left = left
        self.track = Track()
        self.slot: float | None = None


class Delivery:
    """What the deliveries of one run share."""

    def __init__(  # noqa: PLR0913  wiring: each argument is one collaborator
        self,
        *,
        plan: int,
        run: int,
        retry_503: bool,
        gate: Gate,
        conclusions: Conclusions,
        conversations: Conversations,
        limits: Limits,
        writer: Writer,
        stop: Stop,
        clock: Clock,
        observe: Callable[[Event], None],
    ) -> None:
        self._plan = plan
        self._run = run
        self._retry_503 = retry_503
        self._gate = gate
        self._conclusions = conclusions
        self._conversations = conversations
        self._limits = limits
        self._writer = writer
        self._stop = stop
        self._clock = clock
        self._observe = observe

    async def room(self, messages: int) -> None:
        """Wait until a lane of so many messages more takes no slots from those that need them."""
        await self._gate.room(messages)

    def leave(self, walk: Walk) -> None:
        """Take that a lane sends no more in this run."""
        self._gate.leave(walk.lane)

    async def deliver(
        self, message: PlannedMessage, walk: Walk, *, following: PlannedMessage | None
    ) -> State | None:
        """Send a message until it is settled or uncertain; None when the run ends before that.

        `following` is the lane's next message; it may be begun, and is then to be delivered next with the
        same `walk`.

        Raises:
            LedgerError: an entry can't be made durable; nothing was sent without a durable intent.
        """
        slot, walk.slot = walk.slot, None
        if slot is None and not self._limits.admit():
            return None
        while True:
            if slot is None:
                slot = await self._gate.turn(message.ordinal, walk.lane, left=walk.left)
                if slot is None:
                    return None
                await self._writer.write(self._intent(message))
            # What the guard counts must leave at once: behind a handshake it would fall into the next window.
            await walk.sender.prepare()
            if await self._gate.guard(message.ordinal, slot):
                judgement = await self._attempt(message, walk, following)
                if judgement.verdict is Verdict.STOP:
                    return None
                if judgement.verdict is not Verdict.RETRY:
                    return judgement.state
            else:
                await self._writer.write(self._withdrawal(message))
            slot = None

    async def _attempt(
        self, message: PlannedMessage, walk: Walk, following: PlannedMessage | None
    ) -> Judgement:
        """Send a message whose intent is on disk, and let what came of it count."""
        sent_at = self._clock.monotonic()
        exchange = await walk.sender.send(message)
        judgement = judge(exchange, retry_503=self._retry_503)
        begun = None
        try:
            self._conclusions.draw(message.ordinal, exchange, judgement, sent_at=sent_at)
            if following is not None and judgement.verdict is Verdict.ACCEPTED:
                walk.slot = self._slot_at_once(walk)
                begun = None if walk.slot is None else following
        finally:  # an observer that fails must not cost the outcome
            outcome = self._outcome(message, exchange, judgement)
            await self._writer.write(*([outcome] if begun is None else [outcome, self._intent(begun)]))
        try:
            if begun is None:  # an intent on disk waits for nobody else's conclusions
                await self._conclusions.remember()
            if judgement.verdict not in {Verdict.STOP, Verdict.RETRY}:
                self._settle(message, exchange, judgement.state, sent_at=sent_at, track=walk.track)
        except Exception:
            if begun is not None:
                with suppress(LedgerError):
                    await self._writer.write(self._withdrawal(begun))
            raise
        return judgement

    def _slot_at_once(self, walk: Walk) -> float | None:
        """Return a slot for the lane's next message if it needs no waiting, and nothing speaks against it."""
        if self._limits.full or not self._conclusions.remembered:
            return None
        slot = self._gate.turn_now(walk.lane, left=walk.left - 1)
        if slot is not None:
            self._limits.admit()
        return slot

    def _settle(
        self,
        message: PlannedMessage,
        exchange: Exchange,
        state: State,
        *,
        sent_at: float,
        track: Track,
    ) -> None:
        """Count an outcome that is on disk."""
        if state is State.ACCEPTED and isinstance(exchange, Answer) and exchange.receipt is not None:
            seen = self._conversations
            identity = exchange.receipt.conversation_id
            if seen.observe(track, at_us=message.at_us, conversation_id=identity):
                self._observe(Warned(message=seen.report() or ""))
        over = self._limits.settled(state)
        if over is not None:
            self._stop.request(over.kind, over.message)
        latency_seconds = self._clock.monotonic() - sent_at
        self._observe(Settled(message.ordinal, state, latency_seconds))

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
        # By place, as the outcome below: names are half the price of a tuple that every message needs.
        return Intent(
            self._plan,
            message.ordinal,
            self._run,
            message.key,
            message.content,
            message.lane,
            message.at_us,
            self._clock.wall_us(),
        )

    def _outcome(self, message: PlannedMessage, exchange: Exchange, judgement: Judgement) -> Outcome:
        answer = exchange if isinstance(exchange, Answer) else None
        receipt = answer.receipt if answer else None
        accepted = judgement.verdict is Verdict.ACCEPTED
        text = answer.error if answer and judgement.verdict is Verdict.REJECTED else None
        return Outcome(
            self._plan,
            message.ordinal,
            self._run,
            judgement.state,
            self._clock.wall_us(),
            "answered" if isinstance(exchange, Answer) else exchange.phase.value,
            f"{judgement.reason}: {text}" if text else judgement.reason,
            answer.status if answer else None,
            receipt.platform_id if receipt and accepted else None,
            receipt.conversation_id if receipt and accepted else None,
        )
