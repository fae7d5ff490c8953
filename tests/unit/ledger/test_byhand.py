"""The record of messages sent by hand."""

import json
import stat

import pytest

from etl.errors import LedgerError
from etl.ledger.byhand import SentByHand, append, read


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


def test_what_was_about_to_leave_is_read_back_and_a_torn_line_is_none(tmp_path):
    """A message of unknown fate may be on the platform, so intents count; a crash may tear the last line."""
    path = tmp_path / "sent-by-hand.jsonl"
    append(path, {"event": "intent", "id": "0a", "user": "ünï", "at": "1970-01-01T00:01:00Z"})
    append(path, {"event": "outcome", "id": "0a", "verdict": "accepted"})
    with path.open("ab") as file:
        file.write(b'{"event": "intent", "id": "0b", "us')

    assert [SentByHand(key="0a", user="ünï", at_seconds=60)] == list(read(path))
    with pytest.raises(LedgerError, match="can't be used"):
        list(read(tmp_path / "none"))
