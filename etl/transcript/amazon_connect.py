"""Transcripts of Amazon Connect (chat) and of Contact Lens (voice): JSON with `Transcript`, or its list."""

from datetime import datetime, timedelta
from typing import Any, Final

from etl.transcript.document import is_text, read_json
from etl.transcript.entry import Entry, Flaw, Speaker
from etl.transcript.moments import moved, read_aware

_MESSAGE: Final = "MESSAGE"
_ROLES: Final = {
    "CUSTOMER": Speaker.CUSTOMER,
    "AGENT": Speaker.AGENT,
    "SUPERVISOR": Speaker.AGENT,
    "CUSTOM_BOT": Speaker.BOT,
    "SYSTEM": Speaker.SYSTEM,
}
_MILLISECOND: Final = timedelta(milliseconds=1)


def parse_amazon_connect(cell: str, start: datetime | None) -> list[Entry] | Flaw:
    """Read a contact; items with only `BeginOffsetMillis` are placed from the row's start.

    `EVENT` and `ATTACHMENT` items are the system's. A message of an unknown role is a flaw.
    """
    contact = read_json(cell)
    by_id = _ROLES
    if isinstance(contact, dict):
        by_id = _ROLES | _participants(contact.get("Participants"))
        contact = contact.get("Transcript")
    if isinstance(contact, Flaw):
        return contact
    if not isinstance(contact, list):
        return Flaw(detail="no list of items, and no object with the list `Transcript`")
    entries: list[Entry] = []
    for item in contact:
        entry = _entry(item, start, by_id)
        if isinstance(entry, Flaw):
            return Flaw(detail=f"item {len(entries) + 1}: {entry.detail}")
        entries.append(entry)
    return entries


def _participants(participants: object) -> dict[str, Speaker]:
    """Return the speakers by id, where the document lists them."""
    known = [one for one in participants if isinstance(one, dict)] if isinstance(participants, list) else []
    return {
        one["ParticipantId"]: _ROLES[one["ParticipantRole"]]
        for one in known
        if isinstance(one.get("ParticipantId"), str)
        and isinstance(one.get("ParticipantRole"), str)
        and one["ParticipantRole"] in _ROLES
    }


def _entry(item: object, start: datetime | None, by_id: dict[str, Speaker]) -> Entry | Flaw:
    if not isinstance(item, dict):
        return Flaw(detail="no object")
    at = _at(item, start)
    if isinstance(at, Flaw):
        return at
    content = item.get("Content")
    if (item.get("Type") or _MESSAGE) != _MESSAGE:
        return Entry(at=at, speaker=Speaker.SYSTEM, text=content if is_text(content) else "")
    if not is_text(content):
        return Flaw(detail="a message whose `Content` is no text")
    role, who = item.get("ParticipantRole"), item.get("ParticipantId")
    known, name = (by_id, who) if role is None else (_ROLES, role)
    speaker = known.get(name) if isinstance(name, str) else None
    if speaker is None:
        return Flaw(detail="no known `ParticipantRole`")
    return Entry(at=at, speaker=speaker, text=content)


def _at(item: dict[str, Any], start: datetime | None) -> datetime | Flaw:
    if item.get("AbsoluteTime") is not None:
        at = read_aware(item["AbsoluteTime"])
        return at or Flaw(detail="an `AbsoluteTime` that is no ISO 8601 with an offset")
    offset = item.get("BeginOffsetMillis")
    if not isinstance(offset, int) or isinstance(offset, bool) or offset < 0:
        return Flaw(detail="neither `AbsoluteTime` nor a whole `BeginOffsetMillis`")
    if start is None:
        return Flaw(detail="only offsets, and no ISO time with an offset in the row to count them from")
    return moved(start, offset, _MILLISECOND) or Flaw(detail="a `BeginOffsetMillis` beyond any calendar")
