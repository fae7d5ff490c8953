"""What `doctor` finds: one line each, with what to do, and what it means for an exit code. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from etl.errors import EtlError, ExitCode


class Level(StrEnum):
    """How a check went."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One check."""

    level: Level
    name: str
    seen: str
    """What was seen, in one line, without secrets."""
    remedy: str = ""
    """What to do; never empty unless the level is `OK`."""
    exit_code: ExitCode = ExitCode.OK


SEVERITY: Final = (
    ExitCode.OK,
    ExitCode.INCOMPLETE,
    ExitCode.LATER,
    ExitCode.REFUSED,
    ExitCode.INPUT,
    ExitCode.USAGE,
    ExitCode.LEDGER,
    ExitCode.DEFECT,
)
"""The exit codes that a check can have, the mildest first."""


def worst(findings: Iterable[Finding]) -> ExitCode:
    """Return the gravest exit code among findings."""
    return max((finding.exit_code for finding in findings), key=SEVERITY.index, default=ExitCode.OK)


def passed(name: str, seen: str) -> Finding:
    """Return a check that went well."""
    return Finding(level=Level.OK, name=name, seen=seen)


def warned(name: str, seen: str, remedy: str, *, exit_code: ExitCode = ExitCode.OK) -> Finding:
    """Return something to know; by itself it stops no import."""
    return Finding(level=Level.WARN, name=name, seen=seen, remedy=remedy, exit_code=exit_code)


def failed(name: str, seen: str, remedy: str, exit_code: ExitCode) -> Finding:
    """Return something that an import would fail on."""
    return Finding(level=Level.FAIL, name=name, seen=seen, remedy=remedy, exit_code=exit_code)


def failed_by(name: str, error: EtlError) -> Finding:
    """Return what an error of the checked part means."""
    return failed(
        name, error.message, error.hint or "correct that, then run the doctor again", error.exit_code
    )


def size_text(size_bytes: int) -> str:
    """Return a size that people can read, such as `1.2 MB`; decimal units, as disks are sold."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size_bytes >= factor:
            return f"{size_bytes / factor:,.1f} {unit}"
    return f"{size_bytes} bytes"
