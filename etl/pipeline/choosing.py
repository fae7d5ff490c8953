"""Which messages a person means, in the words of the command line."""

import re
from dataclasses import dataclass

from etl.errors import UsageError
from etl.ledger.interface import Entry, Ledger, Selection
from etl.model.states import State

LISTED = 10
_LISTS = "etl status JOB lists them, with their codes"
_KEY = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What the command line names; words of one kind add up, kinds restrict each other."""

    keys: tuple[str, ...] = ()
    lanes: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    runs: tuple[int, ...] = ()
    everything: bool = False
    """All, instead of naming any."""

    def selection(self, states: frozenset[State], *, plan: int | None = None) -> Selection:
        """Return it for a ledger.

        Raises:
            UsageError: nothing is named, or everything and something; or a key is no key.
        """
        named = bool(self.keys or self.lanes or self.codes or self.runs)
        if named == self.everything:
            raise UsageError("name KEYS, --lane, --code or --run; or say --all", hint=_LISTS)
        wrong = [key for key in self.keys if not _KEY.fullmatch(key.lower())]
        if wrong:
            raise UsageError(f"not a key of 32 hex digits: {wrong[0]}", hint=_LISTS)
        return Selection(
            states=states,
            plan=plan,
            keys=tuple(key.lower() for key in self.keys),
            lanes=self.lanes,
            codes=self.codes,
            runs=self.runs,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """What a choice comes to."""

    messages: int
    by_code: dict[str, int]
    listed: tuple[Entry, ...]
    """The first of them."""


def chosen(ledger: Ledger, selection: Selection, choice: Choice) -> Chosen:
    """Return what is chosen.

    Raises:
        UsageError: a key is not among the messages that can be, or nothing fits.
    """
    by_code: dict[str, int] = {}
    for (_state, code), count in ledger.count_chosen(selection).items():
        by_code[code] = by_code.get(code, 0) + count
    messages = sum(by_code.values())
    words = " or ".join(sorted(selection.states))
    if choice.keys and messages < len(set(selection.keys)):
        found = {entry.key.hex() for entry in ledger.chosen(selection, limit=messages)}
        missing = [key for key in dict.fromkeys(selection.keys) if key not in found]
        raise UsageError(
            f"not {words}, or not in this ledger: {', '.join(missing[:LISTED])}",
            hint=_LISTS,
        )
    if not messages and not choice.everything:
        raise UsageError(f"nothing that is {words} fits", hint=_LISTS)
    return Chosen(
        messages=messages,
        by_code=by_code,
        listed=tuple(ledger.chosen(selection, limit=LISTED)),
    )
