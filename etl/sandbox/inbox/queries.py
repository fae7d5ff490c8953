"""What the pages read from the store, each bounded: by a page, or by how far a search looks back."""

import json
import re
from collections.abc import Sequence
from typing import Any, Final

from etl.sandbox.inbox.filters import Activity, Filters
from etl.sandbox.inbox.found import About, Hit, Hits, Listed, Shown, Spot, Thread, Totals
from etl.sandbox.inbox.reading import Read
from etl.sandbox.inbox.speakers import SPEAKER, Speaker
from etl.sandbox.records import Kind

CONVERSATIONS_A_PAGE: Final = 50
MESSAGES_A_PAGE: Final = 100
SEARCHED_AT_ONCE: Final = 500_000
"""Messages that one search looks through: a full-text index would cost every message stored."""
_SHOWN_BYTES: Final = 16_384
_EVER: Final = 2**62
_RATE_SECONDS: Final = 10
_RATE_ROWS: Final = 50_000

_LAST = "SELECT seq, received_us FROM message ORDER BY seq DESC LIMIT 1"
_SEQ_BEFORE = "SELECT max(seq) FROM message WHERE seq < ?"
_OPENED = "SELECT coalesce(max(id), 0) FROM conversation"
_RATE = """
    SELECT count(*) FROM (SELECT received_us FROM message ORDER BY seq DESC LIMIT ?) WHERE received_us > ?
"""
_LISTED = """
    SELECT c.id, c.deployment_id, c.user_id, c.first_timestamp, c.last_timestamp, c.messages,
        (SELECT substr(text, 1, 400) FROM message WHERE conversation_id = c.id ORDER BY seq DESC LIMIT 1)
    FROM conversation AS c
"""
_LIST = (
    _LISTED
    + """
    WHERE (c.last_timestamp, c.id) < (?, ?) AND c.last_timestamp >= ? AND c.first_timestamp < ?
        AND instr(lower(c.user_id), lower(?)) > 0
    ORDER BY c.last_timestamp DESC, c.id DESC LIMIT ?
"""
)
_ONE = _LISTED + "WHERE c.id = ?"
_FIND = "SELECT min(seq) FROM message WHERE deployment_id IN (SELECT id FROM deployment) AND id = ?"
_OF_MESSAGE = "SELECT conversation_id FROM message WHERE seq = ?"
_SEARCH = """
    SELECT m.seq, m.conversation_id, m.user_id, m.timestamp, substr(m.text, 1, 65536)
    FROM message AS m JOIN conversation AS c ON c.id = m.conversation_id
    WHERE m.seq < ? AND m.seq >= ? AND ({likes})
        AND c.last_timestamp < ? AND c.last_timestamp >= ? AND c.first_timestamp < ?
        AND instr(lower(c.user_id), lower(?)) > 0
    ORDER BY m.seq DESC LIMIT ?
"""
_SPECIAL = re.compile(r"[%_\\]")
_LIKE = "m.text LIKE ? ESCAPE '\\'"
_THREAD = f"""
    SELECT seq, id, timestamp, received_us, substr(text, 1, ?), length(text), {SPEAKER},
        substr(body, 1, ?), length(body), kind, answer
    FROM message WHERE conversation_id = ? AND seq >= ? ORDER BY seq LIMIT ?
"""  # noqa: S608  a constant of this package
_BEFORE = """
    SELECT seq, timestamp FROM message WHERE conversation_id = ? AND seq < ? ORDER BY seq DESC LIMIT ?
"""
_NEWEST = "SELECT max(timestamp) FROM message WHERE conversation_id = ? AND seq < ?"
_ABOUT = """
    SELECT user_cvars, user_profile FROM message WHERE conversation_id = ? AND kind != 'agent'
    ORDER BY seq DESC LIMIT 1
"""
_TRIGGERED = "SELECT name, value FROM variable WHERE user_id = ? ORDER BY name"
_PLACES = """
    SELECT seq, conversation_id, user_id, timestamp, received_us FROM message
    WHERE seq IN (SELECT value FROM json_each(?))
"""
_BODY = "SELECT body FROM message WHERE seq = ?"


def totals(read: Read) -> Totals:
    """Return the counts; as fast for a million as for one."""
    last = read(_LAST) or [(0, 0)]
    return Totals(messages=last[0][0], last_received_us=last[0][1], conversations=read(_OPENED)[0][0])


def rate_per_second(read: Read, *, now_us: int) -> float:
    """Return the arrivals a second over the last ten."""
    count: int = read(_RATE, _RATE_ROWS, now_us - _RATE_SECONDS * 1_000_000)[0][0]
    return count / _RATE_SECONDS


def listed(read: Read, filters: Filters, *, zone: str, active_since: int) -> list[Listed]:
    """Return a page of conversations and one more, the one that spoke last first.

    Args:
        read: the store.
        filters: days cover a conversation that has any part in them; `text` and `id` are not looked at.
        zone: the days' zone.
        active_since: a conversation whose last message is no older is active.
    """
    top, low, end = _bounds(filters, zone=zone, active_since=active_since)
    cursor = min((filters.before.last_timestamp, filters.before.conversation_id), (top, 0))
    return [
        _listed(row)
        for row in read(_LIST, *cursor, low, end, filters.user, CONVERSATIONS_A_PAGE + 1)
    ]  # fmt: skip


