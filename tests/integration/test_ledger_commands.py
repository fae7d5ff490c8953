"""`settle`, `retry`, `status`, `ledger backup` and a ledger that was lost or restored, as processes."""

import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from etl.cli.main import run as main
from etl.cli.status import FIELDS
from support.command import Finished, environment, etl, finish, start
from support.history import rows, write_csv, write_job
from support.ledger import states
from support.recorder import TOKEN, Arrival, Platform, Reply, platform

ENV = environment(ETL_TOKEN=TOKEN)
REFUSED = Reply(status=422, body=b'{"error": "no", "message": null}')


@pytest.fixture(scope="module")
def running() -> Iterator[Platform]:
    """Run one platform for all these tests: a ledger is bound to its address."""
    with platform() as found:
        yield found


@pytest.fixture
def server(running) -> Platform:
    """Return a platform that takes everything and has seen nothing."""
    running.answer = lambda _arrival, _number: Reply()
    running.arrivals.clear()
    found: Platform = running
    return found


def write(folder: Path, server: Platform, **replay: str) -> Path:
    """Write three users of three messages, and a job."""
    write_csv(folder / "history.csv", rows(users=3, messages=3))
    write_job(folder, server.base_url, **replay)
    return folder


@pytest.fixture
def folder(tmp_path, server) -> Path:
    """Return a folder before its first import."""
    return write(tmp_path, server)


@pytest.fixture(scope="module")
def spoilt_once(running, tmp_path_factory) -> Path:
    """Return a folder after a run: user 0 refused at first, user 1 in doubt, user 2 refused at last."""

    def answer(arrival: Arrival, _number: int) -> Reply:
        match arrival.text.removeprefix("Agent: "):
            case "secret text 000 0000" | "secret text 002 0002":
                return REFUSED
            case "secret text 001 0000":
                return Reply(status=None)
            case _:
                return Reply()

    running.answer = answer
    folder = write(tmp_path_factory.mktemp("spoilt"), running)
    assert 3 == etl("import", "job.toml", cwd=folder, env=ENV).code
    return folder


@pytest.fixture
def spoilt(spoilt_once, server, tmp_path) -> Path:  # noqa: ARG001  the platform takes everything again
    """Return a copy of it."""
    return Path(shutil.copytree(spoilt_once, tmp_path / "spoilt"))


@pytest.fixture
def run(monkeypatch, capsys) -> Callable[..., Finished]:
    """Return a runner of commands with --json; in this process, because starting one takes a second."""
    monkeypatch.setenv("ETL_TOKEN", TOKEN)

    def command(folder: Path, *arguments: str) -> Finished:
        monkeypatch.chdir(folder)
        capsys.readouterr()
        code = main([*arguments, "--json"])
        said = capsys.readouterr()
        return Finished(code=int(code), out=said.out, err=said.err)

    return command


def ledger_file(folder: Path) -> Path:
    """Return the ledger of a folder."""
    return next(folder.rglob("ledger.sqlite"))


def decisions(folder: Path) -> list[tuple[str, ...]]:
    """Return the recorded words."""
    with closing(sqlite3.connect(ledger_file(folder))) as connection:
        sql = "SELECT from_state, to_state, who, why FROM decision ORDER BY number"
        return connection.execute(sql).fetchall()


def test_settle_shows_first_and_records_who_and_why(spoilt, run):
    """A word is easily said of too much."""
    shown = run(spoilt, "settle", "job.toml", "--lane", "user-001", "--accepted", "--dry-run")
    assert (1, 0) == (shown.data["chosen"], shown.data["settled"])
    assert [] == decisions(spoilt)

    said = run(spoilt, "settle", "job.toml", "--lane", "user-001", "--accepted", "--why", "in the Inbox")

    assert (0, 1) == (said.code, said.data["settled"])
    ((before, after, who, why),) = decisions(spoilt)
    assert ("uncertain", "accepted", "in the Inbox") == (before, after, why)
    assert "@" in who


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--accepted"], "name KEYS"),
        (["--accepted", "--all", "--lane", "user-001"], "name KEYS"),
        (["--accepted", "--lane", "user-000"], "nothing that is uncertain fits"),
        (["--accepted", "--code", "http_422"], "nothing that is uncertain fits"),
        (["--accepted", "no-key"], "not a key"),
        (["--accepted", "0" * 32], "not uncertain"),
        (["--all"], "say what you found"),
    ],
)
def test_settle_refuses_what_is_not_clear(spoilt, run, words, message):
    """Nothing is decided by accident."""
    result = run(spoilt, "settle", "job.toml", *words)
    assert 2 == result.code
    assert message in result.err
    assert [] == decisions(spoilt)


@pytest.mark.parametrize("words", [("settle", "--accepted"), ("retry", "--late", "send")])
def test_word_that_meets_nothing_any_more_leads_to_what_there_is(spoilt, monkeypatch, capsys, words):
    """An import would send nothing more for it."""
    monkeypatch.chdir(spoilt)
    command, *rest = words
    for following in ("import", "status"):
        assert 0 == main([command, "job.toml", "--all", *rest])
        assert f"next     etl {following} job.toml" in capsys.readouterr().err


def test_refused_messages_are_given_up_by_name_only(spoilt, run):
    """--all speaks of doubt; a refusal has to be named."""
    run(spoilt, "settle", "job.toml", "--all", "--skip")
    assert ["uncertain"] == [before for before, *_ in decisions(spoilt)]
    done = run(spoilt, "settle", "job.toml", "--code", "422", "--run", "1", "--skip")
    assert (2, 0) == (done.data["settled"], done.data["left_rejected"])


