"""How the export is read: files, columns and what their values mean."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from etl.config.values import Column, OneCharacter, Table, TimeFormat, VariableName, ZoneName


class Input(Table):
    """Which files, and how they are written."""

    files: tuple[str, ...] = ()
    """Files, folders and glob patterns, relative to the job file; the command line may name others."""
    delimiter: OneCharacter = ","
    """What separates the fields of a CSV file."""
    quote: OneCharacter = '"'
    """What encloses a field; doubled inside one."""
    encoding: str = "utf-8"
    """Used when there is no byte order mark. Any codec of Python; never guessed."""
    max_record_bytes: Annotated[int, Field(ge=1_024, le=1_073_741_824)] = 16_777_216
    """A larger record is rejected; it also bounds what an unclosed quote can swallow."""


class Columns(Table):
    """Which column holds what. Only `text` and `timestamp` are always needed."""

    text: Column
    """What was written. Where an export has it as plain text and as HTML, name the plain one."""
    timestamp: Column
    """When it was written; `[time]` says in which format."""
    user: Column | None = None
    """The end user (the customer), not the author of the row."""
    role: Column | None = None
    """Who wrote it; `[roles]` says what its values mean."""
    conversation: Column | None = None
    """The ticket or chat; needed with `message.lane = "conversation"`."""
    id: Column | None = None
    """The source's own message id; makes identity independent of the text."""
    sequence: Column | None = None
    """A whole number that orders messages of the same instant."""
    visibility: Column | None = None
    """Tells public messages from internal notes; `[visibility]` says how."""
    variables: dict[VariableName, Column] = Field(default_factory=dict)
    """Custom variables to send with each message: name = column."""
    profile: dict[VariableName, Column] = Field(default_factory=dict)
    """Entries of the user profile to send with each message: name = column."""

    @property
    def mapped(self) -> tuple[str, ...]:
        """Return every source column that is read, each once, in a fixed order."""
        single = (
            self.user, self.role, self.conversation, self.id, self.sequence,
            self.visibility, self.timestamp, self.text,
        )  # fmt: skip
        names = [name for name in single if name is not None]
        return tuple(dict.fromkeys([*names, *self.variables.values(), *self.profile.values()]))


class Roles(Table):
    """Which values of the role column mean whom; compared exactly. Unlisted values are rejects."""

    customer: tuple[str, ...] = ()
    """Values that mean the end user."""
    agent: tuple[str, ...] = ()
    """Values that mean an employee."""
    bot: tuple[str, ...] = ()
    """Values that mean a bot whose messages are to be imported."""
    skip: tuple[str, ...] = ()
    """System rows, macros and everyone else who must not be imported."""
    everyone: Literal["customer", "agent", "bot"] | None = None
    """Without a role column: who wrote all the rows."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        values = [*self.customer, *self.agent, *self.bot, *self.skip]
        twice = sorted({value for value in values if values.count(value) > 1})
        if twice:
            raise ValueError(f"listed under two roles: {', '.join(map(repr, twice))}")
        return self


class Visibility(Table):
    """Which values of the visibility column mean public or private; anything else is a reject."""

    public: tuple[str, ...] = ()
    """Values of rows that the customer saw."""
    private: tuple[str, ...] = ()
    """Values of internal notes: they are skipped."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        both = sorted(set(self.public) & set(self.private))
        if both:
            raise ValueError(f"both public and private: {', '.join(map(repr, both))}")
        return self


class Time(Table):
    """How the timestamp column is written."""

    format: TimeFormat = "iso8601"
    """`iso8601`, `epoch_s`, `epoch_ms`, `epoch_us`, `epoch_ns`, or a strptime pattern."""
    zone: ZoneName | None = None
    """The zone of times without an offset; without it they are rejects. Never the machine's zone."""
    ambiguous: Literal["reject", "earlier", "later"] = "reject"
    """The hour that happens twice when the clocks go back: `reject`, `earlier` or `later`."""
