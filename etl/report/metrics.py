"""An import as metrics for the textfile collector of Prometheus' node exporter.

Gauges, since each run starts from nothing; only the time of the last success outlives its run.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry, Gauge, Histogram, disable_created_metrics
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from etl.errors import ExitCode
from etl.model.events import Event, Finished, HoldOff, Planned, Retrying, Settled, SettledElsewhere, Started

_MODE: Final = 0o644


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One metric as the README lists it; every one also has the labels `source` and `deployment`."""

    name: str
    means: str
    labels: tuple[str, ...] = ()


ACTIVE: Final = Metric(name="etl_run_active", means="1 while an import runs, 0 when it has ended")
START: Final = Metric(name="etl_run_start_time_seconds", means="Unix time at which it began")
END: Final = Metric(
    name="etl_run_end_time_seconds", means="Unix time at which it ended; absent while it runs"
)
EXIT_CODE: Final = Metric(name="etl_run_exit_code", means="its exit code; absent while it runs")
SUCCESS: Final = Metric(
    name="etl_last_success_time_seconds",
    means="Unix time at which an import last ended with 0; kept over runs",
)
EXPECTED: Final = Metric(name="etl_run_expected_messages", means="messages that it is about to send")
SETTLED: Final = Metric(
    name="etl_run_settled_messages", means="messages that it sent, by what came of them", labels=("state",)
)
RETRIES: Final = Metric(name="etl_run_retries", means="attempts that surely did not arrive and were repeated")
HOLD_OFF: Final = Metric(name="etl_run_hold_off_seconds", means="pauses that the API asked for, added up")
LATENCY: Final = Metric(
    name="etl_run_latency_seconds", means="histogram: from a request's first byte to its durable outcome"
)
REJECTS: Final = Metric(name="etl_plan_rejects", means="rows of the plan's input that became no message")
PLAN: Final = Metric(
    name="etl_plan_messages",
    means="messages of the plan by where they stand; absent until the import has ended",
    labels=("state",),
)
METRICS: Final = (
    ACTIVE, START, END, EXIT_CODE, SUCCESS, EXPECTED, SETTLED, RETRIES, HOLD_OFF, LATENCY, REJECTS, PLAN,
)  # fmt: skip
"""All of them, in the order of the README."""

_BUCKETS: Final = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
_BASE_LABELS: Final = ("source", "deployment")


class RunMetrics:
    """Observes one import and writes what it saw. Writing and observing may happen in two threads."""

    def __init__(self, path: Path, *, source: str, deployment: str, started_seconds: float) -> None:
        self._path = path
        self._base = (source, deployment)
        # Else each histogram has a second series that nobody asks for.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = CollectorRegistry()
        self._gauges = {metric.name: self._gauge(metric) for metric in METRICS if metric is not LATENCY}
        self._latency = Histogram(
            LATENCY.name, LATENCY.means, _BASE_LABELS, buckets=_BUCKETS, registry=self._registry
        ).labels(*self._base)
        self._set(ACTIVE, 1)
        self._set(START, started_seconds)
        for metric in (EXPECTED, RETRIES, HOLD_OFF):
            self._set(metric, 0)
        success = last_success(path, source=source, deployment=deployment)
        if success is not None:
            self._set(SUCCESS, success)

    def __call__(self, event: Event) -> None:
        """Take one event; those without a number are let pass."""
        match event:
            case Planned():
                self._set(REJECTS, event.rejects)
            case Started():
                self._set(EXPECTED, event.messages)
            case Settled():
                self._child(SETTLED, event.state.value).inc()
                self._latency.observe(event.latency_seconds)
            case SettledElsewhere():
                self._child(SETTLED, event.state.value).inc(event.messages)
            case Retrying():
                self._child(RETRIES).inc()
            case HoldOff():
                self._child(HOLD_OFF).inc(event.seconds)
            case Finished():
                self._count(event.counts)
            case _:
                pass

    def ended(self, exit_code: ExitCode, *, at_seconds: float) -> None:
        """Take the end of the import."""
        self._set(ACTIVE, 0)
        self._set(END, at_seconds)
        self._set(EXIT_CODE, int(exit_code))
        if exit_code is ExitCode.OK:
            self._set(SUCCESS, at_seconds)

    def write(self) -> None:
        """Put the file in its place, whole.

        Raises:
            OSError: it can't be written; what was there before stays.
        """
        part = self._path.with_name(f".{self._path.name}.{os.getpid()}.part")
        descriptor = os.open(
            part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, _MODE
        )
        try:
            with os.fdopen(descriptor, "wb") as file:
                # The collector runs as another user, whatever our umask is.
                os.fchmod(descriptor, _MODE)
                file.write(generate_latest(self._registry))
            part.replace(self._path)
        finally:
            part.unlink(missing_ok=True)

    def _gauge(self, metric: Metric) -> Gauge:
        return Gauge(metric.name, metric.means, (*_BASE_LABELS, *metric.labels), registry=self._registry)

    def _child(self, metric: Metric, *labels: str) -> Gauge:
        return self._gauges[metric.name].labels(*self._base, *labels)

    def _set(self, metric: Metric, value: float) -> None:
        self._child(metric).set(value)

    def _count(self, counts: Mapping[str, int]) -> None:
        for state, count in counts.items():
            self._child(PLAN, state).set(count)


def last_success(path: Path, *, source: str, deployment: str) -> float | None:
    """Return the last success that an earlier run wrote down for this job, if it can be read."""
    try:
        families = list(text_string_to_metric_families(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return None
    wanted = {"source": source, "deployment": deployment}
    for family in families:
        for sample in family.samples:
            if sample.name == SUCCESS.name and sample.labels == wanted:
                return float(sample.value)
    return None
