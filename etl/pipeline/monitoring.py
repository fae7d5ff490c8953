"""Keeps the metrics file fresh while an import runs."""

import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from etl.clock import MICROSECONDS, SYSTEM
from etl.config.load import JobFile
from etl.errors import EtlError, ExitCode
from etl.ledger.lock import holder
from etl.model.events import Event, Warned

if TYPE_CHECKING:
    from etl.report.metrics import RunMetrics


class Monitoring:
    """Observes an import for its metrics file; does nothing when the job names none.

    The file belongs to the run that holds the target's lock: one that finds the lock taken leaves it alone.
    """

    def __init__(self, job_file: JobFile, *, folder: Path, observe: Callable[[Event], None]) -> None:
        """Prepare; `folder` is where the target's lock is."""
        self._settings = job_file.job.metrics
        self._folder = folder
        self._observe = observe
        self._metrics: RunMetrics | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        if self._settings.textfile is not None:
            from etl.report import metrics  # noqa: PLC0415  start-up time

            self._metrics = metrics.RunMetrics(
                job_file.resolve(self._settings.textfile),
                source=job_file.job.source,
                deployment=job_file.job.target.deployment_id,
                started_seconds=_now(),
            )

    @property
    def watches(self) -> bool:
        """Return whether the job names a metrics file."""
        return self._metrics is not None

    def __call__(self, event: Event) -> None:
        """Take one event; the first one shows that the lock is ours."""
        if self._metrics is None:
            return
        self._metrics(event)
        if self._thread is None:
            self._write(self._metrics)
            self._thread = threading.Thread(target=self._refresh, args=(self._metrics,), daemon=True)
            self._thread.start()

    def ended(self, exit_code: ExitCode) -> None:
        """Write the last state of the file."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        if self._metrics is None or (self._thread is None and self._another_run()):
            return
        self._metrics.ended(exit_code, at_seconds=_now())
        self._write(self._metrics)

    def _another_run(self) -> bool:
        try:
            return holder(self._folder) is not None
        except EtlError:
            return False  # a lock that can't be used: nobody runs

    def _refresh(self, metrics: "RunMetrics") -> None:
        while not self._stop.wait(self._settings.every_seconds):
            # Said at the first write and at the last one; between them nobody can act on it.
            with suppress(OSError):
                metrics.write()

    def _write(self, metrics: "RunMetrics") -> None:
        try:
            metrics.write()
        except OSError as error:
            self._observe(Warned(message=f"[metrics] textfile can't be written: {error.strerror}"))


def _now() -> float:
    return SYSTEM.wall_us() / MICROSECONDS
