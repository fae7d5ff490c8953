"""What an earlier hand-over from Certainly left in an export: it holds these words already.

Control texts pass a conversation from one program to the other. The first visitor message of a
conversation that was handed over is the whole transcript of the bot, or a sentence that there is none.
"""

import re
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etl.normalize.scan import holds, matches_among, rows_with
from etl.normalize.verdict import Mask, matches, missing

_CONTROL: Final = r"%\(\(switchboard:[A-Za-z0-9_.:\-]+\)\)%"
_EVENT: Final = r"""^\s*[\[({"']*PassControlEvent["'})\]]*(?:\s*[:({\[][^\n]*)?\s*$"""
_NO_TRANSCRIPT: Final = r"^\s*The transcript between Certainly and this visitor is not available\.?\s*$"
_MARKS: Final = (("PassControlEvent", _EVENT), ("transcript between Certainly", _NO_TRANSCRIPT))

_BOT: Final = r"(?:certainly(?: chat)?(?: ?bot)?|chat ?bot|bot|virtual assistant|virtuel assistent)"
_VISITOR: Final = r"(?:visitor|user|end[ -]user|customer|guest|you|besøgende|bruger|kunde|besucher|nutzer)"
_CLOCK: Final = r"[\[(]?(?:\d[\d:./, \-T]{3,24}(?:[ap]m|Z|UTC)?[\])]?[ \-]{0,3})?"
_LABELLED: Final = rf"(?im)^[ \t*]{{0,4}}{_CLOCK}{_BOT}[ *]{{0,3}}(?:[(\[][^)\]\n]{{1,40}}[)\]][ *]{{0,3}})?:"
_BOT_LINE: Final = re.compile(_LABELLED)
_VISITOR_LINE: Final = re.compile(_LABELLED.replace(_BOT, _VISITOR))
_HEADING: Final = re.compile(
    r"\W*(?:chat|conversation)?\W*(?:transcript|history|log)\b.{0,80}$", re.IGNORECASE
)
_FEWEST_TURNS: Final = 3


def read_residues(texts: pa.Array, customer: Mask) -> tuple[pa.Array, Mask, Mask]:
    """Return the texts without control texts, which rows are nothing but residues, and which lost one."""
    residue, cleaned = (np.zeros(len(texts), dtype=np.bool_) for _ in range(2))
    if holds(texts, "%((switchboard:"):
        cleaned = matches(texts, _CONTROL)
        texts = pc.replace_substring_regex(texts, _CONTROL, "")
        residue |= cleaned & missing(texts)
    for needle, pattern in _MARKS:
        if holds(texts, needle):
            residue |= matches(texts, pattern)
    turns = customer & rows_with(texts, ":", times=_FEWEST_TURNS)
    if turns.any():
        turns &= rows_with(texts, "\n", times=_FEWEST_TURNS - 1)
    candidates = matches_among(texts, turns, _LABELLED)
    for row in np.flatnonzero(candidates):
        residue[row] |= is_transcript(texts[row].as_py())
    return texts, residue, cleaned & ~residue


def is_transcript(text: str) -> bool:
    """Return whether a text is a talk of a bot with a visitor, from its first line on to its last.

    Both must be named at the beginning of lines, in three turns or more; what stands below the last turn
    as a paragraph of its own is somebody's words about it. So a customer who cites a talk is kept.
    """
    blocks = [block for block in re.split(r"\n\s*\n", text.strip()) if block.strip()]
    lines = [line for line in text.split("\n") if line.strip()]
    bot = sum(_BOT_LINE.match(line) is not None for line in lines)
    visitor = sum(_VISITOR_LINE.match(line) is not None for line in lines)
    begins = _is_turn(lines[0]) or (_HEADING.match(lines[0]) is not None and any(map(_is_turn, lines[1:3])))
    ends = len(blocks) == 1 or _is_turn(blocks[-1])
    return begins and ends and bot > 0 and visitor > 0 and bot + visitor >= _FEWEST_TURNS


def _is_turn(line: str) -> bool:
    return _BOT_LINE.match(line) is not None or _VISITOR_LINE.match(line) is not None
