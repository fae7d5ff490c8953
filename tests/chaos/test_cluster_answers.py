"""What a platform may answer, while two workers send: each bad answer alone, then all at random, with deaths.

ETL_CHAOS=full takes all answers and more draws.
"""

from random import Random

import pytest

from support.answering import check_one_bad_answer, drawn_answers, is_done_after, settings_of_rounds
from support.faults import ANSWERS, TIMEOUT_SECONDS
from support.fleet import LATENCY_SECONDS
from support.recorder import Reply
from support.scene import FULL
from support.shim import Fault, Kind, Mode

GOOD = Reply(delay_seconds=LATENCY_SECONDS)
SAMPLE = ("cut", "401", "429 with a pause")
USERS, MESSAGES = 6, 4
ROUNDS = 40
"""Far more than any seed needs."""


@pytest.mark.parametrize("name", ANSWERS if FULL else SAMPLE)
def test_bad_answer_costs_its_message_and_nothing_else(tmp_path, crew, name):
    """All workers hear what it means: the others arrive, or all stop; after a word on it the rest goes."""
    with crew.scene(tmp_path / "scene", users=USERS, timeout_seconds=TIMEOUT_SECONDS) as place:
        check_one_bad_answer(place, place.send, name, at=7, good=GOOD)


@pytest.mark.timeout(7_200 if FULL else 300)
@pytest.mark.parametrize("seed", range(20 if FULL else 1))
def test_bad_answers_and_deaths_at_random_end_with_everything_once_and_in_order(tmp_path, crew, seed):
    """Whether a message was taken behind an answer that does not say so is drawn, too."""
    draw = Random(seed)  # noqa: S311  no secret
    settings = settings_of_rounds(USERS)
    with crew.scene(tmp_path / "scene", users=USERS, messages=MESSAGES, **settings) as place:
        place.server.answer = drawn_answers(draw, share=0.85, good=GOOD)
        for number in range(ROUNDS):
            if number % 2 == 0:
                death = Fault(
                    mode=Mode.KILL, at=draw.randrange(60, 200), kinds=Kind.SEND, peers=place.peers()
                )
                crew.berths[0].man(death)
            if is_done_after(place, place.send(), codes={0, 3, 6}):
                break
        place.check_whole()
