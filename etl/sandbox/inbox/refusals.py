"""Remembers which requests were refused, for the Inbox: the store keeps only what was taken."""

import json
import threading
from collections import deque
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from etl.sandbox.clock import wall_us
from etl.sandbox.inbox.access import PATH

_KEPT: Final = 50
_LONGEST_ANSWER: Final = 4_096


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An answer of 400 or more; the request's content is not kept."""

    at_us: int
    method: str
    status: int
    sentence: str

    @property
    def reason(self) -> str:
        """Return the status in words."""
        try:
            return HTTPStatus(self.status).phrase
        except ValueError:
            return ""


class Refusals:
    """The last 50 of this process, and how many there were; any thread may ask."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._latest: deque[Refusal] = deque(maxlen=_KEPT)
        self._count = 0

    def add(self, refusal: Refusal) -> None:
        """Remember one."""
        with self._lock:
            self._latest.appendleft(refusal)
            self._count += 1

    @property
    def count(self) -> int:
        """Return how many there were, the forgotten ones included."""
        return self._count

    def latest(self) -> list[Refusal]:
        """Return what is remembered, the latest first."""
        with self._lock:
            return list(self._latest)


class RefusalWatch:
    """ASGI middleware that notes the refusals of all paths but the Inbox's."""

    def __init__(self, app: ASGIApp, *, refusals: Refusals) -> None:
        self._app = app
        self._refusals = refusals

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and read along."""
        if scope["type"] != "http" or scope["path"].startswith(PATH):
            await self._app(scope, receive, send)
            return
        status = 0
        body = b""

        async def watched(message: Message) -> None:
            nonlocal status, body
            if message["type"] == "http.response.start":
                status = message["status"]
            elif status >= HTTPStatus.BAD_REQUEST and len(body) < _LONGEST_ANSWER:
                body += message.get("body", b"")
            await send(message)

        await self._app(scope, receive, watched)
        if status >= HTTPStatus.BAD_REQUEST:
            self._refusals.add(
                Refusal(at_us=wall_us(), method=scope["method"], status=status, sentence=_sentence(body))
            )


def _sentence(body: bytes) -> str:
    """Return the envelope's sentence; those never quote what was sent."""
    try:
        answer: Any = json.loads(body)
    except ValueError:
        return ""
    error = answer.get("error") if isinstance(answer, dict) else None
    return error if isinstance(error, str) else ""
