"""The documented requests and answers, as strict models; pure.

The models are both the check and the published OpenAPI schema, so the two can't differ. Each field's
description completes the sentence that begins with the field's name.
"""

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from etl.sandbox.body import Problem, Strict, checked, rules_of

_NO_MODULE: Final = 'must be "": a Module id would wake the bot'

VariableName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]
_VARIABLES: Final = "must be an object of strings whose names match ^[A-Za-z][A-Za-z0-9_]*$"
_USER_ID: Final = "must be a string of 1 to 255 characters"
_CLOSED: Final[dict[str, Any]] = {"additionalProperties": False}


class Action(Strict):
    """What was typed: `standby` is recorded and the bot says nothing, `text` it answers."""

    type: Literal["standby", "text"] = Field(description='must be "standby" or "text"')
    text: str = Field(min_length=1, description="must be a string that is not empty")


class SendMessage(Strict):
    """The body of a request: exactly these nine keys."""

    sender: Literal["human"] = Field(alias="from", description='must be "human"')
    user_profile: dict[str, Any] = Field(description="must be an object")
    ref: str = Field(description=_NO_MODULE)
    user_cvars: dict[VariableName, str] = Field(description=_VARIABLES, json_schema_extra=_CLOSED)
    user_id: str = Field(min_length=1, max_length=255, description=_USER_ID)
    timestamp: int = Field(
        ge=1_000_000_000,
        le=9_999_999_999,
        description="must be an integer of exactly 10 digits: Unix time in seconds",
    )
    attachments: list[Any] = Field(max_length=0, description="must be []: there are no attachments")
    id: str = Field(min_length=1, max_length=255, description=_USER_ID)
    actions: list[Action] = Field(
        min_length=1,
        max_length=1,
        description="must be a list of exactly one object with `type` and `text`",
    )

    @property
    def text(self) -> str:
        """Return the text to record."""
        return self.actions[0].text

    @property
    def standby(self) -> bool:
        """Return whether the bot is to say nothing."""
        return self.actions[0].type == "standby"


class TriggerResponse(Strict):
    """The body of Trigger Response, which for a REST user can only store variables."""

    user_id: str = Field(min_length=1, max_length=255, description=_USER_ID)
    module_id: None = Field(description="must be null: a REST user can't be sent to a Module")
    wait_time: Annotated[int, Field(ge=0, le=86_400)] = Field(
        default=3, description="must be an integer of seconds, at most a day"
    )
    custom_vars: dict[VariableName, str] = Field(description=_VARIABLES, json_schema_extra=_CLOSED)
    is_async: Literal[True] = Field(description="must be true")


class TriggerMessage(Strict):
    """The body of Trigger Message, which no REST user can be sent."""

    user_id: str = Field(min_length=1, max_length=255, description=_USER_ID)
    text_message: str = Field(min_length=1, description="must be a string that is not empty")


class AgentMessage(Strict):
    """What an agent says to a user whose bot was told to listen; the real body is not public."""

    text: str = Field(min_length=1, description="must be a string that is not empty")


class Connections(BaseModel):
    """The part of a reply that repeats the request's id."""

    id_message_evaluate: str
    reply_to_module_id: None = None
    data: tuple[()] = ()


class Said(BaseModel):
    """What the bot says to a `text`."""

    type: Literal["text"] = "text"
    text: str = "This is the sandbox's bot: it says the same to everything."


class Reply(BaseModel):
    """A reply of the bot; to a standby message it says nothing, and `actions` is empty."""

    model_config = ConfigDict(validate_by_name=True)

    sender: Literal["bot"] = Field(default="bot", alias="from")
    id: int
    conversation_id: int
    bot_module: None = None
    connections: Connections
    actions: tuple[Said, ...] = ()


class Success(BaseModel):
    """The answer to a recorded message, in the shape of the documented sample."""

    error: None = None
    message: tuple[Reply, ...] | None

    @classmethod
    def of(
        cls, *, request_id: str, platform_id: int, conversation_id: int, standby: bool = True
    ) -> "Success":
        """Return the answer to one recorded message."""
        reply = Reply(
            id=platform_id,
            conversation_id=conversation_id,
            connections=Connections(id_message_evaluate=request_id),
            actions=() if standby else (Said(),),
        )
        return cls(message=(reply,))


class Failure(BaseModel):
    """The answer to anything else: one sentence."""

    error: str
    message: None = None


class Triggered(BaseModel):
    """The answer to a trigger that was taken: another envelope than that of messages, as documented."""

    message: Literal["1"] = "1"
    error: tuple[()] = ()


class Done(BaseModel):
    """The answer to a wish that was carried out."""

    error: None = None
    message: str


_MESSAGE_RULES = rules_of(SendMessage) | rules_of(Action, prefix="actions[0].")


def check(body: bytes) -> SendMessage | Problem:
    """Return the message that a body holds, or the first thing that is wrong with it."""
    message = checked(SendMessage, body, _MESSAGE_RULES)
    if isinstance(message, SendMessage) and message.standby and message.ref:
        return Problem(sentence=f"`ref` {_NO_MODULE}")
    return message


def request_schema() -> dict[str, Any]:
    """Return the JSON schema of a message's body, without references, for the OpenAPI document."""
    schema = SendMessage.model_json_schema(by_alias=True)
    schema["properties"]["actions"]["items"] = schema.pop("$defs")["Action"]
    only_text = {"items": {"properties": {"type": {"const": "text"}}}}
    schema["anyOf"] = [{"properties": {"ref": {"const": ""}}}, {"properties": {"actions": only_text}}]
    return schema
