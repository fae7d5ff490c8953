"""A plan on disk: `plans/<first 12 of the hash>/` with messages, lanes, rejects and `plan.json`.

A plan appears whole or not at all: it is built beside and renamed. Folders and files are private (P8).
"""

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from etl.errors import InputError
from etl.model.plan import Conservation, PlanFolder, PlanSummary
from etl.model.schemas import REJECT_SCHEMA, FileSummary
from etl.plan.fingerprint import PLAN_VERSION, PlanHasher
from etl.plan.order import Ordered
from etl.plan.stage import Staging

ROWS_PER_GROUP: Final = 8_192
"""Small row groups: many lanes are open at once and each holds a piece of its own."""

_MESSAGES: Final = pa.schema(
    [
        ("key", pa.binary()), ("content", pa.binary()), ("lane", pa.string()), ("at_us", pa.int64()),
        ("sequence", pa.int64()), ("role", pa.string()), ("text", pa.string()),
        ("conversation", pa.string()), ("profile", pa.string()), ("variables", pa.string()),
        ("file", pa.string()), ("line", pa.int64()),
    ],
)  # fmt: skip
_LANES: Final = pa.schema(
    [
        ("lane", pa.string()), ("first", pa.int64()), ("length", pa.int64()),
        ("first_at_us", pa.int64()), ("last_at_us", pa.int64()),
    ],
)  # fmt: skip


@contextmanager
def building(plans: Path) -> Iterator[Path]:
    """Give a private folder to build a plan in; remove it afterwards, and what dead builds have left.

    Raises:
        InputError: the folder can't be written.
    """
    try:
        plans.mkdir(parents=True, exist_ok=True, mode=0o700)
        for left in plans.glob(".building-*"):
            if not _alive(left.name.removeprefix(".building-")):
                shutil.rmtree(left, ignore_errors=True)
        folder = plans / f".building-{os.getpid()}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
    except OSError as error:
        raise InputError(f"{plans}: plans can't be written there: {error.strerror}") from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def write_plan(
    folder: Path,
    staging: Staging,
    ordered: Ordered,
    *,
    settings: Mapping[str, Any],
    names: Mapping[str, str],
) -> PlanFolder:
    """Write the decided plan into `folder`, then put it in its place beside.

    `settings` are all settings that shape a request (they are hashed); `names` are the summary's
    `fingerprint`, `identity`, `source` and `ledger_mark`.

    Raises:
        InputError: the disk is full or not writable, or the counts don't add up.
    """
    try:
        hasher = PlanHasher(settings)
        _write(ordered.messages(), folder / "messages.parquet", _MESSAGES, hasher)
        _write(ordered.lane_rows(), folder / "lanes.parquet", _LANES)
        _write(ordered.reject_rows(), folder / "rejects.parquet", REJECT_SCHEMA)
        summary = _summary(staging, ordered, hash_=hasher.hexdigest(), names=names)
        if not summary.conservation.balanced:
            raise InputError(
                f"rows do not add up: {asdict(summary.conservation)}",
                hint="this is a defect of etl: please report it with these numbers",
            )
        _write_json(folder / "plan.json", {"plan_version": PLAN_VERSION, **asdict(summary)})
        path = _publish(folder, summary.hash)
    except OSError as error:
        raise InputError(f"{folder.parent}: the plan can't be written: {error.strerror or error}") from error
    return PlanFolder(path=path, summary=summary)


def load_plan(path: Path) -> PlanFolder | None:
    """Return the plan in a folder, or None when there is none, or one of another version."""
    try:
        data = json.loads((path / "plan.json").read_text(encoding="utf-8"))
        if data.pop("plan_version") != PLAN_VERSION:
            return None
        data["conservation"] = Conservation(**data["conservation"])
        data["files"] = tuple(FileSummary(**file) for file in data["files"])
        plan = PlanFolder(path=path, summary=PlanSummary(**data))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return plan if plan.messages.is_file() and plan.lanes.is_file() else None


def plan_path(plans: Path, plan_hash: str) -> Path:
    """Return where a plan of that hash lives."""
    return plans / plan_hash[:12]


def find_plan(plans: Path, *, fingerprint: str, ledger_mark: str) -> PlanFolder | None:
    """Return a plan made from the same input and settings against the same ledger, if one is there."""
    for path in sorted(plans.glob("*/plan.json")):
        plan = load_plan(path.parent)
        if plan and (plan.summary.fingerprint, plan.summary.ledger_mark) == (fingerprint, ledger_mark):
            return plan
    return None


def _write(
    reader: pa.RecordBatchReader,
    path: Path,
    schema: pa.Schema,
    hasher: PlanHasher | None = None,
) -> None:
    with pq.ParquetWriter(path, schema, compression="zstd", compression_level=1) as writer:
        gathered: list[pa.RecordBatch] = []
        rows = 0
        for batch in reader:
            if hasher is not None:
                hasher.update(batch)
            gathered.append(batch)
            rows += batch.num_rows
            if rows >= ROWS_PER_GROUP:
                writer.write_table(_table(gathered, schema), row_group_size=ROWS_PER_GROUP)
                gathered, rows = [], 0
        if rows:
            writer.write_table(_table(gathered, schema), row_group_size=ROWS_PER_GROUP)
    path.chmod(0o600)


def _table(batches: list[pa.RecordBatch], schema: pa.Schema) -> pa.Table:
    return pa.Table.from_batches(batches).cast(schema)


def _summary(staging: Staging, ordered: Ordered, *, hash_: str, names: Mapping[str, str]) -> PlanSummary:
    conservation = Conservation(
        rows=staging.rows,
        carried=staging.carried,
        rejects=sum(ordered.rejects_by_code.values()),
        skipped=sum(staging.skipped.values()),
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
        skipped_by_reason=staging.skipped,
        known_by_state=ordered.known_by_state,
        roles=ordered.roles,
        changed=staging.changed,
        files=tuple(staging.files),
    )


def _publish(folder: Path, plan_hash: str) -> Path:
    path = plan_path(folder.parent, plan_hash)
    shutil.rmtree(folder / "spill", ignore_errors=True)
    if load_plan(path) is None:
        shutil.rmtree(path, ignore_errors=True)
        folder.rename(path)
    else:
        # A run may be reading the messages there; by the hash they are the same, so only the rest changes.
        for name in ("rejects.parquet", "plan.json"):
            (folder / name).replace(path / name)
    return path


def _write_json(path: Path, data: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(data, indent=2, ensure_ascii=True) + "\n", encoding="utf-8")
    path.chmod(0o600)


def _iso(at_us: int | None) -> str | None:
    return None if at_us is None else datetime.fromtimestamp(at_us // 1_000_000, UTC).isoformat()


def _alive(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except (ProcessLookupError, ValueError):
        return False
    except PermissionError:
        return True
    return True
