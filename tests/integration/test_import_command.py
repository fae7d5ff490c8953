"""`etl import` as a process against a platform that records."""

import gzip
import json
import shutil
import signal
import threading
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from support.command import Finished, environment, etl, start
from support.history import HEADER, rows, write_csv, write_job
from support.recorder import DEPLOYMENT, TOKEN, Arrival, Platform, Reply

ENV = environment(ETL_TOKEN=TOKEN)


def run(folder: Path, *arguments: str) -> Finished:
    """Run the import of a folder's job."""
    return etl("import", "job.toml", "--json", *arguments, cwd=folder, env=ENV)


def prepare(
    folder: Path,
    server: Platform,
    *,
    users: int = 5,
    messages: int = 6,
    **replay: float | str,
) -> None:
    """Write a history and a job for it."""
    write_csv(folder / "history.csv", rows(users=users, messages=messages))
    write_job(folder, server.base_url, **replay)


def expected_messages(*, users: int, messages: int) -> dict[str, list[tuple[int, str]]]:
    """Return per user what must arrive, in order: time and text."""
    expected: dict[str, list[tuple[int, str]]] = {}
    for _id, user, role, at, text in rows(users=users, messages=messages):
        stamp = int(datetime.fromisoformat(at).timestamp())
        expected.setdefault(user, []).append((stamp, f"{'Agent: ' if role == 'agent' else ''}{text}"))
    return expected


def test_import_sends_every_message_once_in_order_with_its_time(tmp_path, server):
    """The main promise, checked on the server's side, with latency above 2 / rate."""
    prepare(tmp_path, server)
    server.answer = lambda _arrival, _number: Reply(delay_seconds=0.02)

    result = run(tmp_path)

    assert result.code == 0, result.err
    assert result.data["sent"] == {"accepted": 30}
    expected = rows(users=5, messages=6)
    sent = {
        user: [(a.body["timestamp"], a.text) for a in arrivals] for user, arrivals in server.by_user().items()
    }
    for user, arrivals in sent.items():
        own = [row for row in expected if row[1] == user]
        assert [f"{'Agent: ' if row[2] == 'agent' else ''}{row[4]}" for row in own] == [
            text for _, text in arrivals
        ]
        assert sorted(at for at, _ in arrivals) == [at for at, _ in arrivals]
    assert len(set(server.ids())) == 30
    assert server.overlaps == 0


def test_import_sends_the_documented_request(tmp_path, server):
    """All nine keys, the token as a bearer, the trailing slash, never a Module."""
    prepare(tmp_path, server, users=1, messages=1)

    run(tmp_path)

    (arrival,) = server.arrivals
    assert f"/webbot/api/webchat/bot/{DEPLOYMENT}/messages/" == arrival.path
    assert f"bearer {TOKEN}" == arrival.headers["authorization"]
    assert arrival.headers["content-type"] == "application/json"
    key = arrival.body.pop("id")
    assert len(key) == 32
    assert arrival.body == {
        "from": "human",
        "user_profile": {},
        "ref": "",
        "user_cvars": {},
        "user_id": "user-000",
        "timestamp": 1709283600,
        "attachments": [],
        "actions": [{"type": "standby", "text": "secret text 000 0000"}],
    }


def test_import_again_sends_nothing(tmp_path, server):
    """Promise P7: the same command over the same history is harmless."""
    prepare(tmp_path, server)
    run(tmp_path)

    again = run(tmp_path)

    assert again.code == 0
    assert again.data["sent"] == {}
    assert len(server.arrivals) == 30


@pytest.mark.parametrize("form", ["renamed", "reordered", "gzip", "parquet", "overlapping"])
def test_import_of_the_same_history_in_another_form_sends_nothing_twice(
    tmp_path: Path,
    server: Platform,
    form: str,
) -> None:
    """A message is recognised by content and id, not by file, row or format."""
    prepare(tmp_path, server)
    run(tmp_path)
    table = rows(users=5, messages=8 if form == "overlapping" else 6)
    other = tmp_path / "other"
    if form == "parquet":
        columns = zip(*table, strict=True)
        pq.write_table(pa.table(dict(zip(HEADER, map(list, columns), strict=True))), other)
    else:
        write_csv(other, table[::-1] if form == "reordered" else table)
    if form == "gzip":
        other.write_bytes(gzip.compress(other.read_bytes()))

    again = run(tmp_path, str(other))

    assert again.code == 0, again.err
    assert (40 if form == "overlapping" else 30) == len(server.arrivals)
    assert len(server.arrivals) == len(set(server.ids()))
    assert (10 if form == "overlapping" else 0) == sum(again.data["sent"].values())


