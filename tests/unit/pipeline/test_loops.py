"""Which event loop runs: a faster one where there is one, and the job has the last word."""

import asyncio
import sys

import pytest

from etl.pipeline import loops


async def _running() -> str:
    return type(asyncio.get_running_loop()).__module__.partition(".")[0]


@pytest.mark.parametrize(("wish", "loop"), [("auto", "uvloop"), ("asyncio", "asyncio")])
def test_installed_loop_runs_unless_the_job_says_otherwise(wish, loop):
    """The doctor's line, the log's and what really runs are one thing."""
    assert loop == loops.chosen(wish)
    assert loop == loops.run(_running(), wish)
    assert loops.seen(wish).startswith(loop)


def test_without_uvloop_it_is_asyncio_and_the_doctor_says_what_to_install(monkeypatch):
    """It is an extra: whoever does not have it must notice nothing else."""
    monkeypatch.setitem(sys.modules, "uvloop", None)

    assert "asyncio" == loops.chosen("auto") == loops.run(_running(), "auto")
    assert "asyncio; a faster one comes with pip install 'etl[fast]'" == loops.seen("auto")
    assert "asyncio, as the job says" == loops.seen("asyncio")
