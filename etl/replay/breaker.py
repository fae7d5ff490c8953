"""The breaker: what many bad outcomes in a row say of the set-up or of the server. Pure.

Refusals from the first message on, or answers that make no sense, mean a wrong set-up: stop. Server errors
and silence mean a server in trouble, where each further message would be one more of unknown fate: pause
everybody, then let one message try (half-open).
"""

from enum import StrEnum
from typing import Final

from etl.replay.outcome import Judgement, Verdict

PAUSES_SECONDS: Final = (30.0, 60.0, 120.0)
"""Before the first, second and third try after server errors; when that fails too, the run ends."""

RECOVERED_MESSAGES: Final = 100
"""Accepted since the last pause: before that, further trouble is the same trouble and pauses longer."""

_CONTRACT: Final = ("senseless_answer", "http_409", "http_2")
"""How reasons of doubtful answers begin that waiting does not make better."""


class Trip(StrEnum):
    """What one more outcome leads to."""

    NONE = "none"
    PAUSE = "pause"
    """Everybody waits, then one message tries: `PAUSES_SECONDS`."""
    STOP = "stop"
    """The set-up must be wrong."""
    GIVE_UP = "give_up"
    """The server stays in trouble."""


class Breaker:
    """Counts bad outcomes in a row over all lanes, and lets one message through after a pause."""

    def __init__(self, limit: int) -> None:
        self.closed = True
        """Whether everybody may send."""
        self._limit = limit
        self._accepted = False
        self._kind: str | None = None
        self._count = 0
        self._pauses = 0
        self._accepted_since = 0
        self._opens_at = 0.0
        self._probe: int | None = None

    @property
    def pause_seconds(self) -> float:
        """Return the length of the pause that began last."""
        return PAUSES_SECONDS[self._pauses - 1]

    def claims(self, ordinal: int, now: float) -> bool:
        """Return whether this message is the one that tries: the first to ask after the pause.

        It stays the one until it has an outcome that says something.
        """
        if self._probe is None and now >= self._opens_at:
            self._probe = ordinal
        return self._probe == ordinal

    def observe(self, judgement: Judgement, *, ordinal: int, now: float) -> Trip:
        """Count one outcome and return what follows from it."""
        if not self.closed:
            return self._observe_probe(judgement, now) if ordinal == self._probe else Trip.NONE
        match judgement.verdict:
            case Verdict.ACCEPTED:
                self._accepted, self._kind, self._count = True, None, 0
                if self._pauses:
                    self._count_recovery()
            case Verdict.REJECTED:
                # Mid-run a refusal speaks of its message; before anything was accepted, of the set-up.
                self._count_kind(None if self._accepted else judgement.reason)
            case Verdict.UNCERTAIN:
                self._count_kind(judgement.reason if judgement.reason.startswith(_CONTRACT) else "trouble")
            case _:
                return Trip.NONE
        if self._count < self._limit:
            return Trip.NONE
        return self._pause(now) if self._kind == "trouble" else Trip.STOP

    def _count_kind(self, kind: str | None) -> None:
        self._count = 0 if kind is None else self._count + 1 if kind == self._kind else 1
        self._kind = kind

    def _count_recovery(self) -> None:
        self._accepted_since += 1
        if self._accepted_since >= RECOVERED_MESSAGES:
            self._pauses = 0

    def _pause(self, now: float) -> Trip:
        if self._pauses == len(PAUSES_SECONDS):
            return Trip.GIVE_UP
        self.closed, self._probe = False, None
        self._opens_at = now + PAUSES_SECONDS[self._pauses]
        self._pauses += 1
        return Trip.PAUSE

    def _observe_probe(self, judgement: Judgement, now: float) -> Trip:
        match judgement.verdict:
            case Verdict.ACCEPTED | Verdict.REJECTED:
                self.closed, self._probe = True, None
                self._kind, self._count, self._accepted_since = None, 0, 0
                self._accepted = self._accepted or judgement.verdict is Verdict.ACCEPTED
                return Trip.NONE
            case Verdict.UNCERTAIN:
                return self._pause(now)
            case _:  # surely not taken: it says nothing of the server, the same message tries again
                return Trip.NONE
