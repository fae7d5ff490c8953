"""What an import tells while nobody watches: log, notifications, metrics. Real processes, files, sockets."""

import json
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from etl.config.load import load_job
from etl.model.events import Event, Warned
from etl.pipeline.notify import tell
from support.command import environment, etl, finish, start
from support.history import rows, write_csv, write_job
from support.leaks import leaks
from support.recorder import TOKEN, Reply, platform

ENV = environment(ETL_TOKEN=TOKEN, ETL_PSEUDONYM_KEY="key-0123456789abcdef")
PROGRAM = """
import os, sys
from pathlib import Path
Path("stdin.json").write_bytes(sys.stdin.buffer.read())
Path("environment.txt").write_text("\\n".join(f"{k}={v}" for k, v in os.environ.items()))
print("out"); print("err", file=sys.stderr)
"""


@pytest.fixture
def folder(tmp_path, server):
    """Return a folder with a job for it."""
    write_csv(tmp_path / "history.csv", rows(users=3, messages=4))
    write_job(tmp_path, server.base_url)
    return tmp_path


def add(folder, text):
    """Add tables to the job."""
    with (folder / "job.toml").open("a", encoding="utf-8") as job:
        job.write(text)


def run(folder, *arguments, command="import", env=ENV):
    """Run an import to its end."""
    return etl(command, "job.toml", *arguments, cwd=folder, env=env)


def told(folder) -> list[str]:
    """Tell of an import that is complete; return the warnings."""
    events: list[Event] = []
    tell(load_job(folder / "job.toml"), {"exit_code": 0, "report": None}, events.append)
    return [event.message for event in events if isinstance(event, Warned)]


def log(path: Path) -> list[dict[str, Any]]:
    """Return a log's lines."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def program(*code: str) -> str:
    """Return a [notify] command that runs Python."""
    return f"command = {json.dumps([sys.executable, '-c', *code])}\n"


def metrics(folder) -> dict[str, float]:
    """Return the metrics file, by name and state."""
    lines = (folder / "etl.prom").read_text(encoding="utf-8").splitlines()
    found = {}
    for line in lines:
        if not line.startswith("#"):
            name, value = line.rsplit(" ", 1)
            state = name.partition('state="')[2].partition('"')[0]
            found[name.partition("{")[0] + (f" {state}" if state else "")] = float(value)
    return found


def test_log_file_tells_the_run_line_by_line(folder):
    """Beside what people see, which stays as it is."""
    checked = run(folder, "--log-file", "run.log", command="check")
    imported = run(folder, "--log-file", "run.log")

    lines = log(folder / "run.log")
    names = [line["event"] for line in lines]
    assert ["file_read", "planned", "finished", "planned", "started", "run_began", "finished"] == names
    assert (0, 0) == (checked.code, imported.code)
    assert "result   complete" in imported.err
    assert (12, 0) == (lines[-1]["counts"]["accepted"], lines[-1]["counts"]["pending"])
    assert 1 == lines[-1]["run"]
    assert 1 == len({line["plan"] for line in lines[1:]})


def test_log_instead_of_text_holds_nothing_else(folder, server):
    """Journald and containers read stderr; one line that is no JSON breaks their parsers."""
    server.answer = lambda _arrival, number: Reply(status=None) if number == 1 else Reply()
    good = run(folder, env={**ENV, "ETL_LOG_FORMAT": "json", "ETL_LOG_LEVEL": "debug"})
    bad = run(folder, "--log-format", "json", "no-such-file.csv")

    events = [json.loads(line) for line in good.err.splitlines()]
    assert 3 == good.code
    assert "" == good.out
    assert {"accepted", "uncertain"} == {line["state"] for line in events if line["event"] == "settled"}
    (failed,) = [json.loads(line) for line in bad.err.splitlines()]
    assert 4 == bad.code == failed["exit_code"]
    assert "no-such-file.csv" in failed["message"]


def test_error_that_the_log_has_told_is_still_json_on_stdout(folder):
    """--json speaks to another reader."""
    result = run(folder, "--json", "--log-format", "text", "no-such-file.csv")

    assert 4 == result.code == result.data["exit_code"]
    assert 1 == len(result.err.splitlines())


def test_overlap_leaves_at_once_says_who_and_is_told(folder, server):
    """Two real processes, as cron starts them; the living one's metrics stay its own."""
    add(folder, '[metrics]\ntextfile = "etl.prom"\n[notify]\n' + program(PROGRAM))
    seen = []

    def answer(_arrival, number):
        if number == 1:
            seen.append((run(folder, "--log-file", "second.log"), metrics(folder)))
        return Reply()

    server.answer = answer
    first = start(["import", "job.toml"], cwd=folder, env=ENV)
    done = finish(first)

    ((second, while_running),) = seen
    assert (0, 75) == (done.code, second.code)
    assert f"another run (pid {first.pid} on host " in second.err
    (failed,) = log(folder / "second.log")
    assert ("failed", 75) == (failed["event"], failed["exit_code"])
    assert str(first.pid) in failed["message"]
    assert 75 == json.loads((folder / "stdin.json").read_text())["exit_code"]
    assert 1 == while_running["etl_run_active"]
    assert "etl_run_exit_code" not in while_running
    assert 0 == metrics(folder)["etl_run_exit_code"]
    assert 12 == len(server.arrivals)


