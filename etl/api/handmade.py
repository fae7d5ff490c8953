"""One message by hand: the endpoint in full, for trying a deployment. Imports never come this way.

`wire.encode` can only say `standby`; what wakes a bot is written here and nowhere else.
"""

import json
from dataclasses import dataclass, field
from typing import Any, Final

from etl.api.client import request_headers
from etl.api.transport import Transport, tls_context
from etl.api.wire import decode
from etl.clock import MICROSECONDS
from etl.config.load import JobFile
from etl.config.secrets import Secret
from etl.config.target import Target
from etl.model.exchange import Exchange, Failure
from etl.model.plan import PlannedMessage
from etl.model.schemas import Role

_REPLY_CHARACTERS: Final = 4_000


@dataclass(frozen=True, slots=True, kw_only=True)
class HandMessage:
    """What a person wants sent."""

    id: bytes
    """16 random bytes; sent in hex."""
    user_id: str
    text: str = field(repr=False)
    at_us: int
    wakes_bot: bool
    """Sent as `text`, which the bot answers, instead of `standby`."""
    ref: str = ""
    """The Module to jump to; only with `wakes_bot`."""
    profile: dict[str, str] = field(default_factory=dict, repr=False)
    variables: dict[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class HandAnswer:
    """What came of it."""

    exchange: Exchange
    replies: tuple[str, ...] = field(default=(), repr=False)
    """What the bot said, without the token; may hold anything, control characters too."""


def body_of(message: HandMessage) -> dict[str, Any]:
    """Return the request's body: all nine documented fields."""
    return {
        "from": "human",
        "user_profile": message.profile,
        "ref": message.ref,
        "user_cvars": message.variables,
        "user_id": message.user_id,
        "timestamp": message.at_us // MICROSECONDS,
        "attachments": [],
        "id": message.id.hex(),
        "actions": [{"type": "text" if message.wakes_bot else "standby", "text": message.text}],
    }


async def send_by_hand(
    message: HandMessage, *, job_file: JobFile, target: Target, token: Secret
) -> HandAnswer:
    """Send it once; raises nothing but a cancellation.

    Raises:
        UsageError: the target's settings can't become a request.
    """
    transport = Transport(
        target.url,
        headers=request_headers(target, token),
        tls=tls_context(None if target.ca_file is None else job_file.folder / target.ca_file),
        timeout_seconds=job_file.job.replay.timeout_seconds,
    )
    try:
        raw = await transport.exchange(json.dumps(body_of(message), ensure_ascii=False).encode())
    finally:
        await transport.close()
    if isinstance(raw, Failure):
        return HandAnswer(exchange=raw)
    secret = token.reveal()
    exchange = decode(raw.status, raw.headers, raw.body, message=_as_planned(message), secret=secret)
    return HandAnswer(exchange=exchange, replies=replies_of(raw.body, secret=secret))


def replies_of(body: bytes, *, secret: str) -> tuple[str, ...]:
    """Return each thing that the bot said: its text, or in brackets the type of what is no text."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return ()
    listed = data.get("message") if isinstance(data, dict) else None
    messages = listed if isinstance(listed, list) else [listed]
    actions = [
        action
        for message in messages
        if isinstance(message, dict) and isinstance(message.get("actions"), list)
        for action in message["actions"]
        if isinstance(action, dict)
    ]
    return tuple(_said(action).replace(secret, "***")[:_REPLY_CHARACTERS] for action in actions)


def _said(action: dict[str, Any]) -> str:
    text = action.get("text")
    return text if isinstance(text, str) and text else f"[{action.get('type', 'something without a type')}]"


def _as_planned(message: HandMessage) -> PlannedMessage:
    """Return the message as the reader of answers wants it: what an error text must not quote."""
    return PlannedMessage(
        ordinal=0,
        key=message.id,
        content=message.id,
        lane=message.user_id,
        at_us=message.at_us,
        role=Role.CUSTOMER,
        text=message.text,
        conversation=None,
        profile=json.dumps(message.profile),
        variables=json.dumps(message.variables),
    )
