"""What people see of a run's pace."""

from etl.cli.console import Progress
from etl.model.events import Event, PaceChanged, PlanStep


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