def test_command_gets_the_summary_and_no_secret(folder, server):
    """On stdin and in the environment; without a shell, without token and key, without users and texts."""
    add(folder, '[notify]\non = "always"\n' + program(PROGRAM))
    result = run(folder, "--json")

    told = json.loads((folder / "stdin.json").read_text())
    surroundings = (folder / "environment.txt").read_text()
    assert (0, "test", 12) == (told["exit_code"], told["source"], told["states"]["accepted"])
    assert Path(told["report"]).samefile(folder / result.data["report"])
    assert f"ETL_REPORT={told['report']}\n" in surroundings
    assert "ETL_EXIT_CODE=0" in surroundings
    assert TOKEN not in surroundings
    assert "key-0123456789abcdef" not in surroundings
    assert 0 == result.data["exit_code"]
    assert "out" not in result.err.split()
    texts = [arrival.text for arrival in server.arrivals]
    assert [] == leaks(folder, [json.dumps(told), result.err], [TOKEN, *texts])
    assert "user-0" not in json.dumps(told)


@pytest.mark.parametrize(
    ("code", "warning"),
    [
        ("import sys; sys.exit(3)", "ended with 3"),
        ("import os; os.kill(os.getpid(), 9)", "ended with -9"),
        ("import time; time.sleep(60)", "took longer than 0.5 s and was ended"),
    ],
)
def test_command_that_fails_is_a_warning(folder, code, warning):
    """The import is done; its exit code says so."""
    add(folder, '[notify]\non = "always"\ntimeout_seconds = 0.5\n' + program(code))

    (said,) = told(folder)
    assert said.endswith(warning)


def test_nobody_to_tell_is_a_warning_and_the_import_is_complete(folder):
    """The exit code speaks of the messages alone."""
    nobody = 'command = ["./no-such-program"]\nwebhook = "http://127.0.0.1:9"\n'
    add(folder, '[notify]\non = "always"\n' + nobody)
    result = run(folder)

    assert 0 == result.code
    assert "[notify] command ./no-such-program: can't be started: No such file or directory" in result.err
    assert "[notify] webhook 127.0.0.1: connect_failed" in result.err
    assert "result   complete" in result.err


