"""The traps of helpdesk exports: what each is called, and that each has a test which bears its number."""

import ast
from collections import Counter
from pathlib import Path

TRAPS = {
    1: "bodies in HTML",
    2: "the same body as plain text and as HTML",
    3: "earlier mails quoted in a reply",
    4: "internal notes among messages",
    5: "whole chats stored as internal notes",
    6: "rows by bots, rules and systems",
    7: "drafts, failed and deleted messages",
    8: "opening messages outside the table of messages",
    9: "rows that name only their author",
    10: "merged tickets",
    11: "history tables and soft deletes",
    12: "exports that overlap",
    13: "equal messages at one instant",
    14: "many messages in one second",
    15: "newest first, users mixed",
    16: "one id for many people",
    17: "one id as customer and as agent",
    18: "local times without a zone",
    19: "the hour that is there twice, and the one that is missing",
    20: "offsets that are wrong",
    21: "days and months that could be swapped, formats that vary",
    22: "seconds, milliseconds and the rest since 1970",
    23: "dates that mean nothing",
    24: "more decimals than microseconds",
    25: "ids that went through a spreadsheet",
    26: "values that data frames take for missing, ids that became floats",
    27: "files in other encodings",
    28: "several encodings in one file",
    29: "line breaks inside values",
    30: "a quote that is never closed",
    31: "very large cells",
    32: "other delimiters",
    33: "rows of the wrong width, text before and after the table",
    34: "headers that are doubled, missing or nearly right",
    35: "characters that nobody can see",
    36: "messages without text",
    37: "whole conversations in one cell",
    38: "times relative to a start",
    39: "rows inside rows",
    40: "typed columns",
    41: "damaged and disguised files",
    42: "gzip in several parts, and gzip bombs",
    43: "folders with more in them than data",
    44: "hostile file names",
    45: "cells that spreadsheets execute",
    46: "ids of unusual length and shape",
    47: "a column that changes its kind at the end",
    48: "JSON that parsers disagree about",
    49: "days in file names",
    50: "personal data on the way through",
}


def test_each_trap_has_a_test_of_its_own():
    """A trap without a test is one that somebody will fall into again."""
    numbers: Counter[int] = Counter()
    for path in Path(__file__).parent.glob("test_traps_*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_trap_"):
                numbers[int(node.name.split("_")[2])] += 1

    assert set(TRAPS) == set(numbers) == set(range(1, 51))
