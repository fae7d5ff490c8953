"""The command line of etl, but httpx's default transport behind one client that all lanes share.

    python tests/bench/shared_httpx.py import job.toml

That is how httpx's documentation shows it. Everything else is the program: plan, ledger, order, outcomes. For
comparison only: this client does not say whether a byte of a message that failed had left.
"""

import ssl

import httpx

from etl.__main__ import main
from etl.api import client
from etl.api.transport import RawAnswer
from etl.model.exchange import Failure, Phase

_clients: list[httpx.AsyncClient] = []
"""At most one; made inside the loop that uses it."""


class Shared:
    """Stands where `etl.api.transport.Transport` does."""

    def __init__(
        self, url: str, *, headers: dict[str, str], tls: ssl.SSLContext, timeout_seconds: float
    ) -> None:
        if not _clients:
            _clients.append(httpx.AsyncClient(headers=headers, verify=tls, timeout=timeout_seconds))
        self._url = url

    async def prepare(self) -> None:
        """Do nothing: httpx connects as it sends."""

    async def close(self) -> None:
        """Release the connections, once for all lanes."""
        while _clients:
            await _clients.pop().aclose()

    async def exchange(self, body: bytes) -> RawAnswer | Failure:
        """Post a body."""
        try:
            answer = await _clients[0].post(self._url, content=body)
        except httpx.HTTPError:
            return Failure(phase=Phase.SENT, kind="transport_error")
        return RawAnswer(status=answer.status_code, headers=dict(answer.headers), body=answer.content)


if __name__ == "__main__":
    setattr(client, "Transport", Shared)  # noqa: B010  mypy would take it for a mistake
    main()
