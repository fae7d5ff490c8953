"""Every command that meets the ledger, with the ledger in PostgreSQL; the database is looked into, too."""

import json
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from etl.cli.main import run as main
from etl.ledger.postgres import long_reads
from etl.ledger.postgres.address import Address
from support.history import rows, write_csv, write_job
from support.postgres import drop, keep_in, schema_of, server, stored, wheel
from support.recorder import TOKEN, Arrival, Platform, Reply, platform
from support.wire import Side, Wire, wire

REFUSED = Reply(status=422, body=b'{"error": "no", "message": null}')
ALL = 9
Command = Callable[..., tuple[int, Any]]


@pytest.fixture
def running() -> Iterator[Platform]:
    """Return a platform that refuses one message at first, and says nothing to another."""

    def answer(arrival: Arrival, _number: int) -> Reply:
        match arrival.text.removeprefix("Agent: "):
            case "secret text 000 0000":
                return REFUSED
            case "secret text 001 0001":
                return Reply(status=None)
            case _:
                return Reply()

    with platform() as found:
        found.answer = answer
        yield found


@pytest.fixture
def folder(tmp_path, running, monkeypatch) -> Iterator[Path]:
    """Return a folder with a job whose ledger is in a database."""
    write_csv(tmp_path / "history.csv", rows(users=3, messages=3))
    write_job(tmp_path, running.base_url)
    keep_in(server(), tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ETL_TOKEN", TOKEN)
    monkeypatch.setenv("HOME", str(tmp_path))
    yield tmp_path
    made = schema_of(server(), tmp_path)
    if made:
        drop(Address(url=server(), schema=made))


@pytest.fixture
def command(folder, capsys) -> Command:
    """Return what runs a command on the job and gives its exit code and its JSON."""

    def run(*words: str) -> tuple[int, Any]:
        assert (folder / "job.toml").exists()
        capsys.readouterr()
        code = main([*words])
        out = capsys.readouterr().out
        return code, json.loads(out) if "--json" in words else out

    return run


def test_a_whole_life_of_a_job(folder, command, running):
    """From the plan to a complete ledger: each command finds it, each word of a person is followed."""
    assert 0 == command("check", "job.toml", "--json")[0]
    assert 0 == command("plan", "job.toml", "--json")[0]
    assert {} == stored(server(), folder)
    assert 2 == command("status", "job.toml", "--json")[0]

    code, first = command("replay", "job.toml", "--json")
    assert (3, 7) == (code, first["states"]["accepted"] + first["states"]["rejected"])
    code, status = command("status", "job.toml", "--json")
    assert (3, 1, 1, 1) == (
        code, status["states"]["rejected"], status["states"]["uncertain"], status["states"]["held"],
    )  # fmt: skip
    assert "in database" in status["ledger"]

    running.answer = lambda _arrival, _number: Reply()
    assert 0 == command("retry", "job.toml", "--code", "422", "--late", "send")[0]
    assert 0 == command("settle", "job.toml", "--all", "--resend")[0]
    code, last = command("import", "job.toml", "--json")
    assert (0, ALL) == (code, last["states"]["accepted"])
    assert {"accepted"} == set(stored(server(), folder).values())

    assert 0 == command("report", "job.toml", "--json")[0]
    assert 0 == command("report", "job.toml", "--verify", "--json")[0]
    code, table = command("ledger", "export", "job.toml", "--format", "jsonl")
    assert (0, ALL) == (code, len(table.splitlines()))
    code, found = command("doctor", "job.toml", "--json")
    assert 0 == code, found
    assert {"server", "ledger", "lock"} <= {one["name"] for one in found["findings"]}
    assert 2 == command("ledger", "backup", "job.toml")[0]
    assert 0 == command("send", "job.toml", "--user", "made-up", "--text", "hello")[0]
    assert 0 == command("import", "job.toml", "--json")[0]
    assert not list(folder.rglob("ledger.sqlite*"))


@pytest.fixture
def laid(folder) -> Iterator[Wire]:
    """Return a wire to the server by which the folder's job goes; its folder's name must be short."""
    with tempfile.TemporaryDirectory(prefix="etl-wire-") as place, wire(Path(place), server()) as one:
        job = folder / "job.toml"
        job.write_text(job.read_text(encoding="utf-8").replace(server(), one.url), encoding="utf-8")
        yield one


def test_export_that_is_cut_in_mid_stream_says_try_again_and_leaves_no_file(
    folder, command, running, laid, monkeypatch, capsys
):
    """The rest would be of another snapshot, and half a ledger must not be taken for a whole one."""
    monkeypatch.setattr(long_reads, "BATCH_ROWS", 4)
    running.answer = lambda _arrival, _number: Reply()
    assert 0 == command("import", "job.toml", "--json")[0]

    laid.arm(Side.QUESTION, 2, saying=b"FETCH")
    assert 5 == main(["ledger", "export", "job.toml", "--format", "csv", "-o", "ledger.csv"])
    told = capsys.readouterr().err
    assert "in the middle of a long read" in told
    assert "try again" in told
    assert "Traceback" not in told
    assert not list(folder.glob("*ledger.csv*"))

    laid.arm()
    assert 0 == command("ledger", "export", "job.toml", "--format", "csv", "-o", "ledger.csv")[0]
    assert 1 + ALL == len((folder / "ledger.csv").read_text(encoding="utf-8").splitlines())


def test_import_that_is_cut_while_it_reads_the_ledger_sends_nothing(
    folder, command, running, laid, monkeypatch
):
    """What half of the ledger does not know would be sent a second time."""
    monkeypatch.setattr(long_reads, "BATCH_ROWS", 4)
    running.answer = lambda _arrival, _number: Reply()
    write_csv(folder / "history.csv", rows(users=3, messages=2))
    assert 0 == command("import", "job.toml", "--json")[0]
    write_csv(folder / "history.csv", rows(users=3, messages=3))

    laid.arm(Side.QUESTION, 2, saying=b"FETCH")
    code, said = command("import", "job.toml", "--json")
    assert (5, 6) == (code, len(running.arrivals))
    assert "try again" in said["error"]["hint"]
    assert 0 == command("import", "job.toml", "--json")[0]
    assert ALL == len(set(running.ids())) == len(running.arrivals)
    assert {"accepted"} == set(stored(server(), folder).values())


def test_another_database_does_not_begin_anew(folder, command):
    """A ledger that is not the one that is remembered would send everything again."""
    assert 3 == command("import", "job.toml", "--json")[0]
    job = folder / "job.toml"
    job.write_text("\n".join(job.read_text(encoding="utf-8").splitlines()[1:]), encoding="utf-8")
    code, said = command("import", "job.toml", "--json")
    assert 5 == code
    assert "this target had one" in said["error"]["message"]
    assert "in database" in said["error"]["message"]


def test_database_that_was_put_back_from_a_dump_is_recognised(folder, command, running):
    """It does not know what was sent since: --restored calls that uncertain, and nothing is sent again."""
    running.answer = lambda _arrival, _number: Reply()
    assert 3 == command("import", "job.toml", "--max-messages", "2", "--json")[0]
    programs = Path(wheel().__file__).parent / "pginstall" / "bin"
    schema = schema_of(server(), folder)
    dump = folder / "ledger.dump"
    subprocess.run(
        [programs / "pg_dump", "--format=custom", f"--schema={schema}", f"--file={dump}", server()],
        check=True,
    )
    assert 0 == command("import", "job.toml", "--json")[0]
    drop(Address(url=server(), schema=schema))
    assert 5 == command("import", "job.toml")[0]
    subprocess.run([programs / "pg_restore", f"--dbname={server()}", dump], check=True)

    code, said = command("import", "job.toml", "--json")
    assert (5, True) == (code, "older copy" in said["error"]["message"])
    code, done = command("import", "job.toml", "--restored", "--json")
    assert (3, {}) == (code, done["sent"])
    assert (2, ALL - 2) == (done["states"]["accepted"], done["states"]["uncertain"])
    assert ALL == len(running.ids())
