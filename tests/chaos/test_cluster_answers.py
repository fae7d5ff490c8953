"""What a platform may answer, while two workers send: each bad answer alone, then all at random, with deaths.

ETL_CHAOS=full takes all answers and more draws.
"""

from dataclasses import replace
from random import Random

import pytest

from support.faults import ANSWERS, TIMEOUT_SECONDS
from support.fleet import LATENCY_SECONDS
from support.recorder import Arrival, Reply
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
    bad = ANSWERS[name]
    hit: list[str] = []

    def answer(arrival: Arrival, number: int) -> Reply:
        if number == 7:
            hit.append(arrival.body["id"])
            return bad.reply
        return GOOD

    with crew.scene(tmp_path / "scene", users=USERS, timeout_seconds=TIMEOUT_SECONDS) as place:
        place.server.answer = answer
        ran = place.send()
        assert bad.code == ran.code, ran.err
        place.check_sound()
        place.check_held()
        states = place.states()
        assert bad.state == states.pop(hit[0])
        # A run that ends takes back what has not left yet.
        assert ({"accepted", "pending"} if bad.code == 6 else {"accepted"}) >= set(states.values())
        if bad.code == 0:
            place.check_whole()
            return

        place.settle()
        resumed = place.send()
        assert (3 if bad.state == "rejected" else 0) == resumed.code, resumed.err
        place.check_whole()


@pytest.mark.timeout(7_200 if FULL else 300)
@pytest.mark.parametrize("seed", range(20 if FULL else 1))
def test_bad_answers_and_deaths_at_random_end_with_everything_once_and_in_order(tmp_path, crew, seed):
    """Whether a message was taken behind an answer that does not say so is drawn, too."""
    draw = Random(seed)  # noqa: S311  no secret
    bad = [answer for name, answer in ANSWERS.items() if "giant" not in name]

    def answer(_: Arrival, __: int) -> Reply:
        if draw.random() < 0.85:
            return GOOD
        drawn = draw.choice(bad)
        taken = drawn.reply.taken if drawn.state != "uncertain" else draw.random() < 0.5
        return replace(drawn.reply, taken=taken)

    settings = {"timeout_seconds": TIMEOUT_SECONDS, "breaker": 1_000, "lanes": USERS}
    with crew.scene(tmp_path / "scene", users=USERS, messages=MESSAGES, **settings) as place:
        place.server.answer = answer
        for number in range(ROUNDS):
            if number % 2 == 0:
                death = Fault(
                    mode=Mode.KILL, at=draw.randrange(60, 200), kinds=Kind.SEND, peers=place.peers()
                )
                crew.berths[0].man(death)
            ran = place.send()
            assert ran.code in {0, 3, 6}, ran.err
            place.check_sound()
            place.check_held()
            assert USERS >= place.settle()
            states = list(place.states().values())
            if len(states) == USERS * MESSAGES and {"accepted", "rejected"} >= set(states):
                break
        place.check_whole()
