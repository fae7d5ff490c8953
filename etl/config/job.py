"""The job file as frozen models: one class per table, units in names, every default a named value.

`configs/example.toml` shows every setting with its default; a test compares it with these classes.
"""

from typing import Annotated, Self

from pydantic import Field, model_validator

from etl.config.database import ledger_problems
from etl.config.notice import Metrics, Notify
from etl.config.reading import Columns, CustomerOf, Input, Join, Opening, Roles, Rows, Time, Visibility
from etl.config.sending import Message, PlanSettings, Privacy, Replay, Text, Users, Validate
from etl.config.state import state_problems
from etl.config.target import Target
from etl.config.values import Table
from etl.config.verify import Verify


class Job(Table):
    """A whole job file."""

    source: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
    """The name of this history, such as acme-zendesk; part of a message's identity where ids are mapped."""
    state: str = "etl-state"
    """The folder of ledgers, plans and reports, relative to the job file; or one in an object store, such as
    s3://bucket/folder, with a ledger in PostgreSQL."""
    ledger: str | None = None
    """The PostgreSQL database that holds the ledger, instead of a file in `state`; without a password."""
    target: Target
    columns: Columns
    join: tuple[Join, ...] = ()
    """Tables `[[join]]`: columns from a second file; `configs/example.toml` has one."""
    opening: tuple[Opening, ...] = ()
    """Tables `[[opening]]`: opening messages from a second file; `configs/example.toml` has one."""
    input: Input = Field(default_factory=Input)
    rows: Rows = Field(default_factory=Rows)
    roles: Roles = Field(default_factory=Roles)
    visibility: Visibility = Field(default_factory=Visibility)
    time: Time = Field(default_factory=Time)
    text: Text = Field(default_factory=Text)
    users: Users = Field(default_factory=Users)
    privacy: Privacy = Field(default_factory=Privacy)
    message: Message = Field(default_factory=Message)
    replay: Replay = Field(default_factory=Replay)
    plan: PlanSettings = Field(default_factory=PlanSettings)
    verify: Verify = Field(default_factory=Verify)
    validate_: Validate = Field(default_factory=Validate, alias="validate")
    notify: Notify = Field(default_factory=Notify)
    metrics: Metrics = Field(default_factory=Metrics)

    @model_validator(mode="after")
    def _check(self) -> Self:
        problems = [
            *ledger_problems(self.ledger),
            *state_problems(self.state, ledger=self.ledger),
            *_user_problems(self),
            *_role_problems(self),
            *_visibility_problems(self),
            *_speaker_problems(self),
        ]
        if problems:
            raise ValueError("; ".join(problems))
        return self


def _user_problems(job: Job) -> list[str]:
    if isinstance(job.columns.user, CustomerOf) and job.columns.author is None:
        return ["columns.author is needed with customer_of: the author of a row"]
    if isinstance(job.columns.user, CustomerOf) and job.columns.role is None:
        return ["columns.role is needed with customer_of: it tells customers from the others"]
    if job.message.lane == "user" and job.columns.user is None:
        return ['columns.user is needed with message.lane = "user": the end user, not the author of the row']
    if job.message.lane == "conversation" and job.columns.conversation is None:
        return ['columns.conversation is needed with message.lane = "conversation"']
    if job.users.placeholder == "conversation" and job.columns.conversation is None:
        return ['columns.conversation is needed with users.placeholder = "conversation"']
    return []


def _role_problems(job: Job) -> list[str]:
    listed = job.roles.customer or job.roles.agent or job.roles.bot
    if job.input.transcript is not None:
        return _transcript_problems(job)
    if job.columns.role is None and job.roles.everyone is None:
        return ["columns.role is needed, or roles.everyone when the export holds only one side"]
    if job.columns.role is not None and job.roles.everyone is not None:
        return ["columns.role and roles.everyone exclude each other"]
    if job.columns.role is not None and not listed:
        return ["roles.customer and roles.agent must list the values of columns.role"]
    return []


def _transcript_problems(job: Job) -> list[str]:
    if job.roles.everyone is not None:
        return ["roles.everyone makes no sense with input.transcript: a transcript says who speaks"]
    if not (job.roles.customer or job.roles.agent or job.roles.bot):
        return ['with input.transcript roles are: customer = ["customer"], agent = ["agent"], skip = […]']
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
