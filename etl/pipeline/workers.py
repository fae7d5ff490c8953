"""Who does the work of a plan where it is not this process: all that planning knows of an engine."""

from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Workers(Protocol):
    """Runs module-level functions with picklable values; a call whose worker dies is made again."""

    @property
    def workers(self) -> int:
        """Return how many calls run at once."""

    def map(
        self,
        function: Callable[[Item], Result],
        items: Iterable[Item],
        *,
        each: Callable[[Result], None] = lambda _: None,
    ) -> list[Result]:
        """Return each item's result, in order; `each` gets them as they come."""