def conversation(read: Read, number: int) -> Listed | None:
    """Return one conversation."""
    return next((_listed(row) for row in read(_ONE, number)), None)


def conversation_of(read: Read, seq: int) -> int | None:
    """Return the conversation of a message."""
    return next((row[0] for row in read(_OF_MESSAGE, seq)), None)


def find(read: Read, message_id: str) -> int | None:
    """Return the first message with a client's id."""
    found: int | None = read(_FIND, message_id)[0][0]
    return found


def search(read: Read, filters: Filters, *, zone: str, active_since: int) -> Hits:
    """Return the latest messages that hold `filters.text`, of conversations that pass the other filters."""
    begin: int | None = read(_SEQ_BEFORE, filters.before_seq)[0][0]
    if begin is None:
        return Hits(found=(), go_on_before=None)
    low_seq = begin + 1 - SEARCHED_AT_ONCE
    top, low, end = _bounds(filters, zone=zone, active_since=active_since)
    patterns = _patterns(filters.text)
    statement = _SEARCH.format(likes=" OR ".join([_LIKE] * len(patterns)))
    values = (begin + 1, low_seq, *patterns, top, low, end, filters.user)
    rows = read(statement, *values, CONVERSATIONS_A_PAGE + 1)
    found = tuple(
        Hit(seq=row[0], conversation_id=row[1], user_id=row[2], timestamp=row[3], text=row[4])
        for row in rows[:CONVERSATIONS_A_PAGE]
    )
    if len(rows) > CONVERSATIONS_A_PAGE:
        return Hits(found=found, go_on_before=found[-1].seq)
    return Hits(found=found, go_on_before=low_seq if low_seq > 1 else None)


def thread(read: Read, conversation_id: int, *, first_seq: int) -> Thread:
    """Return the page of a conversation that begins with `first_seq`, or with the next one after it."""
    rows = read(
        _THREAD, _SHOWN_BYTES, _SHOWN_BYTES, conversation_id, first_seq, MESSAGES_A_PAGE + 1
    )  # fmt: skip
    page = rows[:MESSAGES_A_PAGE]
    begin = page[0][0] if page else _EVER
    before = read(_BEFORE, conversation_id, begin, MESSAGES_A_PAGE)
    newest: int = read(_NEWEST, conversation_id, begin)[0][0] or 0
    shown: list[Shown] = []
    for row in page:
        late = row[2] < newest
        newest = max(newest, row[2])
        shown.append(_shown(row, late=late))
    return Thread(
        messages=tuple(shown),
        earlier=before[-1][0] if before else None,
        later=rows[-1][0] if len(rows) > MESSAGES_A_PAGE else None,
    )


def about(read: Read, conversation_id: int, user_id: str) -> About:
    """Return variables and profile as the conversation's last message from the user's side had them."""
    variables, profile = (read(_ABOUT, conversation_id) or [("{}", "{}")])[0]
    return About(
        variables=json.loads(variables),
        profile=json.loads(profile),
        triggered=dict(read(_TRIGGERED, user_id)),
    )


def places(read: Read, seqs: Sequence[int]) -> dict[int, Spot]:
    """Return where messages are; those that are not stored are left out."""
    return {
        row[0]: Spot(seq=row[0], conversation_id=row[1], user_id=row[2], timestamp=row[3], received_us=row[4])
        for row in read(_PLACES, json.dumps(list(seqs)))
    }


def request_body(read: Read, seq: int) -> bytes | None:
    """Return a message's request, byte for byte."""
    return next((row[0] for row in read(_BODY, seq)), None)


def _bounds(filters: Filters, *, zone: str, active_since: int) -> tuple[int, int, int]:
    """Return below what and from what on the last message lies, and below what the first."""
    begin, end = filters.seconds(zone)
    match filters.activity:
        case Activity.ANY:
            return _EVER, begin, end
        case Activity.ACTIVE:
            return _EVER, max(begin, active_since), end
        case Activity.EXPIRED:
            return active_since, begin, end


def _patterns(text: str) -> tuple[str, ...]:
    """Return what LIKE is given for any case: it knows that of ASCII only, so others are spelt out."""
    cases = {text} if text.isascii() else {text, text.lower(), text.upper(), text.capitalize()}
    return tuple("%" + _SPECIAL.sub(r"\\\g<0>", case) + "%" for case in sorted(cases))


def _listed(row: Any) -> Listed:  # noqa: ANN401  a row of the driver
    return Listed(
        id=row[0],
        deployment_id=row[1],
        user_id=row[2],
        first_timestamp=row[3],
        last_timestamp=row[4],
        messages=row[5],
        text=row[6] or "",
    )


def _shown(row: Any, *, late: bool) -> Shown:  # noqa: ANN401  a row of the driver
    return Shown(
        seq=row[0],
        id=row[1],
        timestamp=row[2],
        received_us=row[3],
        text=row[4],
        text_length=row[5],
        speaker=Speaker(row[6]),
        body=row[7].decode("utf-8", "replace"),
        body_length=row[8],
        kind=Kind(row[9]),
        answer=row[10],
        late=late,
    )