def test_import_keeps_below_its_rate_over_two_runs(tmp_path, server):
    """Promise P5, counted at the server, restarts included; 50 ms are the scheduler's jitter on the way."""
    prepare(tmp_path, server, users=8, messages=4, rate_per_second=10, lanes=8)
    run(tmp_path, "--limit-lanes", "3")

    run(tmp_path)

    assert len(server.arrivals) == 32
    assert server.most_within(0.95) <= 10


def test_limit_lanes_sends_the_first_users_only_and_the_rest_later(tmp_path, server):
    """A trial is part of the same plan: what it sent is not sent again."""
    prepare(tmp_path, server)

    trial = run(tmp_path, "--limit-lanes", "2")

    assert trial.code == 0, trial.err
    assert {"user-000", "user-001"} == set(server.by_user())
    rest = run(tmp_path)
    assert rest.data["sent"] == {"accepted": 18}
    assert trial.data["plan"]["hash"] == rest.data["plan"]["hash"]


def test_expect_plan_refuses_another_plan_and_sends_nothing(tmp_path, server):
    """Promise P4: what was approved is what is sent."""
    prepare(tmp_path, server)
    checked = etl("check", "job.toml", "--json", cwd=tmp_path, env=ENV).data["plan"]["hash"]

    right = run(tmp_path, "--expect-plan", checked, "--limit-lanes", "1")
    sent = len(server.arrivals)
    write_csv(tmp_path / "history.csv", rows(users=5, messages=7))
    wrong = run(tmp_path, "--expect-plan", checked)

    assert right.code == 0
    assert wrong.code == 2
    assert sent == len(server.arrivals)


def test_dry_run_is_check_and_sends_nothing(tmp_path, server):
    """`--dry-run` needs no token and touches no server."""
    prepare(tmp_path, server)

    result = etl("import", "job.toml", "--dry-run", "--json", cwd=tmp_path, env=environment())

    assert result.code == 0, result.err
    assert result.data["plan"]["conservation"]["planned"] == 30
    assert server.arrivals == []
    assert not list(tmp_path.rglob("ledger.sqlite"))


def test_uncertain_message_holds_its_lane_and_is_not_sent_again(tmp_path, server):
    """Promises P2 and P3: doubt is kept, the others go on, the command says so."""
    prepare(tmp_path, server, users=3, messages=4)

    def close_second_of_user_one(arrival: Arrival, _number: int) -> Reply:
        return Reply(status=None) if arrival.text.endswith("001 0001") else Reply()

    server.answer = close_second_of_user_one

    first = run(tmp_path)
    second = run(tmp_path)

    assert first.code == 3
    assert second.code == 3
    assert first.data["sent"] == {"accepted": 9, "uncertain": 1}
    assert (second.data["states"]["uncertain"], second.data["states"]["held"]) == (1, 2)
    assert second.data["sent"] == {}
    assert len(server.by_user()["user-001"]) == 2


@pytest.mark.parametrize("interrupted", [False, True])
def test_import_whose_text_nobody_reads_any_more_ends_as_any_other(tmp_path, server, interrupted):
    """A terminal that is closed, or a log collector that died, changes neither the work nor the exit code."""
    prepare(tmp_path, server, users=2, messages=10)
    arrived = threading.Event()

    def answer(_arrival: Arrival, number: int) -> Reply:
        if number == 4:
            arrived.set()
        return Reply(delay_seconds=0.02)

    server.answer = answer
    process = start(["import", "job.toml", "--json"], cwd=tmp_path, env=ENV)
    assert process.stderr is not None
    assert process.stdout is not None
    process.stderr.close()
    assert arrived.wait(30)
    if interrupted:
        process.send_signal(signal.SIGINT)
    data = json.loads(process.stdout.read())
    process.stdout.close()

    code = 130 if interrupted else 0
    assert (code, code) == (process.wait(30), data["exit_code"])
    assert 0 == run(tmp_path).code
    assert 20 == len(set(server.ids())) == len(server.arrivals)


