"""The validation report's tables of texts and of what a bot could learn from them. Pure."""

from collections.abc import Iterator
from typing import Final

from etl.report.alerts import share
from etl.report.approval import Approval
from etl.report.grid import Cell, Grid

_KINDS: Final = {
    "email": "e-mail addresses",
    "phone": "phone numbers",
    "card": "card numbers",
    "iban": "bank accounts (IBAN)",
    "ip": "IP addresses",
    "national_id": "national ids",
}
_MASKED: Final = "masked_"


def text_tables(approval: Approval) -> tuple[Grid, ...]:
    """Return the tables of roles, texts, personal data and training."""
    return (
        _roles(approval), _changed(approval), _personal(approval), _scorecard(approval), _macros(approval),
        _languages(approval),
    )  # fmt: skip


def _roles(approval: Approval) -> Grid:
    planned = approval.summary.conservation.planned
    return Grid(
        name="roles",
        caption="Who wrote the messages",
        head=("role", "messages", "share"),
        rows=tuple((role, count, share(count, planned)) for role, count in approval.summary.roles.items()),
    )


def _changed(approval: Approval) -> Grid:
    changed, found = approval.summary.changed, approval.summary.found
    rows = [
        (name.replace("_", " "), count, "changed") for name, count in changed.items() if _MASKED not in name
    ]
    rows += [
        (name.replace("_", " "), found[name], "sent as it is")
        for name in ("html", "mojibake")
        if found.get(name)
    ]
    return Grid(
        name="texts", caption="What was done to texts, and what was left",
        head=("texts", "count", "done"), rows=tuple(rows),
    )  # fmt: skip


def _personal(approval: Approval) -> Grid:
    found, changed = approval.insight.personal, approval.summary.changed
    rows: list[tuple[Cell, ...]] = [
        (_KINDS[kind], found[kind], "sent as it is") for kind in _KINDS if found.get(kind)
    ]
    rows += [
        (_KINDS.get(name.removeprefix(_MASKED), name.removeprefix(_MASKED)), count, "replaced")
        for name, count in changed.items()
        if name.startswith(_MASKED)
    ]
    return Grid(
        name="personal_data",
        caption="Personal data found in texts",
        head=("kind", "texts", "what happens"),
        rows=tuple(rows),
    )


def _scorecard(approval: Approval) -> Grid:
    return Grid(
        name="scorecard",
        caption="Retraining scorecard",
        head=("measure", "count", "share", "what it means"),
        rows=tuple(_scores(approval)),
    )


def _scores(approval: Approval) -> Iterator[tuple[Cell, ...]]:
    summary, written, macros = approval.summary, approval.profile.utterances, approval.profile.macros
    sides, planned = approval.insight.sides, summary.conservation.planned
    scores = (
        ("customers' messages", written.messages, planned, "intents are learned from these alone"),
        (
            "… usable as example sentences",
            written.usable,
            written.messages,
            "10 to 500 characters, with words",
        ),
        (
            "… of these different",
            written.distinct,
            written.usable,
            "the rest repeat each other, as “thanks” does",
        ),
        ("… shorter than 10 characters", written.short, written.messages, "say little on their own"),
        ("… without words", written.wordless, written.messages, "numbers, emoji, punctuation"),
        ("… longer than 500 characters", written.long, written.messages, "mails rather than sentences"),
        (
            "agents' texts that repeat",
            macros.messages,
            macros.compared,
            "macros and signatures, of 40 characters or more",
        ),
        (
            "messages that echo the one before",
            approval.profile.echoes,
            planned,
            "the same text from the other side",
        ),
        ("bots' messages", summary.roles.get("bot", 0), planned, "an earlier bot's words, not people's"),
        (
            "dialogues without an answer",
            sides.only_customer,
            sides.dialogues,
            "nobody wrote but the customer",
        ),
        (
            "dialogues without a customer",
            sides.only_agent,
            sides.dialogues,
            "nothing to learn an intent from",
        ),
        ("dialogues that an agent begins", sides.agent_first, sides.dialogues, "the question may be missing"),
    )
    for what, count, whole, means in scores:
        yield what, count, share(count, whole), means


def _macros(approval: Approval) -> Grid:
    macros = approval.profile.macros
    return Grid(
        name="macros",
        caption="Agents' texts that occur most often, greeting and numbers apart",
        head=("text", "messages", "share of agents' longer texts", "users", "mean length"),
        rows=tuple(
            (f"macro {place}", one.messages, share(one.messages, macros.compared), one.users, one.characters)
            for place, one in enumerate(macros.top, 1)
        ),
    )


def _languages(approval: Approval) -> Grid:
    found = approval.languages or {}
    return Grid(
        name="languages",
        caption="Languages of customers' texts, in a sample",
        head=("language", "share"),
        rows=tuple((code, f"{100 * part:.1f} %") for code, part in found.items()),
    )
