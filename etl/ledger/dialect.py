"""The questions about messages, which every ledger answers alike in SQL of its own."""

from abc import abstractmethod
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from etl.ledger.interface import Entry, Selection
from etl.ledger.questions import STATES, Questions, entry, progress
from etl.model.states import SETTLED, State

_UNSETTLED: Final = frozenset({State.UNCERTAIN, State.REJECTED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """The SQL of each question, with parameters by name, and how a list becomes a parameter."""

    as_list: Callable[[Collection[Any]], object]
    progress: str
    """(ordinal, state) by `plan`, `first`, `end`."""
    count_settled: str
    """By `plan`, `first`, `end`, `states`."""
    counts: str
    """(state, messages) by `plan`; null is all."""
    blocked: str
    """(lane, messages) by `states`."""
    entries: str
    """Rows of `questions.entry` by `states`, `limit`."""
    unsettled_entries: str
    """The same of uncertain and rejected ones."""
    list_chosen: str
    """Rows of `questions.entry` by `choice` and `limit`."""
    count_chosen: str
    """(state, code, messages) by `choice`."""
    doubt_before: str
    """One time in microseconds, or null, by `plan`."""

    def choice(self, selection: Selection) -> dict[str, object]:
        """Return a selection as parameters; a list that is empty restricts nothing."""
        lists: Mapping[str, Collection[Any]] = {
            "keys": [key.lower() for key in selection.keys],
            "lanes": selection.lanes,
            "codes": selection.codes,
            "runs": selection.runs,
            "except_codes": selection.except_codes,
        }
        found = {name: self.as_list(values) if values else None for name, values in lists.items()}
        return {**found, "states": self.as_list(sorted(selection.states)), "plan": selection.plan}


class MessageQuestions(Questions):
    """The short questions about messages; a kind of ledger adds its dialect."""

    _dialect: ClassVar[Dialect]

    @abstractmethod
    def _rows(self, sql: str, parameters: tuple[object, ...] | dict[str, object] = ()) -> list[Any]:
        """Return the rows of a question."""

    def progress(self, plan: int, first: int, end: int) -> tuple[list[int], list[State]]:
        """Return the stored ordinals in [first, end) of a plan, ascending, and their states."""
        return progress(self._rows(self._dialect.progress, {"plan": plan, "first": first, "end": end}))

    def count_settled(self, plan: int, first: int, end: int) -> int:
        """Return how many messages with ordinals in [first, end) of a plan are settled."""
        span = {"plan": plan, "first": first, "end": end, "states": self._states(SETTLED)}
        return int(self._rows(self._dialect.count_settled, span)[0][0])

    def counts(self, plan: int | None = None) -> dict[State, int]:
        """Return stored messages by state, of one plan or of all."""
        return {STATES[state]: count for state, count in self._rows(self._dialect.counts, {"plan": plan})}

    def blocked_lanes(self, states: frozenset[State]) -> dict[str, int]:
        """Return each lane with a message in one of `states`, and how many it has."""
        return dict(self._rows(self._dialect.blocked, {"states": self._states(states)}))

    def entries(self, states: frozenset[State], *, limit: int) -> list[Entry]:
        """Return up to `limit` messages in those states, in order of (plan, ordinal)."""
        sql = self._dialect.unsettled_entries if states <= _UNSETTLED else self._dialect.entries
        return list(map(entry, self._rows(sql, {"states": self._states(states), "limit": limit})))

    def chosen(self, selection: Selection, *, limit: int) -> list[Entry]:
        """Return up to `limit` of the selected messages, in order of (plan, ordinal)."""
        choice = self._dialect.choice(selection)
        return list(map(entry, self._rows(self._dialect.list_chosen, {**choice, "limit": limit})))

    def count_chosen(self, selection: Selection) -> dict[tuple[State, str], int]:
        """Return how many are selected, by state and code, most first."""
        found = self._rows(self._dialect.count_chosen, self._dialect.choice(selection))
        return {(STATES[state], code or ""): count for state, code, count in found}

    def doubt_before_us(self, plan: int) -> int | None:
        """Return up to which time messages of a plan may have been sent unknown to this restored copy."""
        value: int | None = self._rows(self._dialect.doubt_before, {"plan": plan})[0][0]
        return value

    def _states(self, states: frozenset[State]) -> object:
        return self._dialect.as_list(sorted(states))
