"""When a user's silence ends a conversation; pure."""

from typing import Final

SESSION_EXPIRATION_MINUTES: Final = 600
"""The platform's default: minutes of silence after which a user's next message opens a conversation."""

_SECONDS = 60


def expired(*, newest: int, timestamp: int, expiration_minutes: int) -> bool:
    """Return whether a message opens a conversation instead of joining its user's latest one.

    Args:
        newest: the newest timestamp in that latest conversation, Unix seconds.
        timestamp: the message's own. Going back in time joins.
        expiration_minutes: a silence of exactly so long still joins.
    """
    return timestamp - newest > expiration_minutes * _SECONDS
