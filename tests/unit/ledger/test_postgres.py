"""What is PostgreSQL's own in a ledger: its place, its lock, its owner, its errors."""

import asyncio
import os
import re
import sys
from contextlib import closing
from dataclasses import fields, replace
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from etl.clock import SYSTEM
from etl.errors import LaterError, LedgerError, LedgerFullError, UsageError
from etl.ledger.dialect import Dialect
from etl.ledger.marks import Concern, Marks, concern
from etl.ledger.place import place
from etl.ledger.postgres import health, long_reads, reader, statements
from etl.ledger.postgres import ledger as ledger_module
from etl.ledger.postgres.address import Address, schema_name
from etl.ledger.postgres.address import address as address_of
from etl.ledger.postgres.connection import connect, require_fit
from etl.ledger.postgres.health import remarks, schema_health
from etl.ledger.postgres.migrations import schema_files
from etl.ledger.postgres.opening import open_postgres, open_postgres_readonly
from etl.ledger.rescue import SideFile, kept_outcomes
from etl.ledger.writer import GroupCommit
from etl.model.states import State
from support.postgres import end_owner, fresh_address, shell

LEDGERS = ["postgres"]
TARGET = "https://api.example/deployment-1"


def shallow(dialect: Dialect) -> dict[str, object]:
    """Return what a dialect says, by name."""
    return {field.name: getattr(dialect, field.name) for field in fields(dialect)}


class Slow:
    """A clock that is an hour behind."""

    def wall_us(self) -> int:
        """Return it."""
        return SYSTEM.wall_us() - 3_600_000_000


def opened(address: Address, *, create: bool = False, patience_seconds: float = 5):
    """Open a ledger for writing."""
    return open_postgres(address, target=TARGET, create=create, patience_seconds=patience_seconds)


def test_second_opener_is_told_who_holds_the_ledger(ledger, address):
    """The lock is the server's, so it holds for all machines; the name is the process's."""
    assert ledger.counts() == {}
    with pytest.raises(LaterError, match=f"pid {os.getpid()} on host .*, since 20"):
        opened(address)


def test_lock_goes_with_its_holder(ledger, address):
    """No lock is ever stale."""
    ledger.close()
    opened(address).close()


def test_owner_that_lost_its_ledger_writes_nothing_more(ledger, address, started, intent):
    """A process that slept while another one took over must not go on."""
    end_owner(address)
    with closing(opened(address)) as other:
        with pytest.raises(LedgerError, match="opened by another run"):
            ledger.commit([intent(0)])
        with pytest.raises(LedgerError, match="opened by another run"):
            ledger.end_run(started[1], exit_code=0, now_us=9_000)
        assert other.progress(started[0], 0, 10) == ([], [])


def test_owner_of_before_may_not_come_back_after_another_one(ledger, address, started, intent):
    """The lock is free again, but what the other one did is not known here."""
    end_owner(address)
    opened(address).close()
    with pytest.raises(LedgerError, match="opened by another run"):
        ledger.commit([intent(0)])
    assert ledger.progress(started[0], 0, 10) == ([], [])


def test_owner_whose_connection_lives_is_fenced_too(ledger, address, started, intent):
    """Even where a pooler kept a connection without its lock, each commit asks who the owner is."""
    with shell(address) as connection:
        connection.execute("UPDATE meta SET owner_epoch = owner_epoch + 1")
    with pytest.raises(LedgerError, match="opened by another run"):
        ledger.commit([intent(0)])
    assert ledger.progress(started[0], 0, 10) == ([], [])


def test_database_that_forgot_what_it_confirmed_is_not_written_to(ledger, address, intent):
    """A failover to a copy that lags would send again what it does not know."""
    ledger.commit([intent(0)])
    with shell(address) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("UPDATE meta SET commits = commits - 1")
    end_owner(address)
    with pytest.raises(LedgerError, match="came back without 1 commits") as caught:
        ledger.commit([intent(10)])
    assert "--restored" in caught.value.hint


