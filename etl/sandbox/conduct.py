"""How a running platform behaves: what was asked for, and what follows from it for each message."""

from dataclasses import dataclass
from typing import Annotated, Final, Self

from pydantic import Field

from etl.sandbox.body import Problem, Strict, checked, rules_of
from etl.sandbox.faults import RULE_PATTERN, Fault, Faults, Rule
from etl.sandbox.profiles import Behaviour, Profile, behaviour
from etl.sandbox.quota import QUOTA_PATTERN, Meter, Quota

_NAMES: Final = "^(?:" + "|".join(Profile) + ")$"


@dataclass(frozen=True, slots=True, kw_only=True)
class Conduct:
    """What somebody asked for; the default is the well-behaved platform."""

    profiles: tuple[Profile, ...] = ()
    """They add up; a later one wins over an earlier."""
    faults: tuple[Rule, ...] = ()
    """Before those of the profiles."""
    quota: Quota | None = None
    seed: int = 0
    """The same seed, the same faults in order of arrival."""

    def __str__(self) -> str:
        parts = [*self.profiles, *(str(rule) for rule in self.faults)]
        parts += [f"quota {self.quota}"] if self.quota else []
        return ", ".join(parts) or "well-behaved"


class ConductWish(Strict):
    """A conduct as JSON: what is left out is as in the well-behaved platform."""

    profiles: list[Annotated[str, Field(pattern=_NAMES)]] = Field(
        default=[], max_length=len(Profile), description="must be a list of profiles' names"
    )
    faults: list[Annotated[str, Field(pattern=RULE_PATTERN)]] = Field(
        default=[], max_length=100, description="must be a list of faults such as html=0.01 or html=every:5"
    )
    quota: Annotated[str, Field(pattern=QUOTA_PATTERN)] | None = Field(
        default=None, description="must be null or a quota such as 10/s"
    )
    seed: int = Field(default=0, ge=0, lt=2**53, description="must be an integer of at most 53 bits")

    @classmethod
    def of(cls, conduct: Conduct) -> Self:
        """Return the JSON form of a conduct."""
        return cls(
            profiles=[str(profile) for profile in conduct.profiles],
            faults=[str(rule) for rule in conduct.faults],
            quota=str(conduct.quota) if conduct.quota else None,
            seed=conduct.seed,
        )

    def conduct(self) -> Conduct:
        """Return the conduct that is asked for."""
        return Conduct(
            profiles=tuple(Profile(name) for name in self.profiles),
            faults=tuple(Rule.parse(text) for text in self.faults),
            quota=Quota.parse(self.quota) if self.quota else None,
            seed=self.seed,
        )


def wished(body: bytes) -> Conduct | Problem:
    """Return the conduct that a request's body asks for, or what is wrong with it."""
    wish = checked(ConductWish, body, rules_of(ConductWish))
    return wish if isinstance(wish, Problem) else wish.conduct()


class Director:
    """Deals out faults and counts the quota under the present conduct. One thread only."""

    def __init__(self, conduct: Conduct) -> None:
        self.switch(conduct)

    def switch(self, conduct: Conduct) -> None:
        """Behave otherwise from the next message on; counts begin anew."""
        self.conduct = conduct
        self.behaviour: Behaviour = behaviour(conduct.profiles, conduct.faults)
        self._faults = Faults(self.behaviour.rules, seed=conduct.seed)
        self._meter = Meter(conduct.quota) if conduct.quota else None
        self._turns: dict[Fault, int] = {}

    def over_quota_seconds(self, now_seconds: float) -> int:
        """Count a message against the quota; return the whole seconds to wait, 0 if it fits."""
        return self._meter.wait_seconds(now_seconds) if self._meter else 0

    def next_fault(self) -> Fault | None:
        """Return what meets the next message."""
        return self._faults.next()

    def turn(self, fault: Fault) -> int:
        """Return how often a fault has happened before, and count it."""
        before = self._turns.get(fault, 0)
        self._turns[fault] = before + 1
        return before
