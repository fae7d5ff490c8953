"""The job's own limits for an input, `[validate]`: what nothing may be sent for. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from etl.config.sending import Validate
from etl.model.insight import Insight
from etl.model.plan import PlanSummary
from etl.report.alerts import share

_SHOWN_CODES: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why nothing of an input may be sent."""

    fault: str
    remedy: str


def needs_insight(limits: Validate) -> bool:
    """Return whether any limit is one of what only a look over the plan tells."""
    shares = min(limits.max_one_sided_share, limits.max_split_share)
    return shares < 1 or bool(limits.refuse_personal_data)


def refusals(summary: PlanSummary, insight: Insight | None, limits: Validate) -> list[Refusal]:
    """Return every limit that a plan breaks; the insight may be None unless `needs_insight`.

    Shares of nothing are never too large, so an input that the ledger knows in full passes.
    """
    return [
        *_rows(summary, limits),
        *_roles(summary, limits),
        *([] if insight is None else [*_dialogues(insight, limits), *_personal(insight, limits)]),
    ]


def _rows(summary: PlanSummary, limits: Validate) -> Iterator[Refusal]:
    counts = summary.conservation
    if counts.rows < limits.min_rows:
        yield Refusal(
            fault=f"{counts.rows:,} rows are fewer than `validate.min_rows` = {limits.min_rows:,}",
            remedy="export again in full",
        )
    if counts.rejects and (
        counts.rejects == counts.rows or counts.rejects > limits.max_reject_share * counts.rows
    ):
        codes = ", ".join(_most_common(summary.rejects_by_code))
        yield Refusal(
            fault=f"{counts.rejects:,} of {counts.rows:,} rows were rejected ({codes})",
            remedy="mend the rows or the job: `validate.max_reject_share` allows "
            f"{share_of(limits.max_reject_share)}, and never all",
        )
    if counts.duplicates > limits.max_duplicate_share * counts.rows:
        yield Refusal(
            fault=f"{counts.duplicates:,} of {counts.rows:,} rows repeat others",
            remedy=f"`validate.max_duplicate_share` allows {share_of(limits.max_duplicate_share)}: "
            "was a file exported twice?",
        )


def _most_common(rejects: Mapping[str, int]) -> Iterator[str]:
    ranked = sorted(rejects.items(), key=lambda item: -item[1])
    yield from (f"{count:,} {code}" for code, count in ranked[:_SHOWN_CODES])
    if rest := sum(count for _, count in ranked[_SHOWN_CODES:]):
        yield f"{rest:,} others"


def _roles(summary: PlanSummary, limits: Validate) -> Iterator[Refusal]:
    missing = [role for role in limits.require_roles if not summary.roles.get(role)]
    if summary.conservation.planned and missing:
        yield Refusal(
            fault=f"no message is from: {', '.join(missing)} (`validate.require_roles`)",
            remedy="check `columns.role` and `[roles]`, and whether the export holds both sides",
        )


def _dialogues(insight: Insight, limits: Validate) -> Iterator[Refusal]:
    sides, preview = insight.sides, insight.preview
    one_sided = sides.only_customer + sides.only_agent
    if one_sided > limits.max_one_sided_share * sides.dialogues:
        yield Refusal(
            fault=f"{share(one_sided, sides.dialogues)} of the dialogues have one side only",
            remedy=f"`validate.max_one_sided_share` allows {share_of(limits.max_one_sided_share)}: "
            "check `[roles]`, and whether the export holds both sides",
        )
    if preview.expected.split > limits.max_split_share * preview.tickets:
        yield Refusal(
            fault=f"{share(preview.expected.split, preview.tickets)} of the tickets would be cut into "
            "several conversations",
            remedy=f"`validate.max_split_share` allows {share_of(limits.max_split_share)}: raise the bot's "
            "session expiration and `message.session_expiration_minutes`",
        )


def _personal(insight: Insight, limits: Validate) -> Iterator[Refusal]:
    found = [
        f"{kind} {insight.personal[kind]:,}"
        for kind in limits.refuse_personal_data
        if kind in insight.personal
    ]
    if found:
        yield Refusal(
            fault=f"texts hold personal data that `validate.refuse_personal_data` names ({', '.join(found)})",
            remedy="name the kinds under `[privacy] mask`",
        )


def share_of(limit: float) -> str:
    """Return a limit in per cent."""
    return f"{100 * limit:g} %"
