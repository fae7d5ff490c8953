"""What goes into the store and what comes out."""

from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """Who said it, and to whom."""

    STANDBY = "standby"
    """Recorded only."""
    TEXT = "text"
    """Said to the bot, which answered."""
    AGENT = "agent"
    """Said by an agent during a handover."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMessage:
    """A message that keeps the contract, on its way into the store."""

    deployment_id: str
    id: str
    user_id: str
    timestamp: int
    """Unix seconds, as sent."""
    received_us: int
    """When the request had arrived: microseconds since 1970 UTC."""
    text: str = field(repr=False)
    user_cvars: str = field(repr=False)
    """A JSON object."""
    user_profile: str = field(repr=False)
    """A JSON object."""
    body: bytes = field(repr=False)
    """The request's body, byte for byte."""
    kind: Kind = Kind.STANDBY
    answer: str = "echo"
    """How it is answered: a voice's name, or a fault's."""
    once: bool = False
    """Whether it is stored only if no message of the deployment has its id."""
    may_split: bool = True
    """Whether a silence before it opens a conversation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a message went."""

    seq: int
    """The platform's own id of the message; ascending in arrival order."""
    conversation_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredMessage:
    """A message as it was taken."""

    seq: int
    deployment_id: str
    id: str
    """The client's id. Not unique: the platform documents no de-duplication, so doubles show."""
    user_id: str
    timestamp: int
    received_us: int
    conversation_id: int
    text: str = field(repr=False)
    user_cvars: dict[str, str] = field(repr=False)
    user_profile: dict[str, object] = field(repr=False)
    body: bytes = field(repr=False)
    kind: Kind = Kind.STANDBY
    answer: str = "echo"
    """How it was answered: a voice's name, or a fault's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredConversation:
    """One user's messages without a silence longer than the session expiration."""

    id: int
    deployment_id: str
    user_id: str
    first_timestamp: int
    """The oldest timestamp in it, not that of its first arrival."""
    last_timestamp: int
    messages: int
