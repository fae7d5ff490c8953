"""Who wrote a message, as far as the import marked it.

The API takes agents' texts like customers': `from` is always "human". What is left are habits of the
importer, so this is heuristics and the pages say so: the variable `speaker`, else how the text begins.
Only what an agent says during a handover is known to be an agent's.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

_PREFIXES: Final = ("Agent: ", "Bot: ")

SPEAKER: Final = """
    CASE
        WHEN kind = 'agent' THEN 'agent'
        WHEN json_extract(user_cvars, '$.speaker') IN ('customer', 'agent', 'bot')
            THEN json_extract(user_cvars, '$.speaker')
        WHEN substr(text, 1, 7) = 'Agent: ' THEN 'agent'
        WHEN substr(text, 1, 5) = 'Bot: ' THEN 'bot'
        ELSE ''
    END
"""
"""A SQL expression over a row of `message`: a value of `Speaker`."""


class Speaker(StrEnum):
    """Who wrote a message."""

    CUSTOMER = "customer"
    AGENT = "agent"
    BOT = "bot"
    UNMARKED = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """A text and its prefix apart."""

    prefix: str
    text: str


def apart(text: str) -> Spoken:
    """Return a text without the importer's prefix, and that prefix."""
    prefix = next((known for known in _PREFIXES if text.startswith(known)), "")
    return Spoken(prefix=prefix, text=text[len(prefix) :])
