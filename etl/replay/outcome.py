"""What an exchange means for its message and for the run: one table. Pure.

Accepted needs everything right; a message is sent again only when it surely was not taken; what is left
is uncertain. Sources: platform §10.1 rule 7 and 8, reliability §4, design §6.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, assert_never

from etl.model.exchange import Answer, Envelope, Exchange, Failure, Phase
from etl.model.states import State


class Verdict(StrEnum):
    """What to do next."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    UNCERTAIN = "uncertain"
    RETRY = "retry"
    """Surely not taken: the same message again, later."""
    STOP = "stop"
    """Surely not taken, and no other message would be: end the run."""


VERDICT_STATE: Final[dict[Verdict, State]] = {
    Verdict.ACCEPTED: State.ACCEPTED,
    Verdict.REJECTED: State.REJECTED,
    Verdict.UNCERTAIN: State.UNCERTAIN,
    Verdict.RETRY: State.PENDING,
    Verdict.STOP: State.PENDING,
}
"""The stored state that follows from each verdict."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A verdict, why, and whether everybody has to wait."""

    verdict: Verdict
    reason: str
    """A short code, the same in ledger and reports."""
    hold_off_seconds: float | None = None
    """Everybody waits so long: what the API asked for, or the default after a refusal without a number."""

    @property
    def state(self) -> State:
        """Return the state to record."""
        return VERDICT_STATE[self.verdict]


_ACCEPTED: Final = Judgement(verdict=Verdict.ACCEPTED, reason="accepted")
"""What nearly every message gets; made once."""

HOLD_OFF_MIN_SECONDS: Final = 1.0
HOLD_OFF_DEFAULT_SECONDS: Final = 5.0

_STATUS: Final[dict[int, Verdict]] = {
    401: Verdict.STOP,  # the token is wrong or was generated anew
    402: Verdict.STOP,  # the account, not the message
    403: Verdict.STOP,
    404: Verdict.STOP,  # deployment id or path: no message would get through
    405: Verdict.STOP,  # a wrong path, as one without its final slash
    407: Verdict.STOP,
    408: Verdict.UNCERTAIN,  # may speak of the connection or of the request
    409: Verdict.UNCERTAIN,  # may mean that it is there already
    410: Verdict.STOP,  # the deployment is gone for good
    421: Verdict.STOP,
    425: Verdict.RETRY,
    426: Verdict.STOP,  # another protocol is asked for, of every message
    429: Verdict.RETRY,  # refused before the work by its nature
    431: Verdict.STOP,  # the headers are the same for every message: the token is too long
    451: Verdict.STOP,  # a gateway or an authority bars the target
}
"""Statuses with a meaning of their own; the rest goes by class in `_by_class`. 503 depends on the job."""


def judge(exchange: Exchange, *, retry_503: bool) -> Judgement:
    """Return what an exchange means.

    `retry_503` says that a 503 with `Retry-After` is a refusal before the work.
    """
    match exchange:
        case Failure():
            return _judge_failure(exchange)
        case Answer():
            return _judge_answer(exchange, retry_503=retry_503)
        case _:
            assert_never(exchange)


def _judge_failure(failure: Failure) -> Judgement:
    match failure.phase:
        case Phase.CONNECT:
            return Judgement(verdict=Verdict.RETRY, reason=failure.kind)
        case Phase.CERTIFICATE:
            return Judgement(verdict=Verdict.STOP, reason=failure.kind)
        case Phase.SENT:
            return Judgement(verdict=Verdict.UNCERTAIN, reason=failure.kind)
        case _:
            assert_never(failure.phase)


def _judge_answer(answer: Answer, *, retry_503: bool) -> Judgement:
    verdict, reason = _verdict(answer, retry_503=retry_503)
    if verdict is Verdict.ACCEPTED and answer.retry_after_seconds is None:
        return _ACCEPTED
    # A pause is obeyed whatever else the answer says: it speaks to everybody, not of this message.
    wait_seconds = answer.retry_after_seconds
    if wait_seconds is None and verdict is Verdict.RETRY:
        wait_seconds = HOLD_OFF_DEFAULT_SECONDS
    if wait_seconds is not None:
        wait_seconds = max(wait_seconds, HOLD_OFF_MIN_SECONDS)
    return Judgement(verdict=verdict, reason=reason, hold_off_seconds=wait_seconds)


def _verdict(answer: Answer, *, retry_503: bool) -> tuple[Verdict, str]:
    if answer.status in {200, 201}:
        return _of_envelope(answer.envelope)
    reason = f"http_{answer.status}"
    if 200 <= answer.status < 300 and answer.envelope is Envelope.ERROR:  # noqa: PLR2004
        return _of_envelope(answer.envelope)
    if answer.status == 503 and retry_503 and answer.retry_after_seconds is not None:  # noqa: PLR2004
        return Verdict.RETRY, reason
    return _STATUS.get(answer.status) or _by_class(answer.status), reason


def _of_envelope(envelope: Envelope) -> tuple[Verdict, str]:
    match envelope:
        case Envelope.ACCEPTANCE:
            return Verdict.ACCEPTED, "accepted"
        case Envelope.ERROR:
            return Verdict.REJECTED, "error_in_answer"
        case Envelope.SENSELESS:
            return Verdict.UNCERTAIN, "senseless_answer"
        case _:
            assert_never(envelope)


def _by_class(status: int) -> Verdict:
    if 300 <= status < 400:  # noqa: PLR2004  never followed: the address is wrong
        return Verdict.STOP
    if 400 <= status < 500:  # noqa: PLR2004
        return Verdict.REJECTED
    return Verdict.UNCERTAIN
