"""A JSON document to an address of the operator's choice. Never with the target's token."""

from typing import Final
from urllib.parse import urlsplit

from etl import __version__
from etl.api.transport import Transport, tls_context
from etl.model.exchange import Failure

_ANSWER_LIMIT_BYTES: Final = 65_536


async def post(url: str, body: bytes, *, timeout_seconds: float) -> str | None:
    """Post once; return what went wrong in a few words, None when a 2xx came back.

    The words name the host alone: the rest of such an address is often a secret.

    Raises:
        UsageError: the address can't be one.
    """
    transport = Transport(
        url,
        headers={"Content-Type": "application/json", "User-Agent": f"etl/{__version__}"},
        tls=tls_context(None),
        timeout_seconds=timeout_seconds,
        answer_limit_bytes=_ANSWER_LIMIT_BYTES,
    )
    try:
        answer = await transport.exchange(body)
    finally:
        await transport.close()
    host = urlsplit(url).hostname
    if isinstance(answer, Failure):
        return f"{host}: {answer.kind}"
    return None if 200 <= answer.status < 300 else f"{host} answered {answer.status}"  # noqa: PLR2004  2xx
