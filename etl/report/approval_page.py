"""The validation report as one HTML file."""

from pathlib import Path
from typing import Final

from etl.report.approval import Approval
from etl.report.approval_charts import charts
from etl.report.approval_tables import tables
from etl.report.files import private_file
from etl.report.html import page
from etl.report.verdict import Readiness

_LOOKS: Final = {
    Readiness.READY: "ready",
    Readiness.WARNINGS: "warn",
    Readiness.NOTHING: "ready",
    Readiness.NOT_READY: "stop",
}


def write_page(path: Path, approval: Approval, *, json_file: Path, rejects_file: str) -> None:
    """Write the page as a private file.

    Raises:
        UsageError: it can't be written.
    """
    text = page(
        "approval.html.j2",
        report=approval,
        summary=approval.summary,
        counts=approval.summary.conservation,
        look=_LOOKS[approval.verdict.readiness],
        tables=tables(approval),
        charts=charts(approval),
        json_file=json_file.name,
        rejects_file=rejects_file,
    )
    with private_file(path) as sink:
        sink.write(text.encode("utf-8", "backslashreplace"))
