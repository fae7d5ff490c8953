"""The doctor's look at this machine: disk, ledger, lock, and whom the job wants told."""

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Final

from etl.clock import MICROSECONDS, SYSTEM
from etl.config.load import JobFile
from etl.config.workspace import Workspace
from etl.errors import EtlError, ExitCode
from etl.ledger.health import Remark
from etl.ledger.interface import Ledger
from etl.model.states import State
from etl.pipeline.depots import depot_of
from etl.pipeline.finding import Finding, failed, failed_by, passed, size_text, warned
from etl.pipeline.opening import place_of

DISK_FACTOR: Final = 3
"""State folder / unpacked input: planning took 1.5 at its peak (300,000 rows), the ledger comes on top."""

_LEAST_BYTES: Final = 50_000_000
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


def disk_finding(job_file: JobFile, space: Workspace, *, needed_bytes: int) -> Finding:
    """Return whether the state folder can be written and has room for a plan of that much input."""
    folder, setting = _nearest(space.folder), "XDG_CACHE_HOME" if space.uri else "`state` in the job file"
    if not os.access(folder, os.W_OK | os.X_OK) or not folder.is_dir():
        remedy = f"set {setting} to a folder that you can write"
        return failed("disk", f"{folder} can't be written", remedy, ExitCode.USAGE)
    needed = max(DISK_FACTOR * needed_bytes, _LEAST_BYTES)
    free = shutil.disk_usage(folder).free
    seen = (
        f"{size_text(free)} free at {job_file.state.folder}; "
        f"an import of these files needs about {size_text(needed)}"
    )
    if free < needed:
        return failed("disk", seen, f"free some space, or set {setting} to a larger disk", ExitCode.USAGE)
    if space.folder.is_dir() and space.folder.stat().st_mode & _OTHERS:
        return warned("disk", f"{space.folder} is open to others", f"chmod 700 {space.folder}")
    return passed("disk", seen)


def state_findings(space: Workspace) -> Iterator[Finding]:
    """Yield whether a state in an object store can be read and written, by an object that is removed again.

    Where the state is a folder of this machine there is nothing to yield.
    """
    try:
        depot = depot_of(space)
        if depot is None:
            return
        depot.reach()
        with NamedTemporaryFile() as file:
            name = f".doctor-{Path(file.name).name}"
            depot.publish(Path(file.name), name)
            depot.read(name)
            depot.remove(name)
    except EtlError as error:
        yield failed_by("state", error)
        return
    yield passed("state", f"{depot.location} can be read and written")


def ledger_findings(space: Workspace) -> Iterator[Finding]:
    """Yield whether the ledger is sound, and what in it waits for a person or for time."""
    try:
        where = place_of(space)
        yield from map(_remarked, where.remarks())
        if where.is_missing():
            yield passed("ledger", f"{where}: none yet, the first import makes it")
            return
        health = where.health()
        if health.schema < health.latest:
            seen = f"{where}: sound, schema {health.schema} of an older etl"
            yield warned("ledger", seen, f"the next import brings it to schema {health.latest}; copy first")
            return
        ledger = where.read()
        if ledger is None:
            return
        with closing(ledger):
            yield _counted(str(where), ledger, health.schema)
            until_us = ledger.hold_off_us() or 0
    except EtlError as error:
        yield failed_by("ledger", error)
        return
    left = (until_us - SYSTEM.wall_us()) / MICROSECONDS
    if left > 0:
        yield warned(
            "hold-off",
            f"the API asked everybody to wait another {left:.0f} s",
            "wait; an import would wait too, or leave with 75",
            exit_code=ExitCode.LATER,
        )


def lock_finding(space: Workspace) -> Finding:
    """Return whether a run is active."""
    try:
        found = place_of(space).holder()
    except EtlError as error:
        return failed_by("lock", error)
    if found is None:
        return passed("lock", "free: no run is active")
    remedy = "wait until it ends; a second import would leave with 75"
    return warned("lock", f"a run is active: {found}", remedy, exit_code=ExitCode.LATER)


def told_findings(job_file: JobFile) -> Iterator[Finding]:
    """Yield whether those whom the job wants told can be."""
    notify, metrics = job_file.job.notify, job_file.job.metrics
    if notify.command:
        program = notify.command[0]
        known = shutil.which(program if "/" not in program else str(job_file.resolve(Path(program))))
        yield (
            passed("notify", f"{program} is there")
            if known
            else warned("notify", f"there is no program {program}", "correct [notify] command, or install it")
        )
    if metrics.textfile is not None:
        folder = job_file.resolve(metrics.textfile).parent
        yield (
            passed("metrics", f"{folder} can be written")
            if os.access(folder, os.W_OK | os.X_OK)
            else warned(
                "metrics", f"{folder} can't be written", "make the folder, or correct [metrics] textfile"
            )
        )


def _remarked(remark: Remark) -> Finding:
    if not remark.remedy:
        return passed(remark.name, remark.seen)
    if remark.grave:
        return failed(remark.name, remark.seen, remark.remedy, ExitCode.LEDGER)
    return warned(remark.name, remark.seen, remark.remedy)


def _counted(where: str, ledger: Ledger, schema: int) -> Finding:
    counts = ledger.counts()
    stored = f"{sum(counts.values()):,} messages, sound, schema {schema}"
    doubtful = counts.get(State.UNCERTAIN, 0) + counts.get(State.IN_FLIGHT, 0)
    seen = f"{where}: {stored}"
    if not doubtful:
        return passed("ledger", seen)
    return warned(
        "ledger",
        f"{seen}; {doubtful:,} sent with unknown outcome, which hold their users",
        "etl status lists them, etl settle decides them",
        exit_code=ExitCode.INCOMPLETE,
    )


def _nearest(folder: Path) -> Path:
    """Return the folder, or the nearest one above it that exists."""
    folder = folder.absolute()
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder
