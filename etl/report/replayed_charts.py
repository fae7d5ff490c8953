"""The run report's charts; a run of a few seconds has none, since they would say nothing."""

from datetime import UTC, datetime
from typing import Final

from etl.clock import MICROSECONDS
from etl.report.charts import Chart, Mark, Series, Words, balance, lines
from etl.report.replayed import RunReport

LEAST_SECONDS: Final = 10.0
"""A shorter run is told in a table alone."""

_DAY_SECONDS: Final = 86_400


def charts(report: RunReport) -> dict[str, Chart]:
    """Return every chart by name."""
    points = report.timeline
    if not points or sum(point.seconds for point in points) < LEAST_SECONDS:
        return {}
    drawn = [_states(report), _throughput(report)]
    if any(point.p50 is not None for point in points):
        drawn.append(_latency(report))
    return {chart.name: chart for chart in drawn}


def _states(report: RunReport) -> Chart:
    words = Words(
        name="states",
        title="Every message of the plan, by where it stands",
        description="Two bars of equal length: what was planned, and where it stands.",
        axis="side",
    )
    states = {name: count for name, count in report.states.items() if count}
    return balance(words, {"planned": {"planned": report.summary.conservation.planned}, "now": states})


def _throughput(report: RunReport) -> Chart:
    width = report.timeline[0].seconds
    words = Words(
        name="throughput",
        title="Requests a second, against the limit",
        description=f"Attempts a second in stretches of {width:g} s, and how many of them were retried.",
        axis="time, UTC",
        unit="a second",
    )
    series = [Series(name="all requests", values=tuple(point.per_second for point in report.timeline))]
    if report.retries:
        retried = tuple(point.retried / point.seconds for point in report.timeline)
        series.append(Series(name="retried", values=retried))
    limit = Mark(at=report.allowed_per_second, label=f"limit {report.allowed_per_second:g}/s")
    return lines(words, _positions(report), series, labels=_labels(report), limit=limit)


def _latency(report: RunReport) -> Chart:
    words = Words(
        name="latency",
        title="How long a message took",
        description="From intent to recorded acceptance: the middle one, and the one that 95 % stayed below.",
        axis="time, UTC",
        unit="milliseconds",
    )
    series = [
        Series(name="median", values=tuple(_milliseconds(point.p50) for point in report.timeline)),
        Series(name="95 %", values=tuple(_milliseconds(point.p95) for point in report.timeline)),
    ]
    return lines(words, _positions(report), series, labels=_labels(report))


def _milliseconds(seconds: float | None) -> float:
    return float("nan") if seconds is None else 1_000 * seconds


def _positions(report: RunReport) -> list[float]:
    first = report.timeline[0].at_us
    return [(point.at_us - first) / MICROSECONDS for point in report.timeline]


def _labels(report: RunReport) -> list[str]:
    span = sum(point.seconds for point in report.timeline)
    form = "%d %b %H:%M" if span > _DAY_SECONDS else "%H:%M" if span > _DAY_SECONDS / 12 else "%H:%M:%S"
    return [
        datetime.fromtimestamp(point.at_us / MICROSECONDS, UTC).strftime(form) for point in report.timeline
    ]
