"""The job file as frozen models: one class per table, units in names, every default a named value here.

`configs/example.toml` shows every setting with its default; a test compares it with these classes.
"""

import re
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

DEFAULT_PATH: Final = "/webbot/api/webchat/bot/{deployment_id}/messages/"
"""The newest of the three documented paths (platform fact S2c)."""

RESERVED_ROOTS: Final = frozenset({"certainly", "web", "zd", "fb", "nlu"})
"""Roots of variables that the platform keeps for itself (platform fact S9)."""

_VARIABLE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_ISO_OR_EPOCH = frozenset({"iso8601", "epoch_s", "epoch_ms", "epoch_us", "epoch_ns"})


def is_loopback(url: str) -> bool:
    """Return whether `url` points at this machine, where http without TLS is allowed."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _variable_name(name: str) -> str:
    if not _VARIABLE_NAME.fullmatch(name):
        raise ValueError("a variable's name begins with a letter and has letters, digits and _, at most 64")
    if name in RESERVED_ROOTS:
        raise ValueError(f"{name!r} is reserved by the platform")
    return name


def _time_format(value: str) -> str:
    if value in _ISO_OR_EPOCH or "%" in value:
        return value
    known = ", ".join(sorted(_ISO_OR_EPOCH))
    raise ValueError(f"is none of {known} and no strptime pattern with % directives")


def _zone(value: str) -> str:
    if value not in available_timezones():
        raise ValueError("is no IANA time zone such as Europe/Copenhagen or UTC")
    return value


def _one_character(value: str) -> str:
    if len(value) != 1 or not value.isascii() or value in "\r\n":
        raise ValueError("must be one ASCII character, such as , or ; or a tab")
    return value


VariableName = Annotated[str, AfterValidator(_variable_name)]
TimeFormat = Annotated[str, AfterValidator(_time_format)]
ZoneName = Annotated[str, AfterValidator(_zone)]
OneCharacter = Annotated[str, AfterValidator(_one_character)]
Column = Annotated[str, Field(min_length=1)]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True)


class Target(_Table):
    """Where the messages go. One target owns one ledger."""

    deployment_id: Annotated[str, Field(min_length=1, pattern=r"^[A-Za-z0-9_-]+$")]
    """The `id` in the widget's embed script (a UUID); not the bot id of the builder's address bar."""
    base_url: str = "https://app.certainly.io"
    """The API's address: https, or http on loopback."""
    path: str = DEFAULT_PATH
    """The whole path, `{deployment_id}` replaced; keep the final slash."""
    auth_scheme: Annotated[str, Field(pattern=r"^[A-Za-z0-9._~+-]+$")] = "bearer"
    """The word before the token; the documented example writes it in lower case."""
    token_env: str = "ETL_TOKEN"  # noqa: S105  the name of a variable, no token
    """The environment variable that holds the Chat API token."""
    token_file: Path | None = None
    """A file that holds it instead; refused when others can read it."""
    token_keyring: str | None = None
    """The service name in the system's keyring that holds it instead (user name: the deployment id)."""
    ca_file: Path | None = None
    """Extra certificate authorities, PEM."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        parts = urlsplit(self.base_url)
        _ = parts.port  # raises when it is none
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("base_url must be an https address, such as https://app.certainly.io")
        if parts.scheme == "http" and not is_loopback(self.base_url):
            raise ValueError("base_url must be https; plain http is for loopback only")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError("base_url must hold no user, password, query or fragment")
        if "{deployment_id}" not in self.path or not self.path.startswith("/"):
            raise ValueError("path must begin with / and hold {deployment_id}")
        if not self.path.endswith("/"):
            raise ValueError("path must end with /: without it the API redirects, which loses the message")
        if self.token_file is not None and self.token_keyring is not None:
            raise ValueError("token_file and token_keyring exclude each other")
        return self

    @property
    def url(self) -> str:
        """Return the address that messages are posted to."""
        return self.base_url.rstrip("/") + self.path.replace("{deployment_id}", self.deployment_id)


class Input(_Table):
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


class Columns(_Table):
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


class Roles(_Table):
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


class Visibility(_Table):
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


class Time(_Table):
    """How the timestamp column is written."""

    format: TimeFormat = "iso8601"
    """`iso8601`, `epoch_s`, `epoch_ms`, `epoch_us`, `epoch_ns`, or a strptime pattern."""
    zone: ZoneName | None = None
    """The zone of times without an offset; without it they are rejects. Never the machine's zone."""
    ambiguous: Literal["reject", "earlier", "later"] = "reject"
    """The hour that happens twice when the clocks go back: `reject`, `earlier` or `later`."""


class Text(_Table):
    """What is done to texts. By default nothing but the removal of control characters."""

    html: bool = False
    """Turn HTML into plain text."""
    max_characters: Annotated[int, Field(ge=1, le=1_000_000)] = 10_000
    """The longest text; the API documents no limit of its own."""
    too_long: Literal["reject", "truncate"] = "reject"
    """What becomes of a longer one: `reject` or `truncate`."""


