"""Machines that come and go: the state in an object store, the ledger in PostgreSQL, all of it real."""

import json
import threading

import pytest

from support import s3
from support.command import Finished, environment, etl, finish, start
from support.history import rows, write_csv, write_job
from support.leaks import leaks, loose_modes
from support.postgres import keep_in, server
from support.recorder import TOKEN, Reply, platform

USERS, MESSAGES = 4, 6
ALL = USERS * MESSAGES


@pytest.fixture
def target():
    """Return a platform with a latency, so that faults of order can show."""
    with platform() as running:
        running.answer = lambda _arrival, _number: Reply(delay_seconds=0.02)
        yield running


@pytest.fixture
def project(tmp_path, bucket, target):
    """Return a folder with history and job, which every machine has."""
    folder = tmp_path / "project"
    folder.mkdir()
    write_csv(folder / "history.csv", rows(users=USERS, messages=MESSAGES))
    job = write_job(folder, target.base_url, rate_per_second=100)
    job.write_text(f'state = "{bucket.uri("team")}"\n{job.read_text()}')
    keep_in(server(), folder)
    return folder


@pytest.fixture
def on(tmp_path, project):
    """Return a function that runs a command on a machine, and keeps what it says."""
    said: list[str] = []

    def ran(machine: str, *arguments: str) -> Finished:
        env = environment(ETL_TOKEN=TOKEN, XDG_CACHE_HOME=str(tmp_path / machine))
        result = etl(*arguments, cwd=project, env=env)
        said.extend((result.out, result.err))
        assert "Traceback" not in result.err
        return result

    yield ran
    (project / "job.toml").unlink()  # it may hold the credentials
    assert [] == leaks(tmp_path, said, [s3.SECRET, s3.SECRET.replace("/", "%2F"), TOKEN, "secret text"])
    assert [] == [path for one in tmp_path.glob("*/etl") for path in loose_modes(one)]


def assert_whole(target, missing=range(1)):
    """Check that the platform has every message once, each user's in order; but for so many, not at all."""
    assert len(set(target.ids())) == len(target.ids())
    assert ALL - len(target.ids()) in missing
    assert 0 == target.overlaps
    for arrivals in target.by_user().values():
        times = [arrival.body["timestamp"] for arrival in arrivals]
        assert sorted(times) == times


def test_check_here_import_there_ask_anywhere(on, bucket, target):
    """Three throw-away containers: what each makes, the next ones find."""
    checked = on("one", "check", "job.toml", "--json").data
    plan = checked["plan"]["hash"]
    done = on("two", "import", "job.toml", "--json", "--expect-plan", plan[:12])
    assert 0 == done.code, done.err
    assert_whole(target)
    assert done.data["report"].startswith(f"s3://{bucket.name}/team/")
    key = done.data["page"].removeprefix(f"s3://{bucket.name}/")
    assert key in bucket.objects()
    report = json.loads(bucket.get(key.replace(".html", ".json")))
    assert f"s3://{bucket.name}/team/" in report["approved"]["check_file"]
    status = on("three", "status", "job.toml", "--json")
    assert (0, ALL) == (status.code, status.data["states"]["accepted"])
    verified = on("three", "report", "job.toml", "--verify", "--json")
    assert (0, 1) == (verified.code, verified.data["reports"])


def test_killed_here_goes_on_there(on, tmp_path, project, target):
    """A node is gone, and its disk: another one sends the rest, and only what was in flight is in doubt."""
    reached = threading.Event()

    def answer(_arrival, number):
        if number == ALL // 2:
            reached.set()
        return Reply(delay_seconds=0.05)

    target.answer = answer
    env = environment(ETL_TOKEN=TOKEN, XDG_CACHE_HOME=str(tmp_path / "one"))
    process = start(["import", "job.toml"], cwd=project, env=env)
    assert reached.wait(30)
    process.kill()
    finish(process)
    target.quiet()
    resumed = on("two", "import", "job.toml", "--json")
    assert 3 == resumed.code, resumed.err
    doubt = resumed.data["states"]["uncertain"]
    assert 1 <= doubt <= USERS
    settled = on("three", "settle", "job.toml", "--all", "--accepted", "--json")
    assert doubt == settled.data["settled"]
    assert 0 == on("four", "import", "job.toml").code
    # A message in doubt may never have left; `settle` took somebody's word that it had.
    assert_whole(target, missing=range(doubt + 1))


def test_plan_here_replay_there(on, target):
    """The second half needs no input, wherever it runs."""
    planned = on("one", "plan", "job.toml", "--json")
    assert 0 == planned.code, planned.err
    replayed = on("two", "replay", "job.toml", "--expect-plan", planned.data["plan"]["hash"][:12])
    assert 0 == replayed.code, replayed.err
    assert_whole(target)


def test_refusals_are_retried_elsewhere(on, target):
    """Looking for later messages needs the plan, which only the store has."""
    target.answer = lambda arrival, _number: Reply(
        status=422 if arrival.body["user_id"] == "user-000" else 200, taken=True
    )
    assert 3 == on("one", "import", "job.toml").code
    retried = on("two", "retry", "job.toml", "--all", "--json")
    assert MESSAGES == retried.data["put_back"]


def test_nothing_is_sent_before_its_plan_is_in_the_store(on, store, target):
    """A plan that only a dead machine had could not be gone on with."""
    store.hook = lambda method, path: 403 if method in {"PUT", "POST"} and "/plans/" in path else None
    refused = on("one", "import", "job.toml")
    assert 2 == refused.code
    assert "access denied" in refused.err
    assert [] == target.ids()


def test_report_that_can_not_be_published_changes_no_exit_code(on, store, bucket, target):
    """Everything was sent: that is the result. The report comes later."""
    store.hook = lambda method, path: 403 if method in {"PUT", "POST"} and "/reports/" in path else None
    done = on("one", "import", "job.toml")
    assert 0 == done.code, done.err
    assert "access denied" in done.err
    assert_whole(target)
    store.hook = lambda _method, _path: None
    assert 0 == on("one", "import", "job.toml").code
    pages = [key for key in bucket.objects() if key.endswith(".html")]
    assert 2 == len([key for key in pages if "/reports/import-" in key])


def test_message_by_hand_is_on_record_before_it_leaves(on, bucket, target):
    """Each has an object of its own: nothing can be appended to one."""
    seen: list[bytes] = []

    def answer(_arrival, _number):
        seen.extend(bucket.get(key) for key in bucket.objects())
        return Reply()

    target.answer = answer
    sent = on("one", "send", "job.toml", "--user", "somebody", "--text", "hello", "--json")
    assert 0 == sent.code, sent.err
    (intent,) = [json.loads(line) for line in seen[0].splitlines()]
    assert "intent" == intent["event"]
    key = sent.data["record"].removeprefix(f"s3://{bucket.name}/")
    lines = [json.loads(line) for line in bucket.get(key).splitlines()]
    assert ["intent", "outcome"] == [line["event"] for line in lines]
