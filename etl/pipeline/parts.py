"""What the workers of one plan do, each call with files in and files out; a call made twice changes nothing.

Nothing here knows who calls: threads of one process, or a cluster.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from etl.config.load import JobFile
from etl.model.events import Event, Warned
from etl.model.plan import PlanFolder
from etl.model.schemas import FileSummary
from etl.pipeline.basis import Basis
from etl.pipeline.cutting import Part
from etl.pipeline.exchange import Exchange, numbered
from etl.pipeline.staging import InputStage, decision_rules
from etl.pipeline.stored import StoredExchange
from etl.plan.dealing import NARROW, PartWriter, stage_unfinished
from etl.plan.order import Decided
from etl.plan.scatter import Slices, shard_rows
from etl.plan.shards import (
    REPEATS,
    VERDICTS,
    KeyShard,
    LaneShard,
    Rules,
    count_found,
    decide_key_shard,
    deciding,
    write_lane_shard,
)
from etl.plan.stage import Staging
from etl.plan.tables import TOUCHED
from etl.plan.tally import Tally

UNFINISHED_PART = -1
"""The number of the part that an unfinished plan gives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanSpec:
    """What is the same for every call of one plan."""

    job_file: JobFile
    exchange: Exchange | StoredExchange
    shards: int
    basis: Basis


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Which parts the shards are made of."""

    parts: tuple[int, ...]
    """Those that were read whole, ascending."""
    carried: bool
    """Whether the untouched messages of an unfinished plan belong to them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedPart:
    """What a part held."""

    number: int
    files: tuple[FileSummary, ...]
    skipped_files: tuple[str, ...]
    tally: Tally
    rejects_by_code: dict[str, int]
    warnings: tuple[str, ...]

    def as_words(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        words = {name: getattr(self, name) for name in self.__dataclass_fields__}
        counts = {name: getattr(self.tally, name) for name in self.tally.__dataclass_fields__}
        return {**words, "files": [asdict(file) for file in self.files], "tally": counts}

    @classmethod
    def of(cls, words: dict[str, Any]) -> "StagedPart":
        """Return what `as_words` gave."""
        tally = words["tally"]
        counters = {name: Counter(tally[name]) for name in ("skipped", "changed", "found", "offsets")}
        files = [FileSummary(**{**file, "overlooked": tuple(file["overlooked"])}) for file in words["files"]]
        lists = {name: tuple(words[name]) for name in ("skipped_files", "warnings")}
        return cls(
            **{**words, **lists, "files": tuple(files), "tally": Tally(**counters, split=tally["split"])}
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StagePart:
    """A call of `stage_part`."""

    spec: PlanSpec
    part: Part


def stage_part(call: StagePart) -> int:
    """Read, normalize and cut one part by shards; return its number.

    Raises:
        InputError: a file of it can't be trusted as a whole (unless the job skips such files).
    """
    spec, part, job = call.spec, call.part, call.spec.job_file.job
    job_file = spec.job_file
    if part.time_format is not None:
        time = job.time.model_copy(update={"format": part.time_format})
        job_file = replace(job_file, job=job.model_copy(update={"time": time}))
    warnings: list[str] = []

    def observe(event: Event) -> None:
        if isinstance(event, Warned):
            warnings.append(event.message)

    number = part.number
    with spec.exchange.workshop() as folder:
        writer = PartWriter(folder, part=number, shards=spec.shards)
        with Staging(
            folder, memory_limit_mb=job.plan.memory_limit_mb, source=job.source, writer=writer
        ) as staging:
            staging.resume_file(part.first_number)
            InputStage(job_file, staging, folder, observe, spec.basis).stage(part.files)
            staging.close()
            staging.rejects_file.rename(folder / "rejects.parquet")
            staged = StagedPart(
                number=number,
                files=tuple(staging.files),
                skipped_files=tuple(staging.skipped_files),
                tally=staging.tally,
                rejects_by_code=_counted(folder / "rejects.parquet"),
                warnings=tuple(warnings),
            )
        names = {"rejects.parquet": numbered("rejects", number, "parquet")}
        spec.exchange.hand_out(folder, {**_cut_names(number), **names})
        spec.exchange.say(folder, numbered("part", number, "json"), staged.as_words())
    return number


@dataclass(frozen=True, slots=True, kw_only=True)
class StageUnfinished:
    """A call of `stage_old`."""

    spec: PlanSpec
    plan: PlanFolder


def stage_old(call: StageUnfinished) -> int:
    """Cut the untouched messages of an unfinished plan by shards; return how many there are."""
    spec, exchange = call.spec, call.spec.exchange
    with exchange.workshop() as folder, _deciding(spec, folder) as connection:
        plan, touched = exchange.plan(call.plan, folder), exchange.fetch("touched.parquet", folder)
        count = stage_unfinished(connection, plan, touched, folder, shards=spec.shards)
        exchange.hand_out(folder, _cut_names(UNFINISHED_PART))
        exchange.say(folder, "unfinished.json", {"untouched": count})
    return count


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardCall:
    """A call for one shard."""

    spec: PlanSpec
    reading: Reading
    shard: int


def find_old(call: ShardCall) -> int:
    """Return how many messages of the unfinished plan the new input holds, of one shard by key."""
    with call.spec.exchange.workshop() as folder, _deciding(call.spec, folder) as connection:
        return count_found(connection, _key_shard(call, folder))


def decide_keys(call: ShardCall) -> int:
    """Decide on the rows of one shard by key; return its number."""
    spec, exchange = call.spec, call.spec.exchange
    with exchange.workshop() as folder, _deciding(spec, folder) as connection:
        decide_key_shard(connection, _key_shard(call, folder), folder, shards=spec.shards)
        names = {f"{kind}.arrow": numbered(kind, call.shard, "arrow") for kind in ("verdicts", "repeats")}
        exchange.hand_out(folder, names)
        exchange.say(folder, numbered("keys", call.shard, "json"), {})
    return call.shard


def write_shard(call: ShardCall) -> int:
    """Decide the rest of one shard by lane and write its part of the plan; return its number."""
    spec, exchange = call.spec, call.spec.exchange
    with exchange.workshop() as folder, _deciding(spec, folder) as connection:
        decided = write_lane_shard(
            connection,
            _lane_shard(call, folder),
            folder,
            rules=Rules(
                **decision_rules(spec.job_file.job),
                memory_bytes=(spec.job_file.job.plan.memory_limit_mb << 20) // 2,
            ),
        )
        names = {f"{kind}.parquet": numbered(kind, call.shard, "parquet") for kind in WRITTEN}
        exchange.hand_out(folder, {**names, "rejects.parquet": numbered("refused", call.shard, "parquet")})
        counts = {name: getattr(decided, name) for name in Decided.__dataclass_fields__}
        exchange.say(folder, numbered("shard", call.shard, "json"), counts)
    return call.shard


WRITTEN = ("messages", "lanes")
"""Kinds of files of a shard, and `refused`: its rejects."""


def _deciding(spec: PlanSpec, folder: Path) -> Any:  # noqa: ANN401  a context manager
    return deciding(folder, memory_limit_mb=spec.job_file.job.plan.memory_limit_mb)


def _key_shard(call: ShardCall, folder: Path) -> KeyShard:
    return KeyShard(
        rows=_rows(call, folder, _numbered("narrow", call.reading.parts), NARROW),
        carried=_rows(call, folder, _numbered("narrow", _old(call)), NARROW),
        touched=_rows(call, folder, ["touched-keys.arrow"], TOUCHED),
    )


def _lane_shard(call: ShardCall, folder: Path) -> LaneShard:
    shards = call.spec.shards
    return LaneShard(
        whole=_slices(call, folder, _numbered("whole", [*_old(call), *call.reading.parts])),
        shards=shards,
        verdicts=_rows(call, folder, _numbered("verdicts", range(shards)), VERDICTS),
        repeats=_rows(call, folder, _numbered("repeats", range(shards)), REPEATS),
        touched=_rows(call, folder, ["touched-lanes.arrow"], TOUCHED),
    )


def _old(call: ShardCall) -> list[int]:
    return [UNFINISHED_PART] if call.reading.carried else []


def _numbered(kind: str, numbers: Sequence[int]) -> list[str]:
    return [numbered(kind, number, "arrow") for number in numbers]


def _rows(call: ShardCall, folder: Path, names: Sequence[str], schema: pa.Schema) -> pa.RecordBatchReader:
    found = _slices(call, folder, names)
    return shard_rows(found.paths, schema, shard=found.shard, shards=found.shards)


def _slices(call: ShardCall, folder: Path, names: Sequence[str]) -> Slices:
    return call.spec.exchange.slices(names, folder, shard=call.shard, shards=call.spec.shards)


def _counted(rejects: Path) -> Counter[str]:
    """Return the rejects of a file by code."""
    counts: Counter[str] = Counter()
    with pq.ParquetFile(rejects, pre_buffer=False) as file:
        for batch in file.iter_batches(columns=["code"]):
            found = pc.value_counts(batch.column("code")).to_pylist()
            counts.update({one["values"]: one["counts"] for one in found})
    return counts


def _cut_names(number: int) -> dict[str, str]:
    return {f"{kind}.arrow": numbered(kind, number, "arrow") for kind in ("whole", "narrow")}
