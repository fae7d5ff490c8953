"""Which messages of one sender may begin, where a run of many may begin no more than so many. Pure."""


class Admissions:
    """What is begun here, and what may be; the row counts for all."""

    def __init__(self, *, counted: bool) -> None:
        self._counted = counted
        self._begun: set[int] = set()
        self._unsent = 0
        self._full = False
        self.grants = 0
        """Messages that may begin and have not."""

    @property
    def over(self) -> bool:
        """Return whether no more may begin, and all that are begun have left."""
        return self._full and not self._unsent

    def is_fresh(self, ordinal: int) -> bool:
        """Return whether a message needs a grant."""
        return self._counted and ordinal not in self._begun

    def begin(self, ordinal: int) -> None:
        """Let a message have a grant."""
        self.grants -= 1
        self._unsent += 1
        self._begun.add(ordinal)

    def come(self, ordinal: int) -> None:
        """Note that a message that was begun waits again."""
        self._unsent += ordinal in self._begun

    def go(self, ordinal: int) -> None:
        """Note that a message has left, or waits no more."""
        self._unsent -= ordinal in self._begun

    def hear(self, admitted: int, *, asked: int) -> None:
        """Take what the row says."""
        self.grants += admitted
        self._full = self._full or admitted < asked
