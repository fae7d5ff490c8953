"""What several files need: either transport, and certificates."""

from collections.abc import Callable
from typing import cast

import pytest

from support.hostile import Identity, TransportName, make_identity


@pytest.fixture(params=["own", "httpx"])
def transport(request) -> TransportName:
    """Return each word of `target.transport` in turn: both keep the same promises."""
    return cast("TransportName", request.param)


@pytest.fixture(scope="session")
def identity(tmp_path_factory) -> Callable[[str], Identity]:
    """Return a maker of self-signed certificates for an address."""
    return lambda address: make_identity(tmp_path_factory.mktemp("tls"), address)
