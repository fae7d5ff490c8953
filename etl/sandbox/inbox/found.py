"""What the pages' queries find."""

from dataclasses import dataclass, field
from typing import Any

from etl.sandbox.inbox.filters import Cursor
from etl.sandbox.inbox.speakers import Speaker
from etl.sandbox.records import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """How much there is; nothing is ever deleted, so the last number is the count."""

    messages: int
    conversations: int
    last_received_us: int
    """0 for an empty store."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A conversation in a list."""

    id: int
    deployment_id: str
    user_id: str
    first_timestamp: int
    last_timestamp: int
    messages: int
    text: str = field(repr=False)
    """The beginning of the message that arrived last."""

    @property
    def cursor(self) -> Cursor:
        """Return where the list goes on after it."""
        return Cursor(last_timestamp=self.last_timestamp, conversation_id=self.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A message that holds what was sought."""

    seq: int
    conversation_id: int
    user_id: str
    timestamp: int
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hits:
    """What one search found, latest arrival first, and how far it looked."""

    found: tuple[Hit, ...]
    go_on_before: int | None
    """The next search begins before this message; None: everything was searched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A message of a conversation; long texts and bodies are cut here, their lengths are whole."""

    seq: int
    id: str
    timestamp: int
    received_us: int
    text: str = field(repr=False)
    text_length: int
    speaker: Speaker
    body: str = field(repr=False)
    body_length: int
    kind: Kind
    answer: str
    """How it was answered: a voice's name, or a fault's."""
    late: bool
    """Older than one that had arrived before it in this conversation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread:
    """A page of a conversation, in order of arrival."""

    messages: tuple[Shown, ...]
    earlier: int | None
    """Where the page before begins; None on the first."""
    later: int | None
    """Where the next page begins; None on the last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """Where a message is."""

    seq: int
    conversation_id: int
    user_id: str
    timestamp: int
    received_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What was last said about a conversation's user."""

    variables: dict[str, Any] = field(repr=False)
    profile: dict[str, Any] = field(repr=False)
    triggered: dict[str, str] = field(repr=False)
    """Variables that Trigger Response set, of the user in all conversations."""
