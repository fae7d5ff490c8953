"""How an import ends."""

from dataclasses import replace

import pytest

from etl.errors import ExitCode
from etl.pipeline.result import EXIT_CODES, exit_code
from etl.pipeline.standings import PlanStates
from etl.replay.stop import StopKind, StopReason
from support.plans import COUNTS, PLAN

DONE = PlanStates(accepted=10, rejected=0, uncertain=0, skipped=0, held=0, pending=0)
LEFT = replace(DONE, accepted=8, pending=2)
CLEAN = replace(PLAN, conservation=replace(COUNTS, rejects=0), known_by_state={})


def ends(states: PlanStates, kind: StopKind | None, *, trial: bool = False) -> ExitCode:
    """Return the exit code of a run of a clean plan."""
    stop = StopReason(kind=kind, message="why") if kind else None
    return exit_code(states, CLEAN, stop=stop, trial=trial)


def test_every_stop_has_an_exit_code_and_a_meaning():
    """The README's table is made of them."""
    assert set(StopKind) == set(EXIT_CODES)
    assert all(kind.meaning for kind in StopKind)


@pytest.mark.parametrize("kind", list(StopKind))
def test_stop_with_something_left_has_its_own_code(kind):
    """Whoever runs the command again should know why it ended."""
    assert EXIT_CODES[kind] is ends(LEFT, kind)


@pytest.mark.parametrize(
    "kind",
    [StopKind.MAX_MESSAGES, StopKind.MAX_DURATION, StopKind.MAX_ERRORS, StopKind.WINDOW_CLOSED],
)
def test_limit_that_was_just_enough_is_complete(kind):
    """All accepted is all accepted."""
    assert ExitCode.OK is ends(DONE, kind)
    assert ExitCode.INCOMPLETE is ends(replace(DONE, accepted=9, rejected=1), kind)


def test_refusal_counts_although_nothing_is_left():
    """A bot that answered the last message has answered."""
    assert ExitCode.REFUSED is ends(DONE, StopKind.BOT_REPLIED)


def test_limits_of_a_person_are_no_error_of_the_api():
    """3 says: something is left; 75: come back; 6: look at the set-up."""
    assert {ExitCode.INCOMPLETE} == {
        EXIT_CODES[kind]
        for kind in (StopKind.MAX_MESSAGES, StopKind.MAX_DURATION, StopKind.MAX_ERRORS, StopKind.CANARY)
    }
    assert {ExitCode.LATER} == {
        EXIT_CODES[kind]
        for kind in (StopKind.WINDOW_CLOSED, StopKind.THROTTLED, StopKind.UNREACHABLE, StopKind.FAILING)
    }


def test_trial_is_complete_when_its_users_are():
    """The others were not asked for."""
    assert ExitCode.OK is ends(LEFT, None, trial=True)
    assert ExitCode.INCOMPLETE is ends(LEFT, None)
