"""The Chat API for one deployment: a planned message in, an exchange out."""

from pathlib import Path
from types import TracebackType
from typing import Self, assert_never

from etl import __version__
from etl.api.own import Endpoint, OwnTransport
from etl.api.transport import Exchanger, Transport, tls_context
from etl.api.wire import decode, encode
from etl.config.secrets import Secret
from etl.config.sending import Message
from etl.config.target import Target
from etl.model.exchange import Exchange, Failure
from etl.model.plan import PlannedMessage


class Sender:
    """Sends messages one at a time."""

    def __init__(self, transport: Exchanger, *, settings: Message, token: Secret) -> None:
        self._transport = transport
        self._settings = settings
        self._token = token

    async def prepare(self) -> None:
        """Have a connection ready, so that the next message leaves as soon as it may."""
        await self._transport.prepare()

    async def send(self, message: PlannedMessage) -> Exchange:
        """Send one message once and return what came of it; raises nothing but a cancellation."""
        answer = await self._transport.exchange(encode(message, self._settings))
        if isinstance(answer, Failure):
            return answer
        return decode(
            answer.status,
            answer.headers,
            answer.body,
            message=message,
            secret=self._token.reveal(),
        )


class Client:
    """Opens senders for one target; an async context manager that closes them all.

    Raises:
        UsageError: the target's settings can't become a request.
    """

    def __init__(
        self,
        target: Target,
        *,
        settings: Message,
        token: Secret,
        timeout_seconds: float,
        folder: Path,
    ) -> None:
        self._url = target.url
        self._settings = settings
        self._token = token
        self._timeout_seconds = timeout_seconds
        self._tls = tls_context(None if target.ca_file is None else folder / target.ca_file)
        self._headers = request_headers(target, token)
        self._kind = target.transport
        self._own = OwnTransport(tls=self._tls, timeout_seconds=timeout_seconds)
        self._open: list[Exchanger] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for exchanger in self._open:
            await exchanger.close()
        await self._own.aclose()

    def sender(self) -> Sender:
        """Return a new sender for one lane at a time."""
        exchanger = self._exchanger()
        self._open.append(exchanger)
        return Sender(exchanger, settings=self._settings, token=self._token)

    def _exchanger(self) -> Exchanger:
        match self._kind:
            case "own":
                return Endpoint(self._own, self._url, headers=self._headers)
            case "httpx":
                return Transport(
                    self._url,
                    headers=self._headers,
                    tls=self._tls,
                    timeout_seconds=self._timeout_seconds,
                )
            case _:
                assert_never(self._kind)


def request_headers(target: Target, token: Secret) -> dict[str, str]:
    """Return the headers of a message, the token among them."""
    return {
        "Authorization": f"{target.auth_scheme} {token.reveal()}",
        "Content-Type": "application/json",
        "Accept": "application/json",
        "User-Agent": f"etl/{__version__}",
    }
