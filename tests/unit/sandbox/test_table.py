"""What was taken, as a table."""

from contextlib import closing

import pyarrow as pa

from etl.sandbox.records import NewMessage
from etl.sandbox.store import Store
from etl.sandbox.table import SCHEMA, tables

DEPLOYMENT = "11111111-2222-4333-8444-555555555555"


def new(name: str = "m-1") -> NewMessage:
    """Return a message of u-1."""
    return NewMessage(
        deployment_id=DEPLOYMENT,
        id=name,
        user_id="u-1",
        timestamp=1_654_251_574,
        received_us=1,
        text="hej 😀\x00",
        user_cvars="{}",
        user_profile="{}",
        body=b"{}",
    )


def test_table_holds_every_message_in_order_of_arrival():
    """More than one batch, and an empty store has none."""
    with closing(Store.in_memory(deployment_id=DEPLOYMENT)) as store:
        assert [] == list(tables(store))
        store.record([new(str(number)) for number in range(1_001)])

        table = pa.Table.from_batches(tables(store), SCHEMA)
    assert [str(number) for number in range(1_001)] == table["id"].to_pylist()
    assert {"hej 😀\x00"} == set(table["text"].to_pylist())
    assert {"standby"} == set(table["kind"].to_pylist())
