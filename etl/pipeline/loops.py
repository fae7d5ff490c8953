"""The event loop that messages are sent on: uvloop where it is installed (`etl[fast]`), else asyncio's own.

Chosen: uvloop, for 5 to 10 % less CPU time of a request over http (over https hardly any), under the same
transport, whose tests pass on either. It is an extra, because that is all it brings.
"""

import asyncio
from collections.abc import Callable, Coroutine
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any, Final, Literal, TypeVar, assert_never

Wish = Literal["auto", "asyncio"]
"""The words of `replay.loop`."""

Loop = Literal["asyncio", "uvloop"]

_Result = TypeVar("_Result")

FAST: Final = "pip install 'etl[fast]'"
"""What brings uvloop."""


def chosen(wish: Wish) -> Loop:
    """Return the loop that a job's word stands for on this machine."""
    return "uvloop" if wish == "auto" and find_spec("uvloop") is not None else "asyncio"


def seen(wish: Wish) -> str:
    """Return which loop that is, for a person; and how to have a faster one, if there is one to be had."""
    loop = chosen(wish)
    if loop == "uvloop":
        return f"uvloop {version('uvloop')}"
    return "asyncio, as the job says" if wish == "asyncio" else f"asyncio; a faster one comes with {FAST}"


def run(main: Coroutine[Any, Any, _Result], wish: Wish) -> _Result:
    """Run a coroutine to its end on a loop of its own, as `asyncio.run` does."""
    with asyncio.Runner(loop_factory=_factory(chosen(wish))) as runner:
        return runner.run(main)


def _factory(loop: Loop) -> Callable[[], asyncio.AbstractEventLoop]:
    match loop:
        case "asyncio":
            return asyncio.new_event_loop
        case "uvloop":
            import uvloop  # noqa: PLC0415  an extra

            return uvloop.new_event_loop
        case _:
            assert_never(loop)
