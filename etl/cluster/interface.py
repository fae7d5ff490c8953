"""What any engine promises; the pipeline knows nothing else of it."""

from collections.abc import Callable, Iterable
from typing import Protocol, Self, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Engine(Protocol):
    """Workers that run module-level functions with picklable values.

    Errors of a function arrive as the `EtlError` that it raised; anything else as a defect, named by its type
    and place, because its text could quote a message.
    """

    name: str
    """What people call it: its address."""

    def __enter__(self) -> Self:
        """Return it, connected."""

    def __exit__(self, *_: object) -> None:
        """Let go of it; what runs on workers goes on until it ends."""

    @property
    def workers(self) -> int:
        """Return how many there are now."""

    def map(
        self,
        function: Callable[[Item], Result],
        items: Iterable[Item],
        *,
        each: Callable[[Result], None] = lambda _: None,
    ) -> list[Result]:
        """Return each item's result, in order; `each` gets them as they come. A lost call is made again.

        Raises:
            EtlError: the first error of a function; what was not begun is left.
            EngineError: the engine is gone, or workers died of one item again and again.
        """

    def survey(self, function: Callable[[Item], Result], argument: Item) -> dict[str, Result | BaseException]:
        """Return what a short function says on each worker, by the worker's name, also where all are busy.

        One that dies meanwhile says nothing and is left out.
        """

    def tend(
        self,
        function: Callable[[Item], Result],
        argument: Item,
        *,
        until: Callable[[], bool],
        told: Callable[[str, Result | BaseException], None] = lambda _worker, _ended: None,
    ) -> None:
        """Keep one long call running on every worker, also on those that join later or come back.

        Returns soon after `until` says so, asked several times a second; calls that still run are left to
        end by themselves. A call that ends is made again a moment later. `told` gets each end: result, and
        what the worker is called; one that died and came back is called the same.

        Raises:
            EngineError: the engine is gone.
        """
