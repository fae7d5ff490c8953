"""The command line's words on pace, put in place of the job's and checked by the same rules."""

from dataclasses import replace
from typing import TypedDict, Unpack

from pydantic import ValidationError

from etl.config.load import JobFile
from etl.config.sending import Replay
from etl.errors import UsageError
from etl.model.rate import Rate


class Pace(TypedDict):
    """The options of that name; None leaves the job's own setting."""

    rate: Rate | None
    share: float | None
    window: str | None
    timezone: str | None


def with_pace(job_file: JobFile, **given: Unpack[Pace]) -> JobFile:
    """Return the job with those settings of `[replay]` replaced.

    Raises:
        UsageError: together they make no sense.
    """
    settings = job_file.job.replay.model_dump(exclude_unset=True)
    rate = given["rate"]
    if rate is not None:
        settings.pop("rate_per_second", None)
        settings.pop("rate_per_minute", None)
        settings["rate_per_second" if rate.unit_seconds == 1.0 else "rate_per_minute"] = rate.amount
    others = {"share": given["share"], "window": given["window"], "timezone": given["timezone"]}
    settings |= {name: value for name, value in others.items() if value is not None}
    try:
        pace = Replay.model_validate(settings)
    except ValidationError as error:
        raise UsageError(f"the pace makes no sense: {_problems(error)}", hint="etl import --help") from error
    return replace(job_file, job=job_file.job.model_copy(update={"replay": pace}))


def _problems(error: ValidationError) -> str:
    found = ((problem["loc"], problem["msg"].removeprefix("Value error, ")) for problem in error.errors())
    return "; ".join(f"{place[0]} {text}" if place else text for place, text in found)
