"""Lets in only requests that were meant for this machine.

A web page can make a browser call 127.0.0.1 under a name of its own (DNS rebinding); the Host header
gives that away.
"""

import re
from typing import Final

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from etl.sandbox.contract import Failure

_LOCAL: Final = re.compile(rb"(?:127\.0\.0\.1|localhost)(?::[0-9]{1,5})?", re.IGNORECASE)
_REFUSAL: Final = Failure(error="the Host header must be 127.0.0.1 or localhost")


class LocalHostOnly:
    """Answers 400 to every request whose Host is not 127.0.0.1 or localhost, with any port."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] == "http" and not _local(scope):
            await JSONResponse(_REFUSAL.model_dump(), status_code=400)(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _local(scope: Scope) -> bool:
    hosts = [value for name, value in scope["headers"] if name == b"host"]
    return len(hosts) == 1 and _LOCAL.fullmatch(hosts[0]) is not None