def test_database_that_forgot_is_an_older_copy_for_every_later_command(ledger, address, tmp_path, new_plan):
    """Nobody has to remember what the error said: only --restored goes on, whatever was written after it."""
    ledger.close()
    marks = Marks(tmp_path / "ledger.sqlite", target=TARGET, memory=None)
    with closing(open_postgres(address, target=TARGET, create=True, marks=marks)) as writing:
        plan = writing.start_plan(new_plan(), now_us=1).number
        run = writing.start_run(plan, host="h", pid=1, version="v", now_us=2)
        assert concern(writing.name(), marks.read()) is None
        with shell(address) as connection:
            connection.execute("SET session_replication_role = replica")
            connection.execute("UPDATE meta SET commits = commits - 2")
        end_owner(address)
        with pytest.raises(LedgerError, match="came back without 2 commits"):
            writing.end_run(run, exit_code=0, now_us=3)
    with closing(open_postgres(address, target=TARGET, create=False, marks=marks)) as later:
        found = concern(later.name(), marks.read())
        assert found is not None
        assert Concern.OLDER == found[0]
        later.restore(generation=found[1].generation, who="me", why="--restored", now_us=4)
        assert concern(later.name(), marks.read()) is None


def test_ledger_that_is_distrusted_stays_so_when_its_run_ends(ledger, address, tmp_path, new_plan):
    """The end of a run lets the generation grow: it must not catch up with what is remembered."""
    ledger.close()
    marks = Marks(tmp_path / "ledger.sqlite", target=TARGET, memory=None)
    with closing(open_postgres(address, target=TARGET, create=True, marks=marks)) as writing:
        plan = writing.start_plan(new_plan(), now_us=1).number
        run = writing.start_run(plan, host="h", pid=1, version="v", now_us=2)
        writing.distrust()
        writing.end_run(run, exit_code=5, now_us=3)
        assert Concern.OLDER == (concern(writing.name(), marks.read()) or [None])[0]


def test_full_disk_of_the_server_is_a_full_ledger(ledger, address, started, intent, outcome):
    """The writer then tries to save what is known."""
    with shell(address) as connection:
        connection.execute(
            "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION USING ERRCODE = 'disk_full'; END $$"
        )
        connection.execute("CREATE TRIGGER full_disk BEFORE INSERT ON attempt EXECUTE FUNCTION full_disk()")
    ledger.commit([intent(0)])
    with pytest.raises(LedgerFullError, match="disk is full"):
        ledger.commit([outcome(0, State.REJECTED), intent(10)])
    assert ledger.progress(started[0], 0, 20) == ([0], [State.IN_FLIGHT])


def test_outcomes_are_kept_beside_when_the_database_stays_away(
    ledger, address, started, intent, outcome, tmp_path
):
    """A known outcome must not become doubt; the next start reads it back."""
    ledger.close()
    said: list[str] = []

    async def send(writing) -> None:
        side = SideFile(tmp_path, identity=writing.name().identity, run=started[1], say=said.append)
        async with GroupCommit(writing, side) as writer:
            await writer.write(intent(0))
            writing._session._address = replace(address, url="postgresql://postgres@/postgres?host=/nowhere")
            end_owner(address)
            await writer.write(outcome(0), intent(1))

    with closing(opened(address, patience_seconds=0.1)) as writing:
        identity = writing.name().identity
        with pytest.raises(LedgerError, match="can't be reached"):
            asyncio.run(send(writing))
    with closing(opened(address)) as later:
        kept = [outcome for found in kept_outcomes(tmp_path, identity=identity).values() for outcome in found]
        assert 1 == later.apply_late(kept)
        assert later.progress(started[0], 0, 10) == ([0], [State.ACCEPTED])


