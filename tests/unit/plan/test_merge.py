"""A plan in several parts is read as if it were one file: in order, by ordinal, by SQL."""

import duckdb
import pyarrow as pa
import pytest

from etl.errors import InputError
from etl.plan import merge, places
from etl.plan.lanes import PlanReader
from etl.plan.merge import in_order
from etl.plan.order import hash_plan
from etl.plan.parts import messages_sql, numbered_sql


@pytest.fixture
def plan(planner, row):
    """Return a plan of 200 lanes, the first of which is longer than anything that is read at once."""
    rows = [row(str(at), at=at, lane="long") for at in range(900)]
    return planner(rows + [row(str(at), at=at, lane=f"u{at % 199}") for at in range(1_000)])


@pytest.fixture
def small(monkeypatch):
    """Let everything be read in small pieces."""
    monkeypatch.setattr(merge, "_MERGED_ROWS", 70)
    monkeypatch.setattr(merge, "_LANES", 30)
    monkeypatch.setattr(merge, "BATCH_ROWS", 50)
    monkeypatch.setattr(places, "_CACHED_GROUPS", 1)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("parts", [2, 5, 300])
def test_parts_are_merged_into_the_order_of_the_plan(plan, parted, parts):
    """Ordinals, hash and ledger mean that order."""
    before = [batch.to_pylist() for batch in in_order(plan.messages, plan.lanes, ("key", "text"))]
    hashed = hash_plan(plan.messages, plan.lanes, {})
    many = parted(plan, parts)
    after = [batch.to_pylist() for batch in in_order(many.messages, many.lanes, ("key", "text"))]
    assert [row for rows in before for row in rows] == [row for rows in after for row in rows]
    assert 70 == max(map(len, after))
    assert hashed == hash_plan(many.messages, many.lanes, {})


@pytest.mark.usefixtures("small")
def test_messages_are_found_by_their_ordinals_in_any_part(plan, parted):
    """A resumed lane begins anywhere."""
    whole = list(PlanReader(plan).messages(0, 1_900))
    reader = PlanReader(parted(plan, 5))
    assert list(range(1_900)) == [message.ordinal for message in whole]
    for first, end in ((0, 1_900), (899, 902), (1_899, 1_900), (400, 400), (0, 1), (1_000, 1_500)):
        assert whole[first:end] == list(reader.messages(first, end))
    for lane in reader.named({"u0", "u198", "long"}):
        assert {lane.name} == {m.lane for m in reader.messages(lane.first, lane.first + lane.length)}


def test_a_reader_holds_a_row_group_of_each_part_and_no_more(plan, parted):
    """Neighbours in the plan lie in different parts; memory is bounded all the same (promise P9)."""
    reader = PlanReader(parted(plan, 40))
    assert 1_900 == len(list(reader.messages(0, 1_900)))
    assert 40 == len(reader._groups)


def test_sql_knows_the_ordinals_too(plan, parted):
    """What is carried over and what is compared with a report is found by them."""
    many = parted(plan, 3)
    wanted = [(message.ordinal, message.key) for message in PlanReader(many).messages(0, 1_900)]
    with duckdb.connect() as connection:
        numbered = connection.execute(f"SELECT ordinal, key FROM {numbered_sql(many.messages, many.lanes)}")  # noqa: S608  paths
        assert wanted == sorted(numbered.fetchall())
        count = connection.execute(f"SELECT count(*) FROM {messages_sql(many.messages)}")  # noqa: S608  paths
        assert [(1_900,)] == count.fetchall()


def test_a_part_that_is_too_short_is_damage(plan, parted):
    """Its lanes say how many rows it must have."""
    many = parted(plan, 3)
    _, *others = many.messages
    with pytest.raises(pa.ArrowInvalid, match="fewer rows"):
        list(in_order((others[0], *others), many.lanes, ("key",)))


def test_a_missing_part_is_told_with_what_to_do(plan, parted):
    """Somebody tidied up."""
    many = parted(plan, 3)
    many.messages[1].unlink()
    with pytest.raises(InputError, match="can't be read") as caught:
        PlanReader(many)
    assert "delete that folder" in caught.value.hint