class Message(_Table):
    """What a request looks like. No documented field separates an agent from a customer."""

    lane: Literal["user", "conversation"] = "user"
    """What the sent `user_id` is: the `user`, or the `conversation` so that tickets stay apart."""
    speaker: Literal["prefix", "variables", "both", "plain", "customers-only"] = "prefix"
    """How agents are told from customers: by a `prefix` of the text, by the variable `speaker`
    (`variables`), by `both`, not at all (`plain`), or by sending `customers-only`."""
    agent_prefix: str = "Agent: "
    """Put before agents' texts with `prefix` and `both`."""
    bot_prefix: str = "Bot: "
    """Put before bots' texts with `prefix` and `both`."""


class Replay(_Table):
    """Pace, patience and what to do with doubt."""

    rate_per_second: Annotated[float, Field(gt=0, le=10_000)] = 2.0
    """The most requests in any second, retries included. The API documents no limit: ask for yours."""
    lanes: Annotated[int, Field(ge=1, le=1_024)] = 4
    """Users that are served side by side; within one user always one message at a time."""
    timeout_seconds: Annotated[float, Field(gt=0, le=600)] = 30.0
    """For a whole exchange, from connecting to the last byte of the answer."""
    max_wait_seconds: Annotated[float, Field(ge=0, le=86_400)] = 900.0
    """How long an unreachable or refusing API is waited for before the run ends with exit code 75."""
    on_rejected: Literal["continue", "hold"] = "continue"
    """Whether a user's later messages go on after one was refused for good: `continue` or `hold`."""
    on_uncertain: Literal["hold", "resend", "assume-accepted"] = "hold"
    """Your word on every message whose outcome is unknown, given in advance: `hold` (ask me), `resend`
    (may double it), `assume-accepted` (may lose it)."""
    status_503: Literal["retry", "uncertain"] = "retry"
    """What a 503 with Retry-After means: surely not taken (`retry`), or unknown (`uncertain`)."""
    late: Literal["reject", "send"] = "reject"
    """Messages older than one of the same lane that was already accepted: `reject`, or `send` out of
    order."""
    when_bot_replies: Literal["stop", "warn"] = "stop"
    """A bot that answers a standby message means a deployment that is not as documented."""
    breaker: Annotated[int, Field(ge=1, le=1_000)] = 3
    """So many refusals of one kind in a row, over all lanes, stop the run."""


class PlanSettings(_Table):
    """How planning uses the machine, and what happens to an earlier, unfinished plan."""

    memory_limit_mb: Annotated[int, Field(ge=128, le=1_048_576)] = 1_024
    """For DuckDB, which spills to disk beyond it; the process as a whole needs about 400 MB more."""
    unfinished: Literal["refuse", "carry", "drop"] = "refuse"
    """When an earlier plan has messages left that this input does not hold: `refuse`, `carry` (send them
    too, in order) or `drop`."""
    latency_seconds: Annotated[float, Field(gt=0, le=60)] = 0.3
    """The assumed time of one exchange, for the forecast only."""


class Validate(_Table):
    """When an input is bad enough that nothing of it may be sent."""

    max_reject_share: Annotated[float, Field(ge=0, le=1)] = 1.0
    """Rejects / rows above which nothing is sent. Nothing but rejects is always too many."""


class Job(_Table):
    """A whole job file."""

    source: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
    """The name of this history, such as acme-zendesk; part of a message's identity where ids are mapped."""
    state: Path = Path("etl-state")
    """The folder of ledgers, plans and reports, relative to the job file."""
    target: Target
    columns: Columns
    input: Input = Field(default_factory=Input)
    roles: Roles = Field(default_factory=Roles)
    visibility: Visibility = Field(default_factory=Visibility)
    time: Time = Field(default_factory=Time)
    text: Text = Field(default_factory=Text)
    message: Message = Field(default_factory=Message)
    replay: Replay = Field(default_factory=Replay)
    plan: PlanSettings = Field(default_factory=PlanSettings)
    validate_: Validate = Field(default_factory=Validate, alias="validate")

    @model_validator(mode="after")
    def _check(self) -> Self:
        problems = [
            *_user_problems(self),
            *_role_problems(self),
            *_visibility_problems(self),
            *_speaker_problems(self),
        ]
        if problems:
            raise ValueError("; ".join(problems))
        return self


def _user_problems(job: Job) -> list[str]:
    if job.message.lane == "user" and job.columns.user is None:
        return ['columns.user is needed with message.lane = "user": the end user, not the author of the row']
    if job.message.lane == "conversation" and job.columns.conversation is None:
        return ['columns.conversation is needed with message.lane = "conversation"']
    return []


def _role_problems(job: Job) -> list[str]:
    listed = job.roles.customer or job.roles.agent or job.roles.bot
    if job.columns.role is None and job.roles.everyone is None:
        return ["columns.role is needed, or roles.everyone when the export holds only one side"]
    if job.columns.role is not None and job.roles.everyone is not None:
        return ["columns.role and roles.everyone exclude each other"]
    if job.columns.role is not None and not listed:
        return ["roles.customer and roles.agent must list the values of columns.role"]
    return []


def _visibility_problems(job: Job) -> list[str]:
    if job.columns.visibility is not None and not job.visibility.public:
        return ["visibility.public must list the values of columns.visibility that customers saw"]
    if job.columns.visibility is None and (job.visibility.public or job.visibility.private):
        return ["columns.visibility is needed with [visibility]"]
    return []


def _speaker_problems(job: Job) -> list[str]:
    if job.message.speaker in {"variables", "both"} and "speaker" in job.columns.variables:
        return [f'columns.variables.speaker and message.speaker = "{job.message.speaker}" exclude each other']
    return []
