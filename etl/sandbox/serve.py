"""Runs the stand-in platform: beside other code in one process, or as a command in the foreground."""

import signal
import socket
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType, TracebackType
from typing import Final

import uvicorn

from etl.sandbox.app import create_app
from etl.sandbox.errors import SandboxError
from etl.sandbox.store import Store

HOST: Final = "127.0.0.1"
"""The only address that is served."""

_DRAIN_SECONDS = 5
_KEEP_ALIVE_SECONDS = 75
_BACKLOG = 1_024


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningSandbox:
    """A sandbox that accepts requests."""

    base_url: str
    """Such as http://127.0.0.1:8080, without a final slash."""
    token: str = field(repr=False)
    deployment_id: str
    user_token: str = field(repr=False)
    """For reports."""
    bot_id: str
    """What reports call the bot."""
    store_path: Path | None
    """None: in memory."""
    store: Store = field(repr=False)
    """Open while the sandbox runs."""


def embedded(store_path: Path | None, *, deployment_id: str, port: int = 0) -> "EmbeddedSandbox":
    """Return a context manager that runs a sandbox in a thread of this process.

    Args:
        store_path: the store's file, made if missing; None keeps everything in memory.
        deployment_id: the deployment that exists.
        port: of 127.0.0.1; 0 takes a free one.
    """
    return EmbeddedSandbox(store_path, deployment_id=deployment_id, port=port)


def serve(
    store_path: Path | None,
    *,
    deployment_id: str,
    port: int,
    announce: Callable[[RunningSandbox], None],
) -> None:
    """Serve until SIGINT or SIGTERM, then finish what is in flight and return. Main thread only.

    Args:
        store_path: the store's file, made if missing; None keeps everything in memory.
        deployment_id: the deployment that exists.
        port: of 127.0.0.1; 0 takes a free one.
        announce: called once, when requests are accepted.

    Raises:
        SandboxError: the port is taken or the store can't be opened.
    """
    stop = threading.Event()

    def stopping(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    with ExitStack() as restored:
        for number in (signal.SIGINT, signal.SIGTERM):
            restored.callback(signal.signal, number, signal.signal(number, stopping))
        with embedded(store_path, deployment_id=deployment_id, port=port) as running:
            announce(running)
            stop.wait()


class EmbeddedSandbox(AbstractContextManager[RunningSandbox]):
    """A sandbox in a thread, for the time of a `with` block.

    Entering returns when requests are accepted; leaving finishes those in flight and closes the store.

    Raises:
        SandboxError: on entering, when the port is taken or the store can't be opened.
    """

    def __init__(self, store_path: Path | None, *, deployment_id: str, port: int = 0) -> None:
        self._store_path = store_path
        self._deployment_id = deployment_id
        self._port = port
        self._resources = ExitStack()

    def __enter__(self) -> RunningSandbox:
        with ExitStack() as undo:
            store = self._open_store()
            undo.callback(store.close)
            listener = undo.enter_context(_listen(self._port))
            undo.enter_context(_Thread(store, listener))
            port: int = listener.getsockname()[1]
            self._resources = undo.pop_all()
        return RunningSandbox(
            base_url=f"http://{HOST}:{port}",
            token=store.token,
            deployment_id=self._deployment_id,
            user_token=store.user_token,
            bot_id=store.bot_id,
            store_path=self._store_path,
            store=store,
        )

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._resources.close()

    def _open_store(self) -> Store:
        if self._store_path is None:
            return Store.in_memory(deployment_id=self._deployment_id)
        return Store.open(self._store_path, deployment_id=self._deployment_id)


class _Server(uvicorn.Server):
    """Tells when it accepts requests."""

    def __init__(self, config: uvicorn.Config, ready: threading.Event) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready.set()


class _Thread(AbstractContextManager[None]):
    """The server's thread."""

    def __init__(self, store: Store, listener: socket.socket) -> None:
        config = uvicorn.Config(
            create_app(store),
            # The same implementations wherever it runs, whatever else is installed.
            http="h11",
            ws="none",
            loop="asyncio",
            lifespan="on",
            log_config=None,
            log_level="critical",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            backlog=_BACKLOG,
            # Longer than a slow client pauses: a request that meets a closing connection is in doubt.
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=_DRAIN_SECONDS,
        )
        self._ready = threading.Event()
        self._server = _Server(config, self._ready)
        self._thread = threading.Thread(target=self._run, args=(listener,), name="sandbox", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()
        self._ready.wait()
        if not self._server.started:
            self._thread.join()
            raise SandboxError("the sandbox's server did not start")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.should_exit = True
        self._thread.join()

    def _run(self, listener: socket.socket) -> None:
        try:
            self._server.run(sockets=[listener])
        finally:
            # Whoever waits for a start that failed must not wait for ever.
            self._ready.set()


def _listen(port: int) -> socket.socket:
    # asyncio sends small answers at once (TCP_NODELAY) only where the protocol is named: else 40 ms each.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        # A restart may take the port of a server that has just ended; a running one still keeps it.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen(_BACKLOG)
    except (OSError, OverflowError) as error:
        listener.close()
        why = getattr(error, "strerror", None) or "no such port"
        raise SandboxError(f"port {port} of {HOST} can't be served: {why}") from error
    return listener
