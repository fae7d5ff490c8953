"""A report's tables as files."""

import csv

import pyarrow.parquet as pq

from etl.report.approval_tables import tables
from etl.report.export import TableFormat
from etl.report.grid import Grid, write_grids
from support.approvals import approval


def test_a_formula_in_a_name_is_harmless_in_csv(tmp_path):
    """A spreadsheet would run it."""
    grid = Grid(name="users", caption="", head=("user", "messages"), rows=(('=HYPERLINK("http://x")', 3),))
    write_grids([grid], tmp_path, table_format=TableFormat.CSV)
    with (tmp_path / "users.csv").open(newline="") as file:
        assert [["user", "messages"], ['\'=HYPERLINK("http://x")', "3"]] == list(csv.reader(file))


def test_numbers_stay_numbers_in_parquet(tmp_path):
    """And a table without rows makes no file."""
    grids = [
        Grid(name="a", caption="", head=("x", "n"), rows=(("one", 1),)),
        Grid(name="b", caption="", head=("x",), rows=()),
    ]
    write_grids(grids, tmp_path, table_format=TableFormat.PARQUET)
    assert [{"x": "one", "n": 1}] == pq.read_table(tmp_path / "a.parquet").to_pylist()
    assert ["a.parquet"] == [path.name for path in tmp_path.iterdir()]
    assert 0 == (tmp_path / "a.parquet").stat().st_mode & 0o077


def test_every_table_of_a_report_can_be_written(tmp_path):
    """Rows are as wide as their head, and columns hold one kind."""
    grids = tables(approval())
    assert all(len(row) == len(grid.head) for grid in grids.values() for row in grid.rows)
    write_grids(grids.values(), tmp_path, table_format=TableFormat.CSV)
    assert {f"{grid.name}.csv" for grid in grids.values() if grid.rows} == {
        path.name for path in tmp_path.iterdir()
    }


def test_the_rows_table_adds_up():
    """Promise P1, on the page."""
    content = approval()
    counts = content.summary.conservation
    counted = [row[1] for row in tables(content)["rows"].rows if isinstance(row[1], int)]
    assert counts.rows + counts.carried + counts.split == sum(counted)