def test_webhook_gets_the_summary_without_the_token(folder):
    """A POST of JSON to an address of the operator's choice."""
    with platform() as hook:
        add(folder, f'[notify]\non = "always"\nwebhook = "{hook.base_url}/secret-path"\n')
        hook.answer = lambda _arrival, _number: Reply(status=204, body=b"")
        result = run(folder)

    (arrival,) = hook.arrivals
    assert (0, "/secret-path") == (result.code, arrival.path)
    assert ("application/json", None) == (
        arrival.headers["content-type"],
        arrival.headers.get("authorization"),
    )
    assert TOKEN not in json.dumps([arrival.headers, arrival.body])
    assert arrival.body["text"].startswith("etl import of test: exit code 0, accepted 12")
    assert "notify" not in result.err


@pytest.mark.parametrize("status", [500, 302, None])
def test_webhook_that_fails_is_a_warning_without_its_path(folder, status):
    """Such addresses are secrets of their own; and nobody is sent elsewhere."""
    with platform() as hook:
        add(folder, f'[notify]\non = "always"\nwebhook = "{hook.base_url}/secret-path"\n')
        hook.answer = lambda _arrival, _number: Reply(status=status, headers={"Location": "/other"})
        (said,) = told(folder)

    assert 1 == len(hook.arrivals)
    assert said.startswith("[notify] webhook 127.0.0.1")
    assert "secret-path" not in said


def test_only_problems_are_told_unless_all_is_asked_for(folder, server):
    """A message each night is soon read by nobody."""
    with platform() as hook:
        add(folder, f'[notify]\nwebhook = "{hook.base_url}/"\n')
        hook.answer = lambda _arrival, _number: Reply()
        server.answer = lambda _arrival, number: Reply(status=None) if number == 1 else Reply()
        run(folder)
        run(folder, env=environment())
        assert [] == told(folder)

    assert [3, 2] == [arrival.body["exit_code"] for arrival in hook.arrivals]
    assert "no API token" in hook.arrivals[1].body["error"]
    assert hook.arrivals[1].body["hint"]


def test_metrics_are_written_during_the_run_and_at_its_end(folder, server):
    """Fresh though no event comes: the last message is answered only when the file shows the one before."""
    write_job(folder, server.base_url, lanes=1)
    add(folder, '[metrics]\ntextfile = "etl.prom"\nevery_seconds = 1\n')
    seen = []

    def answer(_arrival, number):
        while number == 12 and metrics(folder).get("etl_run_settled_messages accepted") != 11:
            threading.Event().wait(0.05)
        if number in {1, 12}:
            seen.append(metrics(folder))
        return Reply()

    server.answer = answer
    result = run(folder)

    first, last = seen
    after = metrics(folder)
    assert 0 == result.code
    assert 1 == first["etl_run_active"] == last["etl_run_active"]
    assert 11 == last["etl_run_settled_messages accepted"]
    assert (0, 12) == (after["etl_run_active"], after["etl_plan_messages accepted"])
    assert after["etl_last_success_time_seconds"] == after["etl_run_end_time_seconds"]


def test_metrics_of_an_import_that_can_not_begin_say_so(folder):
    """No token, no ledger: a monitor must not see last night's success for ever."""
    add(folder, '[metrics]\ntextfile = "etl.prom"\n')
    result = run(folder, env=environment())

    assert 2 == result.code == metrics(folder)["etl_run_exit_code"]
    assert "etl_last_success_time_seconds" not in metrics(folder)


def test_metrics_that_can_not_be_written_are_a_warning(folder):
    """Said, and no reason not to import."""
    add(folder, '[metrics]\ntextfile = "none/etl.prom"\n')
    result = run(folder)

    assert 0 == result.code
    assert "[metrics] textfile can't be written: No such file or directory" in result.err


def test_whom_to_tell_is_no_part_of_a_plan(folder):
    """Else a new address would look like a new plan, and an approved hash would be refused."""
    before = run(folder, "--json", command="check").data["plan"]
    add(folder, '[notify]\non = "always"\n[metrics]\nevery_seconds = 2\n')
    after = run(folder, "--json", command="check").data["plan"]

    assert (before["hash"], before["fingerprint"]) == (after["hash"], after["fingerprint"])
