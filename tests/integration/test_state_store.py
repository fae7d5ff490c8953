"""A state in an object store (moto's S3 on loopback): what others see, when, and after faults.

Here all of it is a dry run, which finds no ledger in the database; `test_state_machines` fills one.
"""

import json
from collections import Counter
from dataclasses import replace
from uuid import uuid4

import pytest

from etl.config.workspace import workspace
from etl.errors import UsageError
from etl.ledger.byhand import SentByHand, append, read
from etl.model.events import Event, Warned
from etl.pipeline.depots import (
    by_hand,
    forget_rescued,
    make_ready,
    publish,
    publish_or_warn,
    records_by_hand,
    rescued,
)
from etl.pipeline.house import state_findings
from etl.pipeline.planning import run_plan
from etl.pipeline.plans import Plans
from etl.pipeline.validation import ReportWish, run_reported_check
from etl.pipeline.wish import Wish
from etl.report.verdict import Typed
from support import s3
from support.checked import job_file, rows, write
from support.command import environment, finish, start
from support.history import rows as history
from support.history import write_csv, write_job
from support.leaks import leaks, loose_modes
from support.postgres import server
from support.recorder import DEPLOYMENT


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Return a function that makes this process another machine: one with a scratch folder of its own."""

    def made(name):
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
        return folder

    return made


@pytest.fixture
def job(tmp_path, bucket):
    """Return a job over a few rows, with its state in the bucket."""
    (tmp_path / "project").mkdir()
    write(tmp_path / "project", rows({}, {"user": "u2"}, {"text": ""}))
    return job_file(tmp_path / "project", state=bucket.uri("team"), ledger=server())


def check(job):
    """Run the dry run with its report."""
    result, _ = run_reported_check(
        job, Wish(), ReportWish(), sandbox=True, observe=lambda _: None, typed=Typed()
    )
    return result


def space_of(job):
    """Return the job's target as this machine knows it."""
    return workspace(job.state, job.job.target, sandbox=True)


def names(bucket):
    """Return what is in the bucket, without the target's folder and the hash."""
    return sorted(key.rpartition("/")[2] for key in bucket.objects())


SEEN = "insight.json"
PLAN = ["lanes.parquet", "messages.parquet", "plan.json", "rejects.csv", "rejects.parquet"]


def test_plan_and_report_are_in_the_store(bucket, job, machine):
    """A throw-away container leaves nothing behind, so all that it made must be elsewhere."""
    machine("one")
    result = check(job)
    stem = f"check-{result.plan.summary.hash[:12]}"
    assert sorted([*PLAN, SEEN, f"{stem}.html", f"{stem}.json"]) == names(bucket)
    assert all(key.startswith("team/sandbox-") for key in bucket.objects())


def test_another_machine_finds_the_plan(store, job, machine):
    """It has the same input, and so needs not read it again; nor upload what is there."""
    machine("one")
    first = check(job)
    machine("two")
    store.requests.clear()
    second = check(job)
    assert first.plan.summary == second.plan.summary
    assert first.plan.path != second.plan.path
    uploaded = {path.rpartition("/")[2] for method, path in store.requests if method in {"PUT", "POST"}}
    assert {f"check-{first.plan.summary.hash[:12]}{end}" for end in (".html", ".json")} == uploaded


def test_record_of_a_message_by_hand_is_known_elsewhere(job, machine):
    """Reading back asks on any machine which messages were sent by hand."""
    machine("one")
    here = space_of(job)
    make_ready(here)
    record = by_hand(here) / "one.jsonl"
    record.parent.mkdir()
    append(record, {"event": "intent", "id": "0a", "user": "try-1", "at": "1970-01-01T00:00:07Z"})
    publish(here, record)
    machine("two")
    there = space_of(job)
    make_ready(there)
    (path,) = records_by_hand(there)
    assert record != path
    assert [SentByHand(key="0a", user="try-1", at_seconds=7)] == list(read(path))


def test_what_one_machine_has_seen_of_a_plan_another_shows(store, bucket, job, machine):
    """Also when it has had the plan before anybody looked; looking at a large plan takes minutes."""
    for name in ("one", "two"):
        machine(name)
        run_plan(job, Wish(), sandbox=True, observe=lambda _: None)
    assert PLAN == names(bucket)
    machine("one")
    first = check(job)
    machine("two")
    store.requests.clear()
    assert first.insight == check(job).insight
    assert not any("insight" in path for method, path in store.requests if method in {"PUT", "POST"})


