"""A plan made by many workers: the same plan, to the hash, as one process makes."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from etl import __version__
from etl.cluster.interface import Engine
from etl.config.load import JobFile
from etl.config.workspace import Workspace
from etl.errors import InputError
from etl.ledger.interface import Ledger
from etl.model.events import Event, PlanStep, Warned
from etl.model.plan import PlanFolder, message_files
from etl.pipeline.basis import Basis, InputFiles, basis_of
from etl.pipeline.cutting import Part, cut
from etl.pipeline.exchange import Exchange, numbered
from etl.pipeline.parts import (
    PlanSpec,
    Reading,
    ShardCall,
    StagedPart,
    StagePart,
    StageUnfinished,
    decide_keys,
    find_old,
    stage_old,
    stage_part,
    write_shard,
)
from etl.pipeline.probing import require
from etl.pipeline.staging import InputStage
from etl.pipeline.stored import StoredExchange, exchanging
from etl.pipeline.total import Total, total_of
from etl.pipeline.unfinished import Unfinished
from etl.plan.assemble import Pieces, Shape, assemble, summed
from etl.plan.connection import DUCKDB_VERSION
from etl.plan.dealing import TouchedWriter
from etl.plan.fingerprint import PLAN_VERSION, digest_of
from etl.plan.order import Decided
from etl.plan.shards import deciding
from etl.plan.stage import Staging
from etl.plan.store import building, plan_path, publish, resuming
from etl.source.discover import SourceFile

_SHARD_BYTES: Final = 256 << 20
"""Of input that a shard holds, on the average."""
_MOST_SHARDS: Final = 256
"""A reader of the plan has a file of each open."""
_SHARDS_PER_WORKER: Final = 2
_STEPS: Final = {"keys": "comparing", "shard": "sorting"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What a plan is made of, and how it is to be named."""

    files: InputFiles
    names: dict[str, str]
    """As for `store.write_plan`."""
    settings: dict[str, Any]
    unfinished: Unfinished | None


