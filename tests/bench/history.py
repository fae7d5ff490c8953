"""A skewed synthetic export: Zipf-like users, texts of 1 to 600 characters, duplicates and faults. Seeded."""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

ROWS_PER_CHUNK = 200_000
_WORDS = (
    "order", "lampe", "delivery", "the", "is", "ikke", "kommet", "tak", "please", "refund", "æøå", "chair",
    "table", "please", "hej", "invoice", "größer", "leg", "missing", "today", "tomorrow", "address", "ok",
)  # fmt: skip


def chunks(rows: int, seed: int = 7) -> Iterator[pa.Table]:
    """Yield tables of an export of about that many rows: 25 rows a user on average, some users thousands."""
    random = np.random.default_rng(seed)
    users = max(rows // 25, 1)
    texts = _texts(random)
    done = 0
    while done < rows:
        count = min(ROWS_PER_CHUNK, rows - done)
        user = (users * random.power(0.35, count)).astype(np.int64)
        seconds = random.integers(1_500_000_000, 1_740_000_000, count)
        at = pc.strftime(pa.array(seconds, pa.timestamp("s", tz="UTC")), format="%Y-%m-%dT%H:%M:%SZ")
        role = np.where(random.random(count) < 0.5, "customer", "agent")
        role[random.random(count) < 0.001] = "nobody"
        table = pa.table(
            {
                "id": pa.array(np.arange(done, done + count)).cast(pa.string()),
                "ticket": pa.array(user // 2 + random.integers(0, 3, count)).cast(pa.string()),
                "user": pc.binary_join_element_wise("u", pa.array(user).cast(pa.string()), ""),
                "role": pa.array(role),
                "at": at,
                "text": pc.binary_join_element_wise(
                    texts.take(pa.array(random.integers(0, len(texts), count))),
                    pc.utf8_slice_codeunits(
                        texts.take(pa.array(random.integers(0, len(texts), count))), 0, 80
                    ),
                    pa.array(np.arange(done, done + count)).cast(pa.string()),
                    " ",
                ),
            },
        )
        again = random.integers(0, count, max(count // 50, 1))
        yield pa.concat_tables([table, table.take(pa.array(again))])
        done += count


def write(rows: int, csv: Path | None, parquet: Path | None) -> None:
    """Write the export as CSV, Parquet or both."""
    csv_writer = parquet_writer = None
    for table in chunks(rows):
        if csv is not None:
            csv_writer = csv_writer or pa_csv.CSVWriter(csv, table.schema)
            csv_writer.write_table(table)
        if parquet is not None:
            parquet_writer = parquet_writer or pq.ParquetWriter(parquet, table.schema)
            parquet_writer.write_table(table)
    for writer in (csv_writer, parquet_writer):
        if writer is not None:
            writer.close()


def _texts(random: np.random.Generator) -> pa.Array:
    values = []
    for _ in range(20_000):
        words = random.choice(_WORDS, int(random.integers(1, 75)))
        mark = "\n" if random.random() < 0.18 else " "
        values.append(
            f"{' '.join(words[:3])}{mark}{' '.join(words[3:])} {random.integers(1_000_000)}".strip()
        )
    return pa.array(values)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", type=int)
    parser.add_argument("--csv", type=Path)
    parser.add_argument("--parquet", type=Path)
    given = parser.parse_args()
    write(given.rows, given.csv, given.parquet)
