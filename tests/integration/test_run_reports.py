"""`plan`, `replay`, `report` and `status --follow` as processes, against a platform on loopback."""

import json
import os
import pty
import re
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from html import unescape
from pathlib import Path

import pytest

from etl.cli.main import run as main
from etl.report.replayed import KEYS
from support.command import Finished, environment, finish, start
from support.history import rows, write_csv, write_job
from support.leaks import leaks
from support.ledger import states
from support.recorder import TOKEN, Arrival, Platform, Reply

ENV = environment(ETL_TOKEN=TOKEN)
EVIL = "<script>alert(1)</script> \u202eevil\x1b[31m"
FOLLOWING = re.compile(r"\d of 9 \(\d+\.\d %\)")


@pytest.fixture
def folder(tmp_path: Path, server: Platform) -> Path:
    """Return a folder with three users of three messages."""
    write_csv(tmp_path / "history.csv", rows(users=3, messages=3))
    write_job(tmp_path, server.base_url)
    return tmp_path


@pytest.fixture
def typed(folder, monkeypatch, capsys) -> Callable[..., Finished]:
    """Return what runs a command in this process, which is ten times as fast as a new one."""
    monkeypatch.setenv("ETL_TOKEN", TOKEN)
    monkeypatch.setenv("HOME", "/nonexistent")
    monkeypatch.chdir(folder)

    def command(*arguments: str) -> Finished:
        capsys.readouterr()
        code = main(arguments)
        said = capsys.readouterr()
        return Finished(code=int(code), out=said.out, err=said.err)

    return command


def spoil(arrival: Arrival, number: int) -> Reply:
    """Refuse one message for good, leave one without an answer, ask once to wait."""
    if number == 1:
        return Reply(status=429, headers={"Retry-After": "1"})
    match arrival.text.removeprefix("Agent: "):
        case "secret text 000 0001":
            return Reply(status=422, body=json.dumps({"error": EVIL, "message": None}).encode())
        case "secret text 001 0001":
            return Reply(status=None)
        case _:
            return Reply()


def pages(folder: Path) -> list[str]:
    """Return the text of every HTML report."""
    return [path.read_text(encoding="utf-8") for path in folder.glob("etl-state/*/reports/*.html")]


def ledger_of(folder: Path) -> Path:
    """Return the ledger's file."""
    (path,) = folder.glob("etl-state/*/ledger.sqlite")
    return path


def tamper(folder: Path, *statements: str) -> None:
    """Change the ledger past all its rules."""
    with closing(sqlite3.connect(ledger_of(folder))) as raw, raw:
        for (name,) in raw.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
            raw.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            raw.execute(statement)


def test_plan_sends_nothing_and_replay_needs_no_input(folder, server, typed):
    """The two halves may run on different days, the second one without the export."""
    planned = typed("plan", "job.toml", "--json")
    assert (0, []) == (planned.code, server.arrivals), planned.err
    (folder / "history.csv").unlink()
    sent = typed(*planned.data["next"].split()[1:], "--json")
    assert 0 == sent.code, sent.err
    assert (9, 9) == (len(server.arrivals), sent.data["states"]["accepted"])
    assert planned.data["plan"]["hash"] == sent.data["plan"]["hash"]


def test_plan_finds_the_plan_that_import_makes(typed):
    """One plan, whichever half or whole is typed."""
    first = typed("plan", "job.toml", "--json").data
    whole = typed("import", "job.toml", "--json").data
    again = typed("plan", "job.toml", "--json").data
    assert first["plan"]["hash"] == whole["plan"]["hash"] == again["plan"]["hash"]
    assert (None, 9) == (again["next"], again["states"]["accepted"])


def test_replay_goes_on_with_the_plan_under_way(server, typed):
    """Resuming is the same command."""
    typed("plan", "job.toml")
    assert 3 == typed("replay", "job.toml", "--max-messages", "4").code
    assert 0 == typed("replay", "job.toml").code
    assert 9 == len(set(server.ids())) == len(server.arrivals)