class ClusterBuild:
    """One plan in the making, by many workers."""

    def __init__(
        self,
        job_file: JobFile,
        workspace: Workspace,
        ledger: Ledger | None,
        workers: Engine,
        observe: Callable[[Event], None],
    ) -> None:
        self._job_file = job_file
        self._space = workspace
        self._shown = workspace.plans
        self._plans = workspace.plans.resolve()  # workers stand elsewhere
        self._ledger = ledger
        self._workers = workers
        self._observe = observe

    def build(self, draft: Draft) -> PlanFolder:
        """Have everything read, decided and written, and put the plan together.

        What workers have made before a kill is not made again.
        """
        with self._exchange(f"exchange-{_key(draft)[:12]}") as exchange:
            require(self._workers, exchange.probe())
            spec = self._spec(exchange, draft.files)
            parts = cut(self._job_file.job, draft.files, self._settle(spec))
            self._stage(spec, parts)
            total = total_of(parts, self._staged(spec, parts))
            for warning in total.warnings:
                self._observe(Warned(message=warning))
            self._share_touched(spec)
            if draft.unfinished is not None and draft.unfinished.plan is not None:
                total = self._carrying(spec, total, draft.unfinished, draft.unfinished.plan)
            self._on_shards(spec, "keys", decide_keys, total.reading)
            self._on_shards(spec, "shard", write_shard, total.reading)
            return self._assembled(spec, total, draft)

    @contextmanager
    def _exchange(self, name: str) -> Iterator[Exchange | StoredExchange]:
        if self._space.uri is not None:
            with exchanging(self._space, name) as stored:
                yield stored
            return
        with resuming(self._plans, name) as folder:
            yield Exchange(folder=folder)

    def _spec(self, exchange: Exchange | StoredExchange, files: InputFiles) -> PlanSpec:
        """Return what was settled when this plan was begun, or settle it now."""
        basis = basis_of(self._job_file.job)
        if exchange.exists("spec.json"):
            said = exchange.said("spec.json")
            basis, shards = Basis(now_us=said["now_us"], key=basis.key), said["shards"]
        else:
            shards = _shards(sum(file.size for file in files.first), self._workers.workers)
            with exchange.workshop() as folder:
                exchange.say(folder, "spec.json", {"now_us": basis.now_us, "shards": shards})
        return PlanSpec(job_file=self._job_file, exchange=exchange, shards=shards, basis=basis)

    def _settle(self, spec: PlanSpec) -> Callable[[SourceFile], str | None]:
        job = self._job_file.job

        def settle(file: SourceFile) -> str | None:
            with (
                spec.exchange.workshop() as folder,
                Staging(folder, memory_limit_mb=job.plan.memory_limit_mb, source=job.source) as staging,
            ):
                try:
                    stage = InputStage(self._job_file, staging, folder, lambda _: None, spec.basis)
                    return stage.time_format(file)
                except InputError:
                    return None  # who reads the file says so

        return settle

    def _stage(self, spec: PlanSpec, parts: tuple[Part, ...]) -> None:
        done = spec.exchange.numbers("part")
        missing = [part for part in parts if part.number not in done]
        missing.sort(key=lambda part: -sum(file.size for file in part.files.first))  # the longest first
        calls = [StagePart(spec=spec, part=part) for part in missing]
        self._workers.map(stage_part, calls, each=self._progress("reading", len(done), len(parts)))

    def _staged(self, spec: PlanSpec, parts: tuple[Part, ...]) -> list[StagedPart]:
        return [StagedPart.of(spec.exchange.said(numbered("part", part.number, "json"))) for part in parts]

    def _share_touched(self, spec: PlanSpec) -> None:
        """Hand out what the ledger knows."""
        exchange = spec.exchange
        if exchange.exists("touched.json"):
            return
        with exchange.workshop() as folder:
            with TouchedWriter(folder, shards=spec.shards) as writer:
                for batch in self._ledger.touched() if self._ledger else ():
                    writer.add(batch)
            names = ("touched-keys.arrow", "touched-lanes.arrow", "touched.parquet")
            exchange.hand_out(folder, {name: name for name in names})
            exchange.say(folder, "touched.json", {})

    def _carrying(self, spec: PlanSpec, total: Total, unfinished: Unfinished, old: PlanFolder) -> Total:
        """Decide what becomes of an earlier plan's unsent messages."""
        exchange = spec.exchange
        if not exchange.exists("unfinished.json"):
            absolute = replace(old, path=old.path.resolve())
            self._workers.map(stage_old, [StageUnfinished(spec=spec, plan=absolute)])
        untouched = int(exchange.said("unfinished.json")["untouched"])
        reading = replace(total.reading, carried=True)
        calls = [ShardCall(spec=spec, reading=reading, shard=shard) for shard in range(spec.shards)]
        if not unfinished.carries(untouched - sum(self._workers.map(find_old, calls))):
            return total
        return replace(total, carried=untouched, reading=reading)

    def _on_shards(
        self, spec: PlanSpec, kind: str, function: Callable[[ShardCall], int], reading: Reading
    ) -> None:
        done = spec.exchange.numbers(kind)
        missing = sorted(set(range(spec.shards)) - done)
        calls = [ShardCall(spec=spec, reading=reading, shard=shard) for shard in missing]
        self._workers.map(function, calls, each=self._progress(_STEPS[kind], len(done), spec.shards))

    def _progress(self, step: str, done: int, pieces: int) -> Callable[[int], None]:
        """Return what tells how far a step is, called at the end of each piece that is made now."""
        made = count(done + 1)
        if done:
            self._observe(PlanStep(step=step, done=done, pieces=pieces))
        return lambda _: self._observe(PlanStep(step=step, done=next(made), pieces=pieces))

    def _assembled(self, spec: PlanSpec, total: Total, draft: Draft) -> PlanFolder:
        with spec.exchange.workshop() as workshop:
            return self._put_together(spec, total, draft, workshop)

    def _put_together(self, spec: PlanSpec, total: Total, draft: Draft, workshop: Path) -> PlanFolder:
        exchange = spec.exchange

        def written(kind: str) -> tuple[Path, ...]:
            names = (numbered(kind, shard, "parquet") for shard in range(spec.shards))
            return tuple(exchange.fetch(name, workshop) for name in names)

        pieces = Pieces(
            messages=written("messages"),
            lanes=written("lanes"),
            rejects=written("refused"),
            read={
                part: exchange.fetch(numbered("rejects", part, "parquet"), workshop)
                for part in total.with_rejects
            },
        )
        shards = [Decided(**exchange.said(numbered("shard", shard, "json"))) for shard in range(spec.shards)]
        decided = summed(shards, total.rejects_by_code)
        limit = self._job_file.job.plan.memory_limit_mb
        with building(self._plans) as folder, deciding(folder, memory_limit_mb=limit) as connection:
            shape = Shape(settings=draft.settings, names=draft.names, made_at_us=spec.basis.now_us)
            try:
                summary = assemble(connection, pieces, total, decided, shape, folder)
                for path, name in zip(pieces.messages, message_files(spec.shards), strict=True):
                    _linked(path, folder / name)
                return replace(publish(folder, summary), path=plan_path(self._shown, summary.hash))
            except (OSError, pa.ArrowException) as error:
                raise InputError(
                    f"{self._plans}: the plan can't be put together: {type(error).__name__}",
                    hint="free disk space beside the plans, or raise plan.memory_limit_mb",
                ) from error


def _shards(size: int, workers: int) -> int:
    """Return how many shards an input of so many bytes has."""
    return min(_MOST_SHARDS, max(_SHARDS_PER_WORKER * workers, -(-size // _SHARD_BYTES)))


def _key(draft: Draft) -> str:
    """Return what names a plan before it is made: two of one name take the same files."""
    old = draft.unfinished.plan if draft.unfinished else None
    versions = [PLAN_VERSION, __version__, DUCKDB_VERSION, pa.__version__]
    return digest_of({**draft.names, "unfinished": old.summary.hash if old else None, "versions": versions})


def _linked(path: Path, target: Path) -> None:
    """Have a file at a second place, too: if the plan is not finished, it is still at the first."""
    try:
        os.link(path, target)
    except OSError:  # a disk without links
        shutil.copyfile(path, target)
        target.chmod(0o600)
