"""What is particular to the ledger in a SQLite file: the file, its rules, its neighbours."""

import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from etl.errors import LedgerError
from etl.ledger import migrations
from etl.ledger.interface import Ledger
from etl.ledger.opening import open_ledger, open_readonly
from etl.ledger.sqlite import SqliteLedger
from etl.model.states import State

TARGET = "https://api.example/deployment-1"


def as_ledger(ledger: SqliteLedger) -> Ledger:
    """Return it as what the other packages know; mypy compares both."""
    return ledger


def beside(path: Path) -> SqliteLedger:
    """Return the ledger as `status` opens it."""
    opened = open_readonly(path, target=TARGET)
    assert opened is not None
    return opened


def mode(path: Path) -> int:
    """Return the permission bits."""
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o277])
def test_files_are_for_their_owner_only(path, umask):
    """User ids are personal data, whatever the umask."""
    before = os.umask(umask)
    try:
        ledger = as_ledger(open_ledger(path, target=TARGET, create=True))
        ledger.set_hold_off(1)
    finally:
        os.umask(before)
    assert mode(path.parent) == 0o700
    suffixes = {"", "-wal", "-shm"}
    assert {path.name + suffix for suffix in suffixes} == {file.name for file in path.parent.iterdir()}
    assert {0o600} == {mode(file) for file in path.parent.iterdir()}
    ledger.close()


def test_loose_file_is_closed_to_others(ledger, path):
    """A copy that was put back may have got other permissions."""
    ledger.close()
    path.chmod(0o644)
    open_ledger(path, target=TARGET, create=False).close()
    assert mode(path) == 0o600


def test_commits_are_synced_and_logged_ahead(ledger):
    """Anything less doubles messages at power cuts."""
    found = [
        ledger._writer.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")
    ]
    assert found == ["wal", 2]


def test_ledger_keeps_its_content_over_closing(ledger, path, intent, outcome):
    """That is what it is for."""
    ledger.commit([intent(0), outcome(0)])
    mark = ledger.mark()
    ledger.close()
    with closing(open_ledger(path, target=TARGET, create=True)) as again:
        assert again.counts() == {State.ACCEPTED: 1}
        assert mark == again.mark()


def test_missing_ledger_is_not_made_unasked(path):
    """A mistyped folder must not look like an empty history."""
    with pytest.raises(LedgerError, match="there is no ledger") as caught:
        open_ledger(path, target=TARGET, create=False)
    assert caught.value.hint
    assert not path.parent.exists()


@pytest.mark.parametrize("left", [b"", None])
def test_file_that_a_crash_left_blank_becomes_a_ledger(path, left):
    """Dying while it is made must not need a person."""
    path.parent.mkdir()
    if left is None:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
    else:
        path.write_bytes(left)
    with closing(open_ledger(path, target=TARGET, create=True)) as ledger:
        assert ledger.counts() == {}


def test_migration_that_fails_leaves_nothing_behind(path, monkeypatch):
    """A step and its record are one transaction."""
    whole = migrations.schema_files()
    monkeypatch.setattr(migrations, "schema_files", lambda: [*whole, "CREATE TABLE extra (a);\nNONSENSE;\n"])
    with pytest.raises(LedgerError):
        open_ledger(path, target=TARGET, create=True)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (len(whole),)
        assert connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'extra'").fetchall() == []


def test_older_ledger_is_brought_up_to_date_by_a_writer_only(ledger, path, monkeypatch):
    """`status` must not change a file beside an older program."""
    ledger.close()
    whole = migrations.schema_files()
    monkeypatch.setattr(
        migrations, "schema_files", lambda: [*whole, "CREATE TABLE extra (a INTEGER) STRICT;\n"]
    )
    with pytest.raises(LedgerError, match=f"schema {len(whole)}, this etl needs {len(whole) + 1}"):
        open_readonly(path, target=TARGET)
    open_ledger(path, target=TARGET, create=False).close()
    with closing(beside(path)) as status:
        assert status.counts() == {}


def test_newer_ledger_is_refused(path, raw):
    """Its rules are unknown here."""
    raw.execute("PRAGMA user_version = 99")
    for opened in (
        lambda: open_ledger(path, target=TARGET, create=True),
        lambda: open_readonly(path, target=TARGET),
    ):
        with pytest.raises(LedgerError, match="schema 99"):
            opened()


