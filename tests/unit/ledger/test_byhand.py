"""The record of messages sent by hand."""

import json
import stat

import pytest

from etl.errors import LedgerError
from etl.ledger.byhand import append


def test_lines_are_added_and_private(tmp_path):
    """It holds user ids; an older line is never lost."""
    path = tmp_path / "sent-by-hand.jsonl"
    append(path, {"event": "intent", "user": "ünï"})
    append(path, {"event": "outcome", "http_status": None})

    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [{"event": "intent", "user": "ünï"}, {"event": "outcome", "http_status": None}] == lines
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)


def test_a_record_that_can_not_be_written_is_an_error_of_the_ledger(tmp_path):
    """Then nothing is sent. A link is refused: it could lead anywhere."""
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for path in (tmp_path / "none" / "x", tmp_path / "link"):
        with pytest.raises(LedgerError, match="can't be used"):
            append(path, {})
    assert not (tmp_path / "elsewhere").exists()
