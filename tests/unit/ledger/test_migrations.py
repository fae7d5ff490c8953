"""Ledgers that older versions made."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from etl.ledger import migrations
from etl.ledger.migrations import APPLICATION_ID, schema_files
from etl.ledger.opening import open_ledger
from etl.model.states import State

TARGET = "https://api.example/deployment-1"
LATEST = len(schema_files())
OLD = """
INSERT INTO plan (number, hash, fingerprint, identity, source, messages, lanes, is_open, started_us)
VALUES (1, 'a', 'f', 'i', 's', 9, 9, 1, 1);
INSERT INTO run (number, plan, host, pid, version, started_us) VALUES (1, 1, 'h', 1, '0', 1);
INSERT INTO message (plan, ordinal, key, content, lane, at_us, state, attempts, run, intent_us)
VALUES (1, 0, zeroblob(16), zeroblob(16), 'ann', 1, 'in_flight', 1, 1, 1),
       (1, 1, zeroblob(16), zeroblob(16), 'bob', 1, 'in_flight', 1, 1, 1),
       (1, 2, zeroblob(16), zeroblob(16), 'cid', 1, 'in_flight', 1, 1, 1),
       (1, 3, zeroblob(16), zeroblob(16), 'dan', 1, 'in_flight', 1, 1, 1);
UPDATE message SET state = 'accepted', settled_us = 2 WHERE ordinal < 2;
UPDATE message SET state = 'pending' WHERE ordinal = 2;
"""
"""Rows that every schema since the first can hold."""


def older(path: Path, version: int) -> None:
    """Make a ledger as the program of that schema would have left it."""
    path.parent.mkdir()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        for sql in schema_files()[:version]:
            connection.executescript(sql)
        connection.execute(
            "INSERT INTO meta (one, identity, target, created_us, mark) VALUES (1, 'i', ?, 1, 'm')", (TARGET,)
        )
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {version}")
        connection.executescript(OLD)


def schema(path: Path) -> set[tuple[str, ...]]:
    """Return tables with their columns, and every rule by its text."""
    with closing(sqlite3.connect(path)) as connection:
        rules = connection.execute(
            "SELECT type, name, sql FROM sqlite_schema WHERE type <> 'table' AND sql IS NOT NULL"
        ).fetchall()
        columns = connection.execute(
            'SELECT m.name, c.name, c.type, c."notnull", c.dflt_value '
            "FROM sqlite_schema m, pragma_table_info(m.name) c WHERE m.type = 'table'"
        ).fetchall()
    return {*rules, *columns}


@pytest.mark.parametrize("version", range(1, LATEST))
def test_older_ledger_keeps_its_rows_and_gets_the_newest_rules(path, tmp_path, version):
    """A ledger outlives the program's versions; one that was migrated is like one that was made today."""
    older(path, version)
    new = tmp_path / "new" / "ledger.sqlite"
    open_ledger(new, target=TARGET, create=True).close()
    with closing(open_ledger(path, target=TARGET, create=False)) as ledger:
        expected = {State.ACCEPTED: 2, State.PENDING: 1, State.IN_FLIGHT: 1}
        assert expected == ledger.counts() == ledger.counts(1)
        assert {} == ledger.counts(2)
        assert 1 == ledger.recover(now_us=3)
    assert schema(new) == schema(path)
    with closing(sqlite3.connect(path)) as connection:
        assert [] == connection.execute("PRAGMA foreign_key_check").fetchall()
        assert [("ok",)] == connection.execute("PRAGMA integrity_check").fetchall()


def test_migration_is_interrupted_at_no_point_half_done(path, monkeypatch):
    """Each step is one transaction with its number; cut at any statement, the older ledger is whole."""
    statements = list(migrations._statements(schema_files()[-1]))
    older(path, LATEST - 1)
    before = schema(path)
    for cut in range(len(statements)):
        broken = "".join([*statements[:cut], "NONSENSE;\n"])
        with monkeypatch.context() as patched, closing(migrations.connect(path, "rw")) as connection:
            patched.setattr(migrations, "schema_files", lambda sql=broken: [*schema_files()[:-1], sql])
            with pytest.raises(sqlite3.Error):
                migrations.migrate(connection, target=TARGET, now_us=1)
        assert before == schema(path)
