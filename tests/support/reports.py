"""A message report on loopback that answers as it is told. Real sockets, own code."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from support.recorder import serving

PATH = "/reports/of/messages/"
USER_TOKEN = "user-token-0123456789"  # noqa: S105  a made-up one
BOT = "bot-7"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request."""

    first: date
    last: date
    query: dict[str, str]
    headers: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What to answer; `rows` as JSON, or `body`."""

    status: int = 200
    rows: list[dict[str, Any]] = field(default_factory=list)
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Report:
    """The requests and the rule that answers them."""

    base_url: str = ""
    asked: list[Asked] = field(default_factory=list)
    answer: Callable[[Asked, int], Told] = field(default=lambda _asked, _number: Told())
    """Given a request and its number from 1."""


@contextmanager
def report() -> Iterator[Report]:
    """Run a report on a free port of loopback."""
    state = Report()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            asked = Asked(
                first=date.fromisoformat(query["fromDate"]),
                last=date.fromisoformat(query["toDate"]),
                query={**query, "path": parts.path},
                headers={name.lower(): value for name, value in self.headers.items()},
            )
            state.asked.append(asked)
            told = state.answer(asked, len(state.asked))
            body = json.dumps(told.rows).encode() if told.body is None else told.body
            self.send_response(told.status)
            for name, value in {**told.headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state.base_url = f"http://127.0.0.1:{server.server_address[1]}"
    with serving(server):
        yield state
