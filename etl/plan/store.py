"""A plan on disk: `plans/<first 12 of the hash>/` with messages, lanes, rejects and `plan.json`.

A plan appears whole or not at all: it is built beside and renamed. Folders and files are private (P8).
"""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import mkdtemp
from typing import Final

from etl.errors import InputError, LaterError
from etl.model.plan import Conservation, PlanFolder, PlanSummary
from etl.model.schemas import FileSummary
from etl.plan.fingerprint import PLAN_VERSION

_BUILDING: Final = ".building-"
_PULSE: Final = "pulse"
"""A file in a folder under construction, locked while its builder lives."""


@contextmanager
def building(plans: Path) -> Iterator[Path]:
    """Give a private folder to build a plan in; remove it afterwards, and what dead builds have left.

    Raises:
        InputError: the folder can't be written.
    """
    try:
        plans.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _alone(plans):
            _remove_dead(plans)
            folder = Path(mkdtemp(prefix=_BUILDING, dir=plans))
            pulse = _lock(folder / _PULSE)
    except OSError as error:
        raise InputError(f"{plans}: plans can't be written there: {reason_of(error)}") from error
    try:
        yield folder
    finally:
        os.close(pulse)
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def resuming(plans: Path, name: str) -> Iterator[Path]:
    """Give the private folder of that name, with what a dead build has left in it; remove all other ones'.

    It is removed when its builder comes to a good end, and by the next build of anything else.

    Raises:
        InputError: the folder can't be written.
        LaterError: another process builds there.
    """
    folder = plans / f"{_BUILDING}{name}"
    try:
        plans.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _alone(plans):
            folder.mkdir(exist_ok=True, mode=0o700)
            pulse = _lock(folder / _PULSE, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _remove_dead(plans)
    except BlockingIOError as error:
        raise LaterError(
            "another process makes this very plan now",
            hint="wait for it; the same command then finds the plan",
        ) from error
    except OSError as error:
        raise InputError(f"{plans}: plans can't be written there: {reason_of(error)}") from error
    try:
        yield folder
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(pulse)


def load_plan(path: Path) -> PlanFolder | None:
    """Return the plan in a folder, or None when there is none whole one, or one of another version."""
    try:
        text = (path / "plan.json").read_bytes()
    except OSError:
        return None
    summary = read_summary(text)
    if summary is None:
        return None
    plan = PlanFolder(path=path, summary=summary)
    return plan if all(file.is_file() for file in (*plan.messages, plan.lanes, plan.rejects)) else None


def read_summary(text: bytes) -> PlanSummary | None:
    """Return what a `plan.json` says, or None when it is damaged, or of another version."""
    try:
        data = json.loads(text)
        if data.pop("plan_version") != PLAN_VERSION:
            return None
        data["conservation"] = Conservation(**data["conservation"])
        data["files"] = tuple(
            FileSummary(**{**file, "overlooked": tuple(file.get("overlooked", ()))}) for file in data["files"]
        )
        data["skipped_files"] = tuple(data["skipped_files"])
        data.pop("insight", None)  # plans of earlier versions had it here
        return PlanSummary(**data)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def plan_path(plans: Path, plan_hash: str) -> Path:
    """Return where a plan of that hash lives."""
    return plans / plan_hash[:12]


def find_plan(plans: Path, *, fingerprint: str, ledger_mark: str) -> PlanFolder | None:
    """Return a plan made from the same input and settings against the same ledger, if one is there."""
    for path in sorted(plans.glob("[!.]*/plan.json")):
        plan = load_plan(path.parent)
        if plan and (plan.summary.fingerprint, plan.summary.ledger_mark) == (fingerprint, ledger_mark):
            return plan
    return None


def publish(folder: Path, summary: PlanSummary) -> PlanFolder:
    """Put a plan that was built in `folder` in its place, and return it there.

    Raises:
        OSError: the disk is full or not writable.
    """
    path = plan_path(folder.parent, summary.hash)
    _write_summary(folder, summary)
    shutil.rmtree(folder / "spill", ignore_errors=True)
    for file in folder.glob("*.*"):
        _sync(file)  # a power cut must not leave a plan whose summary is whole and whose messages are not
    with _alone(folder.parent):
        (folder / _PULSE).unlink(missing_ok=True)
        there = load_plan(path)
        if there is None or there.summary.hash != summary.hash:
            shutil.rmtree(path, ignore_errors=True)
            folder.rename(path)
        else:
            # A run may be reading the messages there; by the hash they are the same: only the rest changes.
            (path / "rejects.csv").unlink(missing_ok=True)  # of the rejects that are replaced
            summary = replace(summary, parts=there.summary.parts)
            _write_summary(folder, summary)
            for name in ("rejects.parquet", "plan.json"):
                (folder / name).replace(path / name)
        _sync(path)
        _sync(folder.parent)
    return PlanFolder(path=path, summary=summary)


def _write_summary(folder: Path, summary: PlanSummary) -> None:
    """Write `plan.json` into a folder."""
    path = folder / "plan.json"
    data = {"plan_version": PLAN_VERSION, **asdict(summary)}
    path.write_text(json.dumps(data, indent=2, ensure_ascii=True) + "\n", encoding="utf-8")
    path.chmod(0o600)


def _remove_dead(plans: Path) -> None:
    """Remove what dead builds have left; call it `_alone`."""
    for left in plans.glob(f"{_BUILDING}*"):
        try:
            os.close(_lock(left / _PULSE, fcntl.LOCK_EX | fcntl.LOCK_NB))
        except BlockingIOError:
            continue
        except FileNotFoundError:
            pass  # it died before its first line
        shutil.rmtree(left, ignore_errors=True)


@contextmanager
def _alone(plans: Path) -> Iterator[None]:
    """Keep other builders, in whatever process, from adding, removing or publishing folders."""
    lock = _lock(plans / ".lock")
    try:
        yield
    finally:
        os.close(lock)


def _lock(path: Path, how: int = fcntl.LOCK_EX) -> int:
    """Return a descriptor that holds the lock of that file; the kernel drops it when its process dies."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, how)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def reason_of(error: Exception) -> str:
    """Return in one line why a file can't be written."""
    return getattr(error, "strerror", None) or str(error).partition("\n")[0] or type(error).__name__