def test_a_person_hears_when_the_database_is_away_and_when_it_is_back(address, ledger, intent):
    """A run that stands still must say why."""
    ledger.close()
    said: list[str] = []
    with closing(open_postgres(address, target=TARGET, create=False, warn=said.append)) as warned:
        end_owner(address)
        warned.commit([intent(0)])
    assert 2 == len(said)
    assert "nothing new is sent" in said[0]
    assert "back after" in said[1]


def test_texts_that_postgresql_can_not_hold_are_kept_without_what_it_can_not(ledger, intent, outcome):
    """An answer's JSON may hold a NUL, which must not cost us the outcome."""
    ledger.commit([intent(0), outcome(0, reason="a\0b", platform_id="\ud800", conversation_id="\0")])
    row = next(ledger.export()).to_pylist()[0]
    assert ("a\ufffdb", "?", "\ufffd") == (row["reason"], row["platform_id"], row["conversation_id"])


@pytest.mark.parametrize("lane", ["a\0b", "\ud800"])
def test_user_that_postgresql_can_not_hold_is_refused_and_not_shown(ledger, started, intent, lane):
    """Identity is never changed quietly."""
    with pytest.raises(LedgerError) as caught:
        ledger.commit([intent(0, lane=lane)])
    assert lane not in caught.value.message
    ledger.commit([intent(10)])
    assert ledger.progress(started[0], 0, 20) == ([10], [State.IN_FLIGHT])


def test_error_never_shows_values_of_a_row(ledger, intent):
    """PostgreSQL's details quote the row that broke a rule."""
    ledger.commit([intent(0, lane="person-17")])
    with pytest.raises(LedgerError) as caught:
        ledger.commit([intent(1, lane="person-17")])
    assert "person-17" not in f"{caught.value.message}{caught.value.hint}"
    assert caught.value.__cause__ is None


def test_tables_come_in_batches(ledger, monkeypatch, intent):
    """The server keeps the rest, so memory is bounded by a batch."""
    monkeypatch.setattr(long_reads, "BATCH_ROWS", 2)
    ledger.commit([intent(0), intent(10), intent(20)])
    assert [2, 1] == [batch.num_rows for batch in ledger.export()]
    assert [2, 1] == [batch.num_rows for batch in ledger.touched()]


def test_missing_ledger_is_refused_unless_it_is_to_be_made(ledger, address):
    """A wrong database must not begin a new ledger, which would send everything again."""
    del ledger
    with fresh_address(address.url) as empty:
        assert open_postgres_readonly(empty, target=TARGET) is None
        with pytest.raises(LedgerError, match="there is no ledger"):
            opened(empty)


def test_schema_of_somebody_else_is_left_alone(ledger, address):
    """A name may be taken."""
    del ledger
    with fresh_address(address.url) as taken:
        with shell(taken) as connection:
            connection.execute(f"CREATE SCHEMA {taken.schema}".encode())
            connection.execute("CREATE TABLE orders (id integer)")
        with pytest.raises(LedgerError, match="other tables"):
            opened(taken, create=True)


def test_ledger_of_another_target_is_refused(ledger, address):
    """One target, one ledger."""
    ledger.close()
    other = "https://api.example/other"
    with pytest.raises(LedgerError, match="belongs to the target"):
        open_postgres(address, target=other, create=True)
    with pytest.raises(LedgerError, match="belongs to the target"):
        open_postgres_readonly(address, target=other)


def test_newer_schema_is_refused(ledger, address):
    """An older program does not know what a newer one meant."""
    with shell(address) as connection:
        connection.execute("UPDATE meta SET version = 99")
    ledger.close()
    with pytest.raises(LedgerError, match="schema 99"):
        opened(address)


def test_ledger_for_questions_sees_a_running_import_and_writes_nothing(ledger, address, started, intent):
    """`status` runs beside an import."""
    beside = open_postgres_readonly(address, target=TARGET)
    assert beside is not None
    with closing(beside):
        ledger.commit([intent(0)])
        assert beside.progress(started[0], 0, 10) == ([0], [State.IN_FLIGHT])
        with pytest.raises(LedgerError, match="for questions"):
            beside.recover(now_us=1)


