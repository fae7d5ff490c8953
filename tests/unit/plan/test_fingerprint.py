"""The plan's hash: what changes it, and what does not."""

from itertools import pairwise
from typing import Any

import pyarrow as pa
import pytest

from etl.plan.fingerprint import HASHED_COLUMNS, PlanHasher, digest_of

SOUND = {"at_us": 1, "characters": 2, "conversation": None, "profile": None, "variables": None}
ROWS = [
    {**SOUND, "key": b"k1", "content": b"a", "profile": "{}"},
    {**SOUND, "key": b"k2", "content": b"", "conversation": "c"},
    {**SOUND, "key": b"k3", "content": b"\xff", "conversation": "", "variables": "{}"},
]
TYPES = {"key": pa.binary(), "content": pa.binary(), "at_us": pa.int64(), "characters": pa.int32()}
SCHEMA = pa.schema([(name, TYPES.get(name, pa.string())) for name in HASHED_COLUMNS])


def hashed(*batches, **settings):
    """Return the hash of batches."""
    hasher = PlanHasher(settings)
    for batch in batches:
        hasher.update(batch)
    return hasher.hexdigest()


@pytest.fixture
def batch() -> pa.RecordBatch:
    """Return three messages."""
    return pa.RecordBatch.from_pylist(ROWS, schema=SCHEMA)


@pytest.mark.parametrize("cuts", [(1,), (2,), (1, 2), (0, 3), (1, 1, 2)])
def test_the_hash_does_not_depend_on_batch_boundaries(batch, cuts):
    """DuckDB's batches follow its threads and memory."""
    edges = [0, *cuts, 3]
    pieces = [batch.slice(start, end - start) for start, end in pairwise(edges)]
    assert hashed(batch) == hashed(*pieces)


@pytest.mark.parametrize("column", HASHED_COLUMNS)
def test_the_hash_differs_when_any_hashed_value_differs(batch, column):
    """All of them are sent, or decide the order."""
    other = {"key": b"zz", "content": b"zz", "at_us": 9, "characters": 9}.get(column, "other")
    changed = pa.RecordBatch.from_pylist([{**ROWS[0], column: other}, *ROWS[1:]], schema=SCHEMA)
    assert hashed(batch) != hashed(changed)


def test_the_hash_tells_null_from_empty(batch):
    """A message without a conversation is not one with an empty name."""
    rows = [{**ROWS[0], "conversation": ""}, *ROWS[1:]]
    assert hashed(batch) != hashed(pa.RecordBatch.from_pylist(rows, schema=SCHEMA))


def test_the_hash_tells_where_one_value_ends_and_the_next_begins():
    """`ab`, `c` and `a`, `bc` have the same bytes."""
    pairs = [("ab", "c"), ("a", "bc")]
    one, two = (
        pa.RecordBatch.from_pylist([{**ROWS[0], "profile": a}, {**ROWS[1], "profile": b}], schema=SCHEMA)
        for a, b in pairs
    )
    assert hashed(one) != hashed(two)


def test_a_plan_has_another_hash_when_a_text_is_cut_elsewhere(planner, row):
    """The parts of a split text have the identity of the whole, and their lengths say where it was cut."""
    whole = {"content": b"c" * 16, "key": b"k" * 16}
    assert (
        planner([{**row("one tw"), **whole}]).summary.hash != planner([{**row("one"), **whole}]).summary.hash
    )


def test_the_hash_does_not_see_bytes_that_hide_under_a_null(batch):
    """Arrow allows them; whether they are there is an accident of the engine."""
    place = SCHEMA.get_field_index("conversation")
    _, offsets, data = pa.array(["hidden", "c", ""]).buffers()
    hiding = pa.Array.from_buffers(pa.string(), 3, [pa.py_buffer(b"\x06"), offsets, data])
    assert hiding.to_pylist() == batch.column(place).to_pylist()
    columns = [hiding if index == place else column for index, column in enumerate(batch.columns)]
    assert hashed(batch) == hashed(pa.RecordBatch.from_arrays(columns, schema=SCHEMA))


def test_the_hash_depends_on_settings_but_not_on_their_order(batch):
    """Prefixes and the address are part of what will be sent."""
    assert hashed(batch, url="u", agent_prefix="Agent: ") == hashed(batch, agent_prefix="Agent: ", url="u")
    assert hashed(batch, url="u", agent_prefix="Agent: ") != hashed(batch, url="u", agent_prefix="A: ")
    assert hashed(batch, url="u") != hashed(batch, url="v")


def test_digest_of_is_the_same_on_every_machine():
    """It names plans for good."""
    assert "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a" == digest_of({})
    assert digest_of({"a": 1, "b": 2}) == digest_of({"b": 2, "a": 1})


CHANGES: dict[str, dict[str, Any]] = {
    "text": {"text": "other"},
    "time": {"at": 3},
    "role": {"role": "agent"},
    "lane": {"lane": "zoe"},
    "conversation": {"conversation": "t9"},
    "profile": {"profile": '{"plan": "gold"}'},
    "variables": {"variables": '{"speaker": "agent"}'},
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_plan_has_another_hash_when_a_message_differs(planner, row, change):
    """`import --expect-plan` must refuse it (promise P4)."""
    plan = planner([row("a"), row("b", at=1)])
    other = planner([row("a"), row(**{"text": "b", "at": 1, **CHANGES[change]})])
    assert plan.summary.hash != other.summary.hash


def test_a_plan_has_the_same_hash_whatever_files_batches_and_lines(planner, row):
    """It names what is sent, not where it was found (promise P7)."""
    rows = [row(str(at), at=at) for at in range(5)]
    plan = planner(rows)
    assert plan.summary.hash == planner(rows[3:], rows[:3]).summary.hash
    assert plan.summary.hash == planner(rows[::-1], batch_rows=2, first_line=50).summary.hash
    assert plan.summary.hash == planner(rows, rows, file_names="zy").summary.hash


def test_a_plan_has_another_hash_with_other_settings(planner, row):
    """The prefix and the address shape every request."""
    plan = planner([row()], settings={"url": "u", "agent_prefix": "Agent: "})
    assert plan.summary.hash != planner([row()], settings={"url": "u", "agent_prefix": ""}).summary.hash
    assert (
        plan.summary.hash != planner([row()], settings={"url": "v", "agent_prefix": "Agent: "}).summary.hash
    )
