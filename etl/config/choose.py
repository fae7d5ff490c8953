"""Which column is what: as a preset says, else as names and values suggest."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from etl.config.guess import AUTHORS, SHARED, Guess, guess_author, guess_columns, shared_ids
from etl.config.look import Seen
from etl.config.presets import Header, Preset, Recipe, Target, chosen, companion, is_made, plain
from etl.config.suspects import NOTES

_HISTORY: Final = {"_fivetran_active": "keep", "_fivetran_deleted": "drop"}
_FEW: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Second:
    """A second file that was given: what it is for, its files, its columns."""

    recipe: Recipe
    files: tuple[str, ...]
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerGuess:
    """The customer is whoever wrote as one in the same conversation."""

    of: str
    author: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """What each column is taken for."""

    preset: Preset | None
    columns: dict[Target, Guess]
    customer: CustomerGuess | None
    keep: dict[str, tuple[str, ...]]
    drop: dict[str, tuple[str, ...]]
    filled: tuple[str, ...]
    empty: tuple[str, ...]
    seconds: tuple[Second, ...]

    def column(self, target: Target) -> str | None:
        """Return the column for a setting."""
        guess = self.columns.get(target)
        return guess.column if guess else None

    def named(self, setting: str) -> str | None:
        """Return the column for a setting by its name, the author among them."""
        if setting == "author":
            return self.customer.author if self.customer else None
        return next((guess.column for target, guess in self.columns.items() if target == setting), None)

    def taken(self) -> frozenset[str]:
        """Return every column that has a use."""
        names = {guess.column for guess in self.columns.values()} | self.keep.keys() | self.drop.keys()
        names |= {*self.filled, *self.empty}
        return frozenset(names | ({self.customer.author} if self.customer else set()))

    def suspects(self, seen: Seen) -> tuple[str, ...]:
        """Return the columns without a use that can tell internal notes from messages."""
        return tuple(name for name in seen.names if plain(name) in NOTES and name not in self.taken())

    def worded(self, seen: Seen) -> tuple[str, ...]:
        """Return the columns of the export whose values decide something, for counting."""
        names = [self.column("role"), self.column("visibility"), *self.keep, *self.drop]
        few = [name for name in self.suspects(seen) if 0 < seen.looks[name].distinct() <= _FEW]
        return tuple(
            name for name in dict.fromkeys([*names, *few]) if name is not None and name in seen.looks
        )


def choose(preset: Preset | None, seen: Seen, seconds: Iterable[Second]) -> Chosen:
    """Return what each column of an export is taken for."""
    return _by_preset(preset, seen, tuple(seconds)) if preset else _by_guess(seen)


def second_file(preset: Preset | None, names: tuple[str, ...]) -> Recipe | None:
    """Return what a file with these columns is to an export of `preset`; None if nothing is known."""
    return companion(preset, names) if preset else None


def _by_preset(preset: Preset, seen: Seen, seconds: tuple[Second, ...]) -> Chosen:
    header = Header(seen.names)
    added = {name for item in seconds if item.recipe.kind == "join" for name in item.recipe.columns}
    columns = {
        target: Guess(column=name, why=_origin(name, seen))
        for target, name in chosen(preset, header, added).items()
    }
    customer = None
    if "user" not in columns and preset.customer is not None:
        of, author = header.find(preset.customer.of), header.find(preset.customer.author)
        if of is not None and author is not None:
            why = "No column holds the customer: it is whoever wrote as one in the same conversation."
            customer = CustomerGuess(of=of, author=author, why=why)
    return Chosen(
        preset=preset,
        columns=columns,
        customer=customer,
        keep=_present(preset.rows.keep, header),
        drop=_present(preset.rows.drop, header),
        filled=_found(preset.rows.filled, header),
        empty=_found(preset.rows.empty, header),
        seconds=seconds,
    )


def _origin(name: str, seen: Seen) -> str:
    if name in seen.looks:
        return ""
    return "Made by the parser of transcripts." if is_made(name) else "From the second file, see [[join]]."


def _present(rules: dict[str, tuple[str, ...]], header: Header) -> dict[str, tuple[str, ...]]:
    found = ((header.find((name,)), values) for name, values in rules.items())
    return {name: values for name, values in found if name is not None}


def _found(columns: Iterable[str], header: Header) -> tuple[str, ...]:
    found = (header.find((name,)) for name in columns)
    return tuple(name for name in found if name is not None)


def _by_guess(seen: Seen) -> Chosen:
    columns = guess_columns(seen)
    customer = _customer(columns, seen)
    if customer is not None:
        columns.pop("user", None)
    elif "user" in columns:
        columns["user"] = _judged_user(columns, seen)
    history = dict(_history(seen))
    return Chosen(
        preset=None,
        columns=columns,
        customer=customer,
        keep={name: ("true",) for name, rule in history.items() if rule == "keep"},
        drop={name: ("true",) for name, rule in history.items() if rule == "drop"},
        filled=(),
        empty=(),
        seconds=(),
    )


def _history(seen: Seen) -> Iterator[tuple[str, str]]:
    header = Header(seen.names)
    for name, rule in _HISTORY.items():
        found = header.find((name,))
        if found is not None:
            yield found, rule


def _customer(columns: dict[Target, Guess], seen: Seen) -> CustomerGuess | None:
    """Return how to find the customer where no column holds it: the user column may hold the author."""
    if not {"role", "conversation"} <= columns.keys():
        return None
    role, of = columns["role"].column, columns["conversation"].column
    user = columns.get("user")
    if user is None:
        author = guess_author(seen, (guess.column for guess in columns.values()))
        why = "Guessed: no column holds the customer, only the author of each row."
        return CustomerGuess(of=of, author=author, why=why) if author else None
    if _is_author_name(user.column) and shared_ids(seen, user.column, role, of) == 0:
        why = f"Guessed: {user.column} is the author: in no conversation do agents and customers share an id."
        return CustomerGuess(of=of, author=user.column, why=why)
    return None


def _judged_user(columns: dict[Target, Guess], seen: Seen) -> Guess:
    """Return the user column with what its values say of it."""
    user = columns["user"]
    of = columns["conversation"].column if "conversation" in columns else None
    shared = shared_ids(seen, user.column, columns["role"].column, of) if "role" in columns else None
    if shared is None:
        why = "Guessed by its name. CHECK that it is the customer on agents' rows too, not the author."
    elif shared >= SHARED:
        why = (
            "Guessed by its name; agents' rows have the same ids as customers' rows, so it is not the author."
        )
    else:
        why = (
            "Guessed by its name. CHECK: it may be the author, for agents and customers share an id in only "
            f"{shared:.0%} of the conversations."
        )
    return Guess(column=user.column, why=why)


def _is_author_name(name: str) -> bool:
    return plain(name) in {plain(author) for author in (*AUTHORS, "user")}
