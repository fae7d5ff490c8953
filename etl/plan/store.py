"""A plan on disk: `plans/<first 12 of the hash>/` with messages, lanes, rejects and `plan.json`.

A plan appears whole or not at all: it is built beside and renamed. Folders and files are private (P8).
"""

import fcntl
import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Final

import pyarrow as pa

from etl.errors import InputError
from etl.model.insight import Insight
from etl.model.plan import Conservation, PlanFolder, PlanSummary
from etl.model.schemas import REJECT_SCHEMA, FileSummary
from etl.plan.fingerprint import PLAN_VERSION
from etl.plan.insight import Question, look, read_insight
from etl.plan.order import Ordered
from etl.plan.stage import Staging
from etl.plan.tables import LANES, write_rows

_BUILDING: Final = ".building-"
_OFFSETS: Final = 20
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
        raise InputError(f"{plans}: plans can't be written there: {_reason(error)}") from error
    try:
        yield folder
    finally:
        os.close(pulse)
        shutil.rmtree(folder, ignore_errors=True)


def write_plan(
    folder: Path,
    staging: Staging,
    ordered: Ordered,
    *,
    settings: Mapping[str, Any],
    names: Mapping[str, str],
    question: Question | None = None,
) -> PlanFolder:
    """Write the decided plan into `folder`, then put it in its place beside.

    `settings` are all settings that shape a request (they are hashed); `names` are the summary's
    `fingerprint`, `identity`, `source`, `ledger_mark` and `settings`; `question` is what the insight
    depends on.

    Raises:
        InputError: the disk is full or not writable, or the counts don't add up.
    """
    try:
        messages = folder / "messages.parquet"
        with ThreadPoolExecutor(max_workers=1) as beside:
            hash_ = beside.submit(ordered.write_messages, messages, settings)
            write_rows(ordered.lane_rows(), folder / "lanes.parquet", LANES)
            write_rows(ordered.reject_rows(), folder / "rejects.parquet", REJECT_SCHEMA)
            insight = look(ordered.connection, question or Question())
            summary = _summary(staging, ordered, hash_.result(), names, insight)
        if not summary.conservation.balanced:
            raise InputError(
                f"rows do not add up: {asdict(summary.conservation)}",
                hint="this is a defect of etl: please report it with these numbers",
            )
        _write_json(folder / "plan.json", {"plan_version": PLAN_VERSION, **asdict(summary)})
        path = _publish(folder, summary.hash)
    except (OSError, pa.ArrowException) as error:
        raise InputError(
            f"{folder.parent}: the plan can't be written: {_reason(error)}",
            hint="free disk space beside the plans, or raise plan.memory_limit_mb",
        ) from error
    return PlanFolder(path=path, summary=summary)


def load_plan(path: Path) -> PlanFolder | None:
    """Return the plan in a folder, or None when there is none whole one, or one of another version."""
    try:
        data = json.loads((path / "plan.json").read_text(encoding="utf-8"))
        if data.pop("plan_version") != PLAN_VERSION:
            return None
        data["conservation"] = Conservation(**data["conservation"])
        data["files"] = tuple(
            FileSummary(**{**file, "overlooked": tuple(file.get("overlooked", ()))}) for file in data["files"]
        )
        data["skipped_files"] = tuple(data["skipped_files"])
        data["insight"] = read_insight(data["insight"])
        plan = PlanFolder(path=path, summary=PlanSummary(**data))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return plan if all(file.is_file() for file in (plan.messages, plan.lanes, plan.rejects)) else None


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


def _summary(
    staging: Staging, ordered: Ordered, hash_: str, names: Mapping[str, str], insight: Insight
) -> PlanSummary:
    tally = staging.tally
    conservation = Conservation(
        rows=staging.rows,
        carried=staging.carried,
        rejects=sum(ordered.rejects_by_code.values()),
        split=tally.split,
        skipped=sum(tally.skipped.values()),
        duplicates=ordered.duplicates,
        known=sum(ordered.known_by_state.values()),
        planned=ordered.planned,
    )
    return PlanSummary(
        hash=hash_,
        fingerprint=names["fingerprint"],
        identity=names["identity"],
        source=names["source"],
        ledger_mark=names["ledger_mark"],
        conservation=conservation,
        lanes=ordered.lanes,
        longest_lane=ordered.longest_lane,
        first_at=_iso(ordered.first_at_us),
        last_at=_iso(ordered.last_at_us),
        rejects_by_code=ordered.rejects_by_code,
        skipped_by_reason=dict(sorted(tally.skipped.items())),
        known_by_state=ordered.known_by_state,
        roles=ordered.roles,
        changed=dict(sorted(tally.changed.items())),
        found=dict(sorted(tally.found.items())),
        offsets=_most_common(tally.offsets),
        files=tuple(staging.files),
        skipped_files=tuple(staging.skipped_files),
        insight=insight,
        settings=names.get("settings", ""),
    )


def _most_common(offsets: Counter[str]) -> dict[str, int]:
    """Return the offsets, most common first; beyond the first 20 only their sum, as `others`."""
    ranked = sorted(offsets.items(), key=lambda item: (-item[1], item[0]))
    rest = sum(count for _, count in ranked[_OFFSETS:])
    return {**dict(ranked[:_OFFSETS]), **({"others": rest} if rest else {})}


def _publish(folder: Path, plan_hash: str) -> Path:
    path = plan_path(folder.parent, plan_hash)
    shutil.rmtree(folder / "spill", ignore_errors=True)
    for file in folder.glob("*.*"):
        _sync(file)  # a power cut must not leave a plan whose summary is whole and whose messages are not
    with _alone(folder.parent):
        (folder / _PULSE).unlink(missing_ok=True)
        there = load_plan(path)
        if there is None or there.summary.hash != plan_hash:
            shutil.rmtree(path, ignore_errors=True)
            folder.rename(path)
        else:
            # A run may be reading the messages there; by the hash they are the same: only the rest changes.
            (path / "rejects.csv").unlink(missing_ok=True)  # of the rejects that are replaced
            for name in ("rejects.parquet", "plan.json"):
                (folder / name).replace(path / name)
        _sync(path)
        _sync(folder.parent)
    return path


def _write_json(path: Path, data: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(data, indent=2, ensure_ascii=True) + "\n", encoding="utf-8")
    path.chmod(0o600)


def _iso(at_us: int | None) -> str | None:
    return None if at_us is None else datetime.fromtimestamp(at_us // 1_000_000, UTC).isoformat()


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


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error).partition("\n")[0] or type(error).__name__
