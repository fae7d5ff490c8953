"""What all parts of an input held together."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from etl.model.schemas import FileSummary
from etl.pipeline.cutting import Part
from etl.pipeline.parts import Reading, StagedPart
from etl.plan.tally import Tally


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """The sums over the parts that could be read."""

    rows: int
    carried: int
    tally: Tally
    files: tuple[FileSummary, ...]
    skipped_files: tuple[str, ...]
    warnings: tuple[str, ...]
    rejects_by_code: Counter[str]
    with_rejects: tuple[int, ...]
    """The numbers of parts that have any."""
    reading: Reading


def total_of(parts: Sequence[Part], staged: Sequence[StagedPart]) -> Total:
    """Return what the parts held; a file of which one part could not be read is left out whole."""
    skipped: dict[int, str] = {}
    for part, found in zip(parts, staged, strict=True):
        for fault in found.skipped_files:
            skipped.setdefault(part.first_number, fault)
    tally, codes = Tally(), Counter[str]()
    files: dict[int, FileSummary] = {}
    kept: list[StagedPart] = []
    for part, found in zip(parts, staged, strict=True):
        if part.first_number not in skipped:
            kept.append(found)
            tally.add(found.tally)
            codes.update(found.rejects_by_code)
            for number, file in enumerate(found.files, part.first_number):
                files[number] = _joined(files.get(number), file)
    return Total(
        rows=sum(file.records for file in files.values()),
        carried=0,
        tally=tally,
        files=tuple(files.values()),
        skipped_files=tuple(skipped.values()),
        warnings=tuple(dict.fromkeys(warning for found in staged for warning in found.warnings)),
        rejects_by_code=codes,
        with_rejects=tuple(found.number for found in kept if found.rejects_by_code),
        reading=Reading(parts=tuple(found.number for found in kept), carried=False),
    )


def _joined(first: FileSummary | None, other: FileSummary) -> FileSummary:
    """Return one summary of two parts of a file."""
    return other if first is None else replace(first, records=first.records + other.records)
