"""The breaker: so many refusals of one kind in a row mean that the set-up is wrong. Pure."""

from etl.replay.outcome import Judgement, Verdict


class Breaker:
    """Counts equal bad outcomes in a row over all lanes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kind: str | None = None
        self._count = 0

    def observe(self, judgement: Judgement) -> bool:
        """Count one outcome and return whether the run must stop."""
        if judgement.verdict is Verdict.ACCEPTED:
            self._kind, self._count = None, 0
        elif judgement.verdict in {Verdict.REJECTED, Verdict.UNCERTAIN}:
            same = judgement.reason == self._kind
            self._kind, self._count = judgement.reason, self._count + 1 if same else 1
        return self._count >= self._limit
