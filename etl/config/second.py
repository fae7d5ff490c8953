"""Second files of a product: joins and openings, in force when they were given."""

from collections.abc import Iterator
from typing import Any

from etl.config.choose import Chosen, Second
from etl.config.look import Seen
from etl.config.presets import Header, Recipe
from etl.config.proposal import SecondFile


def second_files(chosen: Chosen, seen: Seen) -> Iterator[SecondFile]:
    """Yield what the product's other tables give, but for what the export has already."""
    header = Header(seen.names)
    given = {item.recipe.what: item for item in chosen.seconds}
    for recipe in chosen.preset.recipe if chosen.preset else ():
        here = given.get(recipe.what)
        # A column that the export has already needs no second file.
        if here is None and recipe.kind == "join" and all(header.find((name,)) for name in recipe.columns):
            continue
        yield SecondFile(
            kind=recipe.kind,
            what=recipe.what,
            needed=recipe.needed,
            files=here.files if here else (),
            table=_join(recipe, header, here)
            if recipe.kind == "join"
            else _opening(recipe, chosen, header, here),
        )


def _join(recipe: Recipe, header: Header, here: Second | None) -> dict[str, Any]:
    theirs = Header(here.names if here else ())
    on, key = recipe.on or recipe.must, recipe.key or recipe.must[0]
    return {
        "on": header.find(on) or on[0],
        "key": theirs.find((key,)) or key,
        "columns": {name: theirs.find(choice) or choice[0] for name, choice in recipe.columns.items()},
    }


def _opening(recipe: Recipe, chosen: Chosen, header: Header, here: Second | None) -> dict[str, Any]:
    """Return an opening with those columns only that the job uses."""
    theirs = Header(here.names) if here else Header(choice[0] for choice in recipe.columns.values())
    columns = {
        mine: found
        for name, choice in recipe.columns.items()
        if (mine := chosen.named(name)) and (found := theirs.find(choice))
    }
    constants = {
        mine: value
        for name, value in recipe.constants.items()
        if (mine := chosen.named(name) or header.find((name,)))
    }
    return {"columns": columns, **({"constants": constants} if constants else {})}
