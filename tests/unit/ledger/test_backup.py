"""A copy that can be put back."""

import os
import sqlite3
import stat
from contextlib import closing

import pytest

from etl.errors import LedgerError, UsageError
from etl.ledger.backup import back_up
from etl.ledger.marks import Marks
from etl.ledger.opening import advance_beside, open_ledger
from etl.model.states import State

TARGET = "https://api.example/deployment-1"


def test_backup_beside_a_writer_holds_all_that_is_durable(ledger, path, tmp_path, intent, outcome):
    """What is only in the write-ahead log is there, too: copying the file alone would lose it."""
    ledger.commit([intent(0), outcome(0), intent(10)])
    copy = tmp_path / "copy.sqlite"
    done = back_up(path, copy)
    ledger.commit([outcome(10)])
    assert (copy, 2) == (done.path, done.messages)
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert {"copy.sqlite", "state"} == {found.name for found in tmp_path.iterdir()}
    with closing(open_ledger(copy, target=TARGET, create=False)) as restored:
        assert {State.ACCEPTED: 1, State.IN_FLIGHT: 1} == restored.counts()
        assert ledger.name() == restored.name()


def test_backup_is_older_than_its_ledger_from_then_on(ledger, path, tmp_path):
    """Or the copy, put back, would pass for the newest."""
    back_up(path, tmp_path / "copy.sqlite")
    before = ledger.name().generation
    marks = Marks(path, target=TARGET, memory=None)
    advance_beside(path, target=TARGET, marks=marks)
    assert before + 1 == ledger.name().generation
    assert [before + 1] == [mark.generation for mark in marks.read()]


@pytest.mark.usefixtures("ledger")
def test_backup_replaces_nothing(path, tmp_path):
    """It may be the last good copy."""
    copy = tmp_path / "copy.sqlite"
    copy.write_text("precious")
    with pytest.raises(UsageError, match="is there already"):
        back_up(path, copy)
    assert "precious" == copy.read_text()


@pytest.mark.usefixtures("ledger")
def test_backup_that_cannot_be_written_says_where(path, tmp_path):
    """And leaves nothing."""
    with pytest.raises(UsageError, match="can't be written"):
        back_up(path, tmp_path / "none" / "copy.sqlite")


def test_backup_whose_counts_disagree_is_refused(ledger, path, tmp_path, intent, outcome, raw):
    """A copy is believed only when it was counted."""
    ledger.commit([intent(0), outcome(0)])
    raw.execute("UPDATE tally SET accepted = 7")
    with pytest.raises(LedgerError, match="1 messages where its tallies say 7"):
        back_up(path, tmp_path / "copy.sqlite")
    assert ["state"] == [found.name for found in tmp_path.iterdir()]


def test_damaged_ledger_gives_no_backup(ledger, path, tmp_path, intent, outcome):
    """A bad copy under a good name is worse than none."""
    for start in range(0, 500, 10):
        ledger.commit([intent(start), outcome(start)])
    ledger.close()
    data = bytearray(path.read_bytes())
    with closing(sqlite3.connect(path)) as connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'message'").fetchone()
    data[(page - 1) * 4_096 + 100 : page * 4_096] = bytes(3_996)
    path.write_bytes(data)
    with pytest.raises(LedgerError):
        back_up(path, tmp_path / "copy.sqlite")
    assert not (tmp_path / "copy.sqlite").exists()


def test_file_system_without_links_gets_its_backup_all_the_same(ledger, path, tmp_path, monkeypatch):
    """Memory sticks have none."""
    del ledger

    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "link", refuse)
    assert 0 == back_up(path, tmp_path / "copy.sqlite").messages
