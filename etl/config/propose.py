"""What was seen and chosen -> the settings of a job, each with its reason."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

from etl.config.choose import Chosen
from etl.config.guess import NAMES
from etl.config.look import Look, Seen, Times
from etl.config.presets import Header, Target, plain
from etl.config.proposal import Proposal, Setting, Status
from etl.config.second import second_files
from etl.config.words import counted, quoted, role_settings, row_settings, shown, tally, visibility_settings

SANDBOX_ID: Final = "00000000-0000-4000-8000-000000000000"

_ORDER: Final[tuple[Target, ...]] = (
    "id", "conversation", "user", "role", "timestamp", "visibility", "text", "sequence", "attachments",
    "conversation_start",
)  # fmt: skip
_NEEDED: Final[dict[Target, str]] = {
    "user": "The column with the customer's id (the end user, not the author of the row).",
    "role": "The column that tells customers from agents; with one side only, say everyone under [roles].",
    "timestamp": "The column with the time of each message; none was found whose values are times.",
    "text": "The column with what was written.",
}
_MIN_ROLES: Final = 2
_MAX_ROLES: Final = 8
_SUGGESTED: Final = 5
_CODE: Final = re.compile(r"[A-Za-z][A-Za-z_-]{0,29}|[01]")
_SOURCE: Final = (
    "The name of this history. Keep it for all exports of one helpdesk: it is part of a message's identity."
)
_WANTED: Final[dict[Target, str]] = {
    "id": "No column of message ids was found; messages are told apart by user, time, role and text.",
    "conversation": "No column of tickets or chats was found.",
    "visibility": "No column was found that tells internal notes from messages. If one does, map it.",
}
"""What a job does without, but should not do without unnoticed."""
_HTML_SHARE: Final = 0.1
_UNITS: Final = {
    "epoch_s": "Seconds",
    "epoch_ms": "Milliseconds",
    "epoch_us": "Microseconds",
    "epoch_ns": "Nanoseconds",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """What the job calls things, for all that the columns don't say."""

    source: str
    files: tuple[str, ...]
    """As the job names them."""
    encoding: str | None = None
    unused: tuple[str, ...] = ()
    """Files that were given and have no place in the job."""


def propose(seen: Seen, chosen: Chosen, naming: Naming) -> Proposal:
    """Return the job that fits what was seen."""
    preset = chosen.preset
    settings = [
        Setting(
            table="",
            key="source",
            value=naming.source,
            why=(_SOURCE,),
        ),
        Setting(
            table="target",
            key="deployment_id",
            value=SANDBOX_ID,
            why=("Nobody's, for --sandbox. Put your own here: the `id` in the widget's embed script.",),
        ),
        *_input(chosen, naming),
        *_columns(chosen, seen),
        *row_settings(chosen, seen),
        *role_settings(chosen, seen),
        *visibility_settings(chosen, seen),
        *_time(chosen, seen),
        *_text(chosen, seen),
        *_message(chosen),
    ]
    return Proposal(
        preset=preset.name if preset else None,
        title=preset.title
        if preset
        else "no product that etl knows; columns are guessed by names and values",
        rows=seen.rows,
        settings=tuple(settings),
        seconds=tuple(second_files(chosen, seen)),
        warnings=tuple(_warnings(seen, chosen, naming.unused)),
        notes=(f"Made for {preset.export}.", *preset.notes) if preset else (),
        seen={name: shown(counts) for name, counts in seen.counts.items()},
    )


def _input(chosen: Chosen, naming: Naming) -> Iterator[Setting]:
    yield Setting(table="input", key="files", value=list(naming.files), why=("Relative to this file.",))
    if naming.encoding is not None:
        yield Setting(table="input", key="encoding", value=naming.encoding)
    if chosen.preset is not None and chosen.preset.transcript is not None:
        why = ("One cell holds a whole conversation; this parser takes it apart.",)
        yield Setting(table="input", key="transcript", value=chosen.preset.transcript, why=why)


def _columns(chosen: Chosen, seen: Seen) -> Iterator[Setting]:
    for target in _ORDER:
        guess = chosen.columns.get(target)
        if guess is not None:
            why = (guess.why,) if guess.why else ()
            yield Setting(table="columns", key=target, value=guess.column, why=why)
        elif target == "user":
            yield from _user(chosen, seen)
        elif target in _NEEDED:
            reasons = _missing(chosen, seen, target)
            yield Setting(table="columns", key=target, value="…", status=Status.NEEDED, why=reasons)
        elif target in _WANTED and chosen.preset is None:
            reasons = (_WANTED[target],)
            yield Setting(table="columns", key=target, value="…", status=Status.OPTION, why=reasons)


def _user(chosen: Chosen, seen: Seen) -> Iterator[Setting]:
    customer = chosen.customer
    if customer is not None:
        value = {"customer_of": customer.of}
        yield Setting(table="columns", key="user", value=value, why=(customer.why,))
        yield Setting(table="columns", key="author", value=customer.author)
        return
    status = Status.OPTION if lane_of(chosen) == "conversation" else Status.NEEDED
    yield Setting(table="columns", key="user", value="…", status=status, why=_missing(chosen, seen, "user"))


