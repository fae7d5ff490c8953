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
from starlette.types import ASGIApp

from etl.sandbox.app import create_app
from etl.sandbox.conduct import Conduct
from etl.sandbox.conversations import SESSION_EXPIRATION_MINUTES
from etl.sandbox.errors import SandboxError
from etl.sandbox.inbox.access import PATH, new_key
from etl.sandbox.store import Store
from etl.sandbox.wire import OpenProtocol

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
    inbox_url: str = field(repr=False)
    """Lets the first browser in that opens it, once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What a sandbox is started with."""

    store_path: Path | None
    """The store's file, made if missing; None keeps everything in memory."""
    deployment_id: str
    """The deployment that exists."""
    port: int = 0
    """Of 127.0.0.1; 0 takes a free one."""
    conduct: Conduct = field(default_factory=Conduct)
    """How it behaves at first."""
    session_expiration_minutes: int = SESSION_EXPIRATION_MINUTES
    """Silence after which a user's next message opens a conversation."""

    @property
    def reports(self) -> Path | None:
        """Return the folder, beside the store, into which reports are written instead of mailed."""
        path = self.store_path
        return None if path is None else path.with_name(f"{path.stem}-reports")

    def open_store(self) -> Store:
        """Open the store, or one in memory."""
        minutes = self.session_expiration_minutes
        if self.store_path is None:
            return Store.in_memory(deployment_id=self.deployment_id, session_expiration_minutes=minutes)
        return Store.open(
            self.store_path, deployment_id=self.deployment_id, session_expiration_minutes=minutes
        )


def embedded(
    store_path: Path | None, *, deployment_id: str, port: int = 0, conduct: Conduct | None = None
) -> "EmbeddedSandbox":
    """Return a context manager that runs a sandbox in a thread of this process; see `Setup`."""
    setup = Setup(store_path=store_path, deployment_id=deployment_id, port=port, conduct=conduct or Conduct())
    return EmbeddedSandbox(setup)


def serve(setup: Setup, announce: Callable[[RunningSandbox], None]) -> None:
    """Serve until SIGINT or SIGTERM, then finish what is in flight and return. Main thread only.

    `announce` is called once, when requests are accepted.

    Raises:
        SandboxError: the port is taken or the store can't be opened.
    """
    stop = threading.Event()

    def stopping(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    with ExitStack() as restored:
        for number in (signal.SIGINT, signal.SIGTERM):
            restored.callback(signal.signal, number, signal.signal(number, stopping))
        with EmbeddedSandbox(setup) as running:
            announce(running)
            stop.wait()


class EmbeddedSandbox(AbstractContextManager[RunningSandbox]):
    """A sandbox in a thread, for the time of a `with` block.

    Entering returns when requests are accepted; leaving finishes those in flight and closes the store.

    Raises:
        SandboxError: on entering, when the port is taken or the store can't be opened.
    """

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._resources = ExitStack()

    def __enter__(self) -> RunningSandbox:
        with ExitStack() as undo:
            store = self._setup.open_store()
            undo.callback(store.close)
            listener = undo.enter_context(_listen(self._setup.port))
            key = new_key()
            app = create_app(
                store, conduct=self._setup.conduct, folder=self._setup.reports, inbox_key=key
            )  # fmt: skip
            undo.enter_context(_Thread(app, listener))
            port: int = listener.getsockname()[1]
            self._resources = undo.pop_all()
        return RunningSandbox(
            base_url=f"http://{HOST}:{port}",
            token=store.token,
            deployment_id=self._setup.deployment_id,
            user_token=store.user_token,
            bot_id=store.bot_id,
            store_path=self._setup.store_path,
            store=store,
            inbox_url=f"http://{HOST}:{port}{PATH}/?key={key}",
        )

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._resources.close()


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

    def __init__(self, app: ASGIApp, listener: socket.socket) -> None:
        config = uvicorn.Config(
            app,
            # The same implementations wherever it runs, whatever else is installed.
            http=OpenProtocol,
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
