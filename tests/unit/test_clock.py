"""Time, whatever counts it."""

import pytest

from etl.clock import SYSTEM
from support import loops

pytestmark = pytest.mark.usefixtures("loop")


@pytest.mark.parametrize("seconds", [0.0004, 0.0014, 0.0104])
def test_sleep_never_ends_early(seconds):
    """A pace that is kept by sleeping is a limit: uvloop counts whole milliseconds, and rounds."""

    async def slept() -> float:
        began = SYSTEM.monotonic()
        await SYSTEM.sleep(seconds)
        return SYSTEM.monotonic() - began

    assert seconds <= min(loops.run(slept()) for _ in range(5))
