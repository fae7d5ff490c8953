"""The folder in which workers hand files to each other."""

import pytest

from etl.errors import InputError
from etl.pipeline.exchange import Exchange, numbered


def test_what_is_said_is_found_by_kind_and_number(tmp_path):
    """A resumed plan asks what was made."""
    exchange = Exchange(folder=tmp_path)
    with exchange.workshop() as folder:
        exchange.say(folder, numbered("part", 3, "json"), {"rows": 1})
        exchange.say(folder, numbered("part", 12, "json"), {"rows": 2})
        exchange.say(folder, numbered("keys", 4, "json"), {})
    assert ({3, 12}, {4}, set()) == tuple(exchange.numbers(kind) for kind in ("part", "keys", "shard"))
    assert {"rows": 2} == exchange.said("part-00012.json")


def test_a_file_that_is_made_twice_is_whole_at_every_moment(tmp_path):
    """A call may run on two workers when one was taken for dead."""
    exchange = Exchange(folder=tmp_path)
    for content in ("first", "second"):
        with exchange.workshop() as folder:
            (folder / "messages.parquet").write_text(content)
            exchange.hand_out(folder, {"messages.parquet": "messages-00000.parquet"})
        assert content == exchange.fetch("messages-00000.parquet", tmp_path).read_text()
    assert ["messages-00000.parquet"] == [path.name for path in tmp_path.iterdir()]


def test_a_disk_that_fails_is_told_without_a_traceback(tmp_path):
    """It happens on a worker, far from who reads the error."""
    exchange = Exchange(folder=tmp_path)
    with pytest.raises(InputError, match="No such file") as caught, exchange.workshop() as folder:
        exchange.hand_out(folder, {"none": "x"})
    assert "free disk space" in caught.value.hint
    with pytest.raises(InputError, match="No such file"), Exchange(folder=tmp_path / "none").workshop():
        pytest.fail("there is no such folder")
