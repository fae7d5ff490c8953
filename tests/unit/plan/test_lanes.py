"""Reading a plan back."""

from dataclasses import replace
from random import Random

import pyarrow.parquet as pq
import pytest

from etl.errors import InputError
from etl.model.plan import Lane
from etl.model.schemas import Role
from etl.plan import lanes as lanes_module
from etl.plan import tables
from etl.plan.lanes import PlanReader, plan_rejects


@pytest.fixture
def small_groups(monkeypatch):
    """Make row groups as small as they get: a vector of DuckDB."""
    monkeypatch.setattr(tables, "ROWS_PER_GROUP", 2_048)


@pytest.fixture
def large(planner, row):
    """Return a plan of three row groups."""
    rows = [row(str(at), at=at, lane=f"user-{at % 7}") for at in range(20_000)]
    return planner(rows)


def test_ranges_across_row_groups_equal_a_full_read(large):
    """Where a lane begins and ends has nothing to do with how the file is cut."""
    reader = PlanReader(large)
    assert 3 == pq.ParquetFile(large.messages[0]).metadata.num_row_groups
    everything = list(reader.messages(0, 20_000))
    assert list(range(20_000)) == [message.ordinal for message in everything]
    random = Random(1)  # noqa: S311  reproducible, not secret
    edges = [(8_190, 8_195), (0, 1), (19_999, 20_000), (5, 5), (8_192, 16_384)]
    edges += [(first, first + random.randrange(9_000)) for first in random.sample(range(11_000), 5)]
    for first, end in edges:
        assert everything[first:end] == list(reader.messages(first, end))


def test_each_lane_range_holds_that_lane_in_order_of_time(large):
    """The reader's ranges are what the replay sends."""
    reader = PlanReader(large)
    for lane in (lane for batch in reader.lanes() for lane in batch):
        messages = list(reader.messages(lane.first, lane.first + lane.length))
        assert {lane.name} == {message.lane for message in messages}
        instants = [message.at_us for message in messages]
        assert sorted(instants) == instants


def test_messages_before_an_instant_have_their_addresses(large):
    """After a restore those are in doubt, and the ledger knows them by their ordinals."""
    reader = PlanReader(large)
    everything = list(reader.messages(0, 20_000))
    before_us = everything[12_345].at_us
    found = [row for batch in reader.written_before(before_us) for row in batch.to_pylist()]
    assert [
        {"ordinal": m.ordinal, "key": m.key, "content": m.content, "lane": m.lane, "at_us": m.at_us}
        for m in everything
        if m.at_us < before_us
    ] == found


def test_a_message_reads_back_with_every_value(planner, row):
    """What normalizing gave is what the request is made of."""
    given = row("héllo\n\0", role="agent", conversation="t1", profile='{"a": "b"}', variables="{}", at=1.5)
    message = planner.messages(planner([given]))[0]
    assert (given["key"], given["content"], "ann", 1_700_000_001_500_000) == (
        message.key, message.content, message.lane, message.at_us,
    )  # fmt: skip
    assert (Role.AGENT, "héllo\n\0", "t1", '{"a": "b"}', "{}") == (
        message.role, message.text, message.conversation, message.profile, message.variables,
    )  # fmt: skip


@pytest.mark.usefixtures("small_groups")
def test_the_cache_is_bounded_and_keeps_what_was_used_last(planner, row, monkeypatch):
    """Memory is bounded by the cache, not by the plan (promise P9)."""
    monkeypatch.setattr(lanes_module, "_CACHED_GROUPS", 2)
    monkeypatch.setattr(tables, "ROWS_PER_GROUP", 2_048)
    reader = PlanReader(planner([row(str(at), at=at) for at in range(8_000)]))
    for first in (0, 2_048, 0, 4_096, 7_000, 5_000):
        assert [str(first)] == [message.text for message in reader.messages(first, first + 1)]
        assert len(reader._groups) <= 2
    assert [(0, 3), (0, 2)] == list(reader._groups)


