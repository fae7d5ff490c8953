"""What is known of helpdesk products' exports: one TOML file for each kind of export, as typed data.

A preset is recognised by its columns. Names are compared by their letters and digits only, so that
`conversationId`, `conversation_id` and `CONVERSATION ID` are one name.
"""

import json
import re
import tomllib
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Annotated, Final, Literal

from pydantic import Field

from etl.config.reading import Roles, Rows, Visibility
from etl.config.values import Column, Table, ZoneName

Target = Literal[
    "id", "conversation", "user", "role", "timestamp", "visibility", "text",
    "sequence", "conversation_start", "attachments",
]  # fmt: skip
"""A setting of `[columns]` that names one column."""

Choice = Annotated[tuple[Column, ...], Field(min_length=1)]
"""Spellings of one column, the best first; the first that the export has is taken."""

_FOLDER: Final = "presets"


class Recognition(Table):
    """The columns that tell an export of this kind."""

    must: Annotated[tuple[Choice, ...], Field(min_length=3)]
    """Each must be there, in one of its spellings."""
    help: tuple[Column, ...] = ()
    """Each makes it likelier."""


class Customer(Table):
    """Where a row has its author only: the customer is whoever wrote as one in the same conversation."""

    of: Choice
    """The conversation."""
    author: Choice
    """The author of the row."""


class Recipe(Table):
    """What a second file of the same product gives: a `[[join]]` or an `[[opening]]`."""

    kind: Literal["join", "opening"]
    what: str
    """The second file and what it is for, in one line."""
    must: Annotated[tuple[Column, ...], Field(min_length=2)]
    """The columns by which the second file is recognised."""
    needed: bool = False
    """Whether the export can't be imported without it, unless it has the column already."""
    on: Choice | None = None
    key: Column | None = None
    columns: dict[Column, Choice]
    """Of a join: new column = theirs. Of an opening: a setting of `[columns]` = theirs."""
    constants: dict[Column, str] = Field(default_factory=dict)
    """A setting of `[columns]`, or a column of the first files = one value for all opening messages."""


class Preset(Table):
    """One kind of export of one product."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]
    product: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]
    """What `source` is called, unless the person renames it."""
    title: str
    export: str
    """What the export is and how to get it, in one line."""
    recognition: Recognition
    columns: dict[Target, Choice]
    missing: dict[Target, str] = Field(default_factory=dict)
    """What to do when none of a setting's columns is there."""
    customer: Customer | None = None
    """Used when no column holds the end user."""
    roles: Roles = Field(default_factory=Roles)
    visibility: Visibility = Field(default_factory=Visibility)
    rows: Rows = Field(default_factory=Rows)
    zone: ZoneName | None = None
    """What times without an offset mean in this product."""
    html: tuple[Column, ...] = ()
    """Text columns that hold HTML."""
    lane: Literal["user", "conversation"] = "user"
    speaker: Literal["prefix", "customers-only"] = "prefix"
    transcript: Literal["salesforce", "zendesk-chat", "amazon-connect"] | None = None
    recipe: tuple[Recipe, ...] = ()
    notes: tuple[str, ...] = ()
    """Traps of this product, one sentence each."""


class Header:
    """The columns of one export, found again by any spelling of their names."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names: Final = tuple(name for name in names if name)
        self._spelled: dict[str, str] = {}
        for name in self.names:
            self._spelled.setdefault(plain(name), name)

    def find(self, choice: Iterable[str]) -> str | None:
        """Return the first of `choice` that is there, as the export spells it."""
        exact = set(self.names)
        found = (name if name in exact else self._spelled.get(plain(name)) for name in choice)
        return next((name for name in found if name is not None), None)


def is_made(name: str) -> bool:
    """Return whether a column is none of the export's: the parser of transcripts makes it."""
    return name.startswith("(")


def plain(name: str) -> str:
    """Return a column's name by its letters and digits only, in lower case."""
    return re.sub(r"[\W_]+", "", name.casefold())


@cache
def presets() -> tuple[Preset, ...]:
    """Return all presets of the package, by name."""
    folder = files("etl.config") / _FOLDER
    texts = (entry.read_text(encoding="utf-8") for entry in folder.iterdir() if entry.name.endswith(".toml"))
    # By way of JSON, as jobs are read: the strict models then take arrays for tuples.
    found = (Preset.model_validate_json(json.dumps(tomllib.loads(text))) for text in texts)
    return tuple(sorted(found, key=lambda preset: preset.name))


def recognise(names: Iterable[str]) -> Preset | None:
    """Return the preset whose columns these are: the one of which most are there; None if none fits."""
    header = Header(names)
    scores = {preset.name: _score(preset, header) for preset in presets()}
    best = max(presets(), key=lambda preset: scores[preset.name])
    return best if scores[best.name] > 0 else None


def companion(preset: Preset, names: Iterable[str]) -> Recipe | None:
    """Return the recipe whose second file has these columns; None if they are no second file's."""
    header = Header(names)
    if _score(preset, header):
        return None
    fitting = [recipe for recipe in preset.recipe if all(header.find((name,)) for name in recipe.must)]
    return max(fitting, key=lambda recipe: len(recipe.must), default=None)


def _score(preset: Preset, header: Header) -> int:
    must = preset.recognition.must
    if not all(header.find(choice) for choice in must):
        return 0
    return 2 * len(must) + sum(1 for name in preset.recognition.help if header.find((name,)))


def chosen(preset: Preset, header: Header, added: Iterable[str]) -> dict[Target, str]:
    """Return which column each setting takes; `added` are columns that second files bring."""
    whole = Header([*header.names, *added])
    made = {target: next(filter(is_made, choice), None) for target, choice in preset.columns.items()}
    found = ((target, whole.find(choice) or made[target]) for target, choice in preset.columns.items())
    return {target: name for target, name in found if name is not None}