def test_each_target_has_a_schema_of_its_own():
    """Names are cut at 63 bytes, so a digest tells long ones apart."""
    long = "https://api.example/" + "x" * 100
    names = {schema_name(long + end) for end in "ab"} | {schema_name(TARGET)}
    assert 3 == len(names)
    assert all(len(name) <= 63 and name.startswith("etl_api_example_") for name in names)


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"dbname": "no_such_database"}, "database that does not exist"),
        ({"user": "nobody_17"}, "refuses the (account|password)"),
        ({"host": "/nowhere", "hostaddr": None}, "can't be reached"),
    ],
)
def test_error_of_connecting_says_what_is_wrong(ledger, address, other, words):
    """Each has another remedy."""
    del ledger
    found = place_at(make_conninfo(address.url, **other))
    with pytest.raises(LedgerError, match=words) as caught:
        found.read()
    assert caught.value.hint


def place_at(url: str):
    """Return a ledger's place in a database."""
    return place(Path("state") / "ledger.sqlite", url, target=TARGET)


def test_url_that_can_not_be_read_is_not_repeated():
    """It may hold a secret."""
    with pytest.raises(UsageError) as caught:
        address_of("postgresql://h/x?hush=17", target=TARGET)
    assert "hush" not in f"{caught.value.message}{caught.value.hint}"
    assert caught.value.__cause__ is None


def test_what_people_see_of_a_place_has_no_password():
    """Whatever libpq would take is left out."""
    shown = str(Address(url="postgresql://u:hush@h/x?sslpassword=hush", schema="s"))
    assert "s in database x on h" == shown


def test_package_that_is_missing_is_named_with_its_remedy(monkeypatch):
    """The ledger in PostgreSQL is an extra."""
    monkeypatch.setitem(sys.modules, "etl.ledger.postgres.place", None)
    with pytest.raises(UsageError) as caught:
        place_at("postgresql://h/x")
    assert "pip install 'etl[postgres]'" == caught.value.hint


def test_backup_is_the_servers(ledger, address, tmp_path):
    """pg_dump does it, whole and consistent."""
    del ledger
    with pytest.raises(UsageError, match="its copy is made there") as caught:
        place_at(address.url).back_up(tmp_path / "copy", marks=None)
    assert "pg_dump" in caught.value.hint


def test_doctor_finds_a_rule_that_is_switched_off(ledger, address):
    """A ledger whose rules sleep is no ledger."""
    assert ledger.counts() == {}
    assert len(schema_files()) == schema_health(address).schema
    with shell(address) as connection:
        connection.execute("ALTER TABLE message DISABLE TRIGGER message_moves")
    with pytest.raises(LedgerError, match="message_moves"):
        schema_health(address)


def test_doctor_finds_messages_that_were_changed_by_hand(ledger, address, intent, outcome):
    """The tally is what counts are read from."""
    ledger.commit([intent(0), outcome(0)])
    with shell(address) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("UPDATE message SET state = 'rejected'")
    with pytest.raises(LedgerError, match="tally"):
        schema_health(address)