def test_long_texts_make_smaller_row_groups(planner, row, monkeypatch):
    """Sixteen decoded groups of long texts must fit in memory, too."""
    monkeypatch.setattr(tables, "BYTES_PER_GROUP", 1_000_000)
    plan = planner([row("x" * 999 + str(at), at=at) for at in range(8_000)])
    metadata = pq.ParquetFile(plan.messages[0]).metadata
    sizes = [metadata.row_group(place).total_byte_size for place in range(metadata.num_row_groups)]
    assert max(sizes) < 2 * 1_000_000
    assert 8_000 == len(list(PlanReader(plan).messages(0, 8_000)))


def test_lanes_come_in_order_of_the_plan_in_batches(planner, row, monkeypatch):
    """A million lanes are not one list."""
    monkeypatch.setattr(lanes_module, "LANES_PER_BATCH", 2)
    plan = planner([row(lane=name) for name in "dbca"] + [row(lane="d", at=1)])
    batches = list(PlanReader(plan).lanes())
    assert [["d", "a"], ["b", "c"]] == [[lane.name for lane in batch] for batch in batches]
    assert Lane(name="d", first=0, length=2) == batches[0][0]


@pytest.mark.parametrize(("count", "expected"), [(0, ""), (2, "ab"), (9, "abcde")])
def test_a_trial_takes_the_first_lanes_by_name(planner, row, monkeypatch, count, expected):
    """It should not begin with the largest lane."""
    monkeypatch.setattr(lanes_module, "LANES_PER_BATCH", 2)
    plan = planner([row(lane=name) for name in "edbca"] + [row(lane="e", at=1)])
    chosen = [lane for batch in PlanReader(plan).lanes(first=count) for lane in batch]
    assert list(expected) == [lane.name for lane in chosen]
    assert all(
        lane.name == next(iter(PlanReader(plan).messages(lane.first, lane.first + 1))).lane for lane in chosen
    )


def test_named_lanes_come_in_order_of_the_plan(planner, row):
    """Names that the plan does not have are no error: the ledger knows other plans' lanes."""
    plan = planner([row(lane=name) for name in "abc"] + [row(lane="c", at=1)])
    assert ["c", "a"] == [lane.name for lane in PlanReader(plan).named({"a", "c", "zoe"})]
    assert [] == list(PlanReader(plan).named(()))


def test_an_empty_plan_has_no_lanes_and_no_messages(planner):
    """Everything was known already."""
    reader = PlanReader(planner([]))
    assert [] == [lane for batch in reader.lanes() for lane in batch]
    assert [] == [lane for batch in reader.lanes(first=3) for lane in batch]
    assert [] == list(reader.messages(0, 0))


@pytest.mark.parametrize("name", ["messages", "lanes"])
def test_a_damaged_table_is_an_input_error_that_says_what_to_do(planner, row, name):
    """The folder can be made anew; the ledger is intact."""
    plan = planner([row()])
    (plan.path / f"{name}.parquet").write_bytes(b"PAR1 no more")
    with pytest.raises(InputError, match="can't be read") as caught:
        PlanReader(plan)
    assert "delete that folder" in caught.value.hint


def test_damage_inside_the_messages_is_an_input_error(planner, row):
    """The footer can be whole while a page is not."""
    plan = planner([row(str(at), at=at) for at in range(100)])
    data = bytearray(plan.messages[0].read_bytes())
    data[4:400] = b"\xff" * 396
    plan.messages[0].write_bytes(data)
    reader = PlanReader(plan)
    with pytest.raises(InputError, match="can't be read"):
        list(reader.messages(0, 100))


@pytest.mark.parametrize("wrong", [{"planned": 2}, {"planned": 0}])
def test_tables_of_another_size_than_the_summary_says_are_refused(planner, row, wrong):
    """Ordinals are the ledger's addresses: other messages there would be sent under wrong names."""
    plan = planner([row()])
    summary = replace(plan.summary, conservation=replace(plan.summary.conservation, **wrong))
    with pytest.raises(InputError, match="other numbers of messages"):
        PlanReader(replace(plan, summary=summary))


def test_missing_rejects_are_an_input_error(planner, row):
    """Only their table is gone, and the hint says how to get it back."""
    plan = planner([row()])
    plan.rejects.unlink()
    with pytest.raises(InputError, match=r"rejects\.parquet can't be read"):
        list(plan_rejects(plan))
