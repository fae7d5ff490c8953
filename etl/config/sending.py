"""What a message becomes, how fast it goes, and what to do with doubt."""

from typing import Annotated, Final, Literal, Self, get_args

from pydantic import Field, model_validator

from etl.config.values import Hours, Pattern, Table, VariableName, ZoneName
from etl.model.rate import Rate
from etl.model.window import Window

Kind = Literal["email", "phone", "card", "iban", "ip", "national_id"]

PLACEHOLDERS: Final = (
    "anonymous", "anon", "guest", "unknown", "none", "null", "nan", "n/a", "na", "undefined", "visitor",
    "test", "-", "-1", "0", "#n/a",
)  # fmt: skip
"""Ids that helpdesks and spreadsheets write where there is none."""


class Text(Table):
    """What is done to texts. By default nothing but the removal of control characters."""

    html: bool = False
    """Turn HTML into plain text."""
    quoted_replies: Literal["keep", "strip"] = "keep"
    """Earlier mails quoted in a reply: `keep`, or `strip` where a quote marker shows them."""
    unicode: Literal["exact", "nfc"] = "exact"
    """`nfc` composes characters (Unicode normalization form C); `exact` changes nothing."""
    attachment: str = ""
    """What an empty text with attachments becomes, `{names}` replaced; empty: such rows are rejects."""
    residues: Literal["skip", "keep"] = "skip"
    """Marks of an earlier hand-over from Certainly: control texts, the bot's transcript."""
    max_characters: Annotated[int, Field(ge=1, le=1_000_000)] = 10_000
    """The longest text; the API documents no limit of its own."""
    too_long: Literal["reject", "truncate", "split"] = "reject"
    """What becomes of a longer one: `reject`, `truncate`, or `split` into several messages."""


class Users(Table):
    """What the sent `user_id` may be."""

    placeholders: tuple[str, ...] = PLACEHOLDERS
    """Ids that stand for nobody in particular; compared without case."""
    placeholder: Literal["warn", "reject", "conversation"] = "warn"
    """What becomes of their rows: sent with a warning (`warn`), rejects (`reject`), or one user for each
    `conversation`."""
    pseudonymize: bool = False
    """Send a keyed hash instead of the id; the same key gives the same pseudonyms."""
    key_env: str = "ETL_PSEUDONYM_KEY"
    """The environment variable with the key of pseudonyms, 16 characters or more."""


class Privacy(Table):
    """Personal data inside texts; off by default, and `check` says what it found."""

    mask: tuple[Kind, ...] = ()
    """Kinds that are replaced in texts."""
    patterns: dict[VariableName, Pattern] = Field(default_factory=dict)
    """The job's own kinds: name = regular expression; always replaced."""
    replacement: Literal["kind", "pseudonym"] = "kind"
    """`[email]`, or `[email 4f9a]`: a keyed pseudonym that is the same for the same value."""

    @property
    def left(self) -> tuple[Kind, ...]:
        """Return the kinds that stay in texts; an own pattern with a kind's name masks it, too."""
        return tuple(kind for kind in get_args(Kind) if kind not in self.mask and kind not in self.patterns)


class Message(Table):
    """What a request looks like. No documented field separates an agent from a customer."""

    lane: Literal["user", "conversation"] = "user"
    """What the sent `user_id` is: the `user`, or the `conversation` so that tickets stay apart."""
    speaker: Literal["prefix", "variables", "both", "plain", "customers-only"] = "prefix"
    """How agents are told from customers: by a `prefix` of the text, by the variable `speaker`
    (`variables`), by `both`, not at all (`plain`), or by sending `customers-only`."""
    session_expiration_minutes: Annotated[int, Field(ge=1, le=525_600)] = 600
    """The bot's setting (Bot Settings): a longer silence begins a new conversation. Only for the preview."""
    agent_prefix: str = "Agent: "
    """Put before agents' texts with `prefix` and `both`."""
    bot_prefix: str = "Bot: "
    """Put before bots' texts with `prefix` and `both`."""