def test_plan_in_use_stays_in_scratch(job, machine):
    """Another command on this machine may make a plan meanwhile; this one reads its files by name."""
    machine("one")
    first = check(job)
    write(job.folder, rows({}, {"user": "u3"}))
    second = check(job)
    assert first.plan.path != second.plan.path
    assert all(file.is_file() for file in first.plan.messages)


def test_plan_json_is_the_last_to_come(store, job, machine):
    """Who sees it may take the rest for granted."""
    machine("one")
    store.requests.clear()
    check(job)
    puts = [path.rpartition("/")[2] for method, path in store.requests if method == "PUT"]
    assert set(PLAN) == set(puts[: len(PLAN)])
    assert "plan.json" == puts[len(PLAN) - 1]


def test_cut_at_any_request_leaves_no_half_plan(store, bucket, job, machine):
    """Another machine sees the plan or none, whenever the first one is cut off; and the next try succeeds."""
    machine("one")
    check(job)
    plan_hash = Plans(space_of(job), None).newest_first()[0].hash
    for key in bucket.objects():
        bucket.delete(key)
    seen: Counter[bool] = Counter()
    found = None
    for cut in range(200):
        _cut_after(store, cut)
        try:
            check(job)
            done = True
        except UsageError:
            done = False
        store.hook = lambda _method, _path: None
        machine(f"other-{cut}")
        found = Plans(space_of(job), None).load(plan_hash)
        seen[found is not None] += 1
        assert found is None or found.summary.hash == plan_hash
        machine("one")
        if done:
            break
    assert found is not None
    assert seen[False] > len(PLAN)


def _cut_after(store, count):
    asked = iter(range(count))
    store.hook = lambda _method, _path: None if next(asked, None) is not None else 403


def test_plan_of_another_hash_is_not_taken(bucket, job, machine):
    """Somebody has put another plan into its place: it is made anew, and replaces that."""
    machine("one")
    first = check(job)
    (key,) = [key for key in bucket.objects() if key.endswith("plan.json")]
    data = key.replace("plan.json", "messages.parquet")
    told, messages = json.loads(bucket.get(key)), bucket.get(data)
    bucket.put(key, json.dumps({**told, "hash": "0" * 64, "ledger_mark": "another"}).encode())
    bucket.put(data, b"another plan's")
    machine("two")
    assert Plans(space_of(job), None).load(first.plan.summary.hash) is None
    check(job)
    assert told["hash"] == json.loads(bucket.get(key))["hash"]
    assert len(messages) == len(bucket.get(data))


def test_plan_that_was_built_and_not_published_is_published(store, bucket, job, machine):
    """The store was not there; the scratch was: nothing is read again."""
    machine("one")
    store.hook = lambda method, _path: 403 if method in {"PUT", "POST"} else None
    with pytest.raises(UsageError, match="access denied"):
        check(job)
    assert [] == bucket.objects()
    store.hook = lambda _method, _path: None
    (job.folder / "history.csv").touch()
    check(job)
    assert set(PLAN) <= set(names(bucket))


def test_report_that_could_not_be_published_is_told_and_published_later(store, bucket, job, machine):
    """At the end of a long run nothing may hide its result."""
    machine("one")
    space = space_of(job)
    make_ready(space)
    report = space.reports / "import-1.json"
    report.write_text("{}")
    store.hook = lambda method, _path: 403 if method in {"PUT", "POST"} else None
    told: list[Event] = []
    publish_or_warn(space, report, observe=told.append)
    assert isinstance(told[0], Warned)
    assert str(report) in told[0].message
    store.hook = lambda _method, _path: None
    make_ready(space)
    assert ["import-1.json"] == names(bucket)


def test_outcomes_that_a_ledger_refused_reach_the_next_machine(bucket, job, machine):
    """Known outcomes would turn into doubt with the machine that knew them."""
    machine("one")
    space = space_of(job)
    make_ready(space)
    kept = space.folder / "outcomes-7.jsonl"
    with rescued(space, lambda _: None):
        kept.write_text("an outcome")
    machine("two")
    other = space_of(job)
    make_ready(other)
    with rescued(other, lambda _: None):
        (found,) = other.folder.glob("outcomes-*")
        assert "an outcome" == found.read_text()
        found.unlink()
        forget_rescued(other, found)
    assert [] == bucket.objects()


