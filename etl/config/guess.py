"""Columns and words of an export that no preset knows: by name, then checked against the values.

Every guess says why. What the values contradict is not guessed.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from etl.config.look import Look, Seen
from etl.config.presets import Header, Target, plain

NAMES: Final[dict[Target, tuple[str, ...]]] = {
    "text": (
        "plain_body", "body_text", "text", "body", "message", "message_text", "message_body", "content",
        "msg", "comment", "comment_body", "utterance", "tekst", "besked",
    ),
    "timestamp": (
        "created_at", "sent_at", "timestamp", "created", "created_time", "created_date", "sent_time",
        "send_time", "message_created_at", "message_time", "datetime", "date_time", "unix_time", "time",
        "date", "ts", "tidspunkt", "dato",
    ),
    "role": (
        "role", "author_role", "sender_role", "author_type", "sender_type", "actor_type", "user_type",
        "user_role", "message_author_type", "participant_role", "speaker", "direction", "incoming",
        "inbound", "is_inbound", "from_agent", "is_agent", "from_customer", "is_customer", "party",
        "sender", "from", "author", "rolle", "afsender",
    ),
    "conversation": (
        "conversation_id", "ticket_id", "chat_id", "thread_id", "session_id", "case_id", "dialog_id",
        "dialogue_id", "conversation", "ticket", "chat", "thread", "session", "sag", "sags_id",
    ),
    "user": (
        "requester_id", "customer_id", "end_user_id", "contact_id", "visitor_id", "client_id",
        "lead_id", "external_user_id", "user_id", "userid", "customer", "user", "requester",
        "customer_email", "kunde_id", "kunde",
    ),
    "id": (
        "message_id", "comment_id", "part_id", "msg_id", "event_id", "id", "uuid", "guid",
    ),
    "visibility": (
        "public", "is_public", "private", "is_private", "internal", "is_internal", "visibility",
        "part_type", "message_type", "recipients", "type",
    ),
    "sequence": (
        "sequence", "seq", "message_index", "event_index", "chat_index", "position", "index",
        "message_number",
    ),
    "conversation_start": (
        "conversation_created_at", "conversation_started_at", "conversation_start", "ticket_created_at",
        "chat_started_at", "session_start",
    ),
}  # fmt: skip
"""What columns are called, the surest name first."""

AUTHORS: Final = (
    "author_id", "sender_id", "actor_id", "user_id", "from_id", "author", "author_email", "sender_email",
)  # fmt: skip
"""What the author of a row is called."""

SHARED: Final = 0.5
"""From this share of conversations with ids that agents and customers share, a column can't hold authors."""

_UNIQUE: Final = 0.9

ROLE_VALUES: Final = 20
"""A column of more values holds names, not roles."""


class Meaning(StrEnum):
    """What a word in a role column says."""

    CUSTOMER = "customer"
    AGENT = "agent"
    BOT = "bot"
    SKIP = "skip"


