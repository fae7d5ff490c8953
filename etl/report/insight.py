"""What a plan's messages look like, in one screen of text. Pure; every number comes from the plan."""

from collections.abc import Iterator, Mapping
from typing import Final

from etl.model.insight import Insight, Preview, Sessions
from etl.model.plan import PlanSummary
from etl.model.profile import minutes_name
from etl.report.alerts import share, warnings

_LANES: Final = 3
_YEARS: Final = 6
_OFFSETS: Final = 4


def insight_lines(
    summary: PlanSummary,
    insight: Insight,
    *,
    rate_bound_seconds: float | None = None,
    lane_bound_seconds: float | None = None,
) -> list[str]:
    """Return what a person should know before sending: warnings first, then the shape of the messages.

    With both bounds of the forecast also which lanes decide how long the replay takes.
    """
    if not summary.conservation.planned:
        return [f"warning: {line}" for line in warnings(summary, insight)]
    bounds = (rate_bound_seconds, lane_bound_seconds)
    return [
        *(f"warning: {line}" for line in warnings(summary, insight)),
        *_conversations(insight.preview),
        _sides(insight),
        *_lanes(summary, insight, *bounds),
        *_times(summary, insight),
        _texts(insight),
    ]


def _conversations(preview: Preview) -> Iterator[str]:
    expected = preview.expected
    line = (
        f"conversations {expected.conversations:,} at a session expiration of "
        f"{preview.expiration_minutes:,} min"
    )
    if preview.tickets:
        line += (
            f" from {preview.tickets:,} tickets: {expected.split:,} tickets split, "
            f"{expected.merged:,} conversations mix tickets"
        )
    yield line
    yield f"  what if     {_what_if(preview.as_planned, preview)}"
    if preview.by_ticket and preview.by_ticket != preview.as_planned:
        yield f"  by ticket   {_what_if(preview.by_ticket, preview)}"


def _what_if(sessions: tuple[Sessions, ...], preview: Preview) -> str:
    """Return conversations by expiration, with tickets split and conversations mixed if there are tickets."""
    mixed = " ({0.split:,} split, {0.merged:,} mixed)" if preview.tickets else ""
    return " · ".join(
        f"{minutes_name(one.expiration_minutes)} {one.conversations:,}{mixed.format(one)}" for one in sessions
    )


def _sides(insight: Insight) -> str:
    sides = insight.sides
    return (
        f"sides         {sides.only_customer:,} without an answer, {sides.only_agent:,} without a customer, "
        f"{sides.agent_first:,} of {sides.dialogues:,} begin with an agent"
    )


def _lanes(
    summary: PlanSummary,
    insight: Insight,
    rate_bound_seconds: float | None,
    lane_bound_seconds: float | None,
) -> Iterator[str]:
    lanes, planned = insight.longest, summary.conservation.planned
    names = ", ".join(
        f"{lane.lane!r} {lane.messages:,} ({share(lane.messages, planned)})" for lane in lanes[:_LANES]
    )
    yield f"longest lanes {names}"
    if rate_bound_seconds is None or lane_bound_seconds is None:
        return
    each = lane_bound_seconds / summary.longest_lane
    deciding = [lane for lane in lanes if lane.messages * each > rate_bound_seconds]
    if deciding:
        many = f"{len(deciding)} or more" if len(deciding) == len(lanes) else str(len(deciding))
        yield f"  lanes that each take longer than the rate: {many}; a higher rate does not help"


def _times(summary: PlanSummary, insight: Insight) -> Iterator[str]:
    times, planned = insight.times, summary.conservation.planned
    years = list(times.per_year.items())
    shown = ", ".join(f"{year} {count:,}" for year, count in years[-_YEARS:])
    earlier = sum(count for _, count in years[:-_YEARS])
    yield f"years         {shown}{f', before {earlier:,}' if earlier else ''}"
    if summary.offsets:
        yield f"offsets       {_shares(summary.offsets)}"
    half, most, _ = times.gap_seconds
    yield (
        f"silences      half up to {_span(half)}, 90 % up to {_span(most)}; "
        f"{share(times.ties, planned)} in the same second as the one before"
    )


def _shares(counts: Mapping[str, int]) -> str:
    total = sum(counts.values())
    named = list(counts.items())[:_OFFSETS]
    rest = total - sum(count for _, count in named)
    others = [f"others {share(rest, total)}"] if rest else []
    return ", ".join([*(f"{name} {share(count, total)}" for name, count in named), *others])


def _span(seconds: float) -> str:
    for unit, name in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= unit:
            return f"{seconds / unit:.1f} {name}"
    return f"{seconds:.0f} s"


def _texts(insight: Insight) -> str:
    texts = insight.texts
    often = f"; most repeated opening {texts.repeated[0]:,} times" if texts.repeated else ""
    return (
        f"texts         half up to {texts.median:,} characters, 99 % up to {texts.most:,}, "
        f"longest {texts.longest:,}{often}"
    )
