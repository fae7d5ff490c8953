"""The README's tables from code (`PYTHONPATH=tests python tests/support/readme.py`); a test compares."""

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from etl.cli.main import COMMANDS
from etl.cli.status import FIELDS
from etl.config.job import Job
from etl.errors import ExitCode
from etl.model.rejects import RejectCode, SkipReason
from etl.model.states import State
from etl.pipeline.result import EXIT_CODES
from etl.replay.stop import StopKind
from etl.report.approval import KEYS
from etl.report.metrics import METRICS
from etl.report.replayed import KEYS as RUN_KEYS
from etl.sandbox.faults import Fault
from etl.sandbox.profiles import Profile
from etl.verify.findings import Finding
from support.profiles import ENDINGS

README = Path(__file__).parents[2] / "README.md"


def tables() -> dict[str, str]:
    """Return every generated table by the name in its marker."""
    return {
        "commands": _table(
            ("command", "does"), ((f"`etl {name}`", line) for name, (_, line) in COMMANDS.items())
        ),
        "exit codes": _table(("code", "means"), ((str(code.value), code.meaning) for code in ExitCode)),
        "stops": _table(
            ("why a run ends before its plan", "exit code"),
            # An abort raises its own error, whose exit code counts.
            (
                (kind.meaning, str(EXIT_CODES[kind].value))
                for kind in StopKind
                if kind is not StopKind.ABORTED
            ),
        ),
        "states": _table(("state", "means"), ((f"`{state}`", state.meaning) for state in State)),
        "rejects": _table(
            ("code", "the row", "what to do"),
            ((f"`{code}`", code.meaning, code.remedy) for code in RejectCode),
        ),
        "skips": _table(("reason", "the row"), ((f"`{reason}`", reason.meaning) for reason in SkipReason)),
        "status fields": _table(("field", "means"), ((f"`{name}`", text) for name, text in FIELDS.items())),
        "metrics": _table(
            ("metric", "means"),
            (
                (f"`{metric.name}`" + (f" by `{metric.labels[0]}`" if metric.labels else ""), metric.means)
                for metric in METRICS
            ),
        ),
        "findings": _table(("finding", "means"), ((f"`{finding}`", finding.meaning) for finding in Finding)),
        "validation report": _table(
            ("key", "holds"), ((f"`{key}`", meaning) for key, meaning in KEYS.items())
        ),
        "profiles": _table(
            ("profile", "the sandbox", "six messages of three users end", "exit code"),
            (
                (f"`{profile}`", profile.meaning, str(ENDINGS[profile]), str(ENDINGS[profile].exit_code))
                for profile in Profile
            ),
        ),
        "faults": _table(("fault", "means"), ((f"`{fault}`", fault.meaning) for fault in Fault)),
        "run report": _table(("key", "holds"), ((f"`{key}`", meaning) for key, meaning in RUN_KEYS.items())),
        "settings": _table(("setting", "default", "means"), _settings(Job, prefix="")),
    }


def filled(text: str) -> str:
    """Return the README with every table as the code has it."""
    for name, table in tables().items():
        pattern = re.compile(rf"(<!-- table: {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        text = pattern.sub(rf"\1{_literal(table)}\2", text)
    return text


def _literal(text: str) -> str:
    """Return text that a replacement pattern takes as it is."""
    return text.replace("\\", r"\\")


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def _settings(model: type[BaseModel], *, prefix: str) -> Iterator[tuple[str, str, str]]:
    for name, field in model.model_fields.items():
        full = f"{prefix}{field.alias or name}"
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _settings(kind, prefix=f"{full}.")
        else:
            yield f"`{full}`", _default(field), " ".join((field.description or "").split())


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "needed"
    value: Any = field.get_default(call_default_factory=True)
    if value is None or value in ((), {}):
        return ""
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


if __name__ == "__main__":
    README.write_text(filled(README.read_text(encoding="utf-8")), encoding="utf-8")
