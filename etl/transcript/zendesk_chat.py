"""`history` of Zendesk Chat: a JSON array of events, or the whole chat as a JSON object."""

from datetime import datetime
from typing import Any, Final

from etl.transcript.document import is_text, read_json
from etl.transcript.entry import Entry, Flaw, Speaker
from etl.transcript.moments import read_aware

_MESSAGE: Final = "chat.msg"
_OFFLINE: Final = "offline_msg"
_NICKS: Final = {
    "visitor": Speaker.CUSTOMER,
    "agent:trigger": Speaker.BOT,
    "agent:system": Speaker.SYSTEM,
    "agent": Speaker.AGENT,
    "trigger": Speaker.BOT,
    "__trigger": Speaker.BOT,
    "bot": Speaker.BOT,
    "system": Speaker.SYSTEM,
    "__system": Speaker.SYSTEM,
}
"""The longer ones before those they begin with."""
_SENDERS: Final = {
    "visitor": Speaker.CUSTOMER,
    "end_user": Speaker.CUSTOMER,
    "agent": Speaker.AGENT,
    "trigger": Speaker.BOT,
    "bot": Speaker.BOT,
    "answerbot": Speaker.BOT,
    "system": Speaker.SYSTEM,
}


def parse_zendesk_chat(cell: str, start: datetime | None) -> list[Entry] | Flaw:  # noqa: ARG001  one signature
    """Read a chat: `chat.msg` are messages, all other events the system's; the row's start is not needed.

    A message from nobody known is a flaw: it might be a visitor's or an agent's.
    """
    chat = read_json(cell)
    if isinstance(chat, dict):
        if chat.get("type") == _OFFLINE:
            return _offline(chat)
        chat = chat.get("history")
    if isinstance(chat, Flaw):
        return chat
    if not isinstance(chat, list):
        return Flaw(detail="no list of events, and no object with the list `history`")
    entries: list[Entry] = []
    for event in chat:
        entry = _entry(event)
        if isinstance(entry, Flaw):
            return Flaw(detail=f"event {len(entries) + 1}: {entry.detail}")
        entries.append(entry)
    return entries


def _offline(chat: dict[str, Any]) -> list[Entry] | Flaw:
    at = read_aware(chat.get("timestamp"))
    message = chat.get("message")
    if at is None:
        return Flaw(detail="an offline message without a `timestamp` in ISO 8601 with an offset")
    if not is_text(message):
        return Flaw(detail="an offline message whose `message` is no text")
    return [Entry(at=at, speaker=Speaker.CUSTOMER, text=message)]


def _entry(event: object) -> Entry | Flaw:
    if not isinstance(event, dict) or not isinstance(event.get("type"), str):
        return Flaw(detail="no object with a `type`")
    at = read_aware(event.get("timestamp"))
    if at is None:
        return Flaw(detail="no `timestamp` in ISO 8601 with an offset")
    message = event.get("msg")
    if event["type"] != _MESSAGE:
        return Entry(at=at, speaker=Speaker.SYSTEM, text=message if is_text(message) else "")
    if not is_text(message):
        return Flaw(detail="a message whose `msg` is no text")
    speaker = _speaker(event)
    if speaker is None:
        return Flaw(detail="neither `nick` nor `sender_type` says who wrote it")
    return Entry(at=at, speaker=speaker, text=message)


def _speaker(event: dict[str, Any]) -> Speaker | None:
    nick, sender = event.get("nick"), event.get("sender_type")
    if isinstance(nick, str):
        for begin, speaker in _NICKS.items():
            if nick == begin or nick.startswith(f"{begin}:"):
                # A bot that uses an agent's seat has an agent's nick; only the type tells them apart.
                is_bot = speaker is Speaker.AGENT and _by_type(sender) is Speaker.BOT
                return Speaker.BOT if is_bot else speaker
    return _by_type(sender)


def _by_type(sender: object) -> Speaker | None:
    return _SENDERS.get(sender.lower().replace(" ", "")) if isinstance(sender, str) else None
