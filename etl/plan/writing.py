"""A decided plan onto disk: messages, lanes and rejects, then its summary and its place."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa

from etl.errors import InputError
from etl.model.plan import PlanFolder
from etl.model.schemas import REJECT_SCHEMA
from etl.plan.fingerprint import PlanHasher
from etl.plan.order import Ordered
from etl.plan.stage import Staging
from etl.plan.store import publish, reason_of
from etl.plan.summary import summary_of
from etl.plan.tables import LANES, write_rows


def write_plan(
    folder: Path,
    staging: Staging,
    ordered: Ordered,
    *,
    settings: Mapping[str, Any],
    names: Mapping[str, str],
    made_at_us: int,
) -> PlanFolder:
    """Write the decided plan into `folder`, then put it in its place beside.

    `settings` are all settings that shape a request (they are hashed); `names` are the summary's
    `fingerprint`, `identity`, `source`, `ledger_mark` and `settings`; `made_at_us` is the instant of
    planning.

    Raises:
        InputError: the disk is full or not writable, or the counts don't add up.
    """
    try:
        messages, lanes = folder / "messages.parquet", folder / "lanes.parquet"
        hasher = PlanHasher(settings)
        order = ordered.order()
        with ThreadPoolExecutor(max_workers=1) as beside:
            written = beside.submit(ordered.write_messages, messages, order, each=hasher.update)
            write_rows(ordered.lane_rows(), lanes, LANES)
            write_rows(ordered.reject_rows(), folder / "rejects.parquet", REJECT_SCHEMA)
            written.result()
            summary = summary_of(staging, ordered, hasher.hexdigest(), names, made_at_us=made_at_us)
        return publish(folder, summary)
    except (OSError, pa.ArrowException) as error:
        raise InputError(
            f"{folder.parent}: the plan can't be written: {reason_of(error)}",
            hint="free disk space beside the plans, or raise plan.memory_limit_mb",
        ) from error
