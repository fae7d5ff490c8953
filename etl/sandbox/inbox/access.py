"""Lets a browser in: by a link that works once, or by the token typed into a form; never by a name alone."""

import hmac
import secrets
import threading
from collections.abc import Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

PATH: Final = "/inbox"
_BYTES: Final = 32
_MOST_SESSIONS: Final = 100


def new_key() -> str:
    """Return the secret of a link."""
    return secrets.token_urlsafe(_BYTES)


class Access:
    """Who may read the pages; forgotten when the process ends."""

    def __init__(self, *, key: str | None, token: Callable[[], str]) -> None:
        """Args: `key` of the link that works once, None for no link; `token` returns the API's own, now."""
        self._lock = threading.Lock()
        self._key = key
        self._token = token
        self._sessions: dict[str, None] = {}

    def redeem(self, key: str) -> str | None:
        """Return a new session for the link's key, the first time only."""
        with self._lock:
            if self._key is None or not hmac.compare_digest(key.encode(), self._key.encode()):
                return None
            self._key = None
            return self._session()

    def unlock(self, token: str) -> str | None:
        """Return a new session for the API's token."""
        if not hmac.compare_digest(token.strip().encode(), self._token().encode()):
            return None
        with self._lock:
            return self._session()

    def admits(self, request: Request) -> bool:
        """Return whether a request comes from a browser that was let in."""
        given = request.cookies.get(cookie_name(request), "")
        with self._lock:
            return given in self._sessions

    def leave(self, request: Request) -> None:
        """End a browser's session."""
        with self._lock:
            self._sessions.pop(request.cookies.get(cookie_name(request), ""), None)

    def _session(self) -> str:
        session = secrets.token_urlsafe(_BYTES)
        self._sessions[session] = None
        if len(self._sessions) > _MOST_SESSIONS:
            del self._sessions[next(iter(self._sessions))]
        return session


def cookie_name(request: Request) -> str:
    """Return the cookie's name: with the port, since cookies are shared by all ports of a host."""
    return f"etl-inbox-{request.url.port or 80}"


def remember(response: Response, name: str, value: str) -> None:
    """Set a cookie that neither a script nor another site's page can use."""
    response.set_cookie(name, value, path=PATH, httponly=True, samesite="strict")


def same_origin(request: Request) -> bool:
    """Return whether a form was sent by these pages: SameSite takes another port for the same site."""
    fetched = request.headers.get("sec-fetch-site")
    if fetched is not None:
        return fetched in {"same-origin", "none"}
    origin = request.headers.get("origin")
    return origin is None or origin == f"{request.url.scheme}://{request.headers.get('host', '')}"