def test_retry_keeps_the_order_unless_told_otherwise(spoilt, server, run):
    """User 0 got later messages already, user 2 did not."""
    refused = run(spoilt, "retry", "job.toml", "--code", "422")
    assert 2 == refused.code
    assert "1 of 2 would arrive out of order" in refused.data["error"]["message"]
    assert [] == decisions(spoilt)

    left = run(spoilt, "retry", "job.toml", "--code", "422", "--late", "leave")
    assert (1, 1) == (left.data["put_back"], left.data["late"])
    run(spoilt, "import", "job.toml")
    assert ["Agent: secret text 002 0002"] == [arrival.text for arrival in server.arrivals]

    late = run(spoilt, "retry", "job.toml", "--all", "--late", "send")
    assert 1 == late.data["put_back"]
    run(spoilt, "import", "job.toml")
    assert "secret text 000 0000" == server.arrivals[-1].text
    assert 2 == len(server.arrivals)


def test_retry_sends_a_held_user_in_order(tmp_path, server, run):
    """With on_rejected = "hold" the later ones wait, and the retry is no exception to order."""
    folder = write(tmp_path, server, on_rejected="hold")
    server.answer = lambda arrival, _number: REFUSED if arrival.text.endswith("001 0000") else Reply()
    run(folder, "import", "job.toml")
    server.answer = lambda _arrival, _number: Reply()
    assert 0 == run(folder, "retry", "job.toml", "--lane", "user-001").code
    assert 0 == run(folder, "import", "job.toml").code
    texts = [arrival.text.removeprefix("Agent: ") for arrival in server.by_user()["user-001"]]
    assert [f"secret text 001 000{number}" for number in (0, 0, 1, 2)] == texts


def test_status_tells_monitors_what_and_why(spoilt, run):
    """The README promises these fields."""
    status = run(spoilt, "status", "job.toml")
    assert list(FIELDS) == list(status.data)
    assert 3 == status.code
    assert ({"http_422": 2}, 1) == (status.data["rejected_by_code"], status.data["held_lanes"])
    assert 1 == sum(status.data["uncertain_by_code"].values())
    assert 3 == status.data["last_run"]["exit_code"]
    assert all(command.startswith("etl ") for command in status.data["next"])


def test_lost_ledger_is_refused_until_a_word_is_said(folder, server, run):
    """Made anew unasked, it would send everything again."""
    assert 0 == run(folder, "import", "job.toml").code
    ledger_file(folder).unlink()
    for command in ("import", "status"):
        result = run(folder, command, "job.toml")
        assert 5 == result.code
        assert "there is no ledger" in result.data["error"]["message"]
    checked = etl("check", "job.toml", cwd=folder, env=ENV)
    assert 5 == checked.code
    assert "an import would refuse" in checked.err
    assert "verdict  not ready" in checked.err
    assert 9 == len(server.arrivals)

    assert 0 == run(folder, "import", "job.toml", "--new-ledger").code
    assert 18 == len(server.arrivals)
    assert 0 == run(folder, "import", "job.toml").code
    assert 18 == len(server.arrivals)


def test_restored_copy_sends_nothing_that_may_have_been_sent_since(folder, server, tmp_path, run):
    """What was sent after the backup is unknown to it, so a person decides."""
    run(folder, "import", "job.toml", "--limit-lanes", "1")
    copy = tmp_path / "copy.sqlite"
    assert 3 == run(folder, "ledger", "backup", "job.toml", str(copy)).data["messages"]
    run(folder, "import", "job.toml")
    assert 9 == len(server.arrivals)
    shutil.copy(copy, ledger_file(folder))

    refused = run(folder, "import", "job.toml")
    assert 5 == refused.code
    assert "older copy" in refused.data["error"]["message"]
    assert 5 == run(folder, "settle", "job.toml", "--all", "--accepted").code

    restored = run(folder, "import", "job.toml", "--restored")
    again = run(folder, "import", "job.toml")
    assert [3, 3] == [restored.code, again.code]
    assert {"accepted": 3, "uncertain": 6} == {
        name: count for name, count in again.data["states"].items() if count
    }
    assert 9 == len(server.arrivals)

    assert 6 == run(folder, "settle", "job.toml", "--code", "restored", "--accepted").data["settled"]
    assert 0 == run(folder, "import", "job.toml").code
    assert 9 == len(server.arrivals)


def test_backup_beside_a_running_import_is_whole(folder, server, tmp_path, run):
    """A nightly copy must not need a pause, and must not disturb the run."""
    arrived = threading.Event()
    release = threading.Event()

    def answer(_arrival: Arrival, number: int) -> Reply:
        if number == 5:
            arrived.set()
            release.wait(timeout=30)
        return Reply()

    server.answer = answer
    process = start(["import", "job.toml", "--json"], cwd=folder, env=ENV)
    assert arrived.wait(timeout=30)
    backup = run(folder, "ledger", "backup", "job.toml", str(tmp_path))
    release.set()
    assert 0 == finish(process).code
    assert 0 == backup.code, backup.err
    (copy,) = tmp_path.glob("ledger-*.sqlite")
    with closing(sqlite3.connect(copy)) as connection:
        assert [("ok",)] == connection.execute("PRAGMA integrity_check").fetchall()
        stored = dict(connection.execute("SELECT lower(hex(key)), state FROM message").fetchall())
    assert backup.data["messages"] == len(stored)
    assert stored.keys() <= states(folder).keys()
    assert "in_flight" in stored.values()
