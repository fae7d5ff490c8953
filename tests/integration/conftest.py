"""What several files need: either transport, certificates, a platform, an object store."""

from collections.abc import Callable, Iterator
from typing import cast

import pytest

from support import s3
from support.certificates import Identity, make_identity
from support.hostile import TransportName
from support.recorder import Platform, platform


@pytest.fixture(params=["own", "httpx"])
def transport(request) -> TransportName:
    """Return each word of `target.transport` in turn: both keep the same promises."""
    return cast("TransportName", request.param)


@pytest.fixture(scope="session")
def identity(tmp_path_factory) -> Callable[[str], Identity]:
    """Return a maker of self-signed certificates for an address."""
    return lambda address: make_identity(tmp_path_factory.mktemp("tls"), address)


@pytest.fixture
def server() -> Iterator[Platform]:
    """Return a platform that takes everything."""
    with platform() as running:
        yield running


@pytest.fixture(scope="module")
def served() -> Iterator[s3.Store]:
    """Serve S3 for a module."""
    with s3.store() as running:
        yield running


@pytest.fixture
def store(served) -> Iterator[s3.Store]:
    """Return the S3 server, well behaved again after each test."""
    yield served
    served.hook = lambda _method, _path: None


@pytest.fixture
def bucket(store) -> s3.Bucket:
    """Return a new bucket."""
    made: s3.Bucket = store.bucket()
    return made
