"""The values of role, visibility and status columns: each seen one in its place, or left to a person."""

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from etl.config.choose import Chosen
from etl.config.guess import Meaning, is_public, role_of
from etl.config.look import Seen
from etl.config.presets import plain
from etl.config.proposal import Setting, Status
from etl.config.reading import Roles, Visibility

_SHOWN: Final = 20
_LONG: Final = 60
_WORDS: Final = 4
_TRUE: Final = frozenset(("true", "t", "yes", "1"))
_FALSE: Final = frozenset(("false", "f", "no", "0"))


def tally(counts: dict[str, int]) -> str:
    """Return values with their counts, the frequent first, for a comment."""
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    shown = [f"{quoted(value) if value.strip() else 'empty'} {count:,}" for value, count in ordered[:_SHOWN]]
    more = [f"and {len(ordered) - _SHOWN} more"] if len(ordered) > _SHOWN else []
    return ", ".join([*shown, *more])


def quoted(value: str) -> str:
    """Return a value as a job file has it; what may be a text or an address is told by its length only."""
    if not _is_word(value):
        return f"a text of {len(value)} characters"
    return json.dumps(value, ensure_ascii=not value.isprintable())


def shown(counts: dict[str, int]) -> dict[str, int]:
    """Return counts of words; everything else is counted together."""
    words = {value: count for value, count in counts.items() if _is_word(value)}
    others = sum(count for value, count in counts.items() if not _is_word(value))
    return {**words, **({"(texts)": others} if others else {})}


def _is_word(value: str) -> bool:
    return len(value) <= _LONG and len(value.split()) <= _WORDS and "@" not in value


def counted(rows: int) -> str:
    """Return a number of rows in words."""
    return f"{rows:,} row{'' if rows == 1 else 's'}"


def role_settings(chosen: Chosen, seen: Seen) -> Iterator[Setting]:
    """Yield `[roles]`: every value seen under a role, or for a person to decide."""
    column = chosen.column("role")
    known = chosen.preset.roles if chosen.preset else Roles()
    if column is None:
        if chosen.preset is None:
            one_side = ("Only if the export holds one side: who wrote all of it.",)
            yield Setting(table="roles", key="everyone", value="customer", status=Status.OPTION, why=one_side)
        return
    counts = seen.counts.get(column, {})
    places, unknown = _sorted_out(counts, lambda value: _meaning(value, column, known))
    lists = {
        meaning: _united(getattr(known, meaning.value), places.get(meaning, ()), counts)
        for meaning in Meaning
    }
    why: tuple[str, ...] = _seen_line(column, counts, "rejected")
    for meaning, values in lists.items():
        if not values and meaning is not Meaning.CUSTOMER:
            continue
        if meaning is Meaning.BOT and not known.bot:
            yield _bots_left_out(values)
            lists[Meaning.SKIP] = [*values, *lists[Meaning.SKIP]]
        elif not values:
            yield Setting(table="roles", key="customer", value=["…"], status=Status.NEEDED, why=why)
        else:
            yield Setting(table="roles", key=meaning.value, value=values, why=why)
        why = ()
    yield from _to_decide("roles", unknown, counts, "customer, agent, bot or skip")
    if known.unknown != "stop":
        reason = ("Rows with other values are rejects; they don't stop the import.",)
        yield Setting(table="roles", key="unknown", value=known.unknown, why=reason)


def visibility_settings(chosen: Chosen, seen: Seen) -> Iterator[Setting]:
    """Yield `[visibility]`: what customers saw, what not, and what a person must decide."""
    column = chosen.column("visibility")
    if column is None:
        return
    preset = chosen.preset
    known = preset.visibility if preset else Visibility()
    counts = seen.counts.get(column, {})

    def judge(value: str) -> bool | None:
        if any(same(value, word) for word in known.public):
            return True
        if any(same(value, word) for word in known.private):
            return False
        return is_public(value, column) if preset is None else None

    places, unknown = _sorted_out(counts, judge)
    public = _united(known.public, places.get(True, ()), counts)
    private = _united(known.private, places.get(False, ()), counts)
    why = _seen_line(column, counts, "rejected, for it may be a note")
    if public:
        yield Setting(table="visibility", key="public", value=public, why=why)
    else:
        yield Setting(table="visibility", key="public", value=["…"], status=Status.NEEDED, why=why)
    if private:
        yield Setting(table="visibility", key="private", value=private)
    yield from _to_decide("visibility", unknown, counts, "public or private")


