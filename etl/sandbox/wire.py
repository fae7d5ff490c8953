"""Ways not to answer, which need the connection itself: silence, a reset, half an answer."""

import asyncio
import socket
import struct
from typing import Any, Final

from fastapi.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from etl.sandbox.contract import Failure

_TRANSPORT: Final = "transport"
_BAD_REQUEST: Final = (
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"
    b"Connection: close\r\n\r\n"
)
_RESET_AT_ONCE: Final = struct.pack("ii", 1, 0)


class OpenProtocol(HttpToolsProtocol):
    """uvicorn's protocol, whose requests know their connection, and which refuses in the envelope."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's
        """Give each request of this connection the transport."""
        super().connection_made(transport)
        self.app_state: dict[str, Any] = {**self.app_state, _TRANSPORT: transport}

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  uvicorn's words
        """Answer what is no HTTP, and end the connection."""
        body = Failure(error="no valid HTTP/1.1 request").model_dump_json().encode()
        self.transport.write(_BAD_REQUEST % len(body) + body)
        self.transport.close()


class Silence(Response):
    """Answers nothing until the client goes away."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  Starlette's
        """Wait for the client's end."""
        while (await receive())["type"] != "http.disconnect":
            pass


class Reset(Silence):
    """Resets the connection: the client's kernel reports it instead of an end of stream."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Reset, and return when it is done."""
        transport: asyncio.Transport = scope["state"][_TRANSPORT]
        raw = transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_ONCE)
        transport.abort()
        await super().__call__(scope, receive, send)


class Cut(Response):
    """An answer of which the second half never comes; uvicorn then closes the connection."""

    def __init__(self, whole: Response) -> None:
        super().__init__(whole.body, status_code=whole.status_code, headers=dict(whole.headers))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  Starlette's
        """Send the head, and the first half of the body."""
        head = {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        await send(head)
        half = bytes(self.body)[: len(self.body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})