@pytest.mark.parametrize(("word", "arrivals"), [("--accepted", 4), ("--skip", 4), ("--resend", 5)])
def test_settled_lane_goes_on(tmp_path, server, word, arrivals):
    """A person's word lets the lane go on; only `--resend` sends the message once more."""
    prepare(tmp_path, server, users=1, messages=4)
    server.answer = lambda _arrival, number: Reply(status=None) if number == 2 else Reply()
    run(tmp_path)

    settled = etl("settle", "job.toml", "--all", word, "--why", "looked it up", cwd=tmp_path, env=ENV)
    after = run(tmp_path)

    assert settled.code == 0, settled.err
    assert after.code == 0, after.err
    assert arrivals == len(server.arrivals)
    assert after.data["states"]["held"] + after.data["states"]["uncertain"] == 0


def test_rejected_message_is_recorded_and_the_lane_goes_on(tmp_path, server):
    """A refusal for good settles one message; the exit code says that it was not all."""
    prepare(tmp_path, server, users=1, messages=3)
    refused = Reply(status=422, body=b'{"error": "no", "message": null}')
    server.answer = lambda _arrival, number: refused if number == 1 else Reply()

    result = run(tmp_path)

    assert result.code == 3
    assert result.data["sent"] == {"accepted": 2, "rejected": 1}


def test_retry_after_holds_everybody_in_full(tmp_path, server):
    """A 429 is no loss: the message goes again after the pause, and nobody sends meanwhile."""
    prepare(tmp_path, server, users=4, messages=2)
    throttled = Reply(status=429, body=b"{}", headers={"Retry-After": "1"})
    server.answer = lambda _arrival, number: throttled if number == 3 else Reply()

    result = run(tmp_path)

    assert result.code == 0, result.err
    times = [arrival.at for arrival in server.arrivals]
    late = [at - times[2] for at in times[3:]]
    assert sum(gap < 1.0 for gap in late) <= 3  # those that were in flight when the answer came
    assert len(times) == 9


@pytest.mark.parametrize(
    ("status", "word"),
    [
        (401, "token"),
        (403, "token"),
        (404, "deployment_id"),
        (307, "base_url"),
        (405, "slash"),
    ],
)
def test_refusal_of_the_run_stops_it_and_loses_nothing(tmp_path, server, status, word):
    """One refused request is enough; every message is still to be sent."""
    prepare(tmp_path, server, lanes=1)
    server.answer = lambda _arrival, _number: Reply(
        status=status, body=b"{}", headers={"Location": "/elsewhere/"}
    )

    refused = run(tmp_path)
    server.answer = lambda _arrival, _number: Reply()
    resumed = run(tmp_path)

    assert 6 == refused.code
    assert word in refused.data["stop"]["message"]
    assert refused.data["states"]["pending"] == 30
    assert resumed.data["sent"] == {"accepted": 30}
    assert len(server.arrivals) == 31


def test_same_refusal_three_times_trips_the_breaker(tmp_path, server):
    """A wrong set-up costs three requests, not a million rejects."""
    prepare(tmp_path, server, lanes=1)
    server.answer = lambda _arrival, _number: Reply(status=400, body=b'{"error": "bad", "message": null}')

    result = run(tmp_path)

    assert result.code == 6
    assert len(server.arrivals) == 3
    assert result.data["stop"]["kind"] == "breaker"


def test_bot_that_answers_stops_the_run(tmp_path, server):
    """A live bot must not answer a complaint of 2021."""
    prepare(tmp_path, server, lanes=1)
    answer = {"error": None, "message": [{"from": "bot", "actions": [{"type": "text", "text": "Hi!"}]}]}
    server.answer = lambda _arrival, _number: Reply(body=json.dumps(answer).encode())

    result = run(tmp_path)

    assert result.code == 6
    assert len(server.arrivals) == 1
    assert result.data["stop"]["kind"] == "bot_replied"


def test_unreachable_platform_is_said_within_seconds(tmp_path, server):
    """Before first contact there is no sense in waiting for long; nothing is lost."""
    prepare(tmp_path, server)
    write_job(tmp_path, "http://127.0.0.1:9")

    result = run(tmp_path)

    assert result.code == 75
    assert "can't be reached" in result.data["stop"]["message"]
    assert result.data["states"]["pending"] == 30


