"""What `plan.json` says, out of what was gathered and decided."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Final, Protocol

from etl.errors import InputError
from etl.model.plan import Conservation, PlanSummary
from etl.model.schemas import FileSummary
from etl.plan.order import Decided
from etl.plan.tally import Tally

_OFFSETS: Final = 20


class Gathered(Protocol):
    """What was counted of the input before anything was decided."""

    @property
    def rows(self) -> int:
        """Return the records of all files."""

    @property
    def carried(self) -> int:
        """Return the messages that an unfinished plan gave."""

    @property
    def tally(self) -> Tally:
        """Return what batches counted."""

    @property
    def files(self) -> Sequence[FileSummary]:
        """Return what was read of each file."""

    @property
    def skipped_files(self) -> Sequence[str]:
        """Return the files left out as a whole, each with its reason."""


def summary_of(
    gathered: Gathered, decided: Decided, hash_: str, names: Mapping[str, str], *, made_at_us: int
) -> PlanSummary:
    """Return the summary of a plan of one part.

    Raises:
        InputError: the counts don't add up.
    """
    tally = gathered.tally
    conservation = Conservation(
        rows=gathered.rows,
        carried=gathered.carried,
        rejects=sum(decided.rejects_by_code.values()),
        split=tally.split,
        skipped=sum(tally.skipped.values()),
        duplicates=decided.duplicates,
        known=sum(decided.known_by_state.values()),
        planned=decided.planned,
    )
    if not conservation.balanced:
        raise InputError(
            f"rows do not add up: {asdict(conservation)}",
            hint="this is a defect of etl: please report it with these numbers",
        )
    return PlanSummary(
        hash=hash_,
        fingerprint=names["fingerprint"],
        identity=names["identity"],
        source=names["source"],
        ledger_mark=names["ledger_mark"],
        conservation=conservation,
        lanes=decided.lanes,
        longest_lane=decided.longest_lane,
        first_at=_iso(decided.first_at_us),
        last_at=_iso(decided.last_at_us),
        rejects_by_code=decided.rejects_by_code,
        skipped_by_reason=dict(sorted(tally.skipped.items())),
        known_by_state=decided.known_by_state,
        roles=decided.roles,
        changed=dict(sorted(tally.changed.items())),
        found=dict(sorted(tally.found.items())),
        offsets=_most_common(tally.offsets),
        files=tuple(gathered.files),
        skipped_files=tuple(gathered.skipped_files),
        made_at=datetime.fromtimestamp(made_at_us // 1_000_000, UTC).isoformat(),
        settings=names.get("settings", ""),
    )


def _most_common(offsets: Counter[str]) -> dict[str, int]:
    """Return the offsets, most common first; beyond the first 20 only their sum, as `others`."""
    ranked = sorted(offsets.items(), key=lambda item: (-item[1], item[0]))
    rest = sum(count for _, count in ranked[_OFFSETS:])
    return {**dict(ranked[:_OFFSETS]), **({"others": rest} if rest else {})}


def _iso(at_us: int | None) -> str | None:
    return None if at_us is None else datetime.fromtimestamp(at_us // 1_000_000, UTC).isoformat()
