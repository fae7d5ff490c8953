"""What share of the allowed rate the API takes well: down at once, up slowly. Pure.

Additive increase, multiplicative decrease, as TCP does it: of all schemes that see no more than "too much"
and "fine" it is the one by which several clients of one server end at fair shares.
"""

from typing import Final

REFUSED_FACTOR: Final = 0.5
"""What a 429 leaves of the pace."""

SLOWER_FACTOR: Final = 0.8
"""What a clearly risen latency leaves of it: a weaker sign than a refusal."""

STEP: Final = 0.05
"""What is won back after each quiet stretch, of the whole rate."""

QUIET_SECONDS: Final = 30.0
"""Without a refusal or a slow answer; so a halved pace is whole again after five minutes."""

LEAST_SHARE: Final = 0.01
"""Refusals never bring the pace below it: the run's patience decides what comes then."""

LEAST_SHARE_SLOW: Final = 0.25
"""Latency alone never brings it below: a platform may simply be slower than an hour ago."""

SLOW_RATIO: Final = 2.0
"""A median above so many times the run's best one is slow, and below `CALM_RATIO` fine again: hysteresis."""

CALM_RATIO: Final = 1.5

NOTICEABLE_SECONDS: Final = 0.2
"""A rise by less is no sign of load, whatever the ratio."""

SAMPLES: Final = 32
"""Answers in one median."""

SAMPLE_EVERY_SECONDS: Final = 0.1
"""Answers in between are left out, so that a short stall of this machine is no median."""

FORGOTTEN_SECONDS: Final = 86_400.0
"""A lesson fades evenly and is gone after a day without sending."""


class Adaptive:
    """The share of the rate in use; all times are monotonic seconds."""

    def __init__(self, *, share: float, now: float) -> None:
        self.share = share
        self._cut_at = now
        self._quiet_since = now
        self._sample_at = now
        self._samples: list[float] = []
        self._best: float | None = None
        self._slow = False

    def refused(self, *, sent_at: float, now: float) -> bool:
        """Take a refusal for going too fast; return whether it is news.

        It is none when the request left before the last cut: many in flight are refused together.
        """
        if sent_at < self._cut_at:
            return False
        self._cut(max(self.share * REFUSED_FACTOR, min(LEAST_SHARE, self.share)), now)
        return True

    def answered(self, *, sent_at: float, now: float) -> bool:
        """Take the time of an answer; return whether the share has changed."""
        if now < self._sample_at or sent_at < self._cut_at:
            return False
        self._sample_at = now + SAMPLE_EVERY_SECONDS
        self._samples.append(now - sent_at)
        if len(self._samples) >= SAMPLES and self._judge_latency(now):
            return True
        if self.share < 1.0 and not self._slow and now - self._quiet_since >= QUIET_SECONDS:
            self.share = min(self.share + STEP, 1.0)
            self._quiet_since = now
            return True
        return False

    def adopt(self, share: float, *, now: float) -> None:
        """Take over what another sender of the same run has learned."""
        if share != self.share:
            self._cut(share, now)

    def _judge_latency(self, now: float) -> bool:
        median = sorted(self._samples)[SAMPLES // 2]
        self._samples.clear()
        best = self._best = median if self._best is None else min(self._best, median)
        rise = median - best
        if rise > NOTICEABLE_SECONDS and median > SLOW_RATIO * best:
            self._slow = True
        elif rise <= NOTICEABLE_SECONDS or median < CALM_RATIO * best:
            self._slow = False
        if not self._slow:
            return False
        self._quiet_since = now
        if self.share <= LEAST_SHARE_SLOW or median <= SLOW_RATIO * best:
            return False
        self._cut(max(self.share * SLOWER_FACTOR, LEAST_SHARE_SLOW), now)
        return True

    def _cut(self, share: float, now: float) -> None:
        self.share = share
        self._cut_at = self._quiet_since = now
        self._samples.clear()


def remembered_share(
    *,
    learned_per_second: float | None,
    allowed_per_second: float,
    idle_seconds: float | None,
) -> float:
    """Return the share to begin with: what was learned, faded by the time since anything was sent."""
    if learned_per_second is None or learned_per_second >= allowed_per_second or idle_seconds is None:
        return 1.0
    learned = learned_per_second / allowed_per_second
    faded = min(max(idle_seconds, 0.0) / FORGOTTEN_SECONDS, 1.0)
    return learned + (1.0 - learned) * faded
