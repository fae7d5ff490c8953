"""What tests of the running sandbox share: sound bodies, paths and clients."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from etl.sandbox.records import NewMessage
from etl.sandbox.serve import RunningSandbox

DEPLOYMENT = "11111111-2222-4333-8444-555555555555"
PATH = f"/webbot/api/webchat/bot/{DEPLOYMENT}/messages/"
TEXT = "my card ends in 4242"
START = 1_654_251_574


def sound(*, kind: str = "standby", **changes: object) -> dict[str, object]:
    """Return a sound body with some values replaced."""
    body: dict[str, object] = {
        "from": "human",
        "user_profile": {},
        "ref": "",
        "user_cvars": {},
        "user_id": "u-1",
        "timestamp": START,
        "attachments": [],
        "id": "m-1",
        "actions": [{"type": kind, "text": TEXT}],
    }
    return body | changes


def new(name: str = "m-1") -> NewMessage:
    """Return a message of u-1 for the store."""
    return NewMessage(
        deployment_id=DEPLOYMENT,
        id=name,
        user_id="u-1",
        timestamp=START,
        received_us=1,
        text="hej 😀\x00",
        user_cvars="{}",
        user_profile="{}",
        body=b"{}",
    )


class Caller:
    """Speaks to a running sandbox as a bot's owner (`chat`) and as a user of the settings page (`user`)."""

    def __init__(self, running: RunningSandbox, *, timeout_seconds: float = 10) -> None:
        self._running = running
        self._timeout_seconds = timeout_seconds
        self.user = self._client(f"JWT {running.user_token}")
        self.chat = self._client(f"bearer {running.store.token}")

    def post(self, **changes: object) -> httpx.Response:
        """Post a message, sound but for the changes."""
        return self.chat.post(PATH, json=sound(**changes))  # type: ignore[arg-type]

    def switch(self, **wish: object) -> None:
        """Let the sandbox behave otherwise."""
        assert 200 == self.user.put("/sandbox/profile/", json=wish).status_code

    def close(self) -> None:
        """Close both connections."""
        self.user.close()
        self.chat.close()

    def _client(self, authorization: str) -> httpx.Client:
        return httpx.Client(
            base_url=self._running.base_url,
            headers={"Authorization": authorization},
            timeout=self._timeout_seconds,
            trust_env=False,
        )


@contextmanager
def calling(running: RunningSandbox, *, timeout_seconds: float = 10) -> Iterator[Caller]:
    """Give a caller."""
    caller = Caller(running, timeout_seconds=timeout_seconds)
    try:
        yield caller
    finally:
        caller.close()
