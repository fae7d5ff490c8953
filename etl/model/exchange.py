"""One request and what came of it: api -> replay -> ledger."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Phase(StrEnum):
    """How far a request got; decides whether the message may have been taken."""

    CONNECT = "connect"
    """No byte of the request left: DNS, TCP, TLS."""
    CERTIFICATE = "certificate"
    """TLS verification failed; no byte of the request left."""
    SENT = "sent"
    """At least one byte may have left and no complete answer came back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An attempt without a complete answer."""

    phase: Phase
    kind: str
    """A short name of the fault, as `connect_refused`, `timeout`, `reset`, `answer_too_large`."""


# Tuples, as what the ledger gets: one of each is made for every message.


class Receipt(NamedTuple):
    """The API's acceptance, as far as it says anything."""

    platform_id: str | None
    conversation_id: str | None
    bot_replied: bool
    """The bot answered a standby message: the deployment is not what the operator thinks."""


class Envelope(StrEnum):
    """What the body of an answer is, whatever its status."""

    ACCEPTANCE = "acceptance"
    """A JSON object whose `error` is present and empty and that has `message`."""
    ERROR = "error"
    """A JSON object whose `error` is not empty."""
    SENSELESS = "senseless"
    """Anything else: HTML, empty, cut, no JSON, a list, no `error`, another message's echo."""


class Answer(NamedTuple):
    """A complete answer, read by `api.wire`."""

    status: int
    envelope: Envelope
    receipt: Receipt | None
    """Present exactly with `ACCEPTANCE`."""
    error: str | None = None
    """The API's error text, cleaned of control characters, secrets and echoes of the message's text,
    at most 500 characters."""
    retry_after_seconds: float | None = None
    """`Retry-After` as seconds from now; None when absent or senseless."""

    def __repr__(self) -> str:
        """Return it without the error's text."""
        return f"Answer(status={self.status}, envelope={self.envelope!r}, receipt={self.receipt!r})"


Exchange = Failure | Answer
