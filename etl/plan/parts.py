"""A plan's messages as SQL reads them, whether they lie in one file or in several."""

from collections.abc import Sequence
from pathlib import Path

from etl.plan.connection import quoted


def messages_sql(paths: Sequence[Path]) -> str:
    """Return what stands after FROM for all messages, in no order where there are several files."""
    return f"read_parquet([{', '.join(map(quoted, paths))}])"


def numbered_sql(messages: Sequence[Path], lanes: Path) -> str:
    """Return what stands after FROM for all messages of a plan, each with its `ordinal`."""
    files = ", ".join(map(quoted, messages))
    if len(messages) == 1:
        return f"(SELECT *, file_row_number AS ordinal FROM read_parquet([{files}], file_row_number = true))"  # noqa: S608
    return (
        "(SELECT m.* EXCLUDE (file_row_number), l.first + m.file_row_number - l.row AS ordinal "  # noqa: S608
        f"FROM read_parquet([{files}], file_row_number = true) m "
        f"JOIN read_parquet({quoted(lanes)}) l USING (lane))"
    )
