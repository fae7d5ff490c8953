"""What a bad answer may cost, whoever sends: one process, or the workers of a cluster."""

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

from support.command import Finished
from support.faults import ANSWERS, TIMEOUT_SECONDS
from support.recorder import Arrival, Reply
from support.scene import Scene


def settings_of_rounds(lanes: int) -> dict[str, Any]:
    """Return what a job says whose platform answers badly again and again."""
    return {"timeout_seconds": TIMEOUT_SECONDS, "breaker": 1_000, "lanes": lanes}


def check_one_bad_answer(
    place: Scene, send: Callable[[], Finished], name: str, *, at: int, good: Reply
) -> None:
    """Let the request `at` get a bad answer and check that it costs its message and nothing else."""
    bad = ANSWERS[name]
    hit: list[str] = []

    def answer(arrival: Arrival, number: int) -> Reply:
        if number == at:
            hit.append(arrival.body["id"])
            return bad.reply
        return good

    place.server.answer = answer
    ran = send()
    assert bad.code == ran.code, ran.err
    place.check_sound()
    place.check_held()
    states = place.states()
    assert bad.state == states.pop(hit[0])
    # A run that ends takes back what has not left yet.
    assert ({"accepted", "pending"} if bad.code == 6 else {"accepted"}) >= set(states.values())
    if bad.code != 0:
        place.settle()
        resumed = send()
        assert (3 if bad.state == "rejected" else 0) == resumed.code, resumed.err
    place.check_whole()


def drawn_answers(draw: Random, *, share: float, good: Reply) -> Callable[[Arrival, int], Reply]:
    """Return a rule by which a share is answered well, and whether the rest was taken is drawn, too."""
    bad = [answer for name, answer in ANSWERS.items() if "giant" not in name]

    def answer(_: Arrival, __: int) -> Reply:
        if draw.random() < share:
            return good
        drawn = draw.choice(bad)
        taken = drawn.reply.taken if drawn.state != "uncertain" else draw.random() < 0.5
        return replace(drawn.reply, taken=taken)

    return answer


def is_done_after(place: Scene, ran: Finished, *, codes: set[int]) -> bool:
    """Check a round that may have ended anyhow, decide what is in doubt; return whether nothing is left."""
    assert ran.code in codes, ran.err
    place.check_sound()
    place.check_held()
    assert place.users >= place.settle()
    states = list(place.states().values())
    return len(states) == place.users * place.messages and {"accepted", "rejected"} >= set(states)
