"""How the export is read: files, columns and what their values mean."""

from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from etl.config.values import Column, Delimiter, OneCharacter, Table, TimeFormat, VariableName, ZoneName

CUSTOMER_COLUMN: Final = "(customer)"
"""The column that `customer_of` adds; no export has one of that name."""

POSITION_COLUMN: Final = "(position)"
"""The column that unfolding a transcript adds: the place of a message in it."""


class Input(Table):
    """Which files, and how they are written."""

    files: tuple[str, ...] = ()
    """Files, folders and glob patterns, relative to the job file, or places such as s3://bucket/folder; the
    command line may name others."""
    format: Literal["auto", "csv", "parquet", "jsonl"] = "auto"
    """What the files are; `auto` goes by their first bytes, never by their names."""
    delimiter: Delimiter = "auto"
    """What separates the fields of a CSV file; `auto` takes the one that the header line shows."""
    quote: OneCharacter = '"'
    """What encloses a field; doubled inside one."""
    encoding: str = "utf-8"
    """Used when there is no byte order mark. Any codec of Python; never guessed."""
    skip_lines: Annotated[int, Field(ge=0, le=1_000)] = 0
    """Lines before the header, as reports have them."""
    on_file_error: Literal["stop", "skip"] = "stop"
    """A file that can't be trusted as a whole: `stop`, or `skip` it whole and go on with the others."""
    explode: Column | None = None
    """A column of lists of structs (Parquet) or objects (JSON lines): each element becomes a row, its fields
    are columns named `column.field`."""
    transcript: Literal["salesforce", "zendesk-chat", "amazon-connect"] | None = None
    """The parser for exports with a whole conversation in one cell, that of `columns.text`."""
    max_record_bytes: Annotated[int, Field(ge=1_024, le=1_073_741_824)] = 16_777_216
    """A larger record is rejected; it also bounds what an unclosed quote can swallow."""


class CustomerOf(Table):
    """The user of a row is whoever wrote as a customer in the same conversation."""

    customer_of: Column
    """The column of the conversation."""


class Join(Table):
    """Columns from a second file, such as the tickets' requesters or the users' roles."""

    files: tuple[str, ...]
    """The second file or files, read like the first ones."""
    on: Column
    """The column of the first files, one that an earlier join adds, or `(customer)`, which `customer_of`
    finds."""
    key: Column
    """The column of the second one that it is looked up in; a key found twice with other
    values is an error."""
    prefix: Column | None = None
    """What stands before keys in `on` only, as `agent:`; cells without it are looked up as they are."""
    columns: dict[Column, Column]
    """New column = column of the second file. Rows without a match get an empty cell."""


class Opening(Table):
    """Opening messages that stand in a second file: the ticket's description, the conversation's source."""

    files: tuple[str, ...]
    """The second file or files, read like the first ones."""
    columns: dict[Column, Column]
    """Column of the first files = column of this one; the others are empty."""
    constants: dict[Column, str] = Field(default_factory=dict)
    """Column of the first files = one value for all these rows, such as the role."""


class Rows(Table):
    """Which rows count at all; the others are skipped and counted."""

    keep: dict[Column, tuple[str, ...]] = Field(default_factory=dict)
    """Only rows with one of these values, as `_fivetran_active = ["true"]`."""
    drop: dict[Column, tuple[str, ...]] = Field(default_factory=dict)
    """Not the rows with one of these values, as `_fivetran_deleted = ["true"]`, `status = ["draft"]`."""
    filled: tuple[Column, ...] = ()
    """Only rows in which all these columns hold something, as `["delivered_at"]`."""
    empty: tuple[Column, ...] = ()
    """Only rows in which all these columns hold nothing, as `["failed_datetime"]`."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Return every column that a rule looks at, each once, in a fixed order."""
        return tuple(dict.fromkeys([*self.keep, *self.drop, *self.filled, *self.empty]))


class Columns(Table):
    """Which column holds what. Only `text` and `timestamp` are always needed."""

    text: Column
    """What was written. Where an export has it as plain text and as HTML, name the plain one."""
    timestamp: Column
    """When it was written; `[time]` says in which format."""
    user: Column | CustomerOf | None = None
    """The end user (the customer), not the author of the row. Where a row has only its author:
    `{ customer_of = "ticket_id" }`, the customer who wrote in the same conversation."""
    author: Column | None = None
    """Who wrote the row; only needed with `customer_of`."""
    role: Column | None = None
    """Who wrote it; `[roles]` says what its values mean."""
    conversation: Column | None = None
    """The ticket or chat; needed with `message.lane = "conversation"`."""
    id: Column | None = None
    """The source's own message id; makes identity independent of the text."""
    sequence: Column | None = None
    """A whole number that orders messages of the same instant."""
    conversation_start: Column | None = None
    """When the conversation began, written as `timestamp` is; only compared with, in `check`."""
    attachments: Column | None = None
    """Names of attached files; stands in for a text that is empty, see `[text] attachment`."""
    visibility: Column | None = None
    """Tells public messages from internal notes; `[visibility]` says how."""
    variables: dict[VariableName, Column] = Field(default_factory=dict)
    """Custom variables to send with each message: name = column."""
    profile: dict[VariableName, Column] = Field(default_factory=dict)
    """Entries of the user profile to send with each message: name = column."""

    @property
    def user_column(self) -> str | None:
        """Return the column that holds the user once rows are gathered."""
        return CUSTOMER_COLUMN if isinstance(self.user, CustomerOf) else self.user

    @property
    def mapped(self) -> tuple[str, ...]:
        """Return every source column that is read, each once, in a fixed order."""
        single = (
            self.user_column, self.role, self.conversation, self.id, self.sequence,
            self.visibility, self.attachments, self.conversation_start, self.timestamp, self.text,
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
    unknown: Literal["stop", "reject"] = "stop"
    """What a value that is not listed does to an import: `stop` it, or only `reject` its rows."""
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

    format: TimeFormat = "auto"
    """`iso8601`, `epoch_s`, `epoch_ms`, `epoch_us`, `epoch_ns`, `excel_serial`, or a strptime pattern; `auto`
    finds the one format that fits the first rows of a file, never guesses day and month, and keeps to it."""
    zone: ZoneName | None = None
    """The zone of times without an offset; without it they are rejects. Never the machine's zone."""
    ambiguous: Literal["reject", "earlier", "later"] = "reject"
    """The hour that happens twice when the clocks go back: `reject`, `earlier` or `later`."""
