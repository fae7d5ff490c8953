"""Each bad answer alone, then all of them at random with kills in between; judged by the platform's log."""

import signal
from random import Random

import pytest

from support.answering import check_one_bad_answer, drawn_answers, is_done_after, settings_of_rounds
from support.faults import ANSWERS, TIMEOUT_SECONDS
from support.recorder import Reply
from support.scene import FULL, LATENCY_SECONDS, scene
from support.shim import Fault, Kind, Mode

GOOD = Reply(delay_seconds=LATENCY_SECONDS)
USERS, MESSAGES = 5, 5
ROUNDS = 60
"""Far more than any seed needs."""


@pytest.mark.parametrize("name", ANSWERS)
def test_bad_answer_costs_its_message_and_nothing_else(tmp_path, zygotes, name):
    """What it means for the message is told, the others arrive, and after a word on it the rest, too."""
    with scene(tmp_path / "scene", zygotes[0], timeout_seconds=TIMEOUT_SECONDS) as place:
        check_one_bad_answer(place, lambda: place.run("import", "job.toml"), name, at=5, good=GOOD)


@pytest.mark.timeout(7_200 if FULL else 180)
@pytest.mark.parametrize("seed", range(40 if FULL else 4))
def test_bad_answers_and_kills_at_random_end_with_everything_once_and_in_order(tmp_path, zygotes, seed):
    """Whether a message was taken behind an answer that does not say so is drawn, too."""
    draw = Random(seed)  # noqa: S311  no secret
    settings = settings_of_rounds(USERS)
    with scene(tmp_path / "scene", zygotes[0], users=USERS, messages=MESSAGES, **settings) as place:
        place.server.answer = drawn_answers(draw, share=0.75, good=GOOD)
        for _ in range(ROUNDS):
            at = draw.randrange(1, 60)
            kill = Fault(mode=Mode.KILL, at=at, kinds=Kind.SEND | Kind.SYNC, within="ledger")
            ran = place.run("import", "job.toml", fault=kill if draw.random() < 0.5 else None)
            if is_done_after(place, ran, codes={0, 3, 6, -signal.SIGKILL}):
                break
        place.check_whole()
