"""What in a plan should make a person look again. Pure, with every threshold by name."""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from etl.model.insight import Insight
from etl.model.plan import PlanSummary

AGENT_FIRST_SHARE: Final = 0.5
"""More dialogues that begin with an agent: the customers' opening messages probably stand elsewhere."""
ONE_SIDED_SHARE: Final = 0.5
"""More dialogues of one side only: a role or a user may be mapped wrongly."""
OTHER_OFFSET_SHARE: Final = 0.2
"""So many times with another spelling of the offset than the most common one, some without any."""
WHOLE_MINUTES_SHARE: Final = 0.5
"""More messages at second 0 (by chance it is 2 %): the column has no seconds."""
TIES_SHARE: Final = 0.1
"""More messages in the same second as the one before: their order rests on the file's order."""
HOT_SHARE: Final = 0.05
HOT_DIALOGUES: Final = 20
"""One id with more of all messages and so many dialogues is hardly one person."""
MIXED_SHARE: Final = 0.05
"""More tickets cut, or conversations that mix tickets."""
LEAST: Final = 20
"""Shares of fewer messages or dialogues say nothing."""


def warnings(summary: PlanSummary, insight: Insight) -> list[str]:
    """Return what to look at before sending, one line each, the gravest first; empty when all is well."""
    return [
        *(f"left out: {file}" for file in summary.skipped_files),
        *_overlooked(summary),
        *_nothing(summary),
        *_users(summary, insight),
        *_dialogues(insight),
        *_times(summary, insight),
        *_conversations(insight),
        *_found(summary, insight),
    ]


def share(part: int, whole: int) -> str:
    """Return a share in words that never round something to nothing or most to all."""
    if not part or not whole:
        return "0 %"
    percent = 100 * part / whole
    if part < whole:
        if percent < 0.1:  # noqa: PLR2004  the smallest share that one decimal shows
            return "< 0.1 %"
        percent = min(percent, 99.9)
    return f"{percent:.1f} %".replace(".0 %", " %")


def _more(part: int, whole: int, most: float) -> bool:
    return whole >= LEAST and part > most * whole


def _nothing(summary: PlanSummary) -> Iterator[str]:
    if not summary.conservation.rows:
        yield "the files hold no rows, only headers: is it the right export?"


def _overlooked(summary: PlanSummary) -> Iterator[str]:
    files = Counter(name for file in summary.files for name in file.overlooked)
    if files:
        names = ", ".join(repr(name) for name in files)
        yield (
            f"the job does not use {names}: such columns tell internal notes, drafts or deleted rows from "
            "messages, and all rows are sent; map `columns.visibility`, or say under `[rows]` which count"
        )


def _users(summary: PlanSummary, insight: Insight) -> Iterator[str]:
    planned = summary.conservation.planned
    for user in insight.users.busy:
        size = f"{user.messages:,} messages ({share(user.messages, planned)}) in {user.dialogues:,} dialogues"
        named = f"user {user.lane!r} has {size}"
        if user.placeholder:
            yield f"{named}: the id stands for nobody in particular; set `[users] placeholder`"
        elif user.share > HOT_SHARE and user.dialogues > HOT_DIALOGUES:
            yield f"{named}: is it one person? A placeholder belongs into `[users] placeholders`"
    shared = insight.users
    if shared.shared_tickets:
        examples = ", ".join(map(repr, shared.shared_examples))
        yield (
            f"{shared.shared_tickets:,} tickets have two or more users, such as {examples}: merged tickets, "
            "or `columns.user` holds the author instead of the customer"
        )


def _dialogues(insight: Insight) -> Iterator[str]:
    sides = insight.sides
    if _more(sides.agent_first, sides.dialogues, AGENT_FIRST_SHARE):
        yield (
            f"{share(sides.agent_first, sides.dialogues)} of the dialogues begin with an agent: the "
            "customers' first messages may stand in another file; see `[[opening]]`"
        )
    if _more(sides.only_agent, sides.dialogues, ONE_SIDED_SHARE):
        alone = share(sides.only_agent, sides.dialogues)
        yield f"{alone} of the dialogues have no customer: check `[roles]`"
    if _more(sides.only_customer, sides.dialogues, ONE_SIDED_SHARE):
        alone = share(sides.only_customer, sides.dialogues)
        yield f"{alone} of the dialogues have no answer: check `[roles]`"


def _times(summary: PlanSummary, insight: Insight) -> Iterator[str]:
    times, planned = insight.times, summary.conservation.planned
    spellings = sum(summary.offsets.values())
    naive = summary.offsets.get("none", 0)
    common = max(summary.offsets.values(), default=0)
    if 0 < naive < spellings and _more(spellings - common, spellings, OTHER_OFFSET_SHARE):
        yield (
            f"{share(naive, spellings)} of the times have no offset and the others have one: two sources in "
            "one column? Compare a few rows with the helpdesk"
        )
    if _more(times.whole_minutes, planned, WHOLE_MINUTES_SHARE):
        yield (
            f"{share(times.whole_minutes, planned)} of the times are whole minutes: within a minute "
            "`columns.sequence` orders them if it is mapped, else the file does"
        )
    elif _more(times.ties, planned, TIES_SHARE):
        yield (
            f"{share(times.ties, planned)} of the messages share their second with the one before: "
            "`columns.sequence` orders them if it is mapped, else the file does"
        )
    if times.before_2005:
        yield f"{times.before_2005:,} messages are older than 2005: check the unit in `[time] format`"
    if times.last_day:
        yield f"{times.last_day:,} messages are of the last 24 hours: their conversations may still go on"


def _conversations(insight: Insight) -> Iterator[str]:
    preview = insight.preview
    expected = preview.expected
    if _more(expected.split, preview.tickets, MIXED_SHARE):
        yield (
            f"{expected.split:,} of {preview.tickets:,} tickets will be cut into several conversations: "
            f"silences are longer than {preview.expiration_minutes:,} min; raise the bot's session expiration"
        )
    if preview.tickets and _more(expected.merged, expected.conversations, MIXED_SHARE):
        yield (
            f"{expected.merged:,} of {expected.conversations:,} conversations will mix several tickets; "
            '`message.lane = "conversation"` keeps them apart'
        )


def _found(summary: PlanSummary, insight: Insight) -> Iterator[str]:
    if insight.personal:
        kinds = ", ".join(f"{kind} {count:,}" for kind, count in insight.personal.items())
        yield f"personal data in texts ({kinds}) is sent as it is; `[privacy] mask` replaces it"
    if html := summary.found.get("html", 0):
        yield f"{html:,} texts look like HTML and are sent as they are; set `text.html = true`"
    if broken := summary.found.get("mojibake", 0):
        yield f"{broken:,} texts look wrongly decoded; compare with the helpdesk, and set `input.encoding`"
    if early := summary.found.get("before_conversation_start", 0):
        yield f"{early:,} messages lie before the start of their own conversation; check `[time] zone`"
    nobody = summary.found.get("placeholder_user", 0)
    if nobody and not any(user.placeholder for user in insight.users.busy):
        yield f"{nobody:,} rows have a user id that stands for nobody; see `[users] placeholder`"
