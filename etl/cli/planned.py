"""What `check` and `plan` share: their options, and what these come to."""

from dataclasses import dataclass

from etl.cli import options
from etl.cli.gathered import gathered
from etl.config.load import JobFile
from etl.config.override import Pace, with_pace
from etl.model.rate import Rate
from etl.pipeline.wish import Wish


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """The options by name."""

    files: tuple[str, ...]
    sandbox: bool
    cluster: str | None
    rate: Rate | None
    share: float | None
    window: str | None
    timezone: str | None
    unfinished: str | None
    new_identity: bool

    @property
    def pace(self) -> Pace:
        """Return the words on pace alone."""
        return Pace(rate=self.rate, share=self.share, window=self.window, timezone=self.timezone)

    @property
    def wish(self) -> Wish:
        """Return what is asked of the plan."""
        return Wish(
            files=self.files,
            unfinished=self.unfinished,
            new_identity=self.new_identity,
            cluster=self.cluster,
        )

    def of(self, job_file: JobFile) -> JobFile:
        """Return the job with the pace that is asked for.

        Raises:
            UsageError: together they make no sense.
        """
        return with_pace(job_file, **self.pace)


planned = gathered(
    "asked",
    Planned,
    options.files,
    options.sandbox,
    options.cluster,
    *options.PACE,
    *options.PLANNING,
)
"""Adds what decides which plan is made, and how fast it would be sent, as `asked`."""
