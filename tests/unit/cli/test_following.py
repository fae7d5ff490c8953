"""The screen of a run that is followed."""

from dataclasses import replace

from etl.cli.following import done, screen
from etl.errors import ExitCode
from etl.ledger.interface import PlanRecord
from etl.ledger.lock import Holder
from etl.ledger.sharing import Worked
from etl.pipeline.standings import PlanStates
from etl.pipeline.status import StatusResult
from etl.plan.forecast import Forecast
from support.replayed import RUN

STATUS = StatusResult(
    target="https://api.example/",
    ledger="ledger.sqlite",
    plan=PlanRecord(
        number=1, hash="a" * 64, fingerprint="f", identity="i", source="s", messages=1_000, lanes=9, open=True
    ),
    states=PlanStates(accepted=240, rejected=10, uncertain=4, skipped=0, held=6, pending=740),
    all_plans={},
    listed=(),
    uncertain_by_code={"timeout": 1},
    rejected_by_code={},
    held_lanes=1,
    hold_off_until_us=None,
    hold_off_seconds=0.0,
    allowed_per_second=5.0,
    learned_per_second=None,
    closed=None,
    generation=1,
    concern=None,
    holder=Holder(pid=7, host="h", since_us=0),
    last_run=RUN,
    forecast=Forecast(rate_bound_seconds=14.8, lane_bound_seconds=100.0),
    exit_code=ExitCode.INCOMPLETE,
)
JOB = "job.toml --sandbox"


def test_a_screen_says_how_far_how_fast_and_how_long_still():
    """Against the pace that the run may go, which can be another than the job's."""
    assert 250 == done(STATUS)
    first = screen(STATUS, 10.0, JOB)[0]
    assert "sent     250 of 1,000 (25.0 %), 10/s of 50/s, about 1 min 40 s left" == first


def test_the_longest_lane_keeps_the_forecast_honest():
    """At a high pace the users with most messages end alone."""
    assert "about 1 min 40 s left" in screen(STATUS, 500.0, JOB)[0]
    assert "about 2 min 28 s left" in screen(STATUS, 5.0, JOB)[0]


def test_a_pause_and_a_standstill_are_told_as_such():
    """A forecast from a pace of nothing would be for ever."""
    held = screen(replace(STATUS, hold_off_seconds=12.0), 0.0, JOB)
    assert "waiting as the API asked" in held[0]
    assert "hold-off the API asked to wait another 12 s" in held
    assert "nothing was settled for a while" in screen(STATUS, 0.0, JOB)[0]
    assert "measuring" in screen(STATUS, None, JOB)[0]


def test_what_went_wrong_is_on_the_screen():
    """It decides whether one leaves it alone."""
    assert "doubt    1 timeout" in screen(STATUS, 10.0, JOB)


def test_shards_of_a_run_by_many_workers_are_on_the_screen():
    """Who works, and what nobody works on."""
    worked = Worked(
        done=12, waiting=49, open={"etl worker pid 7 on b": 2, "etl worker pid 5 on a": 1}, expired=1,
        lease_seconds=20.0, share=1.0, held_seconds=0.0, full=False, stop_kind=None, stop_message=None,
    )  # fmt: skip
    lines = screen(replace(STATUS, worked=worked), 10.0, JOB)
    at = next(number for number, line in enumerate(lines) if line.startswith("shards"))

    assert [
        "shards   12 of 65 done, 3 open, 49 waiting, 1 without a live worker: another one takes them over",
        "         1 open by etl worker pid 5 on a",
        "         2 open by etl worker pid 7 on b",
    ] == lines[at : at + 3]
