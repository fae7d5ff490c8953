"""Role values that a job does not name, with their counts."""

from collections import Counter
from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc

from etl.model.rejects import RejectCode

MOST_VALUES = 1_000
"""More distinct values than that are no roles; the rest is counted as one."""

OTHERS = "(others)"


def unknown_roles(rejects: Iterable[pa.RecordBatch]) -> dict[str, int]:
    """Return each unlisted role value, as the rejects' details show it, and its rows; the commonest first."""
    counts: Counter[str] = Counter()
    for batch in rejects:
        hit = batch.filter(pc.equal(batch.column("code"), RejectCode.UNKNOWN_ROLE.value))
        for entry in pc.value_counts(hit.column("detail")).to_pylist():
            value = entry["values"] or "(no value)"
            counts[value if value in counts or len(counts) < MOST_VALUES else OTHERS] += entry["counts"]
    return dict(counts.most_common())
