"""Plans from a few words: rows in, plan on disk out, through the real stages."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from etl.ledger.interface import TOUCHED_SCHEMA
from etl.model.plan import PlanFolder
from etl.model.schemas import MESSAGE_SCHEMA, REJECT_SCHEMA, FileSummary, NormalizedBatch
from etl.plan.lanes import PlanReader
from etl.plan.order import decide
from etl.plan.stage import Staging
from etl.plan.store import building
from etl.plan.tables import LANES
from etl.plan.writing import write_plan

START = 1_700_000_000
Row = dict[str, Any]
NAMES = {"fingerprint": "f" * 64, "identity": "i" * 64, "source": "acme", "ledger_mark": "new"}


def digest(*words: Any) -> bytes:
    """Return the 128 bits that name such words, as README and `model.keys` promise."""
    return sha256(":".join(map(str, words)).encode()).digest()[:16]


def make_row(text: str = "hello", **cells: Any) -> Row:
    """Return a sound message of lane `ann`; `at` is in seconds after some start, `id` a native id.

    `line` and `part` are the place in the file where not the next line.
    """
    row: Row = {"lane": "ann", "at": 0, "role": "customer", "text": text, "id": None, **cells}
    octets = len(row["lane"].encode())
    row["content"] = digest("etl-message-2", octets, row["lane"], at_us(row), row["role"], text)
    row["key"] = row["content"]
    if row["id"] is not None:
        row["key"] = digest("etl-native-id-2", 4, "acme", row["id"])
    return row


def at_us(row: Row) -> int:
    """Return a row's instant."""
    seconds: float = START + row["at"]
    return round(seconds * 1_000_000)


def make_messages(rows: Sequence[Row], *, file: str = "in.csv", first_line: int = 2) -> pa.RecordBatch:
    """Return rows as a message batch, one line each."""
    table = [
        {
            **row,
            "at": at_us(row),
            "native_id": row["id"],
            "file": file,
            "line": row.get("line", first_line + place),
            "part": row.get("part", 1),
        }
        for place, row in enumerate(rows)
    ]
    return pa.RecordBatch.from_pylist(table, schema=MESSAGE_SCHEMA)


def make_touched(row: Row, state: str = "accepted") -> Row:
    """Return what a ledger knows of a message."""
    return {**{name: row[name] for name in ("key", "content", "lane")}, "at_us": at_us(row), "state": state}


def make_rejects(*lines: int, file: str = "in.csv", code: str = "empty_text") -> pa.RecordBatch:
    """Return rejects of one file."""
    rows = [{"file": file, "line": line, "code": code, "column": "body", "detail": None} for line in lines]
    return pa.RecordBatch.from_pylist(rows, schema=REJECT_SCHEMA)


def stage_file(staging: Staging, rows: Sequence[Row], name: str, **extra: Any) -> None:
    """Put one file into the staging, in batches of `batch_rows`."""
    size = extra.get("batch_rows", 1_000_000)
    for start in range(0, max(len(rows), 1), size):
        piece = rows[start : start + size]
        batch = NormalizedBatch(
            messages=make_messages(piece, file=name, first_line=extra.get("first_line", 2) + start),
            rejects=make_rejects(*(() if start else extra.get("rejects", ())), file=name),
            skipped={} if start else extra.get("skipped", {}),
            changed={} if start else extra.get("changed", {}),
            found={} if start else extra.get("found", {}),
            split=0 if start else extra.get("split", 0),
            offsets={} if start else extra.get("offsets", {}),
        )
        staging.add(batch)
    staging.add_extra(extra.get("unfolded", 0))
    records = len(rows) + len(extra.get("rejects", ())) + sum(extra.get("skipped", {}).values())
    records -= extra.get("split", 0) + extra.get("unfolded", 0)
    staging.finish_file(
        FileSummary(file=name, format="csv", records=records, blank_lines=0, bytes_read=100),
    )


class Planner:
    """Makes plans in a folder."""

    def __init__(self, plans: Path) -> None:
        self.plans = plans
        self.left: int | None = None

    def __call__(
        self,
        *files: Sequence[Row],
        touched: Sequence[Row] = (),
        carry: PlanFolder | None = None,
        **extra: Any,
    ) -> PlanFolder:
        """Plan the files, named a.csv, b.csv and so on, against what a ledger knows."""
        names = extra.get("file_names", "abcdefgh")
        with building(self.plans) as folder, Staging(folder, memory_limit_mb=128, source="acme") as staging:
            for name, rows in zip(names, files, strict=False):
                stage_file(staging, rows, f"{name}.csv", **extra)
            staging.add_touched(pa.RecordBatch.from_pylist(list(touched), schema=TOUCHED_SCHEMA))
            if carry is not None:
                self.left = staging.left_behind(carry)
                staging.carry(carry)
            ordered = decide(
                staging,
                reject_late=extra.get("reject_late", True),
                rows_split=extra.get("rows_split", False),
            )
            return write_plan(
                folder,
                staging,
                ordered,
                settings=extra.get("settings", {}),
                names={**NAMES, **extra.get("names", {})},
                made_at_us=(START + 86_400) * 1_000_000,
            )

    def texts(self, plan: PlanFolder) -> list[str]:
        """Return the texts of a plan in sending order."""
        return [message.text for message in self.messages(plan)]

    def messages(self, plan: PlanFolder) -> list[Any]:
        """Return all messages of a plan."""
        return list(PlanReader(plan).messages(0, plan.summary.conservation.planned))


@pytest.fixture
def planner(tmp_path) -> Planner:
    """Return a maker of plans."""
    return Planner(tmp_path / "plans")


@pytest.fixture
def row() -> Callable[..., Row]:
    """Return the maker of rows."""
    return make_row


@pytest.fixture
def known() -> Callable[..., Row]:
    """Return the maker of touched messages."""
    return make_touched


@pytest.fixture
def messages() -> Callable[..., pa.RecordBatch]:
    """Return the maker of message batches."""
    return make_messages


@pytest.fixture
def parted() -> Callable[[PlanFolder, int], PlanFolder]:
    """Return what lays a plan out in several parts, as workers would have made it."""

    def lay_out(plan: PlanFolder, parts: int) -> PlanFolder:
        lanes = pq.read_table(plan.lanes).to_pylist()
        messages = pq.read_table(plan.messages[0])
        made = PlanFolder(path=plan.path, summary=replace(plan.summary, parts=parts))
        held = [0] * parts
        for number, lane in enumerate(lanes):
            lane["part"] = number * 7 % parts
            lane["row"] = held[lane["part"]]
            held[lane["part"]] += lane["length"]
        for part, path in enumerate(made.messages):
            mine = [messages.slice(lane["first"], lane["length"]) for lane in lanes if lane["part"] == part]
            pq.write_table(pa.concat_tables([messages.slice(0, 0), *mine]), path, row_group_size=100)
        pq.write_table(pa.Table.from_pylist(lanes, schema=LANES), plan.lanes, row_group_size=64)
        return made

    return lay_out
