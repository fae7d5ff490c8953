"""The validation report's charts. Labels and descriptions are this program's words."""

from etl.model.profile import Histogram, minutes_name
from etl.report.approval import Approval
from etl.report.charts import Chart, Mark, Series, Words, balance, bars


def charts(approval: Approval) -> dict[str, Chart]:
    """Return every chart by name; charts of messages only where there are some."""
    drawn = [_rows(approval)]
    if approval.summary.conservation.planned:
        drawn += [_time(approval), _hours(approval), _lanes(approval), _gaps(approval), _lengths(approval)]
    return {chart.name: chart for chart in drawn}


def _rows(approval: Approval) -> Chart:
    counts = approval.summary.conservation
    sides = {
        "came in": {"rows read": counts.rows, "carried over": counts.carried, "split off": counts.split},
        "went to": {
            "planned": counts.planned, "duplicates": counts.duplicates, "known": counts.known,
            "skipped": counts.skipped, "rejects": counts.rejects,
        },
    }  # fmt: skip
    words = Words(
        name="rows-in-and-out",
        title="Every row, in and out",
        description="Two bars of equal length: what came in, and where it went.",
        axis="side",
        unit="rows",
    )
    return balance(
        words, {side: {name: n for name, n in parts.items() if n} for side, parts in sides.items()}
    )


def _time(approval: Approval) -> Chart:
    unit = approval.profile.granularity
    words = Words(
        name="time",
        title=f"Messages by {unit}",
        description=f"Messages by {unit} (UTC), stacked by who wrote them.",
        axis=unit,
    )
    return _stacked(words, approval.profile.over_time)


def _hours(approval: Approval) -> Chart:
    words = Words(
        name="hours",
        title="Messages by hour of the day (UTC)",
        description="Messages by hour of the day in UTC. Agents at work at night: is the zone wrong?",
        axis="hour, UTC",
    )
    return _stacked(words, approval.profile.hours)


def _lanes(approval: Approval) -> Chart:
    lanes = approval.profile.lanes
    words = Words(
        name="lanes",
        title="Users by number of messages (logarithmic)",
        description="How many users have so many messages; the height is logarithmic.",
        axis="messages of one user, up to",
        unit="users",
    )
    series = [Series(name="users", values=lanes.series["lanes"])]
    return bars(words, lanes.labels, series, scale="log")


def _gaps(approval: Approval) -> Chart:
    minutes = approval.insight.preview.expiration_minutes
    words = Words(
        name="gaps",
        title="Silences between a user's messages",
        description="Silences by length; those right of the line begin a new conversation.",
        axis="silence, up to",
        unit="silences",
    )
    gaps = approval.profile.gaps
    line = Mark(
        at=approval.profile.expiration_edge - 0.5, label=f"session expiration {minutes_name(minutes)}"
    )
    series = [Series(name="silences", values=gaps.series["silences"])]
    return bars(words, gaps.labels, series, mark=line)


def _lengths(approval: Approval) -> Chart:
    words = Words(
        name="lengths",
        title="Messages by length",
        description="Messages by number of characters, stacked by who wrote them.",
        axis="characters, up to",
    )
    return _stacked(words, approval.profile.lengths)


def _stacked(words: Words, histogram: Histogram) -> Chart:
    series = [Series(name=name, values=values) for name, values in histogram.series.items()]
    return bars(words, histogram.labels, series)