def test_doctor_tries_the_store(store, bucket, job, machine):
    """Reading and writing; what it puts there it removes."""
    machine("one")
    (found,) = state_findings(space_of(job))
    assert ("ok", "state") == (found.level, found.name)
    assert [] == bucket.objects()
    store.hook = lambda method, _path: 403 if method in {"PUT", "POST"} else None
    (found,) = state_findings(space_of(job))
    assert "fail" == found.level
    assert "access denied" in found.seen


@pytest.fixture
def project(tmp_path, bucket):
    """Return a folder with a job for processes."""
    folder = tmp_path / "project"
    folder.mkdir()
    write_csv(folder / "history.csv", history(users=3, messages=4))
    path = write_job(folder, "http://127.0.0.1:1")
    # A target of its own: other tests' rehearsals have a ledger in the same database.
    job = path.read_text().replace(DEPLOYMENT, str(uuid4()))
    path.write_text(f'state = "{bucket.uri("team")}"\nledger = "{server()}"\n{job}')
    return folder


@pytest.fixture
def begin(tmp_path, project):
    """Return a function that starts a dry run on a machine."""

    def started(machine, *arguments):
        env = environment(XDG_CACHE_HOME=str(tmp_path / machine))
        return start(["check", "job.toml", "--sandbox", *arguments], cwd=project, env=env)

    return started


def test_two_builders_of_one_plan_leave_one_plan(bucket, begin):
    """Two machines begin at once; a third one finds what it can trust."""
    both = [begin(name, "--json", "--no-report") for name in ("one", "two")]
    ended = [finish(process) for process in both]
    third = finish(begin("three", "--json", "--no-report"))
    assert [0, 0, 0] == [*(one.code for one in ended), third.code], ended
    assert 1 == len({one.data["plan"]["hash"] for one in (*ended, third)})
    assert sorted([*PLAN, SEEN]) == names(bucket)


def test_nothing_tells_credentials_or_scratch(tmp_path, bucket, project, begin):
    """People see where the others look; the key to it is nobody's business."""
    log = project / "log.jsonl"
    said = [finish(begin("one", *more)) for more in ((), ("--json", "--log-file", str(log)))]
    assert [0, 0] == [one.code for one in said], said
    outputs = [*(one.out + one.err for one in said), log.read_text()]
    outputs += [bucket.get(key).decode("latin-1") for key in bucket.objects() if "messages" not in key]
    (project / "job.toml").unlink()
    assert [] == leaks(tmp_path, outputs, [s3.SECRET, s3.SECRET.replace("/", "%2F"), "secret text"])
    assert not [text for text in outputs if str(tmp_path / "one") in text]
    where = f"s3://{bucket.name}/team/sandbox-"
    assert said[1].data["report"].startswith(where)
    assert said[1].data["plan_folder"].startswith(where)
    assert [] == loose_modes(tmp_path / "one" / "etl")


def test_scratch_holds_one_plan(tmp_path, bucket, project, begin):
    """A machine that stays would be filled by its nightly plans; in the store they are all there."""
    hashes = []
    for users in (3, 4):
        write_csv(project / "history.csv", history(users=users, messages=4))
        result = finish(begin("one", "--json", "--no-report"))
        hashes.append(result.data["plan"]["hash"][:12])
    (plans,) = (tmp_path / "one").rglob("plans/.lock")
    assert hashes[-1:] == [path.name for path in plans.parent.glob("[!.]*")]
    assert 2 * len([*PLAN, SEEN]) == len(bucket.objects())


def test_bucket_that_is_missing_ends_a_command_before_it_reads_anything(bucket, job, machine):
    """A whole night may go into reading; the place must be known to be there."""
    machine("one")
    (job.folder / "history.csv").unlink()
    elsewhere = job.job.model_copy(update={"state": job.job.state.replace(bucket.name, "no-such-bucket")})
    with pytest.raises(UsageError, match="there is no such bucket"):
        check(replace(job, job=elsewhere))
