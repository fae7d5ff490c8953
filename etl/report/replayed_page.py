"""The run report as one HTML file."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from etl.clock import MICROSECONDS
from etl.errors import ExitCode
from etl.model.states import State
from etl.report.files import private_file
from etl.report.html import page
from etl.report.replayed import RunReport
from etl.report.replayed_charts import charts

_HELD: Final = "not sent: an earlier message of the same user is uncertain, or failed"


def write_run_page(path: Path, report: RunReport, *, json_file: Path) -> None:
    """Write the page as a private file.

    Raises:
        UsageError: it can't be written.
    """
    look, title, sentence = verdict(report)
    text = page(
        "replayed.html.j2",
        report=report,
        look=look,
        title=title,
        sentence=sentence,
        meanings={**{state.value: state.meaning for state in State}, "held": _HELD},
        charts=charts(report),
        runs=[_run(report, number) for number in range(len(report.runs))],
        clock=_clock,
        json_file=json_file.name,
    )
    with private_file(path, hint="the ledger holds everything; etl report JOB makes it again") as sink:
        sink.write(text.encode("utf-8", "backslashreplace"))


def verdict(report: RunReport) -> tuple[str, str, str]:
    """Return how a plan stands as look (`ready`, `warn`, `stop`), title and sentence. Pure."""
    states = report.states
    planned = report.summary.conservation.planned
    if not report.balanced:
        return "stop", "The numbers do not add up", "This is a defect of etl: please report it."
    if not planned:
        return "ready", "Nothing to send", "The ledger knew every message of this input already."
    left = planned - states["accepted"] - states["skipped"]
    if not left:
        skipped = f"; {states['skipped']:,} were skipped by a person's word" if states["skipped"] else ""
        return "ready", "Complete", f"All {states['accepted']:,} messages are accepted{skipped}."
    parts = [
        f"{states[name]:,} {words}"
        for name, words in (
            ("uncertain", "of unknown fate"), ("rejected", "rejected"), ("held", "held behind those"),
            ("pending", "not sent yet"),
        )
        if states[name]
    ]  # fmt: skip
    look = "stop" if states["uncertain"] or states["rejected"] else "warn"
    return (
        look,
        "Not complete",
        f"{states['accepted']:,} of {planned:,} messages are accepted; {', '.join(parts)}.",
    )


def _run(report: RunReport, place: int) -> tuple[str | int, ...]:
    run = report.runs[place]
    if run.ended_us is None:
        end = "no end: it was killed, or runs now"
    else:
        code = ExitCode(run.exit_code or 0)
        end = f"{_clock(run.ended_us)}, exit code {code.value}"
    why = run.stop or ("" if run.ended_us is None else "nothing was left to send")
    return (
        str(run.number), _clock(run.started_us), end, why,
        f"{run.host}, pid {run.pid}, etl {run.version}",
    )  # fmt: skip


def _clock(at_us: int) -> str:
    return datetime.fromtimestamp(at_us // MICROSECONDS, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
