"""Scenes on each event loop that messages may be sent on."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from etl.pipeline import loops

wish: loops.Wish = "asyncio"
"""The loop of the test that runs now; the fixture `loop` sets it."""


def run(scene: Coroutine[Any, Any, Any]) -> Any:
    """Play a scene on the loop of this test, as the program would."""
    return loops.run(scene, wish)


def kind() -> Any:
    """Return the class of the running loop, to be patched."""
    return type(asyncio.get_running_loop())