def _missing(chosen: Chosen, seen: Seen, target: Target) -> tuple[str, ...]:
    own = chosen.preset.missing.get(target) if chosen.preset else None
    hints: Iterable[str] = ()
    if target == "role" and own is None:
        hints = _few_values(chosen, seen)
    elif target == "timestamp":
        names = (Header(seen.names).find((name,)) for name in NAMES["timestamp"])
        hints = (f"Perhaps {quoted(name)}, but no one format fits its values." for name in names if name)
    return (own or _NEEDED[target], *dict.fromkeys(hints))


def _few_values(chosen: Chosen, seen: Seen) -> Iterator[str]:
    """Yield the columns that could tell customers from agents, with their values."""
    free = (look for name, look in seen.looks.items() if name not in chosen.taken())
    few = (look for look in free if _MIN_ROLES <= look.distinct() <= _MAX_ROLES and _is_code(look))
    for look in islice(few, _SUGGESTED):
        yield f"Perhaps {quoted(look.name)}: {tally(Counter(look.filled))}."


def _is_code(look: Look) -> bool:
    """Return whether all values are single words; people's names and addresses are none of a job file's."""
    return "name" not in plain(look.name) and all(_CODE.fullmatch(value) for value in look.filled)


def lane_of(chosen: Chosen) -> str:
    """Return what the sent user is: where nothing tells the user, each conversation becomes one."""
    if chosen.preset is not None:
        return chosen.preset.lane
    known = chosen.customer is not None or "user" in chosen.columns
    return "user" if known or "conversation" not in chosen.columns else "conversation"


def _time(chosen: Chosen, seen: Seen) -> Iterator[Setting]:
    column = chosen.column("timestamp")
    look = seen.looks.get(column) if column else None
    if look is None or not look.filled:
        return
    times = look.times()
    if times is None:
        why = (f"No one format fits the values of {quoted(look.name)}.",)
        yield Setting(table="time", key="format", value="…", status=Status.NEEDED, why=why)
        return
    yield from _format(times)
    if times.naive:
        yield from _zone(times, chosen)


def _format(times: Times) -> Iterator[Setting]:
    offsets = ", ".join(f"{name} {count:,}" for name, count in times.offsets.items())
    epoch = bool(times.formats) and times.formats[0].startswith("epoch")
    why = [
        f"{_UNITS[times.formats[0]]} since 1970, by their digits." if epoch else f"Offsets seen: {offsets}."
    ]
    if times.others:
        why.append(f"Written otherwise: {counted(times.others)}, rejected.")
    if not times.formats:
        yield Setting(
            table="time", key="format", value="auto", why=("The file's own type says how times are stored.",)
        )
    elif len(times.formats) == 1:
        yield Setting(table="time", key="format", value=times.formats[0], why=tuple(why))
    else:
        why = ["Day and month can't be told apart; take the right line."]
        for pattern in times.formats:
            yield Setting(table="time", key="format", value=pattern, status=Status.NEEDED, why=tuple(why))
            why = []


def _zone(times: Times, chosen: Chosen) -> Iterator[Setting]:
    known = chosen.preset.zone if chosen.preset else None
    if known is not None:
        why = f"Without an offset: {counted(times.naive)}; this product means {known}."
        yield Setting(table="time", key="zone", value=known, why=(why,))
        return
    why = f"Without an offset: {counted(times.naive)}. In which zone? Such as Europe/Copenhagen or UTC."
    yield Setting(table="time", key="zone", value="…", status=Status.NEEDED, why=(why,))


def _text(chosen: Chosen, seen: Seen) -> Iterator[Setting]:
    column = chosen.column("text")
    look = seen.looks.get(column) if column else None
    if look is None or (chosen.preset is not None and chosen.preset.transcript):
        return
    share = look.html_share()
    if chosen.preset is not None and Header([look.name]).find(chosen.preset.html):
        why = f"This product writes HTML ({share:.0%} of the texts seen have tags); plain text is sent."
        yield Setting(table="text", key="html", value=True, why=(why,))
    elif share >= _HTML_SHARE:
        why = f"{share:.0%} of the texts seen have HTML tags; plain text is sent."
        yield Setting(table="text", key="html", value=True, why=(why,))
    elif share:
        why = f"{share:.1%} of the texts seen have HTML tags; they are sent as they are."
        yield Setting(table="text", key="html", value=True, status=Status.OPTION, why=(why,))


def _message(chosen: Chosen) -> Iterator[Setting]:
    if lane_of(chosen) == "conversation":
        why = ("There is no user in this export: each conversation becomes a user of its own.",)
        yield Setting(table="message", key="lane", value="conversation", why=why)
    if chosen.preset is not None and chosen.preset.speaker != "prefix":
        yield Setting(table="message", key="speaker", value=chosen.preset.speaker)


def _warnings(seen: Seen, chosen: Chosen, unused: Iterable[str]) -> Iterator[str]:
    if not seen.rows:
        yield "No row could be looked at: there is none, or all are rejects. `etl check` says why."
    for name in unused:
        yield f"{name} is not in the job: its columns are neither this export's nor those of a second file."
    for name in chosen.suspects(seen):
        counts = seen.counts.get(name)
        values = f" ({tally(counts)})" if counts else ""
        yield (
            f"The column {quoted(name)} is not mapped{values}. If it tells internal notes from messages, map "
            "it as visibility or filter it under [rows]; else notes are sent."
        )
    for look in seen.looks.values():
        if look.typed == "nested":
            yield f"The column {quoted(look.name)} holds lists; [input] explode can take it apart."