_WORDS: Final[dict[Meaning, frozenset[str]]] = {
    Meaning.CUSTOMER: frozenset({
        "enduser", "user", "visitor", "lead", "contact", "customer", "client", "guest", "requester",
        "consumer", "incoming", "inbound", "in", "kunde",
    }),
    Meaning.AGENT: frozenset({
        "agent", "admin", "operator", "teammate", "expert", "staff", "employee", "supervisor",
        "representative", "outgoing", "outbound", "out", "medarbejder",
    }),
    Meaning.BOT: frozenset({
        "bot", "operatorbot", "automation", "chatbot", "custombot", "virtualagent", "answerbot",
        "botuser",
    }),
    Meaning.SKIP: frozenset({
        "system", "trigger", "macro", "rule", "event",
    }),
}  # fmt: skip
_PUBLIC: Final = frozenset({"public", "all", "comment", "message", "reply", "everyone", "customer"})
_PRIVATE: Final = frozenset(
    {"private", "internal", "note", "agents", "agent", "internalnote", "privatenote", "whisper"}
)
_TRUE: Final = frozenset({"true", "t", "yes", "y", "1"})
_FALSE: Final = frozenset({"false", "f", "no", "n", "0"})
_TRUE_IS_CUSTOMER: Final = frozenset({"incoming", "inbound", "isinbound", "fromcustomer", "iscustomer"})
_TRUE_IS_AGENT: Final = frozenset({"fromagent", "isagent", "outbound", "outgoing"})
_TRUE_IS_PUBLIC: Final = frozenset({"public", "ispublic"})
_TRUE_IS_PRIVATE: Final = frozenset({"private", "isprivate", "internal", "isinternal"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """A column for a setting, and why."""

    column: str
    why: str


def role_of(value: str, column: str) -> Meaning | None:
    """Return whom a value of a role column means; None if nothing is known of it."""
    word, name = plain(value), plain(column)
    if word in _TRUE | _FALSE:
        true = word in _TRUE
        if name in _TRUE_IS_CUSTOMER:
            return Meaning.CUSTOMER if true else Meaning.AGENT
        if name in _TRUE_IS_AGENT:
            return Meaning.AGENT if true else Meaning.CUSTOMER
        return None
    return next((meaning for meaning, words in _WORDS.items() if word in words), None)


def is_public(value: str, column: str) -> bool | None:
    """Return whether customers saw rows with this value; None if nothing is known of it."""
    word, name = plain(value), plain(column)
    if word in _TRUE | _FALSE and name in _TRUE_IS_PUBLIC | _TRUE_IS_PRIVATE:
        return (word in _TRUE) == (name in _TRUE_IS_PUBLIC)
    if word in _PUBLIC | _PRIVATE:
        return word in _PUBLIC
    return None


def guess_columns(seen: Seen) -> dict[Target, Guess]:
    """Return a column for each setting that names and values agree on."""
    found: dict[Target, Guess] = {}
    guesses: Iterable[tuple[Target, Iterator[Guess]]] = (
        ("timestamp", _timestamps(seen)),
        ("role", _roles(seen)),
        ("conversation", _named(seen, "conversation")),
        ("visibility", _visibilities(seen)),
        ("user", _named(seen, "user")),
        ("text", _texts(seen)),
        ("id", _ids(seen)),
        ("sequence", _numbers(seen)),
        ("conversation_start", _starts(seen)),
    )
    for target, candidates in guesses:
        taken = {guess.column for guess in found.values()}
        guess = next((candidate for candidate in candidates if candidate.column not in taken), None)
        if guess is not None:
            found[target] = guess
    return found


def guess_author(seen: Seen, taken: Iterable[str]) -> str | None:
    """Return the column of the author of a row."""
    free = [name for name in seen.names if name not in set(taken)]
    return Header(free).find(AUTHORS)


def shared_ids(seen: Seen, user: str, role: str, conversation: str | None) -> float | None:
    """Return in which share of conversations agents' rows carry the id that the customer's rows have.

    All: the column holds the customer of every row. None of them: it holds the author. Only conversations
    with an agent and just one customer count; the result is None if there are none. Without a column of
    conversations it is the share of agents' ids that any customer's row has.
    """
    ids: defaultdict[str | None, tuple[set[str], set[str]]] = defaultdict(lambda: (set(), set()))
    cells = seen.looks[user].cells
    groups = seen.looks[conversation].cells if conversation else (None,) * len(cells)
    for name, value, group in zip(cells, seen.looks[role].cells, groups, strict=True):
        meaning = role_of(value, role) if value else None
        if name and meaning in {Meaning.CUSTOMER, Meaning.AGENT}:
            ids[group][meaning is Meaning.AGENT].add(name)
    if conversation is None:
        customers, agents = ids[None]
        return len(agents & customers) / len(agents) if agents and customers else None
    both = [(customers, agents) for customers, agents in ids.values() if agents and len(customers) == 1]
    return sum(1 for customers, agents in both if agents & customers) / len(both) if both else None


def _candidates(seen: Seen, target: Target) -> Iterator[Look]:
    """Yield the columns with a name for this setting, the surest first."""
    header = Header(seen.names)
    names = (header.find((name,)) for name in NAMES[target])
    for name in dict.fromkeys(name for name in names if name is not None):
        if seen.looks[name].typed != "nested" and seen.looks[name].filled:
            yield seen.looks[name]


def _named(seen: Seen, target: Target) -> Iterator[Guess]:
    return (Guess(column=look.name, why="Guessed by its name.") for look in _candidates(seen, target))


def _timestamps(seen: Seen) -> Iterator[Guess]:
    for look in _candidates(seen, "timestamp"):
        if look.times():
            yield Guess(column=look.name, why="Guessed by its name; its values are times.")
    times = [look.name for look in seen.looks.values() if _is_dated(look)]
    if len(times) == 1:
        yield Guess(column=times[0], why="Guessed: the only column whose values are times.")


def _is_dated(look: Look) -> bool:
    times = look.times()
    # Ten digits alone are as often a phone number or an id.
    return times is not None and not any(name.startswith("epoch") for name in times.formats)


def _roles(seen: Seen) -> Iterator[Guess]:
    named = list(_candidates(seen, "role"))
    for look in named:
        if _tells_roles(look):
            yield Guess(column=look.name, why="Guessed by its name; its values are roles.")
    others = [look.name for look in seen.looks.values() if look not in named and _tells_both(look)]
    if len(others) == 1:
        yield Guess(column=others[0], why="Guessed: the only column whose values name customers and agents.")


def _tells_roles(look: Look) -> bool:
    few = look.distinct() <= ROLE_VALUES
    return few and any(role_of(value, look.name) for value in set(look.filled))


def _tells_both(look: Look) -> bool:
    if look.distinct() > ROLE_VALUES:
        return False
    meanings = {role_of(value, look.name) for value in set(look.filled)}
    return {Meaning.CUSTOMER, Meaning.AGENT} <= meanings


def _visibilities(seen: Seen) -> Iterator[Guess]:
    for look in _candidates(seen, "visibility"):
        values = set(look.filled)
        if len(values) <= ROLE_VALUES and any(is_public(value, look.name) is not None for value in values):
            yield Guess(column=look.name, why="Guessed by its name; its values tell what customers saw.")


def _texts(seen: Seen) -> Iterator[Guess]:
    for look in _candidates(seen, "text"):
        yield Guess(column=look.name, why="Guessed by its name.")
    wordy = [
        look for look in seen.looks.values() if look.typed == "text" and look.wordy() and not look.times()
    ]
    for look in sorted(wordy, key=lambda look: -look.characters()):
        yield Guess(column=look.name, why="Guessed: its values are the longest texts.")


def _ids(seen: Seen) -> Iterator[Guess]:
    for look in _candidates(seen, "id"):
        # Exports overlap, so a few ids may come twice; an id of conversations or users comes often.
        if look.distinct() >= _UNIQUE * seen.rows:
            yield Guess(column=look.name, why="Guessed by its name; its values hardly ever repeat.")


def _numbers(seen: Seen) -> Iterator[Guess]:
    for look in _candidates(seen, "sequence"):
        if all(cell.strip().isdecimal() for cell in look.filled):
            yield Guess(column=look.name, why="Guessed by its name; its values are whole numbers.")


def _starts(seen: Seen) -> Iterator[Guess]:
    for look in _candidates(seen, "conversation_start"):
        if look.times():
            yield Guess(column=look.name, why="Guessed by its name; its values are times.")
