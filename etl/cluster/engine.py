"""An existing Dask cluster: its scheduler places the calls, its nannies bring dead workers back."""

import logging
import threading
import warnings
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Final, Self, TypeVar
from uuid import uuid4

from etl.clock import SYSTEM
from etl.cluster.guarded import Done, Failed, guarded, result_of
from etl.cluster.names import Names
from etl.errors import EngineError, EtlError, UsageError

try:
    import distributed
    from distributed import Client
except ImportError as error:
    raise UsageError(
        "--cluster needs the extra `cluster`", hint="pip install 'etl[cluster]', here and on every worker"
    ) from error

Item = TypeVar("Item")
Result = TypeVar("Result")
_Told = Callable[[str, Any], None]
_Client: Any = Client
_as_completed: Any = distributed.as_completed

_CONNECT_SECONDS: Final = 10.0
_WORKERS_SECONDS: Final = 15.0
"""How long a cluster may take to have its first worker: it may just be starting."""
_GONE_SECONDS: Final = 10.0
"""How long a scheduler that does not answer is waited for."""
_NOTICED_SECONDS: Final = 5.0
"""How long a scheduler may take to see that a worker is dead."""
_UNMANNED_SECONDS: Final = 300.0
"""How long a cluster may be without any worker: machines are replaced in less."""
_LOOK_EVERY_SECONDS: Final = 0.2
_AGAIN_SECONDS: Final = 2.0
"""Between the end of a call on a worker and the next one there."""


class DaskEngine:
    """A connected client of a Dask scheduler."""

    def __init__(self, client: Any, name: str) -> None:  # noqa: ANN401  Dask's own calls are untyped
        self.name = name
        self._client = client

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Disconnect; a scheduler that is gone can't be told so."""
        with suppress(Exception):
            self._client.close(timeout=2)

    @property
    def workers(self) -> int:
        """Return how many the scheduler knows now."""
        return len(self._addresses())

    def map(
        self,
        function: Callable[[Item], Result],
        items: Iterable[Item],
        *,
        each: Callable[[Result], None] = lambda _: None,
    ) -> list[Result]:
        """Return each item's result, in order; Dask runs what a dead worker had again."""
        futures = [self._client.submit(guarded, function, item, pure=False) for item in items]
        found: dict[Any, Result] = {}
        try:
            for future in _as_completed(futures, loop=self._client.loop):
                found[future.key] = result = result_of(future.result())
                each(result)
        except EtlError:
            raise
        except Exception as error:
            raise EngineError(
                f"the cluster {self.name} lost a part of the work for good: {type(error).__name__}",
                hint="look at the logs of scheduler and workers (memory? another version of etl?); the same "
                "command goes on",
            ) from error
        finally:
            with suppress(Exception):
                self._client.cancel(futures, force=True)
        return [found[future.key] for future in futures]

    def survey(self, function: Callable[[Item], Result], argument: Item) -> dict[str, Result | BaseException]:
        """Return what a short function says on each worker; it runs beside whatever keeps it busy."""
        try:
            ends = self._client.run(guarded, function, argument, on_error="return")
        except OSError as error:
            raise self._gone() from error
        dead = self._dead({worker for worker, end in ends.items() if isinstance(end, OSError)})
        return {worker: _unwrapped(end) for worker, end in ends.items() if worker not in dead}

    def _dead(self, silent: set[str]) -> set[str]:
        """Return which of those that did not answer are gone; the scheduler needs a moment to see it."""
        waiting = threading.Event()
        until = SYSTEM.monotonic() + _NOTICED_SECONDS
        while silent & (known := set(self._addresses())) and SYSTEM.monotonic() < until:
            waiting.wait(_LOOK_EVERY_SECONDS)
        return silent - known

    def tend(
        self,
        function: Callable[[Item], Result],
        argument: Item,
        *,
        until: Callable[[], bool],
        told: Callable[[str, Result | BaseException], None] = lambda _worker, _ended: None,
    ) -> None:
        """Keep one call running on every worker that the scheduler knows."""
        waiting = threading.Event()
        running: dict[str, Any] = {}
        names, places = Names(), dict[str, str]()
        not_before: dict[str, float] = {}
        answered_at = manned_at = SYSTEM.monotonic()
        while not until():
            now = SYSTEM.monotonic()
            try:
                known = names.of(self._known())
                answered_at = now
                manned_at = now if known else manned_at
            except EngineError:
                if now - answered_at > _GONE_SECONDS:
                    raise
                known = {}
            if now - manned_at > _UNMANNED_SECONDS:
                raise EngineError(
                    f"the cluster {self.name} has had no workers for {now - manned_at:.0f} s",
                    hint="start some; the same command goes on",
                )
            for worker in [worker for worker, call in running.items() if call.done()]:
                not_before[places[worker]] = now + _AGAIN_SECONDS
                _tell(places[worker], running.pop(worker), told)
            for worker, place in known.items():
                if worker not in running and now >= not_before.get(place, 0.0):
                    places[worker] = place
                    running[worker] = self._submit(function, argument, worker)
            waiting.wait(_LOOK_EVERY_SECONDS)

    def _submit(self, function: Callable[[Item], Result], argument: Item, worker: str) -> Any:  # noqa: ANN401  a future
        # A worker's own key: a call is never moved to another one, nor taken for one made before.
        return self._client.submit(
            guarded,
            function,
            argument,
            key=f"etl-{uuid4().hex}",
            workers=[worker],
            allow_other_workers=False,
            pure=False,
        )

    def _addresses(self) -> list[str]:
        return list(self._known())

    def _known(self) -> dict[str, dict[str, Any]]:
        if self._client.status != "running":
            raise self._gone()
        try:
            return dict(self._client.scheduler_info(n_workers=-1)["workers"])
        except (OSError, ValueError) as error:
            raise self._gone() from error

    def _gone(self) -> EngineError:
        return EngineError(
            f"the scheduler {self.name} does not answer any more",
            hint="start the cluster again; the same command goes on",
        )


def connect(address: str) -> DaskEngine:
    """Return the cluster whose scheduler listens at `tcp://host:port` or `tls://host:port`.

    Raises:
        UsageError: it can't be reached, or has no workers.
    """
    for name in ("distributed", "distributed.client"):  # it would tell what our errors tell
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings(action="ignore"):  # of other versions: ours are compared by name
            client = _Client(address, timeout=_CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise UsageError(
            f"no scheduler answers at {address}: {type(error).__name__}",
            hint="dask scheduler starts one and prints its address; tls:// needs the certificates of Dask's "
            "own configuration",
        ) from error
    try:
        client.wait_for_workers(1, timeout=_WORKERS_SECONDS)
    except (OSError, TimeoutError) as error:
        client.close()
        raise UsageError(
            f"the cluster {address} has no workers", hint=f"dask worker {address} starts one on a machine"
        ) from error
    return DaskEngine(client, address)


def _tell(worker: str, call: Any, told: _Told) -> None:  # noqa: ANN401  a future
    end: Any
    try:
        end = call.result(timeout=_CONNECT_SECONDS)
    except Exception as error:  # noqa: BLE001  lost with its worker, cancelled with its scheduler, unreadable there
        end = EngineError(
            f"worker {worker} is gone, or can't run etl ({type(error).__name__})",
            hint="what it had is taken over after one lease",
        )
    told(worker, _unwrapped(end))


def _unwrapped(end: Done[Result] | Failed | BaseException) -> Result | BaseException:
    match end:
        case Done():
            return end.value
        case Failed():
            return end.error
        case _:
            return end