def row_settings(chosen: Chosen, seen: Seen) -> Iterator[Setting]:
    """Yield `[rows]`: which rows count; a rule that nothing seen meets is left to a person."""
    for key, rules in (("keep", chosen.keep), ("drop", chosen.drop)):
        spelled: dict[str, list[str]] = {}
        why: list[str] = []
        for column, words in rules.items():
            counts = seen.counts.get(column, {})
            values = _united(words, (value for value in counts if _any(value, words)), counts)
            why.extend(_seen_line(column, counts, ""))
            if key == "keep" and counts and not set(values) & set(counts):
                reason = (*why, f"None of the usual values of {quoted(column)} is there: which rows count?")
                yield Setting(
                    table="rows", key="keep", value={column: ["…"]}, status=Status.DECIDE, why=reason
                )
                why = []
            else:
                spelled[column] = values
        if spelled:
            yield Setting(table="rows", key=key, value=spelled, why=tuple(why))
    for key, columns in (("filled", chosen.filled), ("empty", chosen.empty)):
        if columns:
            yield Setting(table="rows", key=key, value=list(columns))


def same(value: str, word: str) -> bool:
    """Return whether a value is a known word in another spelling."""
    one, other = plain(value), plain(word)
    return one == other or {one, other} <= _TRUE or {one, other} <= _FALSE


def _any(value: str, words: Iterable[str]) -> bool:
    return any(same(value, word) for word in words)


def _meaning(value: str, column: str, known: Roles) -> Meaning | None:
    for meaning in Meaning:
        if _any(value, getattr(known, meaning.value)):
            return meaning
    return role_of(value, column)


def _sorted_out(
    counts: dict[str, int], judge: "Callable[[str], Meaning | bool | None]"
) -> tuple[dict["Meaning | bool", list[str]], list[str]]:
    places: dict[Meaning | bool, list[str]] = {}
    unknown: list[str] = []
    for value in sorted(counts, key=lambda value: -counts[value]):
        place = judge(value) if value.strip() else None
        if place is not None:
            places.setdefault(place, []).append(value)
        elif value.strip():
            unknown.append(value)
    return places, unknown


def _united(known: Iterable[str], seen: Iterable[str], counts: dict[str, int]) -> list[str]:
    """Return the values seen, in their spelling, and the known words of which none was seen."""
    values = list(seen)
    unseen = (word for word in known if not _any(word, values) and not _any(word, counts))
    return [*values, *(_in_style(word, counts) for word in unseen)]


def _in_style(word: str, counts: dict[str, int]) -> str:
    """Return a true or false that was not seen as the others are written: `FALSE` beside `TRUE`."""
    seen = next((value for value in counts if plain(value) in {"true", "false"}), "")
    if plain(word) not in {"true", "false"} or not seen:
        return word
    return word.upper() if seen.isupper() else word.title() if seen.istitle() else word.lower()


def _seen_line(column: str, counts: dict[str, int], blanks: str) -> tuple[str, ...]:
    if not counts:
        return ()
    lines = [f"Seen in {quoted(column)}: {tally(counts)}."]
    blank = sum(count for value, count in counts.items() if not value.strip())
    if blank and blanks:
        lines.append(f"Without a value: {counted(blank)}, {blanks}.")
    return tuple(lines)


def _bots_left_out(values: list[str]) -> Setting:
    why = ("Bots are left out (skip). To send their messages too, use this line and take them off skip.",)
    return Setting(table="roles", key="bot", value=values, status=Status.OPTION, why=why)


def _to_decide(table: str, unknown: list[str], counts: dict[str, int], places: str) -> Iterator[Setting]:
    for value in unknown[:_SHOWN]:
        why = (f"{counted(counts[value])}: {places}?",)
        word = value if _is_word(value) else quoted(value)
        yield Setting(table=table, key="", value=word, status=Status.DECIDE, why=why)
