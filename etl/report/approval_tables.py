"""The validation report's tables. Pure; every number comes from the plan or its profile."""

from typing import Final

from etl.model.profile import minutes_name
from etl.model.rejects import SkipReason
from etl.report.alerts import share
from etl.report.approval import Approval
from etl.report.approval_texts import text_tables
from etl.report.grid import Cell, Grid
from etl.report.summary import duration

_SHOWN_FILES: Final = 200
"""The JSON has all of them."""


def tables(approval: Approval) -> dict[str, Grid]:
    """Return every table by name; those without rows say nothing."""
    grids = (
        _rows(approval), _rejects(approval), _forecast(approval), _lanes(approval), _busy(approval),
        _conversations(approval), _times(approval), _offsets(approval), *text_tables(approval),
        _files(approval),
    )  # fmt: skip
    return {grid.name: grid for grid in grids}


def _rows(approval: Approval) -> Grid:
    summary, counts = approval.summary, approval.summary.conservation
    rows: list[tuple[Cell, ...]] = [("planned", counts.planned, "to be sent")]
    rows.append(("duplicates", counts.duplicates, "repeat another row of this input: sent once"))
    rows += [
        (f"known: {state}", count, "in the ledger since an earlier run: not sent again")
        for state, count in summary.known_by_state.items()
    ]
    rows += [
        (f"skipped: {reason}", count, SkipReason(reason).meaning)
        for reason, count in summary.skipped_by_reason.items()
    ]
    rows.append(("rejects", counts.rejects, "can't become a message; see below"))
    return Grid(
        name="rows",
        caption="Where every row went",
        head=("rows", "count", "meaning"),
        rows=tuple(row for row in rows if row[1] or row[0] == "planned"),
    )


def _rejects(approval: Approval) -> Grid:
    return Grid(
        name="rejects_by_code",
        caption="Rejects by code, with their first places",
        head=("code", "rows", "what is wrong", "first places", "how to mend it"),
        rows=tuple(
            (
                code.value,
                count,
                code.meaning,
                "; ".join(
                    f"{line.file}:{line.line}{f' ({line.column})' if line.column else ''}"
                    f"{f': {line.detail}' if line.detail else ''}"
                    for line in lines
                ),
                code.remedy,
            )
            for code, count, lines in approval.reject_codes
        ),
    )


def _forecast(approval: Approval) -> Grid:
    outlook, summary = approval.outlook, approval.summary
    rows = [
        (
            "by the rate",
            duration(outlook.rate_bound_seconds),
            f"{summary.conservation.planned:,} messages at {outlook.rate_per_second:g} a second",
        ),
        (
            "by the longest lane",
            duration(outlook.lane_bound_seconds),
            f"{summary.longest_lane:,} messages of one user, one after another",
        ),
        ("at least", duration(outlook.least_seconds), "the longer of the two"),
        (
            "at most",
            duration(outlook.most_seconds),
            (
                f"answers take {3 * outlook.latency_seconds:g} s, not {outlook.latency_seconds:g} s, and the "
                "longest lane ends last; pauses that the API asks for come on top"
            ),
        ),
    ]
    return Grid(
        name="forecast",
        caption="The two bounds, and the range",
        head=("bound", "time", "because"),
        rows=tuple(rows),
    )


def _lanes(approval: Approval) -> Grid:
    each = approval.outlook.lane_bound_seconds / max(approval.summary.longest_lane, 1)
    planned = approval.summary.conservation.planned
    return Grid(
        name="longest_lanes",
        caption="The users with most messages",
        head=("user (shortened)", "messages", "share", "takes at least"),
        rows=tuple(
            (lane.lane, lane.messages, share(lane.messages, planned), duration(lane.messages * each))
            for lane in approval.insight.longest
        ),
    )


def _busy(approval: Approval) -> Grid:
    return Grid(
        name="busy_users",
        caption="Users with most dialogues: is each of them one person?",
        head=("user (shortened)", "messages", "dialogues", "looks like a placeholder"),
        rows=tuple(
            (user.lane, user.messages, user.dialogues, "yes" if user.placeholder else "no")
            for user in approval.insight.users.busy
        ),
    )


def _conversations(approval: Approval) -> Grid:
    preview = approval.insight.preview
    by_ticket = {one.expiration_minutes: one for one in preview.by_ticket}
    head = ["session expiration", "conversations"]
    if preview.tickets:
        head += ["tickets split", "conversations that mix tickets"]
    if by_ticket:
        head += ["conversations by ticket*", "tickets split by ticket*"]
    rows: list[tuple[Cell, ...]] = []
    for one in preview.as_planned:
        row: list[Cell] = [minutes_name(one.expiration_minutes), one.conversations]
        if preview.tickets:
            row += [one.split, one.merged]
        if by_ticket:
            alone = by_ticket[one.expiration_minutes]
            row += [alone.conversations, alone.split]
        rows.append(tuple(row))
    expirations = [one.expiration_minutes for one in preview.as_planned]
    return Grid(
        name="conversations",
        caption="Conversations that the platform would make, by the bot's session expiration",
        head=tuple(head),
        rows=tuple(rows),
        here=expirations.index(preview.expiration_minutes),
    )


def _times(approval: Approval) -> Grid:
    times, profile = approval.insight.times, approval.profile
    planned = approval.summary.conservation.planned
    facts = [
        ("at second 0", times.whole_minutes, "2 % by chance; more: the export has no seconds"),
        ("at midnight UTC", profile.midnights, "many: the export has no time of day"),
        ("with a part of a second", profile.fractions, "cut off when sent, order is kept"),
        ("in the same second as the one before", times.ties, "their order rests on the file's order"),
        ("before 2005", times.before_2005, "the unit in `[time] format` may be wrong"),
        ("of the last 24 hours", times.last_day, "their conversations may still go on"),
    ]
    return Grid(
        name="times",
        caption="What the times give away",
        head=("messages", "count", "share", "what it means"),
        rows=tuple((what, count, share(count, planned), why) for what, count, why in facts),
    )


def _offsets(approval: Approval) -> Grid:
    offsets = approval.summary.offsets
    total = sum(offsets.values())
    return Grid(
        name="offsets",
        caption="How the offset from UTC is written",
        head=("offset", "times", "share"),
        rows=tuple((name, count, share(count, total)) for name, count in offsets.items()),
    )


def _files(approval: Approval) -> Grid:
    files = approval.summary.files
    more = f": the first {_SHOWN_FILES} of {len(files):,}" if len(files) > _SHOWN_FILES else ""
    return Grid(
        name="files",
        caption=f"Each file to its end{more}",
        head=("file", "read as", "rows", "blank lines", "bytes"),
        rows=tuple(
            (file.file, file.format, file.records, file.blank_lines, file.bytes_read)
            for file in files[:_SHOWN_FILES]
        ),
    )
