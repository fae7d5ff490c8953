"""What the tests of faults share: the shim, and a scene in which the program meets them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.fleet import Fleet, fleet
from support.shim import Zygote, build, why_not, zygote


@pytest.fixture(scope="session")
def library(tmp_path_factory) -> Path:
    """Return the compiled shim."""
    reason = why_not()
    if reason:
        pytest.skip(reason)
    return build(tmp_path_factory.mktemp("shim"))


@pytest.fixture(scope="session")
def zygotes(library, tmp_path_factory) -> Iterator[tuple[Zygote, Zygote]]:
    """Return two of them, for two cores."""
    folder = tmp_path_factory.mktemp("zygotes")
    with zygote(library, folder / "1") as one, zygote(library, folder / "2") as two:
        yield one, two


@pytest.fixture(scope="session")
def crew(library, tmp_path_factory) -> Iterator[Fleet]:
    """Return a cluster whose workers and drivers can meet faults."""
    with fleet(library, tmp_path_factory.mktemp("fleet")) as running:
        yield running