def test_replay_refuses_a_plan_that_the_ledger_has_outgrown(folder, server, typed):
    """Promise P2: what another import sent since is in that plan still."""
    old = typed("plan", "job.toml", "--json").data["plan"]["hash"]
    write_csv(folder / "more.csv", rows(users=3, messages=2))
    assert 0 == typed("import", "job.toml", "more.csv").code
    refused = typed("replay", "job.toml", "--plan", old[:12])
    assert 2 == refused.code
    assert "was made before the ledger last changed" in refused.err
    assert 6 == len(server.arrivals)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("[replay]", "[privacy]\nmask = ['email']\n[replay]"),
        ("[replay]", "[message]\nagent_prefix = 'Staff: '\n[replay]"),
    ],
)
def test_replay_refuses_a_plan_that_the_job_no_longer_fits(folder, server, old, new, typed):
    """A mask that was set after planning must not be forgotten."""
    typed("plan", "job.toml")
    job = folder / "job.toml"
    job.write_text(job.read_text().replace(old, new))
    refused = typed("replay", "job.toml")
    assert (2, []) == (refused.code, server.arrivals)
    assert "have changed since it was made" in refused.err


def test_replay_refuses_another_plan_than_expected_and_none_at_all(server, typed):
    """Nobody should send what nobody approved."""
    none = typed("replay", "job.toml")
    assert 2 == none.code
    assert "`etl plan job.toml` makes one" in none.err
    typed("plan", "job.toml")
    other = typed("replay", "job.toml", "--expect-plan", "0123456789ab")
    assert (2, []) == (other.code, server.arrivals)


def test_the_report_of_a_spoilt_run_says_what_happened(folder, server, typed):
    """Every number of it can be reckoned from what the platform was told to answer."""
    checked = typed("check", "job.toml", "--json").data
    server.answer = spoil
    sent = typed("import", "job.toml", "--expect-plan", checked["plan"]["hash"][:12])
    assert 3 == sent.code
    found = json.loads(next(folder.glob("etl-state/*/reports/import-*.json")).read_text())
    assert list(KEYS) == list(found)
    assert ("run", 1, True, 9) == (found["report"], found["version"], found["balanced"], found["planned"])
    assert {
        "accepted": 6, "rejected": 1, "uncertain": 1, "skipped": 0, "held": 1, "pending": 0,
    } == found["states"]  # fmt: skip
    ended = {(one["outcome"], one["http_status"]): one["attempts"] for one in found["answers"]}
    assert {("pending", 429): 1, ("rejected", 422): 1, ("uncertain", None): 1} == {
        key: count for key, count in ended.items() if key[0] != "accepted"
    }
    assert sum(found["sent"].values()) == sum(ended.values()) - 1
    assert 1 == found["pauses"]["count"]
    assert pytest.approx(1.0, abs=0.05) == found["pauses"]["seconds"]
    assert (9, 200.0) == (found["forecast"]["expected"], found["pace"]["allowed_per_second"])
    assert [checked["plan"]["hash"][:12]] == list(found["approved"]["expected"])
    assert found["approved"]["same_plan"]
    assert (
        9 + 1
        == sum(
            point[kind]
            for point in found["timeline"]
            for kind in ("accepted", "rejected", "uncertain", "retried")
        )
        + found["states"]["held"]
    )
    key = next(one["key"] for one in found["unsettled"]["listed"] if one["state"] == "uncertain")
    assert f"etl settle job.toml --accepted {key}" in unescape(pages(folder)[-1] + pages(folder)[0])


def test_what_an_api_says_is_harmless_on_page_and_terminal(folder, server, typed):
    """Its words are shown, and obeyed by nobody; texts and the token are nowhere."""
    server.answer = spoil
    outputs = [typed("import", "job.toml"), typed("report", "job.toml")]
    outputs.append(typed("report", "job.toml", "--json"))
    outputs.append(typed("status", "job.toml"))
    assert 3 == len(pages(folder))
    for page in pages(folder):
        assert "<script" not in page
        assert "&lt;script&gt;" in page
        assert not set("\u202e\x1b") & set(page)
    told = [text for done in outputs for text in (done.out, done.err)]
    assert not any("\x1b" in text or "\u202e" in text for text in told)
    assert [] == leaks(folder, told, [TOKEN, "secret text"])


def test_a_report_after_a_kill_has_every_number_of_the_ledger(folder, server, typed):
    """Nothing of it is kept in the memory of the process that died."""

    def answer(_arrival: Arrival, number: int) -> Reply:
        if number == 5:
            os.kill(process.pid, signal.SIGKILL)
            return Reply(status=None)
        return Reply()

    server.answer = answer
    write_job(folder, server.base_url, lanes=1)
    process = start(["import", "job.toml"], cwd=folder, env=ENV)
    finish(process)
    found = typed("report", "job.toml", "--json").data
    accepted = sum(state == "accepted" for state in states(folder).values())
    assert accepted == found["states"]["accepted"] == found["sent"].get("accepted", 0)
    assert accepted == sum(point["accepted"] for point in found["timeline"])
    assert (None, True) == (found["runs"][0]["ended_at"], found["balanced"])
    server.answer = lambda _arrival, _number: Reply()
    typed("import", "job.toml")
    whole = typed("report", "job.toml", "--json", "--plan").data
    assert [1, 2] == [run["number"] for run in whole["runs"]]
    assert (True, "plan") == (whole["balanced"], whole["scope"])