class Replay(Table):
    """Pace, patience and what to do with doubt."""

    rate_per_second: Annotated[float, Field(gt=0, le=100_000)] = 2.0
    """The most requests in any second, retries included. The API documents no limit: ask for yours."""
    rate_per_minute: Annotated[float, Field(gt=0, le=6_000_000)] | None = None
    """The same for a limit that is stated by the minute; excludes `rate_per_second`."""
    share: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Of that rate, the part to use, when others send to the same account."""
    adapt: bool = True
    """Go slower after a 429 or when answers take clearly longer, and come back slowly."""
    window: Hours | None = None
    """The hours in which messages may be sent, such as `22:00-06:00`, local time of `timezone`."""
    timezone: ZoneName | None = None
    """The zone of `window`, such as Europe/Copenhagen."""
    lanes: Annotated[int, Field(ge=1, le=1_024)] = 4
    """The most users that are served side by side, fewer where the rate needs no more; within one user always
    one message at a time."""
    timeout_seconds: Annotated[float, Field(gt=0, le=600)] = 30.0
    """For a whole exchange, from connecting to the last byte of the answer."""
    max_wait_seconds: Annotated[float, Field(ge=0, le=86_400)] = 900.0
    """How long an unreachable or refusing API is waited for before the run ends with exit code 75."""
    max_throttles: Annotated[int, Field(ge=1, le=10_000)] = 20
    """So many 429 in a row, with nothing taken in between, end it too; those in flight together are one."""
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
    lease_seconds: Annotated[float, Field(ge=1, le=600)] = 30.0
    """With --cluster: how long the work of a worker that died or hangs waits until another one takes it."""
    loop: Literal["auto", "asyncio"] = "auto"
    """What waits for network and clock: `auto` takes uvloop where it is installed (`pip install
    'etl[fast]'`), for less CPU time a message; `asyncio` is Python's own."""
    breaker: Annotated[int, Field(ge=1, le=1_000)] = 3
    """So many of a kind in a row, over all lanes: refusals of the first messages, or senseless answers, stop
    the run; server errors and timeouts pause it, then one message tries."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if {"rate_per_second", "rate_per_minute"} <= self.model_fields_set and self.rate_per_minute:
            raise ValueError("rate_per_second and rate_per_minute exclude each other")
        if self.window is not None and self.timezone is None:
            raise ValueError("timezone is needed with window, such as Europe/Copenhagen")
        if self.window is None and self.timezone is not None:
            raise ValueError("window is needed with timezone, such as 22:00-06:00")
        return self

    @property
    def rate(self) -> Rate:
        """Return how fast may be sent: the share of the rate, in the unit in which it is stated."""
        if self.rate_per_minute is not None:
            return Rate.per_minute(self.rate_per_minute).scaled(self.share)
        return Rate(amount=self.rate_per_second).scaled(self.share)

    @property
    def hours(self) -> Window | None:
        """Return when may be sent; None: always."""
        if self.window is None or self.timezone is None:
            return None
        return Window.parse(self.window, self.timezone)


class PlanSettings(Table):
    """How planning uses the machine, and what happens to an earlier, unfinished plan."""

    memory_limit_mb: Annotated[int, Field(ge=128, le=1_048_576)] = 1_024
    """For DuckDB, which spills to disk beyond it; the process as a whole needs about 400 MB more."""
    unfinished: Literal["refuse", "carry", "drop"] = "refuse"
    """When an earlier plan has messages left that this input does not hold: `refuse`, `carry` (send them
    too, in order) or `drop`."""
    latency_seconds: Annotated[float, Field(gt=0, le=60)] = 0.3
    """The assumed time of one exchange, for the forecast only."""


class Validate(Table):
    """When an input is bad enough that nothing of it may be sent."""

    max_reject_share: Annotated[float, Field(ge=0, le=1)] = 1.0
    """Rejects / rows above which nothing is sent. Nothing but rejects is always too many."""
    min_rows: Annotated[int, Field(ge=0)] = 0
    """Fewer rows than that are refused: an export that was cut."""
    require_roles: tuple[Literal["customer", "agent", "bot"], ...] = ()
    """Roles of which the messages to be sent must hold some."""
    max_one_sided_share: Annotated[float, Field(ge=0, le=1)] = 1.0
    """Tickets (or conversations) with customers only or without any / all of them."""
    max_split_share: Annotated[float, Field(ge=0, le=1)] = 1.0
    """Tickets that the session expiration would cut into several conversations / all of them."""
    max_duplicate_share: Annotated[float, Field(ge=0, le=1)] = 1.0
    """Repeats within the input / rows."""
    refuse_personal_data: tuple[Kind, ...] = ()
    """Kinds of personal data that no text to be sent may hold unmasked: see `privacy.mask`."""
