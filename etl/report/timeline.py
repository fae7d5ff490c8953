"""Outcomes over time in a fixed number of buckets, whatever the length of a run. Pure, numpy only."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from etl.clock import MICROSECONDS
from etl.ledger.evidence import Pause
from etl.model.states import State

BUCKETS: Final = 120
"""At most; when a run outgrows them neighbours merge and each is twice as long."""

KINDS: Final = (State.ACCEPTED, State.REJECTED, State.UNCERTAIN, State.PENDING)
"""What an attempt ends in; `pending` ones are retried."""

_EDGES_US: Final = np.geomspace(1_000, 180_000_000, num=128)
"""Upper edges of latency classes, each 10 % wider than the one before: 1 ms to 3 min."""

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Quantiles in seconds, each at most 10 % too high."""

    p50: float
    p95: float
    p99: float
    most: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One bucket of time."""

    at_us: int
    """Its beginning."""
    seconds: float
    """Its length; the last one ends with the run."""
    accepted: int
    rejected: int
    uncertain: int
    retried: int
    """Attempts that surely did not arrive, or were to come later."""
    paused_seconds: float
    p50: float | None
    p95: float | None
    """Of acceptances, in seconds; None without any."""

    @property
    def per_second(self) -> float:
        """Return the attempts a second, all kinds."""
        return (self.accepted + self.rejected + self.uncertain + self.retried) / self.seconds


class Timeline:
    """Takes outcomes in any order; its size never changes."""

    def __init__(self, start_us: int) -> None:
        self._start_us = start_us
        self._width_us = MICROSECONDS
        self._kinds = np.zeros((BUCKETS, len(KINDS)), dtype=np.int64)
        self._took = np.zeros((BUCKETS, len(_EDGES_US) + 1), dtype=np.int64)
        self._last_us = start_us
        self._most_us = 0

    def accepted(self, at_us: Integers, took_us: Integers) -> None:
        """Count acceptances: when, and how long after the intent."""
        if len(at_us):
            places = self._places(at_us)
            np.add.at(self._kinds[:, 0], places, 1)
            np.add.at(self._took, (places, np.searchsorted(_EDGES_US, took_us)), 1)
            self._most_us = max(self._most_us, int(took_us.max()))

    def ended(self, at_us: Integers, states: Sequence[str]) -> None:
        """Count attempts that did not end in a plain acceptance."""
        if len(at_us):
            kinds = np.searchsorted(np.sort(KINDS), np.asarray(states))
            order = np.argsort(KINDS)
            np.add.at(self._kinds, (self._places(at_us), order[kinds]), 1)

    @property
    def last_us(self) -> int:
        """Return when the newest outcome was recorded; the start, if none was."""
        return self._last_us

    def latency(self) -> Latency | None:
        """Return the quantiles of all acceptances."""
        took = self._took.sum(axis=0)
        if not took.any():
            return None
        p50, p95, p99 = (_quantile(took, share, self._most_us) for share in (0.5, 0.95, 0.99))
        return Latency(p50=p50, p95=p95, p99=p99, most=self._most_us / MICROSECONDS)

    def points(self, end_us: int, pauses: Iterable[Pause] = ()) -> tuple[Point, ...]:
        """Return the buckets up to the end of what is told; empty without any outcome."""
        if not self._kinds.any():
            return ()
        end_us = max(end_us, self._last_us + 1)
        held = union(pauses)
        found = []
        for place in range(BUCKETS):
            begin_us = self._start_us + place * self._width_us
            if begin_us >= end_us:
                break
            until_us = min(begin_us + self._width_us, end_us)
            accepted, rejected, uncertain, retried = self._kinds[place].tolist()
            took = self._took[place]
            found.append(
                Point(
                    at_us=begin_us,
                    seconds=(until_us - begin_us) / MICROSECONDS,
                    accepted=accepted,
                    rejected=rejected,
                    uncertain=uncertain,
                    retried=retried,
                    paused_seconds=sum(
                        max(0, min(last, until_us) - max(first, begin_us)) for first, last in held
                    )
                    / MICROSECONDS,
                    p50=_quantile(took, 0.5, self._most_us) if took.any() else None,
                    p95=_quantile(took, 0.95, self._most_us) if took.any() else None,
                )
            )
        return tuple(found)

    def _places(self, at_us: Integers) -> Integers:
        last_us = int(at_us.max())
        self._last_us = max(self._last_us, last_us)
        while last_us - self._start_us >= BUCKETS * self._width_us:
            self._merge()
        # A clock that was set back must not count before the start.
        return np.maximum(at_us - self._start_us, 0) // self._width_us

    def _merge(self) -> None:
        for counts in (self._kinds, self._took):
            pairs = counts.reshape(BUCKETS // 2, 2, -1).sum(axis=1)
            counts[: BUCKETS // 2] = pairs
            counts[BUCKETS // 2 :] = 0
        self._width_us *= 2


def union(pauses: Iterable[Pause]) -> list[tuple[int, int]]:
    """Return the stretches in which at least one pause held, in microseconds, in order."""
    found: list[tuple[int, int]] = []
    for pause in sorted(pauses, key=lambda pause: pause.at_us):
        if found and pause.at_us <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], pause.until_us))
        else:
            found.append((pause.at_us, pause.until_us))
    return found


def _quantile(took: Integers, share: float, most_us: int) -> float:
    place = int(np.searchsorted(np.cumsum(took), share * took.sum()))
    edge = most_us if place >= len(_EDGES_US) else min(float(_EDGES_US[place]), most_us)
    return float(edge) / MICROSECONDS
