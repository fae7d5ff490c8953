"""Messages in a sandbox's store, and a client that was let into its Inbox."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from typing import Any

import httpx

from etl.sandbox.records import NewMessage
from etl.sandbox.serve import RunningSandbox

DEPLOYMENT = "11111111-2222-4333-8444-555555555555"
START = 1_654_251_574
"""2022-06-03 10:19:34 UTC."""
RECEIVED_US = 1_700_000_000_000_000


def message(
    text: str = "hello",
    *,
    user: str = "u-1",
    at: int = START,
    name: str = "m-1",
    variables: dict[str, str] | None = None,
    profile: dict[str, Any] | None = None,
) -> NewMessage:
    """Return a message to store, with the body that an importer would have sent."""
    body = {
        "from": "human",
        "user_profile": profile or {},
        "ref": "",
        "user_cvars": variables or {},
        "user_id": user,
        "timestamp": at,
        "attachments": [],
        "id": name,
        "actions": [{"type": "standby", "text": text}],
    }
    return NewMessage(
        deployment_id=DEPLOYMENT,
        id=name,
        user_id=user,
        timestamp=at,
        received_us=RECEIVED_US,
        text=text,
        user_cvars=json.dumps(variables or {}),
        user_profile=json.dumps(profile or {}),
        body=json.dumps(body, ensure_ascii=False).encode(),
    )


@contextmanager
def let_in(sandbox: RunningSandbox) -> Iterator[httpx.Client]:
    """Give a client that was let in by the token, as a person with the terminal is."""
    with httpx.Client(base_url=sandbox.base_url) as client:
        client.post("/inbox/login", data={"token": sandbox.token})
        yield client


class _Texts(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, list[str]] = {}
        self._open: list[list[str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in {"meta", "link", "input", "img", "br", "rect"}:
            self._open.append([*(dict(attrs).get("class") or "").split(), f"<{tag}>"])

    def handle_endtag(self, tag: str) -> None:
        if tag not in {"meta", "link", "input", "img", "br", "rect"}:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        for level in self._open:
            for name in level:
                self.found.setdefault(name, []).append(data)


def texts(html: str, name: str) -> str:
    """Return the text inside the elements of a class, or of a tag as `<h1>`, in one line."""
    parser = _Texts()
    parser.feed(html)
    return " ".join("".join(parser.found.get(name, [])).split())
