"""A small import that meets a fault, is settled by what the platform really has, and goes on.

Everything is judged by the platform's log and by the ledger's file; what the program says of itself is only
compared with them.
"""

import os
import queue
import shutil
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import pytest

from support.command import Finished, environment
from support.history import rows, write_csv, write_job
from support.leaks import leaks, loose_modes
from support.ledger import stored
from support.recorder import TOKEN, Arrival, Platform, Reply, platform
from support.shim import Fault, Mode, Ran, Zygote

ENV = environment(ETL_TOKEN=TOKEN)
SECRETS = ("secret text", TOKEN)
FULL = os.environ.get("ETL_CHAOS") == "full"
"""Whether every point is tried instead of a sample."""
FULLY = pytest.mark.skipif(not FULL, reason="takes long: ETL_CHAOS=full")
LANES = 3
LATENCY_SECONDS = 0.02
"""More than twice the pace, so that faults of order can show."""
SECOND = 0.85
"""A sliding second, less what a busy machine may add to the stamp of an arrival."""
_SPARE = 25
T = TypeVar("T")


@dataclass(kw_only=True)
class Scene:
    """A folder with a history of `users` times `messages`, and the platform it goes to."""

    folder: Path
    server: Platform
    zygote: Zygote
    users: int
    messages: int
    outputs: list[str] = field(default_factory=list)
    """What the program has said so far."""

    def run(self, *arguments: str, fault: Fault | None = None) -> Ran:
        """Run a command to its end, and wait until the platform has read what it sent."""
        ran = self.zygote.run(arguments, folder=self.folder, env=ENV, fault=fault)
        self.keep(ran)
        self.server.quiet()
        return ran

    def keep(self, ran: Finished) -> None:
        """Keep what a command said, for the scanner; no command may end in a traceback."""
        self.outputs += [ran.out, ran.err]
        assert "Traceback" not in ran.err, ran.err
        assert 1 != ran.code, ran.err

    def has(self) -> list[str]:
        """Return the ids that the platform has, in order of arrival."""
        return [arrival.body["id"] for arrival in self.server.taken]

    def states(self) -> dict[str, str]:
        """Return the state of every message that the ledger knows, by its id."""
        return stored(self.folder)

    def settle(self) -> int:
        """Decide what is in doubt by what the platform has; return how many."""
        doubt = {key for key, state in self.states().items() if state in {"in_flight", "uncertain"}}
        there = doubt & set(self.has())
        for keys, word in ((there, "--accepted"), (doubt - there, "--resend")):
            if keys:
                settled = self.run("settle", "job.toml", *sorted(keys), word)
                assert 0 == settled.code, settled.err
        return len(doubt)

    def check_whole(self) -> None:
        """Everything is there once, in order, and the ledger knows it; what was refused is not there."""
        self.check_sound()
        states = self.states()
        assert self.users * self.messages == len(states), "lost"
        assert set(self.has()) == {key for key, state in states.items() if state == "accepted"}
        assert {"accepted", "rejected"} >= set(states.values())
        assert [] == leaks(self.folder, self.outputs, SECRETS)
        assert [] == loose_modes(self.folder / "etl-state")

    def check_sound(self) -> None:
        """Nothing is there twice or out of order; holds at any moment."""
        assert len(self.has()) == len(set(self.has())), "doubled"
        assert [] == disordered(self.server.taken)
        assert 0 == self.server.overlaps

    def check_held(self) -> None:
        """Behind a message that is in doubt nothing of its user was sent."""
        states = self.states()
        for arrivals in self.server.by_user().values():
            ids = [arrival.body["id"] for arrival in arrivals]
            doubtful = [key for key in ids if states[key] in {"uncertain", "in_flight"}]
            assert [] == [key for key in doubtful if key != ids[-1]], "sent past a doubt"

    def check_intents(self, *, in_flight: int) -> None:
        """What arrived was durable before, what is accepted has arrived, and doubt is bounded."""
        left = self.states()
        assert set(self.server.ids()) <= left.keys(), "sent without a durable intent"
        assert {key for key, state in left.items() if state == "accepted"} <= set(self.has()), "lost"
        assert in_flight >= sum(state in {"in_flight", "uncertain"} for state in left.values())


@contextmanager
def scene(
    folder: Path, zygote: Zygote, *, users: int = 3, messages: int = 4, **replay: float | str
) -> Iterator[Scene]:
    """Set a scene in a new folder and take it down again; `replay` are settings of that table."""
    folder.mkdir()
    with platform() as server:
        server.answer = lambda _arrival, _number: Reply(delay_seconds=LATENCY_SECONDS)
        write_csv(folder / "history.csv", rows(users=users, messages=messages))
        write_job(folder, server.base_url, **{"rate_per_second": 200, "lanes": LANES, **replay})
        yield Scene(folder=folder, server=server, zygote=zygote, users=users, messages=messages)
    shutil.rmtree(folder)


def spread(last: int, *, samples: int) -> list[int]:
    """Return the points from 1 to the last and some more, or a sample evenly spread with both ends."""
    if FULL:
        return list(range(1, last + _SPARE))
    return sorted({1 + round(number * (last - 1) / (samples - 1)) for number in range(samples)})


class Trials:
    """Lets one scene after the other meet a fault, on as many cores as there are zygotes."""

    def __init__(self, folder: Path, zygotes: tuple[Zygote, ...]) -> None:
        self._folder = folder
        self._free: queue.SimpleQueue[Zygote] = queue.SimpleQueue()
        for one in zygotes:
            self._free.put(one)
        self._cores = len(zygotes)

    def points(self, fault: Fault, *, samples: int) -> list[int]:
        """Return the points of an undisturbed run, all or a sample.

        Commits group differently each time, so another run may have some more or less.
        """
        ran = self.each([replace(fault, mode=Mode.WATCH, at=0)], lambda _, ran: ran)[0]
        assert 0 == ran.code, ran.err
        return spread(len(ran.points), samples=samples)

    def each(self, faults: Iterable[Fault], judge: "Callable[[Scene, Ran], T]") -> "list[T]":
        """Return what `judge` says of an import that met each fault, in a scene of its own."""

        def one(fault: Fault) -> T:
            zygote = self._free.get()
            name = f"{fault.mode.name}-{fault.at}-{fault.seed}-{fault.error}-{fault.ever}"
            try:
                with scene(self._folder / name, zygote) as place:
                    ran = place.run("import", "job.toml", fault=fault)
                    try:
                        return judge(place, ran)
                    except AssertionError as error:
                        raise AssertionError(f"{fault} at {ran.points[-1:]}: {error}") from error
            finally:
                self._free.put(zygote)

        with ThreadPoolExecutor(self._cores) as pool:
            return list(pool.map(one, faults))


def disordered(arrivals: Iterable[Arrival]) -> list[str]:
    """Return each user whose messages did not come in the order of the history."""
    last: dict[str, int] = {}
    found = []
    for arrival in arrivals:
        user, number = arrival.text.split()[-2:]
        if int(number) <= last.get(user, -1):
            found.append(user)
        last[user] = int(number)
    return found
