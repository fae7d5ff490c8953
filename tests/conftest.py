"""What holds for every test."""

import os
import signal
import sys
from contextlib import suppress

import pytest
from hypothesis import settings
from pytest_socket import disable_socket, enable_socket

from support import loops

with suppress(ImportError):
    import uvloop  # noqa: F401  it keeps the socket class that it meets, and that of an offline tier is closed

# CI gives the same verdict on the same commit; a run by hand looks for new cases each time.
settings.register_profile("ci", derandomize=True, deadline=None, print_blob=True)
settings.register_profile("hand", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "hand")

OFFLINE = {"unit", "property"}


def pytest_configure() -> None:
    """Let Ctrl-C reach the processes under test: whoever starts tests behind a shell's `&` has it ignored."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_sessionfinish() -> None:
    """Stop the database of the tests, if one of them used it."""
    used = sys.modules.get("support.postgres")
    if used is not None:
        used.leave()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Close sockets for the tiers that need none; an event loop may have its pair."""
    if OFFLINE & set(item.path.parts):
        disable_socket(allow_unix_socket=True)
    else:
        enable_socket()


@pytest.fixture(params=["asyncio", "auto"], ids=["asyncio", "uvloop"])
def loop(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let scenes run on each event loop in turn: what is true of a message must not depend on it."""
    monkeypatch.setattr(loops, "wish", request.param)
