"""The validation report's tables. Pure; every number comes from the plan or its profile."""

from collections.abc import Iterator
from typing import Final

from etl.model.rejects import SkipReason
from etl.report.alerts import share
from etl.report.approval import Approval
from etl.report.grid import Cell, Grid
from etl.report.summary import duration, minutes_name

_KINDS: Final = {
    "email": "e-mail addresses",
    "phone": "phone numbers",
    "card": "card numbers",
    "iban": "bank accounts (IBAN)",
    "ip": "IP addresses",
    "national_id": "national ids",
}
_MASKED: Final = "masked_"


def tables(approval: Approval) -> dict[str, Grid]:
    """Return every table by name; those without rows say nothing."""
    grids = (
        _rows(approval), _rejects(approval), _forecast(approval), _lanes(approval), _busy(approval),
        _conversations(approval), _times(approval), _offsets(approval), _roles(approval), _changed(approval),
        _personal(approval), _scorecard(approval), _macros(approval), _languages(approval), _files(approval),
    )  # fmt: skip
    return {grid.name: grid for grid in grids}


def _rows(approval: Approval) -> Grid:
    summary, counts = approval.summary, approval.summary.conservation
    rows: list[tuple[Cell, ...]] = [("planned", counts.planned, "will be sent")]
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
            for lane in approval.summary.insight.longest
        ),
    )


def _busy(approval: Approval) -> Grid:
    return Grid(
        name="busy_users",
        caption="Users with most dialogues: is each of them one person?",
        head=("user (shortened)", "messages", "dialogues", "looks like a placeholder"),
        rows=tuple(
            (user.lane, user.messages, user.dialogues, "yes" if user.placeholder else "no")
            for user in approval.summary.insight.users.busy
        ),
    )


def _conversations(approval: Approval) -> Grid:
    preview = approval.summary.insight.preview
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
    times, profile = approval.summary.insight.times, approval.profile
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


def _roles(approval: Approval) -> Grid:
    planned = approval.summary.conservation.planned
    return Grid(
        name="roles",
        caption="Who wrote the messages",
        head=("role", "messages", "share"),
        rows=tuple((role, count, share(count, planned)) for role, count in approval.summary.roles.items()),
    )


def _changed(approval: Approval) -> Grid:
    changed, found = approval.summary.changed, approval.summary.found
    rows = [
        (name.replace("_", " "), count, "changed") for name, count in changed.items() if _MASKED not in name
    ]
    rows += [
        (name.replace("_", " "), found[name], "sent as it is")
        for name in ("html", "mojibake")
        if found.get(name)
    ]
    return Grid(
        name="texts", caption="What was done to texts, and what was left",
        head=("texts", "count", "done"), rows=tuple(rows),
    )  # fmt: skip


def _personal(approval: Approval) -> Grid:
    found, changed = approval.summary.found, approval.summary.changed
    rows: list[tuple[Cell, ...]] = [
        (_KINDS[kind], found[kind], "sent as it is") for kind in _KINDS if found.get(kind)
    ]
    rows += [
        (_KINDS.get(name.removeprefix(_MASKED), name.removeprefix(_MASKED)), count, "replaced")
        for name, count in changed.items()
        if name.startswith(_MASKED)
    ]
    return Grid(
        name="personal_data",
        caption="Personal data found in texts",
        head=("kind", "texts", "what happens"),
        rows=tuple(rows),
    )


def _scorecard(approval: Approval) -> Grid:
    return Grid(
        name="scorecard",
        caption="Retraining scorecard",
        head=("measure", "count", "share", "what it means"),
        rows=tuple(_scores(approval)),
    )


def _scores(approval: Approval) -> Iterator[tuple[Cell, ...]]:
    summary, written, macros = approval.summary, approval.profile.utterances, approval.profile.macros
    sides, planned = summary.insight.sides, summary.conservation.planned
    scores = (
        ("customers' messages", written.messages, planned, "intents are learned from these alone"),
        (
            "… usable as example sentences",
            written.usable,
            written.messages,
            "10 to 500 characters, with words",
        ),
        (
            "… of these different",
            written.distinct,
            written.usable,
            "the rest repeat each other, as “thanks” does",
        ),
        ("… shorter than 10 characters", written.short, written.messages, "say little on their own"),
        ("… without words", written.wordless, written.messages, "numbers, emoji, punctuation"),
        ("… longer than 500 characters", written.long, written.messages, "mails rather than sentences"),
        (
            "agents' texts that repeat",
            macros.messages,
            macros.compared,
            "macros and signatures, of 40 characters or more",
        ),
        (
            "messages that echo the one before",
            approval.profile.echoes,
            planned,
            "the same text from the other side",
        ),
        ("bots' messages", summary.roles.get("bot", 0), planned, "an earlier bot's words, not people's"),
        (
            "dialogues without an answer",
            sides.only_customer,
            sides.dialogues,
            "nobody wrote but the customer",
        ),
        (
            "dialogues without a customer",
            sides.only_agent,
            sides.dialogues,
            "nothing to learn an intent from",
        ),
        ("dialogues that an agent begins", sides.agent_first, sides.dialogues, "the question may be missing"),
    )
    for what, count, whole, means in scores:
        yield what, count, share(count, whole), means


def _macros(approval: Approval) -> Grid:
    macros = approval.profile.macros
    return Grid(
        name="macros",
        caption="Agents' texts that occur most often, greeting and numbers apart",
        head=("text", "messages", "share of agents' longer texts", "users", "mean length"),
        rows=tuple(
            (f"macro {place}", one.messages, share(one.messages, macros.compared), one.users, one.characters)
            for place, one in enumerate(macros.top, 1)
        ),
    )


def _languages(approval: Approval) -> Grid:
    found = approval.languages or {}
    return Grid(
        name="languages",
        caption="Languages of customers' texts, in a sample",
        head=("language", "share"),
        rows=tuple((code, f"{100 * part:.1f} %") for code, part in found.items()),
    )


def _files(approval: Approval) -> Grid:
    return Grid(
        name="files",
        caption="Each file to its end",
        head=("file", "read as", "rows", "blank lines", "bytes"),
        rows=tuple(
            (file.file, file.format, file.records, file.blank_lines, file.bytes_read)
            for file in approval.summary.files
        ),
    )
