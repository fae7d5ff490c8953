"""Whether the platform makes the conversations that the plan predicts. Pure; one `Track` for an open lane."""

from typing import Final

_MICROSECONDS: Final = 1_000_000


class Track:
    """Where one lane stands: the time and the conversation of its last accepted message in this run."""

    __slots__ = ("at_seconds", "conversation_id")

    def __init__(self) -> None:
        self.at_seconds = 0
        self.conversation_id: str | None = None


class Conversations:
    """Compares the conversation ids of answers with the rule: a longer silence begins a new conversation."""

    def __init__(self, *, expiration_minutes: int) -> None:
        self._expiration_minutes: Final = expiration_minutes
        self.compared = 0
        """Pairs of neighbours in a lane that both came back with a conversation."""
        self.merged = 0
        """The same conversation although the silence was longer than the expiration."""
        self.split = 0
        """Another conversation although it was not."""

    def observe(self, track: Track, *, at_us: int, conversation_id: str | None) -> bool:
        """Take an accepted message; return whether it is the first that contradicts the prediction."""
        at_seconds = at_us // _MICROSECONDS  # what the API was told
        before = track.conversation_id
        gap_seconds = at_seconds - track.at_seconds
        track.at_seconds, track.conversation_id = at_seconds, conversation_id
        if before is None or conversation_id is None:
            return False
        self.compared += 1
        expected_new = gap_seconds > 60 * self._expiration_minutes
        if expected_new is (before != conversation_id):
            return False
        if expected_new:
            self.merged += 1
        else:
            self.split += 1
        return self.merged + self.split == 1

    def add(self, *, compared: int, merged: int, split: int) -> None:
        """Count what another process has compared."""
        self.compared += compared
        self.merged += merged
        self.split += split

    def report(self) -> str | None:
        """Return the contradictions in a line for people; None without any."""
        if not self.merged + self.split:
            return None
        return (
            f"conversations contradict a session expiration of {self._expiration_minutes} minutes: of "
            f"{self.compared:,} compared, {self.merged:,} went on after a longer silence and {self.split:,} "
            "began anew within it; compare message.session_expiration_minutes with the bot's setting"
        )