def test_doctor_finds_an_account_without_rights(ledger, address):
    """Before the first import fails on it."""
    del ledger
    poor = f"etl_poor_{os.getpid()}"
    with psycopg.connect(address.url, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {poor} LOGIN".encode())
        try:
            url = make_conninfo(address.url, user=poor)
            missing = [one for one in remarks(Address(url=url, schema="etl_none")) if one.grave]
            foreign = [one for one in remarks(replace(address, url=url)) if one.grave]
        finally:
            connection.execute(f"DROP ROLE {poor}".encode())
    assert ["rights"] == [one.name for one in missing]
    assert "CREATE SCHEMA" in missing[0].remedy
    assert ["rights"] == [one.name for one in foreign]


def test_commit_is_synchronous_although_the_database_says_it_need_not_be(ledger, address):
    """A commit that returns before it is on disk doubles messages at a power cut."""
    del ledger
    role = f"etl_lax_{os.getpid()}"
    with psycopg.connect(address.url, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN SUPERUSER".encode())
        connection.execute(f"ALTER ROLE {role} SET synchronous_commit = off".encode())
        try:
            lax = replace(address, url=make_conninfo(address.url, user=role))
            assert "off by default" in remarks(lax)[0].seen
            with closing(connect(lax, role="reader")) as found:
                assert ("on",) == found.execute("SHOW synchronous_commit").fetchone()
        finally:
            connection.execute(f"DROP ROLE {role}".encode())


@pytest.mark.parametrize(
    ("fsync", "encoding", "words"),
    [("off", "UTF8", "may lose what it confirmed"), ("on", "LATIN1", "encoded in LATIN1")],
)
def test_server_that_would_lose_something_is_refused(fsync, encoding, words):
    """A ledger on it would keep no promise."""
    with pytest.raises(LedgerError, match=words) as caught:
        require_fit(Address(url="postgresql://h/x", schema="s"), fsync=fsync, encoding=encoding)
    assert caught.value.hint


def test_doctor_finds_a_clock_that_is_wrong(ledger, address, monkeypatch):
    """The times of a report are those of the process that sent."""
    assert ledger.counts() == {}
    monkeypatch.setattr(health, "SYSTEM", Slow())
    seen = [one.seen for one in remarks(address) if one.remedy]
    assert ["its clock is 3,600 s ahead of this machine's"] == seen


@pytest.mark.parametrize("clock_us", [1, 4 * 10**15], ids=["long ago", "far ahead"])
def test_last_send_is_when_the_server_had_it_whatever_the_process_says(ledger, intent, clock_us):
    """The next run's rest must not be shorter because the clock of the machine before was behind."""
    ledger.commit([intent(0, now_us=clock_us)])
    assert pytest.approx(SYSTEM.wall_us(), abs=2_000_000) == ledger.last_send_us()


def test_pause_lasts_as_long_on_a_machine_with_another_clock(ledger, address, monkeypatch):
    """A server's `Retry-After` holds everybody in full, and two machines never agree on the time."""
    monkeypatch.setattr(ledger_module, "SYSTEM", Slow())
    ledger.set_hold_off(Slow().wall_us() + 60_000_000)
    elsewhere = open_postgres_readonly(address, target=TARGET)
    assert elsewhere is not None
    with closing(elsewhere):
        left_us = (elsewhere.hold_off_us() or 0) - SYSTEM.wall_us()
    assert pytest.approx(60_000_000, abs=2_000_000) == left_us


WHOLE_TABLES = {"_TOUCHED", "_TOUCHED_OF", "_EXPORT", "entries"}
QUESTIONS = {
    name: sql
    for names in (vars(reader), vars(statements), shallow(reader.DIALECT))
    for name, sql in names.items()
    if isinstance(sql, str) and name not in WHOLE_TABLES and re.search(r"(FROM|UPDATE|JOIN) message\b", sql)
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_nothing_but_whole_tables_reads_all_messages(ledger, name):
    """`status`, a start and a commit look at a handful of rows, not at ten million accepted ones."""
    numbers: dict[str, int] = {}

    def number(found: re.Match[str]) -> str:
        return f"${numbers.setdefault(found[1] or str(found.start()), len(numbers) + 1)}"

    sql = re.sub(r"%(?:\((\w+)\))?[sb]", number, QUESTIONS[name])
    plan = ledger._session._connection.execute(f"EXPLAIN (GENERIC_PLAN) {sql}".encode()).fetchall()
    looks = [line for (line,) in plan if re.search(r"Scan.* on message\b", line)]
    assert looks
    assert [] == [line for line in looks if "Seq Scan" in line]
