"""Whole rows put in the order that DuckDB found, in memory and out of core."""

import numpy as np
import pyarrow as pa
import pytest

from etl.plan import arrange, tables
from etl.plan import payload as payload_module
from etl.plan.arrange import Order, arranged
from etl.plan.payload import WRITTEN, Payload

ROWS = 5_000
NO_REPEATS = pa.table({"ordinal": pa.array([], pa.int64()), "key": pa.array([], pa.binary())})


def make_rows(first: int, count: int, *, length: int = 40) -> pa.Table:
    """Return rows that tell their number in the payload by their line."""
    rows = [
        {"key": b"%016d" % number, "text": "x" * (number % length), "line": number, "characters": 1}
        for number in range(first, first + count)
    ]
    return pa.Table.from_pylist(rows, schema=WRITTEN)


@pytest.fixture(params=[0, 300_000, 1 << 30], ids=["on disk", "grown out of memory", "in memory"])
def payload(tmp_path, request):
    """Return a payload that came in pieces of 300 rows; half of its bytes are 300,000."""
    made = Payload(tmp_path / "payload.arrow", room_bytes=request.param)
    for first in range(0, ROWS, 300):
        made.add(make_rows(first, min(300, ROWS - first)))
    made.close()
    return made


@pytest.fixture
def order():
    """Return a random order in which every ninth row is not planned."""
    random = np.random.default_rng(11)
    planned = random.permutation(np.flatnonzero(np.arange(ROWS) % 9 != 0))
    ordinals = np.full(ROWS, -1, np.int32)
    ordinals[planned] = np.arange(len(planned))
    return Order(ordinals=ordinals, planned=len(planned), repeats=NO_REPEATS)


def lines_of(payload, order, spill, *, memory_bytes):
    """Return the numbers of the rows as they come out."""
    batches = arranged(payload, order, memory_bytes=memory_bytes, spill=spill)
    return [line for batch in batches for line in batch.column("line").to_pylist()]


@pytest.mark.parametrize("memory_bytes", [1 << 30, 0])
@pytest.mark.parametrize("piles", [1, 8_000])
def test_rows_come_out_in_the_order_of_the_plan(payload, order, tmp_path, monkeypatch, memory_bytes, piles):
    """In one pile or many, where they lie or dealt out: no row lost, doubled or moved (promise P3)."""
    monkeypatch.setattr(arrange, "_PILES", piles)
    monkeypatch.setattr(arrange, "_DEALT_ROWS", 700)
    expected = np.empty(order.planned, np.int64)
    expected[order.ordinals[order.ordinals >= 0]] = np.flatnonzero(order.ordinals >= 0)
    assert expected.tolist() == lines_of(payload, order, tmp_path / "piles", memory_bytes=memory_bytes)
    assert (memory_bytes == 0) == (tmp_path / "piles").exists()


@pytest.mark.parametrize("batches_per_map", [1, 4, 64])
def test_a_payload_is_read_whole_however_it_is_mapped(payload, monkeypatch, batches_per_map):
    """It is mapped piece by piece, or all that was looked at would count as memory."""
    monkeypatch.setattr(payload_module, "_BATCHES_PER_MAP", batches_per_map)
    mapped = [line for batch in payload.mapped() for line in batch.column("line").to_pylist()]
    loaded = [line for batch in payload.loaded() for line in batch.column("line").to_pylist()]
    assert list(range(ROWS)) == mapped == loaded


@pytest.mark.parametrize(("room_bytes", "on_disk"), [(0, True), (1 << 30, False)])
def test_a_payload_is_a_file_only_where_it_has_no_room(tmp_path, room_bytes, on_disk):
    """Writing and reading it back would cost a tenth of a plan; the file holds texts, so it is private."""
    made = Payload(tmp_path / "payload.arrow", room_bytes=room_bytes)
    made.add(make_rows(0, 10))
    made.close()
    assert on_disk == made.path.exists()
    assert not on_disk or 0o600 == made.path.stat().st_mode & 0o777
    assert 10 == made.rows == sum(batch.num_rows for batch in made.loaded())


def test_what_is_dealt_out_is_private(payload, order, tmp_path):
    """It holds the texts (promise P8)."""
    lines_of(payload, order, tmp_path / "piles", memory_bytes=0)
    assert 0o600 == (tmp_path / "piles").stat().st_mode & 0o777


@pytest.mark.parametrize("memory_bytes", [1 << 30, 0])
def test_repeats_get_their_own_keys(payload, order, tmp_path, monkeypatch, memory_bytes):
    """The payload was written before it was known that they repeat."""
    monkeypatch.setattr(arrange, "_PILES", 8_000)
    repeats = pa.table({"ordinal": [0, 17, order.planned - 1], "key": [b"a", b"b", b"c"]})
    renamed = Order(ordinals=order.ordinals, planned=order.planned, repeats=repeats)
    batches = list(arranged(payload, renamed, memory_bytes=memory_bytes, spill=tmp_path / "piles"))
    keys = [key for batch in batches for key in batch.column("key").to_pylist()]
    assert {0: b"a", 17: b"b", order.planned - 1: b"c"} == {
        place: key for place, key in enumerate(keys) if len(key) == 1
    }


def test_batches_fit_a_row_group(tmp_path, monkeypatch):
    """Readers keep several decoded, so neither many rows nor long texts may make them large."""
    monkeypatch.setattr(tables, "ROWS_PER_GROUP", 100)
    monkeypatch.setattr(tables, "BYTES_PER_GROUP", 20_000)
    made = Payload(tmp_path / "payload.arrow", room_bytes=0)
    made.add(make_rows(0, 300, length=1))
    made.add(make_rows(300, 300, length=2_000))
    made.close()
    order = Order(ordinals=np.arange(600, dtype=np.int32), planned=600, repeats=NO_REPEATS)
    batches = list(arranged(made, order, memory_bytes=1 << 30, spill=tmp_path / "piles"))
    assert [100] * 3 == [batch.num_rows for batch in batches[:3]]
    assert max(batch.nbytes for batch in batches) < 20_000 + 100 * len(WRITTEN)
    assert list(range(600)) == [line for batch in batches for line in batch.column("line").to_pylist()]


def test_nothing_planned_gives_nothing(tmp_path):
    """An input of duplicates alone is no error."""
    made = Payload(tmp_path / "payload.arrow", room_bytes=0)
    made.add(make_rows(0, 3))
    made.close()
    order = Order(ordinals=np.full(3, -1, np.int32), planned=0, repeats=NO_REPEATS)
    for memory_bytes in (1 << 30, 0):
        spill = tmp_path / f"piles-{memory_bytes}"
        assert [] == list(arranged(made, order, memory_bytes=memory_bytes, spill=spill))
