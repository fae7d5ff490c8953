"""The thread that makes messages durable before they are answered."""

import asyncio
from contextlib import closing

import pytest

from etl.sandbox.store import Store
from etl.sandbox.writer import Writer
from support.sandbox import DEPLOYMENT, new


@pytest.mark.parametrize("fails", [False, True])
def test_writer_survives_a_client_that_went_away(fails):
    """Its message was sent and is stored if it can be; the next one is answered as ever."""

    async def scenario(store: Store, writer: Writer) -> None:
        with store._lock, pytest.raises(TimeoutError):
            await asyncio.wait_for(writer.record(new("bad" if fails else "left")), 0.01)
        await writer.record(new("stayed"))

    with closing(Store.in_memory(deployment_id=DEPLOYMENT)) as store:
        store.rows(
            "CREATE TRIGGER full BEFORE INSERT ON message WHEN new.id = 'bad' "
            "BEGIN SELECT raise(ABORT, 'full'); END"
        )
        writer = Writer(store)
        writer.start()
        asyncio.run(scenario(store, writer))
        writer.close()

        expected = ["stayed"] if fails else ["left", "stayed"]
        assert expected == [message.id for message in store.messages()]


def test_writer_takes_any_backlog_in_order_of_arrival():
    """More than one commit takes: the rest must follow, not be lost."""

    async def scenario(store: Store, writer: Writer) -> list[int]:
        with store._lock:
            waiting = [asyncio.ensure_future(writer.record(new(str(number)))) for number in range(2_500)]
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(asyncio.shield(waiting[0]), 0.01)
        return [place.seq for place in await asyncio.gather(*waiting)]

    with closing(Store.in_memory(deployment_id=DEPLOYMENT)) as store:
        writer = Writer(store)
        writer.start()
        assert list(range(1, 2_501)) == asyncio.run(scenario(store, writer))
        writer.close()