def test_unfinished_plan_is_not_dropped_unnoticed(tmp_path, server):
    """Nothing vanishes: another input than the one under way needs a word about the rest."""
    prepare(tmp_path, server)
    run(tmp_path, "--limit-lanes", "1")
    later = write_csv(tmp_path / "later.csv", rows(users=5, messages=2, start=6))

    refused = run(tmp_path, str(later))
    carried = run(tmp_path, str(later), "--unfinished", "carry")

    assert refused.code == 2
    assert carried.code == 0, carried.err
    assert carried.data["plan"]["conservation"]["carried"] == 24
    assert 40 == len(set(server.ids())) == len(server.arrivals)
    for arrivals in server.by_user().values():
        stamps = [arrival.body["timestamp"] for arrival in arrivals]
        assert sorted(stamps) == stamps


def test_word_given_to_check_is_not_given_to_import(tmp_path, server):
    """A plan that `check --unfinished drop` made is not what a plain import sends."""
    prepare(tmp_path, server)
    run(tmp_path, "--limit-lanes", "1")
    later = str(write_csv(tmp_path / "later.csv", rows(users=5, messages=2, start=6)))
    checked = etl("check", "job.toml", later, "--unfinished", "drop", cwd=tmp_path, env=ENV)

    refused = run(tmp_path, later)

    assert 0 == checked.code
    assert 2 == refused.code
    assert 6 == len(server.arrivals)


def test_late_message_is_a_reject(tmp_path, server):
    """Time never goes backwards within a lane, across runs too."""
    prepare(tmp_path, server, users=2, messages=4)
    run(tmp_path)
    older = [
        ("new-id", "user-000", "customer", "2024-03-01T09:00:30Z", "forgotten"),
        *rows(users=2, messages=5),
    ]
    write_csv(tmp_path / "history.csv", older)

    result = run(tmp_path)

    assert result.code == 3
    assert result.data["plan"]["rejects_by_code"] == {"late": 1}
    assert len(server.arrivals) == 10


def test_changed_identity_settings_are_refused(tmp_path, server):
    """With ids taken away every message would look new and be sent again."""
    prepare(tmp_path, server)
    run(tmp_path)
    job = tmp_path / "job.toml"
    job.write_text(job.read_text(encoding="utf-8").replace('id = "id"\n', "", 1), encoding="utf-8")

    result = run(tmp_path)

    assert result.code == 2
    assert "sent again" in result.err
    assert len(server.arrivals) == 30


def test_second_import_at_once_says_who_holds_the_lock(tmp_path, server):
    """Cron must not start a second run beside a living one."""
    prepare(tmp_path, server)
    folders = list(tmp_path.glob("etl-state/*"))
    assert folders == []
    seen: list[Finished] = []

    def run_another(_arrival: Arrival, number: int) -> Reply:
        if number == 1:
            seen.append(run(tmp_path))
        return Reply()

    server.answer = run_another

    result = run(tmp_path)

    assert result.code == 0
    assert seen[0].code == 75
    assert "pid" in seen[0].err
    assert len(server.arrivals) == 30


def test_lost_plan_folder_is_made_anew(tmp_path, server):
    """The ledger alone decides what is sent; a plan is only a plan."""
    prepare(tmp_path, server)
    run(tmp_path, "--limit-lanes", "2")
    for plans in tmp_path.glob("etl-state/*/plans"):
        shutil.rmtree(plans)

    result = run(tmp_path, "--unfinished", "drop")

    assert result.code == 0, result.err
    assert 30 == len(set(server.ids())) == len(server.arrivals)


def test_report_that_cannot_be_written_changes_nothing_of_the_import(tmp_path, server):
    """All was sent: cron must hear so, and a person which command makes the report."""
    prepare(tmp_path, server, users=1, messages=3)

    def answer(_arrival: Arrival, number: int) -> Reply:
        if number == 3:
            (folder,) = tmp_path.glob("etl-state/*/reports")
            folder.rmdir()
            folder.write_text("in the way")
        return Reply()

    server.answer = answer
    result = run(tmp_path)

    assert 0 == result.code, result.err
    assert {"accepted": 3} == result.data["sent"]
    assert (None, None) == (result.data["report"], result.data["page"])
    assert "can't be written" in result.err
    assert "`etl report job.toml` makes its report" in result.err

    (folder,) = tmp_path.glob("etl-state/*/reports")
    folder.unlink()
    folder.mkdir()
    assert 0 == etl("report", "job.toml", cwd=tmp_path, env=ENV).code
