"""TOML file -> `Job`, with every problem in one message."""

import json
import os
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from etl.config.job import Job
from etl.config.state import State, is_location, local, scratch
from etl.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFile:
    """A job and where it came from; relative paths in it are relative to its folder."""

    path: Path
    job: Job

    @property
    def folder(self) -> Path:
        """Return what relative paths start from."""
        return self.path.parent

    @property
    def state(self) -> State:
        """Return where ledgers, plans and reports are kept."""
        if is_location(self.job.state):
            return State(folder=scratch(self.job.state, os.environ), uri=self.job.state)
        return State(folder=shown(self.folder / local(self.job.state)))

    def resolve(self, path: Path) -> Path:
        """Return a path of the job file as a path of this process."""
        return self.folder / path


def shown(path: Path) -> Path:
    """Return a path as people like to read it: relative where it lies below the current folder."""
    absolute, here = path.resolve(), Path.cwd()
    return absolute.relative_to(here) if absolute.is_relative_to(here) else absolute


def load_job(path: Path) -> JobFile:
    """Read a job file.

    Raises:
        UsageError: it can't be read, is no TOML, or does not describe a job. The message lists every
            problem with its place, and for an unknown key the nearest known one.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UsageError(
            f"no such job file: {path}", hint="etl init FILES writes one; configs/ holds examples"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise UsageError(f"{path}: can't be read: {reason}") from error
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path}: is no valid TOML: {error}") from error
    return JobFile(path=path, job=parse_job(data, name=str(path)))


def parse_job(data: dict[str, Any], *, name: str) -> Job:
    """Return the job that `data` describes.

    Raises:
        UsageError: as `load_job`; `name` is what the message calls the file.
    """
    try:
        # By way of JSON the strict models take arrays for tuples and nothing else more loosely.
        return Job.model_validate_json(json.dumps(data, default=str))
    except ValidationError as error:
        problems = [_describe(detail) for detail in error.errors(include_url=False)]
    lines = "".join(f"\n  {problem}" for problem in problems)
    noun = "problem" if len(problems) == 1 else "problems"
    raise UsageError(
        f"{name}: {len(problems)} {noun}:{lines}",
        hint="configs/example.toml explains every setting",
    )


def _describe(detail: ErrorDetails) -> str:
    place = ".".join(str(part) for part in detail["loc"])
    match detail["type"]:
        case "extra_forbidden":
            near = get_close_matches(str(detail["loc"][-1]), _known_keys(detail["loc"][:-1]), n=1)
            return f"{place}: unknown key" + (f"; did you mean {near[0]}?" if near else "")
        case "missing":
            return f"{place}: is needed"
        case "value_error":
            text = str(detail["ctx"]["error"])
            return f"{place}: {text}" if place else text
        case _:
            return f"{place}: {detail['msg'][:1].lower()}{detail['msg'][1:]}"


def _known_keys(location: Iterable[int | str]) -> list[str]:
    model: type[BaseModel] = Job
    for part in location:
        field = _fields(model).get(str(part))
        if not (isinstance(field, type) and issubclass(field, BaseModel)):
            return []
        model = field
    return list(_fields(model))


def _fields(model: type[BaseModel]) -> dict[str, Any]:
    return {field.alias or name: field.annotation for name, field in model.model_fields.items()}