def test_a_report_made_again_says_the_same(folder, server, typed):
    """All but what only the importing command knew."""
    server.answer = spoil
    typed("import", "job.toml")
    first = json.loads(next(folder.glob("etl-state/*/reports/import-*.json")).read_text())
    again = typed("report", "job.toml", "--json", "--run", "1").data
    for changing in ("made_at", "command"):
        first.pop(changing)
        again.pop(changing)
    again.pop("page")
    assert first == again


def test_a_changed_ledger_is_noticed_with_the_run(folder, typed):
    """By the seal when a row changes, by the reports when seals are taken away with it."""
    typed("import", "job.toml", "--max-messages", "4")
    typed("import", "job.toml")
    sound = typed("report", "job.toml", "--verify")
    assert 0 == sound.code, sound.err
    assert "nothing was found changed" in sound.err
    tamper(folder, "UPDATE message SET reason = 'other' WHERE run = 2 AND ordinal = 8")
    changed = typed("report", "job.toml", "--verify", "--json")
    assert (5, [2]) == (changed.code, changed.data["differing_runs"])
    tamper(folder, "DELETE FROM seal WHERE run = 2")
    hidden = typed("report", "job.toml", "--verify", "--json")
    assert (5, [2], []) == (
        hidden.code,
        [one["run"] for one in hidden.data["contradictions"]],
        hidden.data["differing_runs"],
    )


def test_report_says_what_is_missing(typed):
    """Before the first run, and for a run that never was."""
    none = typed("report", "job.toml")
    assert 2 == none.code
    assert "nothing was imported" in none.err
    typed("import", "job.toml")
    other = typed("report", "job.toml", "--run", "7")
    assert 2 == other.code
    assert "the ledger has no run 7: the newest is 1" in other.err


def wait_for(server: Platform) -> None:
    """Return once a message has arrived."""
    pause = threading.Event()
    while not server.arrivals:
        pause.wait(0.05)


def test_status_follows_a_run_on_a_terminal_to_its_end(folder, server):
    """One screen, drawn anew; at the end the usual answer and exit code."""
    followed = threading.Event()

    def answer(_arrival, _number):
        followed.wait(30)
        return Reply(delay_seconds=0.1)

    server.answer = answer
    running = start(["import", "job.toml"], cwd=folder, env=ENV)
    wait_for(server)
    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "etl", "status", "job.toml"]
    with subprocess.Popen(
        command, cwd=folder, env=ENV, stdin=follower, stdout=follower, stderr=follower
    ) as watching:
        os.close(follower)
        shown = _read(leader, lambda so_far: followed.set() if FOLLOWING.search(so_far) else None)
    assert 0 == finish(running).code
    assert FOLLOWING.search(shown)
    assert "\x1b[" in shown
    assert "nothing: complete" in shown
    assert 0 == watching.returncode


def test_forecast_of_a_run_with_a_share_is_by_that_share(folder, server, typed):
    """The job's rate would promise an end a hundred times too early."""
    running = start(["import", "job.toml", "--share", "0.01"], cwd=folder, env=ENV)
    wait_for(server)
    told = typed("status", "job.toml", "--json").data
    running.send_signal(signal.SIGINT)
    assert 130 == finish(running).code
    assert told["states"]["pending"] / 2 <= told["forecast_seconds"]
    assert 200.0 == told["pace"]["allowed_per_second"]
    assert typed("status", "job.toml", "--json").data["forecast_seconds"] < 2


def test_replay_that_a_plan_names_keeps_its_pace(typed):
    """The forecast was made for it."""
    planned = typed("plan", "job.toml", "--json", "--share", "0.01", "--rate", "300/min").data
    assert {"--rate", "300/min", "--share", "0.01"} <= set(planned["next"].split())
    assert 9 / (5 * 0.01) == pytest.approx(planned["forecast_seconds"])


def _read(leader: int, look: Callable[[str], None]) -> str:
    """Return everything that is shown on a terminal until its last program ends; `look` sees it grow."""
    shown = b""
    with suppress(OSError):  # Linux' word for the end
        while data := os.read(leader, 65_536):
            shown += data
            look(shown.decode(errors="replace"))
    os.close(leader)
    return shown.decode()
