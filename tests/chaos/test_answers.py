"""Each bad answer alone, then all of them at random with kills in between; judged by the platform's log."""

import signal
from dataclasses import replace
from random import Random

import pytest

from support.faults import ANSWERS, TIMEOUT_SECONDS
from support.recorder import Arrival, Reply
from support.scene import FULL, LATENCY_SECONDS, scene
from support.shim import Fault, Kind, Mode

GOOD = Reply(delay_seconds=LATENCY_SECONDS)
USERS, MESSAGES = 5, 5
ROUNDS = 60
"""Far more than any seed needs."""


@pytest.mark.parametrize("name", ANSWERS)
def test_bad_answer_costs_its_message_and_nothing_else(tmp_path, zygotes, name):
    """What it means for the message is told, the others arrive, and after a word on it the rest, too."""
    bad = ANSWERS[name]
    hit: list[str] = []

    def answer(arrival: Arrival, number: int) -> Reply:
        if number == 5:
            hit.append(arrival.body["id"])
            return bad.reply
        return GOOD

    with scene(tmp_path / "scene", zygotes[0], timeout_seconds=TIMEOUT_SECONDS) as place:
        place.server.answer = answer
        ran = place.run("import", "job.toml")
        assert bad.code == ran.code, ran.err
        place.check_sound()
        place.check_held()
        states = place.states()
        assert bad.state == states.pop(hit[0])
        # A run that ends takes back what has not left yet.
        assert ({"accepted", "pending"} if bad.code == 6 else {"accepted"}) >= set(states.values())

        place.settle()
        resumed = place.run("import", "job.toml")
        assert (3 if bad.state == "rejected" else 0) == resumed.code, resumed.err
        place.check_whole()


@pytest.mark.timeout(7_200 if FULL else 180)
@pytest.mark.parametrize("seed", range(40 if FULL else 4))
def test_bad_answers_and_kills_at_random_end_with_everything_once_and_in_order(tmp_path, zygotes, seed):
    """Whether a message was taken behind an answer that does not say so is drawn, too."""
    draw = Random(seed)  # noqa: S311  no secret
    bad = [answer for name, answer in ANSWERS.items() if "giant" not in name]

    def answer(_: Arrival, __: int) -> Reply:
        if draw.random() < 0.75:
            return GOOD
        drawn = draw.choice(bad)
        taken = drawn.reply.taken if drawn.state != "uncertain" else draw.random() < 0.5
        return replace(drawn.reply, taken=taken)

    settings = {"timeout_seconds": TIMEOUT_SECONDS, "breaker": 1_000, "lanes": USERS}
    with scene(tmp_path / "scene", zygotes[0], users=USERS, messages=MESSAGES, **settings) as place:
        place.server.answer = answer
        for _ in range(ROUNDS):
            at = draw.randrange(1, 60)
            kill = Fault(mode=Mode.KILL, at=at, kinds=Kind.SEND | Kind.SYNC, within="ledger")
            ran = place.run("import", "job.toml", fault=kill if draw.random() < 0.5 else None)
            assert ran.code in {0, 3, 6, -signal.SIGKILL}, ran.err
            place.check_sound()
            place.check_held()
            assert USERS >= place.settle()
            states = list(place.states().values())
            if len(states) == USERS * MESSAGES and {"accepted", "rejected"} >= set(states):
                break
        place.check_whole()
