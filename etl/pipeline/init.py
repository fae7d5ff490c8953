"""`etl init`: looks at an export and writes a job for it. Reads a sample only; sends nothing."""

import os
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from etl.config.choose import Chosen, Second, choose, second_file
from etl.config.load import parse_job, shown
from etl.config.look import Seen
from etl.config.presets import Header, Preset, Recipe, recognise
from etl.config.proposal import Proposal, Status
from etl.config.propose import Naming, propose
from etl.config.reading import Input
from etl.errors import InputError, UsageError
from etl.pipeline.sample import Typed, columns_of, count_values, look_at
from etl.report.files import private_file
from etl.report.jobfile import render
from etl.source.discover import SourceFile, discover

_SHOWN: Final = 5
_LONGEST: Final = 64
_NO_NAME: Final = re.compile(r"[^A-Za-z0-9_.-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class InitResult:
    """The job that was written."""

    path: Path
    proposal: Proposal
    complete: bool
    """Whether `check` takes it as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Given:
    """A file of the command line with its columns."""

    argument: str
    file: SourceFile
    columns: dict[str, Typed]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Second:
    """Files of the command line that serve as a second file."""

    recipe: Recipe
    given: list[_Given]


def run_init(
    arguments: Sequence[str], output: Path, *, overwrite: bool, encoding: str | None = None
) -> InitResult:
    """Look at files, and write the job that fits them.

    Raises:
        UsageError: the job file is there already, can't be written, or the files are different exports.
        InputError: a file can't be read.
    """
    if os.path.lexists(output) and not overwrite:
        raise UsageError(
            f"{output} is there already", hint="say --force to overwrite it, or --output for another name"
        )
    try:
        return _init(arguments, output, encoding)
    except InputError as error:
        if "[input] encoding" not in error.hint:
            raise
        # There is no job yet in which it could be set.
        raise InputError(error.message, hint=f"say --encoding NAME. In a job: {error.hint}") from error


def _init(arguments: Sequence[str], output: Path, encoding: str | None) -> InitResult:
    settings = Input(encoding=encoding or "utf-8")
    given = [
        _Given(argument=argument, file=file, columns=columns_of(file, settings))
        for argument in arguments
        for file in discover([argument], base=Path())
    ]
    preset = _preset(given)
    main = [item for item in given if _is_main(item, given[0], preset)]
    seconds, unused = _seconds([item for item in given if item not in main], preset)
    chosen, seen = _look(main, seconds, preset, settings, output)
    naming = Naming(
        source=preset.product if preset else _source_name(main[0].argument),
        files=_as_in_job(main, given, output),
        encoding=encoding,
        unused=unused,
    )
    proposal = propose(seen, chosen, naming)
    text = render(proposal, name=str(shown(output)), looked_at=_listed([item.file.label for item in given]))
    complete = not proposal.open_points(Status.NEEDED) and all(
        second.files or not second.needed for second in proposal.seconds
    )
    if complete:
        parse_job(tomllib.loads(text), name=str(output))
    with private_file(output) as sink:
        sink.write(text.encode())
    return InitResult(path=shown(output), proposal=proposal, complete=complete)


def _preset(given: Sequence[_Given]) -> Preset | None:
    found = {preset.name: preset for item in given if (preset := recognise(item.columns))}
    if len(found) > 1:
        titles = "; ".join(preset.title for preset in found.values())
        raise UsageError(
            f"these files are different exports: {titles}",
            hint="make a job file for each of them with --output",
        )
    return next(iter(found.values()), None)


def _is_main(item: _Given, first: _Given, preset: Preset | None) -> bool:
    if preset is not None:
        return recognise(item.columns) is preset
    return item.columns.keys() == first.columns.keys()


def _seconds(others: Sequence[_Given], preset: Preset | None) -> tuple[list[_Second], tuple[str, ...]]:
    """Return the second files that the product has a use for, and the labels of the rest."""
    uses: dict[str, _Second] = {}
    unused: list[str] = []
    for item in others:
        recipe = second_file(preset, tuple(item.columns))
        if recipe is None:
            unused.append(item.file.label)
            continue
        use = uses.setdefault(recipe.what, _Second(recipe=recipe, given=[]))
        use.given.append(item)
    return list(uses.values()), tuple(unused)


def _look(
    main: Sequence[_Given], uses: Sequence[_Second], preset: Preset | None, settings: Input, output: Path
) -> tuple[Chosen, Seen]:
    """Look at the first rows, choose columns, then count the values of those that decide something."""
    looks = look_at(main[0].file, main[0].columns, settings)
    seen = Seen(looks=looks, rows=max((len(look.cells) for look in looks.values()), default=0))
    seconds = [
        Second(
            recipe=use.recipe,
            files=tuple(_relative(item.file.label, output) for item in use.given),
            names=tuple(use.given[0].columns),
        )
        for use in uses
    ]
    chosen = choose(preset, seen, seconds)
    counts, counted = count_values([item.file for item in main], chosen.worded(seen), settings)
    for use in uses:
        counts.update(_joined_counts(use, chosen, settings))
    return chosen, replace(seen, counts=counts, counted=counted)


def _joined_counts(use: _Second, chosen: Chosen, settings: Input) -> dict[str, dict[str, int]]:
    """Return the values of the role column where a second file brings it, under its new name."""
    role = chosen.column("role")
    theirs = use.recipe.columns.get(role) if role and use.recipe.kind == "join" else None
    if role is None or theirs is None:
        return {}
    found = Header(use.given[0].columns).find(theirs) or theirs[0]
    counts, _ = count_values([item.file for item in use.given], (found,), settings)
    return {role: counts.get(found, {})}


def _as_in_job(main: Sequence[_Given], given: Sequence[_Given], output: Path) -> tuple[str, ...]:
    """Return how the job names the export's files: as they were given, unless that means other files too."""
    mixed = {item.argument for item in given if item not in main}
    names = (item.file.label if item.argument in mixed else item.argument for item in main)
    return tuple(dict.fromkeys(_relative(name, output) for name in names))


def _relative(name: str, output: Path) -> str:
    """Return a path or pattern as seen from the job file's folder.

    Raises:
        UsageError: the name can't be written into a job file.
    """
    if "://" in name:
        return name
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise UsageError(f"{name!a}: a name that is no UTF-8 can't stand in a job file") from error
    folder, last = os.path.split(name.rstrip(os.sep) or name)
    here = os.path.join(os.path.realpath(folder), last)  # noqa: PTH118  a pattern is no path
    return os.path.relpath(here, os.path.realpath(output.parent))


def _source_name(argument: str) -> str:
    """Return a name for the history, made from that of its file or folder."""
    last = argument.rstrip("/").rpartition("/")[2]
    name = _NO_NAME.sub("-", last.partition(".")[0]).strip("-._")
    return name[:_LONGEST] or "history"


def _listed(labels: Sequence[str]) -> str:
    more = f" and {len(labels) - _SHOWN} more" if len(labels) > _SHOWN else ""
    return f"{', '.join(labels[:_SHOWN])}{more}"
