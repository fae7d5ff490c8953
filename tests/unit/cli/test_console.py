"""What people see of a run's pace."""

from etl.cli.console import Progress
from etl.model.events import Event, PaceChanged, PlanStep, SettledElsewhere, Started
from etl.model.states import State


def notes(capsys, *events: Event) -> list[str]:
    """Return the lines that a run's events give without a terminal."""
    with Progress(quiet=False) as progress:
        for event in events:
            progress(event)
    lines: list[str] = capsys.readouterr().err.splitlines()
    return lines


def change(per_second: float, reason: str | None = None) -> PaceChanged:
    """Return a change of a pace of at most 4/s."""
    return PaceChanged(per_second=per_second, allowed_per_second=4.0, reason=reason)


def test_slower_pace_is_told_with_its_reason(capsys):
    """A bar that creeps without a word looks like a hang."""
    assert ["going at 2/s instead of 4/s (http_429)"] == notes(capsys, change(2.0, "http_429"))


def test_steps_back_are_not_told_one_by_one_but_the_last_is(capsys):
    """Ten lines of good news are noise."""
    assert ["back at 4/s"] == notes(capsys, change(3.6), change(3.8), change(4.0))


def test_each_step_of_planning_on_workers_is_told_when_it_is_done(capsys):
    """Thousands of pieces are not thousands of lines, and hours are not silence."""
    steps = [
        PlanStep(step=step, done=done, pieces=3) for step in ("reading", "sorting") for done in (1, 2, 3)
    ]
    assert ["reading: 3 of 3 pieces", "sorting: 3 of 3 pieces"] == notes(capsys, *steps)


def test_what_others_send_is_counted_at_the_end_of_a_line(capsys):
    """A cluster's progress is as many at once as the ledger tells."""
    with Progress(quiet=False) as progress:
        progress(Started(messages=1_000, target="t"))
        progress._said_at -= 3_600.0
        progress(SettledElsewhere(messages=250, state=State.ACCEPTED))

    assert "250 of 1,000 messages" in capsys.readouterr().err
