"""A platform on loopback that records what arrives and answers as it is told. Real sockets, own code."""

import http.client
import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "chat-api-token-0123456789"  # noqa: S105  a made-up one
DEPLOYMENT = "11111111-1111-4111-8111-111111111111"
_QUIET = "/quiet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One complete request, in order of arrival."""

    at: float
    """Monotonic seconds."""
    path: str
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def text(self) -> str:
        """Return the text of the message."""
        return str(self.body["actions"][0]["text"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What to answer; None as status means: close without an answer."""

    status: int | None = 200
    body: bytes = b'{"error": null, "message": []}'
    headers: dict[str, str] = field(default_factory=dict)
    delay_seconds: float = 0.0
    raw: bytes | None = None
    """Said instead of all that, octet by octet where there is a gap; then the connection is closed."""
    gap_seconds: float = 0.0
    reset: bool = False
    """Whether the connection ends with a reset."""
    taken: bool = True
    """Whether the platform has the message, whatever it answers."""


@dataclass
class Platform:
    """The recorded arrivals and the rule that answers them."""

    base_url: str = ""
    arrivals: list[Arrival] = field(default_factory=list)
    taken: list[Arrival] = field(default_factory=list)
    """Those that the platform has."""
    answer: Callable[[Arrival, int], Reply] = field(default=lambda _arrival, _number: Reply())
    """Given an arrival and its number from 1."""
    config: Callable[[str], Reply] = field(default=lambda _path: Reply(body=b"{}"))
    """Given the path of a GET."""
    gets: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    """Path and headers of each GET."""
    in_flight: dict[str, int] = field(default_factory=dict)
    overlaps: int = 0
    """How often two requests of one user were open at once."""
    lock: threading.Lock = field(default_factory=threading.Lock)
    connections: int = 0
    ended: threading.Condition = field(default_factory=threading.Condition)

    def quiet(self) -> None:
        """Wait until all that dead clients have sent is read: connections come in order."""
        asking = http.client.HTTPConnection(self.base_url.removeprefix("http://"), timeout=10)
        asking.request("GET", _QUIET)
        asking.getresponse().read()
        asking.close()
        with self.ended:
            assert self.ended.wait_for(lambda: self.connections == 0, timeout=10)

    def by_user(self) -> dict[str, list[Arrival]]:
        """Return each user's arrivals in order."""
        users: dict[str, list[Arrival]] = {}
        for arrival in self.arrivals:
            users.setdefault(arrival.body["user_id"], []).append(arrival)
        return users

    def ids(self) -> list[str]:
        """Return the message ids in order of arrival."""
        return [arrival.body["id"] for arrival in self.arrivals]

    def most_within(self, seconds: float) -> int:
        """Return the largest number of arrivals in any sliding window of that length."""
        times = sorted(arrival.at for arrival in self.arrivals)
        most, start = 0, 0
        for end, moment in enumerate(times):
            while moment - times[start] >= seconds:
                start += 1
            most = max(most, end - start + 1)
        return most


@contextmanager
def platform(*, tls: ssl.SSLContext | None = None) -> Iterator[Platform]:  # noqa: C901  a server in one piece
    """Run a recording platform on a free port of loopback; with `tls` it speaks https."""
    state = Platform()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            headers = {name.lower(): value for name, value in self.headers.items()}
            arrival = Arrival(at=time.monotonic(), path=self.path, headers=headers, body=body)  # noqa: TID251
            user = body.get("user_id", "")
            with state.lock:
                state.arrivals.append(arrival)
                state.in_flight[user] = state.in_flight.get(user, 0) + 1
                state.overlaps += state.in_flight[user] > 1
                reply = state.answer(arrival, len(state.arrivals))
                if reply.taken:
                    state.taken.append(arrival)
            if reply.delay_seconds:
                threading.Event().wait(reply.delay_seconds)
            with state.lock:
                state.in_flight[user] -= 1
            self._reply(reply)

        def do_GET(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            if self.path != _QUIET:
                state.gets.append((self.path, headers))
            self._reply(state.config(self.path))

        def _reply(self, reply: Reply) -> None:
            if reply.reset:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            if reply.raw is not None or reply.status is None:
                self.close_connection = True
                self._say(reply.raw or b"", gap_seconds=reply.gap_seconds)
                return
            self.send_response(reply.status)
            for name, value in {"Content-Type": "application/json", **reply.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        def _say(self, data: bytes, *, gap_seconds: float) -> None:
            size = 1 if gap_seconds else max(len(data), 1)
            for start in range(0, len(data), size):
                self.wfile.write(data[start : start + size])
                if gap_seconds:
                    threading.Event().wait(gap_seconds)

        def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 256

        def process_request(self, request: Any, client_address: Any) -> None:
            with state.ended:
                state.connections += 1
            super().process_request(request, client_address)

        def process_request_thread(self, request: Any, client_address: Any) -> None:
            try:
                super().process_request_thread(request, client_address)
            finally:
                with state.ended:
                    state.connections -= 1
                    state.ended.notify_all()

        def handle_error(self, request: Any, client_address: Any) -> None:
            """Say nothing: killed clients are what these tests are about."""

    server = Server(("127.0.0.1", 0), Handler)
    state.base_url = _base_url(server, tls)
    with serving(server):
        yield state


@contextmanager
def serving(server: ThreadingHTTPServer) -> Iterator[None]:
    """Let a server serve in a thread of its own until the end of the context."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _base_url(server: ThreadingHTTPServer, tls: ssl.SSLContext | None) -> str:
    """Return the address of a server, which speaks TLS from now on if it is to."""
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    return f"{'http' if tls is None else 'https'}://127.0.0.1:{server.server_address[1]}"
