"""Whether a damaged ledger is noticed."""

import pytest

from etl.errors import LedgerError
from etl.ledger.health import quick_check
from etl.ledger.opening import open_ledger

TARGET = "https://api.example/deployment-1"


def test_sound_ledger_tells_its_schema(path):
    """As an import left it."""
    open_ledger(path, target=TARGET, create=True).close()
    health = quick_check(path)

    assert health.schema == health.latest >= 1


def test_damaged_page_is_found(path):
    """A bad sector, a half copy: an import may pass by the page for weeks."""
    open_ledger(path, target=TARGET, create=True).close()
    data = bytearray(path.read_bytes())
    page = 4_096
    for start in range(2 * page, len(data), page):
        data[start : start + 512] = b"\xff" * 512
    path.write_bytes(data)

    with pytest.raises(LedgerError, match="damaged"):
        quick_check(path)


def test_other_file_is_no_ledger(path):
    """SQLite's own words become ours."""
    path.parent.mkdir()
    path.write_bytes(b"no database" * 1_000)

    with pytest.raises(LedgerError, match="no ledger"):
        quick_check(path)
