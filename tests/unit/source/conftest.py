from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pytest

from etl.config.reading import Input
from etl.model.schemas import FileSummary, RowBatch
from etl.source import delimited
from etl.source.discover import discover
from etl.source.reader import read


@dataclass
class Result:
    """Everything that a reader yielded, flat."""

    rows: list[tuple[Any, ...]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    rejects: list[tuple[int, str, str]] = field(default_factory=list)
    batches: list[RowBatch] = field(default_factory=list)
    progress: list[int] = field(default_factory=list)
    summary: FileSummary | None = None


@pytest.fixture
def read_bytes(tmp_path):
    """Write bytes to a file and read it back through the public functions."""

    def run(data, columns, *, name="export.csv", times=frozenset(), **settings):
        (tmp_path / name).write_bytes(data)
        (file,) = discover([name], base=tmp_path)
        result = Result()
        items = read(file, columns, Input(**settings), times=times, progress=result.progress.append)
        for item in items:
            assert result.summary is None
            if isinstance(item, RowBatch):
                result.batches.append(item)
                result.rows += [tuple(row.values()) for row in item.rows.to_pylist()]
                result.lines += item.lines.to_pylist()
            elif isinstance(item, pa.RecordBatch):
                result.rejects += [(row["line"], row["code"], row["detail"]) for row in item.to_pylist()]
            else:
                result.summary = item
        assert result.summary is not None
        assert result.summary.records == len(result.rows) + len(result.rejects)
        return result

    return run


@pytest.fixture
def small_blocks(monkeypatch):
    """Let block edges fall everywhere, as they do in files of many megabytes."""

    def use(size):
        monkeypatch.setattr(delimited, "_BLOCK_BYTES", size)

    return use
