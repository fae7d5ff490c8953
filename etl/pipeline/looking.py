"""Looking over a plan when somebody asks for it, and once: what was seen is kept beside the plan."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from threading import Event

import pyarrow as pa
import pyarrow.parquet as pq

from etl.config.job import Job
from etl.model.insight import Insight
from etl.model.plan import PlanFolder
from etl.pipeline.plans import Plans
from etl.plan.insight import Question, look
from etl.plan.kept import INSIGHT_FILE, keep_insight, kept_insight
from etl.plan.opened import opened
from etl.plan.tables import ROWS_PER_GROUP


def insight_of(plan: PlanFolder, job: Job, plans: Plans) -> Insight:
    """Return what a job's plan looks like: as it was seen before, or after looking now.

    Raises:
        InputError: the plan can't be looked through.
        LaterError: the store can't be reached.
        UsageError: the store refuses.
    """
    question = _question(plan, job)
    found = kept_insight(plan, question)
    if found is None and plans.bring(plan, INSIGHT_FILE):
        found = kept_insight(plan, question)
    if found is None:
        found = _looked(plan, job, question)
        with suppress(OSError):  # where it can't be kept, the next one looks again
            keep_insight(plan, question, found)
            plans.add(plan, INSIGHT_FILE)
    return found


def _question(plan: PlanFolder, job: Job) -> Question:
    return Question(
        expiration_minutes=job.message.session_expiration_minutes,
        placeholders=job.users.placeholders,
        made_at=plan.summary.made_at,
        left=job.privacy.left,
    )


def _looked(plan: PlanFolder, job: Job, question: Question) -> Insight:
    from etl.normalize.privacy import Spotter  # noqa: PLC0415  its patterns are compiled when it is imported

    stop = Event()
    with (
        opened(plan, memory_limit_mb=job.plan.memory_limit_mb) as connection,
        ThreadPoolExecutor(max_workers=1) as beside,
    ):
        try:
            personal = beside.submit(_personal, plan, Spotter(job.privacy), stop)
            seen = look(connection, plan, question)
            return replace(seen, personal=dict(sorted(personal.result().items())))
        finally:
            stop.set()


def _personal(plan: PlanFolder, spotter: Callable[[pa.Array], Counter[str]], stop: Event) -> Counter[str]:
    """Return how many texts of a plan hold each kind, unless that is stopped."""
    counts: Counter[str] = Counter()
    for path in plan.messages:
        with pq.ParquetFile(path, pre_buffer=False) as file:
            for batch in file.iter_batches(ROWS_PER_GROUP, columns=["text"]):
                if stop.is_set():
                    return counts
                counts.update(spotter(batch.column("text")))
    return counts
