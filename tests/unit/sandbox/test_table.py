"""What was taken, as a table."""

from contextlib import closing

import pyarrow as pa

from etl.sandbox.store import Store
from etl.sandbox.table import SCHEMA, tables
from support.sandbox import DEPLOYMENT, new


def test_table_holds_every_message_in_order_of_arrival():
    """More than one batch, and an empty store has none."""
    with closing(Store.in_memory(deployment_id=DEPLOYMENT)) as store:
        assert [] == list(tables(store))
        store.record([new(str(number)) for number in range(1_001)])

        table = pa.Table.from_batches(tables(store), SCHEMA)
    assert [str(number) for number in range(1_001)] == table["id"].to_pylist()
    assert {"hej 😀\x00"} == set(table["text"].to_pylist())
    assert {"standby"} == set(table["kind"].to_pylist())