@pytest.mark.usefixtures("ledger")
def test_ledger_of_another_target_is_refused(path):
    """It would hide messages that this target never got."""
    with pytest.raises(LedgerError, match="belongs to the target"):
        open_ledger(path, target="https://elsewhere.example/2", create=True)
    with pytest.raises(LedgerError, match="belongs to the target"):
        open_readonly(path, target="https://elsewhere.example/2")


def test_file_that_is_no_database_is_refused_untouched(path):
    """It may be somebody's only copy of something."""
    path.parent.mkdir()
    path.write_bytes(b"time,user,text\n" * 100)
    for opened in (
        lambda: open_ledger(path, target=TARGET, create=True),
        lambda: open_readonly(path, target=TARGET),
    ):
        with pytest.raises(LedgerError, match="is no ledger"):
            opened()
    assert path.read_bytes() == b"time,user,text\n" * 100


def test_database_of_another_program_is_refused_untouched(path):
    """It is not ours to migrate."""
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE theirs (a)")
    before = path.read_bytes()
    with pytest.raises(LedgerError, match="some other database"):
        open_ledger(path, target=TARGET, create=True)
    assert before == path.read_bytes()


def test_folder_in_place_of_the_file_is_refused(path):
    """A driver's exception never escapes."""
    path.mkdir(parents=True)
    with pytest.raises(LedgerError):
        open_ledger(path, target=TARGET, create=True)


def test_file_in_place_of_the_folder_is_refused(path):
    """Nor does one of the operating system."""
    path.parent.write_text("")
    with pytest.raises(LedgerError, match="is no folder"):
        open_ledger(path, target=TARGET, create=True)
    assert open_readonly(path, target=TARGET) is None


def test_damaged_file_is_a_ledger_error(ledger, path, intent):
    """A bad disk must not look like a defect of etl."""
    ledger.commit([intent(ordinal * 10) for ordinal in range(10)])
    ledger.close()
    with path.open("r+b") as file:
        file.seek(4_096)
        file.write(b"\xff" * (path.stat().st_size - 4_096))
    with pytest.raises(LedgerError) as caught:
        open_ledger(path, target=TARGET, create=False)
    assert caught.value.hint


def test_readonly_is_none_without_a_ledger_and_makes_nothing(path):
    """`status` before the first import has nothing to tell."""
    assert open_readonly(path, target=TARGET) is None
    assert not path.parent.exists()


def test_readonly_sees_a_running_import_and_changes_nothing(ledger, path, intent, outcome):
    """`status` beside an import is an everyday thing."""
    ledger.commit([intent(0)])
    before = path.read_bytes()
    with closing(beside(path)) as status:
        assert status.counts() == {State.IN_FLIGHT: 1}
        ledger.commit([outcome(0), intent(1)])
        assert status.counts() == {State.IN_FLIGHT: 1, State.ACCEPTED: 1}
        with pytest.raises(LedgerError, match="read-only"):
            status.recover(now_us=1)
    assert before == path.read_bytes()
    assert ledger.counts() == {State.IN_FLIGHT: 1, State.ACCEPTED: 1}


def test_locked_file_is_a_ledger_error(ledger, raw, intent):
    """Somebody's SQL shell with an open transaction must not look like a defect."""
    ledger._writer.execute("PRAGMA busy_timeout = 0")
    raw.execute("BEGIN IMMEDIATE")
    with pytest.raises(LedgerError, match="locked by another program"):
        ledger.commit([intent(0)])
    raw.execute("ROLLBACK")
    ledger.commit([intent(0)])


def test_questions_need_no_lock(ledger, raw, intent):
    """Nobody waits for a writer."""
    ledger.commit([intent(0)])
    raw.execute("BEGIN IMMEDIATE")
    assert ledger.counts() == {State.IN_FLIGHT: 1}


def test_full_disk_is_a_ledger_error_and_leaves_the_file_whole(ledger, raw, intent, outcome):
    """Nothing of the refused commit stays, and the same ledger goes on when there is space again."""
    ledger.commit([intent(0), outcome(0)])
    (pages,) = ledger._writer.execute("PRAGMA page_count").fetchone()
    ledger._writer.execute(f"PRAGMA max_page_count = {pages}")
    batch = [intent(ordinal, lane=f"user-{ordinal}") for ordinal in range(1, 1_000)]
    with pytest.raises(LedgerError, match="disk is full"):
        ledger.commit(batch)
    assert raw.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert ledger.counts() == {State.ACCEPTED: 1}
    ledger._writer.execute("PRAGMA max_page_count = 1000000")
    ledger.commit(batch)
