"""How the platform's message report is read back: what of it is public is the default, the rest is asked."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from etl.config.reading import Time
from etl.config.target import check_base_url
from etl.config.values import Column, Table


class ReportColumns(Table):
    """Which column of the report holds what; in JSON, `user.id` is `id` inside `user`."""

    user: Column = "user_id"
    """The user id that was sent."""
    text: Column = "text"
    """The text that was sent."""
    timestamp: Column = "timestamp"
    """The time that was sent; `[verify.time]` says in which format."""
    id: Column | None = None
    """The `id` that was sent, if the report has it: the surest match."""
    order: Column | None = None
    """A number that rises in the order of arrival, such as the platform's own message id; without it the
    order of the report's rows is taken."""

    @property
    def mapped(self) -> tuple[str, ...]:
        """Return every column that is read, each once."""
        names = (self.user, self.text, self.timestamp, self.id, self.order)
        return tuple(dict.fromkeys(name for name in names if name is not None))


class Verify(Table):
    """How `etl verify` reads the platform's message report, and when absence means anything."""

    path: Annotated[str, Field(pattern=r"^/[^?#]*$")] | None = None
    """The path of the Message Report endpoint; no public page shows it whole: ask Certainly."""
    base_url: str | None = None
    """The report's address, when it is another one than `target.base_url`."""
    bot_id: Annotated[str, Field(min_length=1)] | None = None
    """The bot's id, from the builder's address bar; not the deployment id."""
    report_id: Annotated[int, Field(ge=1, le=4)] = 1
    """Which report: 1 Message Data, 2 Standard, 3 Advanced, 4 Content Management."""
    auth_scheme: Annotated[str, Field(pattern=r"^[A-Za-z0-9._~+-]+$")] = "JWT"
    """The word before the token."""
    token_env: str = "ETL_USER_TOKEN"  # noqa: S105  the name of a variable, no token
    """The environment variable with a user's token (profile: public API auth token), not the bot's."""
    token_file: Path | None = None
    """A file that holds it instead; refused when others can read it."""
    window_days: Annotated[int, Field(ge=1, le=15)] = 14
    """The longest range of one request; the documented limit is 15."""
    rows_limit: Annotated[int, Field(ge=2, le=1_000_000)] = 500
    """An answer of so many rows counts as cut off: its range is halved and asked again."""
    pause_seconds: Annotated[float, Field(ge=0, le=3_600)] = 1.0
    """Between two requests."""
    timeout_seconds: Annotated[float, Field(gt=0, le=600)] = 60.0
    """For a whole exchange."""
    max_wait_seconds: Annotated[float, Field(ge=0, le=86_400)] = 300.0
    """How long one request is tried again before the command ends with exit code 75."""
    delay_minutes: Annotated[int, Field(ge=0, le=525_600)] = 60
    """How far the report may lag: what was sent later and is not there yet is unknown, not missing."""
    resolution_seconds: Annotated[int, Field(ge=1, le=86_400)] = 1
    """How exact the report's times are; 60 where it shows minutes only."""
    text: Literal["spaces", "exact"] = "spaces"
    """How texts are compared: `spaces` minds neither white space nor the composition of characters."""
    columns: ReportColumns = Field(default_factory=ReportColumns)
    time: Time = Field(default_factory=Time)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.base_url is not None:
            check_base_url(self.base_url)
        return self
