"""Writing a decided plan: what fails in the midst of it."""

import pyarrow as pa
import pytest

from etl.errors import InputError
from etl.plan import writing
from etl.plan.order import decide
from etl.plan.stage import Staging
from etl.plan.store import building
from etl.plan.writing import write_plan

NAMES = dict.fromkeys(("fingerprint", "identity", "source", "ledger_mark"), "x")


def left_in(folder):
    """Return what is in a folder."""
    return [path.name for path in folder.iterdir()]


def test_rows_that_do_not_add_up_are_never_published(tmp_path):
    """Better no import than one that lost a row (promise P1)."""
    plans = tmp_path / "plans"
    with building(plans) as folder, Staging(folder, memory_limit_mb=128, source="acme") as staging:
        staging.rows = 1
        ordered = decide(staging, reject_late=True)
        with pytest.raises(InputError, match="rows do not add up"):
            write_plan(folder, staging, ordered, settings={}, names=NAMES, made_at_us=1)
    assert [".lock"] == left_in(plans)


@pytest.mark.parametrize(
    ("error", "words"),
    [(OSError, (28, "No space left on device")), (pa.ArrowInvalid, ("bad\nsecret",))],
)
def test_a_write_that_fails_is_an_input_error_of_one_line(planner, row, monkeypatch, error, words):
    """A full disk is no traceback; nothing is published."""

    def fail(*_):
        raise error(*words)

    monkeypatch.setattr(writing, "write_rows", fail)
    with pytest.raises(InputError, match=r"the plan can't be written: (No space left on device|bad)$"):
        planner([row()])
    assert [".lock"] == left_in(planner.plans)


def write_on_a_full_disk(plans) -> None:
    """Plan more lanes than fit in memory, with no room to spill."""
    with building(plans) as folder, Staging(folder, memory_limit_mb=128, source="acme") as staging:
        ordered = decide(staging, reject_late=True)
        long_names = "SELECT repeat(md5(i::VARCHAR), 40), 1, 1, 1, hash(i) % 999 FROM range(70000) r(i)"
        ordered.connection.execute(f"INSERT INTO lanes {long_names}")
        ordered.connection.execute("SET max_temp_directory_size = '1KB'")
        write_plan(folder, staging, ordered, settings={}, names=NAMES, made_at_us=1)


def test_a_full_disk_while_sorting_is_an_input_error(tmp_path):
    """DuckDB fails in the midst of writing, with an exception of its own or through Arrow's stream."""
    with pytest.raises(InputError, match="Out of Memory Error") as caught:
        write_on_a_full_disk(tmp_path)
    assert "free disk space" in caught.value.hint
    assert "\n" not in caught.value.message
