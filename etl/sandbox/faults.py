"""What can go wrong on the way of a message, and when: by chance or by count; pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Final, Self


class Fault(StrEnum):
    """One way in which a message meets trouble. All but those named `after_store` store nothing."""

    TOO_MANY = "429"
    UNAVAILABLE = "503-retry-after"
    SERVER_ERROR = "5xx"
    SERVER_ERROR_AFTER_STORE = "5xx-after-store"
    REFUSED = "400"
    ERROR_IN_200 = "error-in-200"
    HTML = "html"
    REVOKED = "401"
    RESET_BEFORE_STORE = "reset-before-store"
    RESET_AFTER_STORE = "reset-after-store"
    SILENCE_AFTER_STORE = "timeout-after-store"
    CUT_AFTER_STORE = "cut-after-store"
    DELAY_AFTER_STORE = "delay-after-store"

    @property
    def meaning(self) -> str:
        """Return the fault in words, as the README prints it."""
        return _MEANINGS[self]

    @property
    def stores(self) -> bool:
        """Return whether the message is kept all the same."""
        return self.endswith("-after-store")


_MEANINGS: Final[dict[Fault, str]] = {
    Fault.TOO_MANY: "429 with `Retry-After`, in turn in seconds and as a date",
    Fault.UNAVAILABLE: "503 with `Retry-After: 1`",
    Fault.SERVER_ERROR: "500, 502, 503 and 504 in turn",
    Fault.SERVER_ERROR_AFTER_STORE: "the same, though the message is stored",
    Fault.REFUSED: "400 with a sentence in the documented envelope",
    Fault.ERROR_IN_200: "200 whose `error` is a sentence",
    Fault.HTML: "200 with a page of HTML, as a proxy's login",
    Fault.REVOKED: "the token is generated anew first, so that 401 follows from here on",
    Fault.RESET_BEFORE_STORE: "the connection is reset and nothing is stored",
    Fault.RESET_AFTER_STORE: "the message is stored, then the connection is reset",
    Fault.SILENCE_AFTER_STORE: "the message is stored and never answered",
    Fault.CUT_AFTER_STORE: "the message is stored, its answer ends half way",
    Fault.DELAY_AFTER_STORE: "the message is stored and answered a second late",
}

RULE_PATTERN: Final = (
    "^(?P<fault>" + "|".join(Fault) + ")="
    "(?:every:(?P<every>[1-9][0-9]{0,8})"
    "|at:(?P<at>[1-9][0-9]{0,8}(?:,[1-9][0-9]{0,8})*)"
    r"|(?P<odds>0?\.[0-9]{0,9}[1-9]|1))$"
)
"""What `Rule.parse` takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """When a fault happens; numbers count the posted messages from 1 on, repetitions included."""

    fault: Fault
    odds: float = 0.0
    """A probability for each message."""
    every: int = 0
    """Each so many-th message; 0 is none."""
    at: frozenset[int] = frozenset()
    """Exactly these messages."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the rule that `html=0.01`, `html=every:5` or `html=at:3,7` means.

        Raises:
            ValueError: it is none; the text continues the value as its complaint.
        """
        words = re.fullmatch(RULE_PATTERN, text)
        if words is None:
            names = ", ".join(Fault)
            raise ValueError(f"is no fault such as html=0.01, html=every:5 or html=at:3,7; there are {names}")
        return cls(
            fault=Fault(words["fault"]),
            odds=float(words["odds"] or 0),
            every=int(words["every"] or 0),
            at=frozenset(int(number) for number in (words["at"] or "").split(",") if number),
        )

    def __str__(self) -> str:
        if self.every:
            when = f"every:{self.every}"
        elif self.at:
            when = "at:" + ",".join(str(number) for number in sorted(self.at))
        else:
            when = f"{self.odds:.10f}".rstrip("0").rstrip(".")
        return f"{self.fault}={when}"

    def applies(self, number: int, *, chance: float) -> bool:
        """Return whether the fault meets that message, given a random number in [0, 1)."""
        return chance < self.odds or (self.every > 0 and number % self.every == 0) or number in self.at


class Faults:
    """Deals out faults, the same ones for the same seed and order of arrival."""

    def __init__(self, rules: Sequence[Rule], *, seed: int) -> None:
        # A source of chance for each rule: one rule more or less moves no other's faults.
        self._rules = [(rule, Random(f"{seed} {rule}")) for rule in rules]  # noqa: S311  rehearsals, not secrets
        self._number = 0

    def next(self) -> Fault | None:
        """Count one message; return the first fault that meets it."""
        self._number += 1
        met = [
            rule.fault for rule, random in self._rules if rule.applies(self._number, chance=random.random())
        ]
        return met[0] if met else None
