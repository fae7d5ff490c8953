"""A plan that workers make through an object store (moto's S3), beyond a real cluster's: kills, leftovers."""

from dataclasses import replace
from pathlib import Path

import pytest

from etl.config.workspace import workspace
from etl.errors import InputError, LaterError, UsageError
from etl.ledger.postgres.claims import Claims
from etl.model.plan import PlanFolder
from etl.pipeline.depots import depot_of, make_ready
from etl.pipeline.planreading import PlanPlace, reading
from etl.pipeline.plans import Plans
from etl.pipeline.prepare import draft
from etl.pipeline.probing import Probe, require
from etl.pipeline.wish import Wish
from support.checked import job_file, rows, write
from support.leaks import loose_modes
from support.postgres import server
from support.workers import LostError, OneByOne


@pytest.fixture
def job(tmp_path, bucket, monkeypatch):
    """Return a job over two files of six users, with its state in the bucket."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "cache").mkdir()
    (tmp_path / "in").mkdir()
    for name, start in (("a.csv", 0), ("b.csv", 20)):
        table = rows(*({"user": f"u{n % 6}", "id": f"m{start + n}"} for n in range(20)))
        write(tmp_path / "in", table, name)
    return job_file(tmp_path / "in", state=bucket.uri("team"), ledger=server())


def space_of(job):
    """Return the job's target as this machine knows it."""
    return workspace(job.state, job.job.target, sandbox=False, ledger=job.job.ledger)


def plan(job, workers) -> PlanFolder:
    """Return the plan as it is made by workers, or by this process alone."""
    space = space_of(job)
    make_ready(space)
    return draft(job, space, None, Wish(workers=workers), lambda _: None)


def forget_plan(bucket, tmp_path):
    """Have no plan anywhere."""
    for key in bucket.objects():
        bucket.delete(key)
    for path in (tmp_path / "cache").rglob("plan.json"):
        path.unlink()


def exchanges(bucket):
    """Return the exchanges in the bucket."""
    return sorted({key.split("/")[3] for key in bucket.objects() if "/.building-" in key})


def work_left(tmp_path):
    """Return the files in the rooms of tasks."""
    return [path for path in (tmp_path / "cache").rglob("work/*/*") if path.is_file()]


@pytest.mark.parametrize("fail_at", [1, 3, 9])
def test_a_killed_plan_goes_on_where_it_was(job, bucket, tmp_path, fail_at):
    """The same command again makes only what was not made, also from the disk of another machine."""
    whole = OneByOne()
    wanted = plan(job, whole).summary
    forget_plan(bucket, tmp_path)
    workers = OneByOne(fail_at=fail_at)
    with pytest.raises(LostError):
        plan(job, workers)
    assert 1 == len(exchanges(bucket))
    again = OneByOne()
    assert wanted.hash == plan(job, again).summary.hash
    assert whole.calls == workers.calls + again.calls
    assert [] == exchanges(bucket)
    assert [] == work_left(tmp_path)


@pytest.mark.parametrize("workers", [OneByOne(), None])
def test_what_a_dead_plan_has_left_is_removed_by_the_next_one(job, bucket, workers):
    """It holds messages; nobody would look for it, whoever makes the next plan."""
    with pytest.raises(LostError):
        plan(job, OneByOne(fail_at=3))
    assert 1 == len(exchanges(bucket))
    (job.folder / "b.csv").unlink()
    plan(job, workers)
    assert [] == exchanges(bucket)


def test_what_a_living_plan_needs_stays(job, bucket):
    """Another command plans meanwhile, on whatever machine; one for the very same plan is sent away."""
    with pytest.raises(LostError):
        plan(job, OneByOne(fail_at=3))
    (name,) = exchanges(bucket)
    alive = Claims(server(), target=space_of(job).target)
    try:
        assert alive.take(f"plans/{name}")
        with pytest.raises(LaterError, match="this very plan"):
            plan(job, OneByOne())
        (job.folder / "b.csv").unlink()
        plan(job, OneByOne())
        assert [name] == exchanges(bucket)
    finally:
        alive.close()


def test_the_plan_is_that_of_one_process(job, bucket, tmp_path):
    """Rows reach their shards by way of the store, and none twice."""
    many = plan(job, OneByOne(workers=3)).summary
    forget_plan(bucket, tmp_path)
    one = plan(job, None).summary
    assert (6, 1) == (many.parts, one.parts)
    assert one.hash == many.hash
    assert one.conservation == many.conservation
    assert [] == loose_modes(tmp_path / "cache" / "etl")


def test_a_plan_in_other_parts_replaces_the_one_in_the_store(job, bucket, tmp_path):
    """Its summary names the files; half of either would be no plan."""
    plan(job, None)
    alone = {key: bucket.get(key) for key in bucket.objects()}
    forget_plan(bucket, tmp_path)
    made = plan(job, OneByOne())
    forget_plan(bucket, tmp_path / "none")
    for key, data in alone.items():  # as if another machine had been faster
        bucket.put(key, data)
    Plans(space_of(job), None).publish(made)
    (tmp_path / "two").mkdir()
    moved = replace(space_of(job), folder=tmp_path / "two" / "etl" / "x" / "y")
    found = Plans(moved, None).load(made.summary.hash)
    assert found is not None
    assert made.summary.parts == found.summary.parts == 4


def test_a_worker_brings_only_the_parts_that_it_sends(job, store):
    """A shard lies in one part; the others may be as large as a disk."""
    made = plan(job, OneByOne())
    store.requests.clear()
    place = PlanPlace(folder=made.path, store=space_of(job).uri, summary=made.summary)
    with reading(place) as reader:
        (first, *_), *_ = reader.lanes()
        part = int(reader.sizes()[1][0])
        reader.bring(part)
        assert first.length == len(list(reader.messages(first.first, first.first + first.length)))
    asked = {Path(path).name for method, path in store.requests if method == "GET" and "messages" in path}
    assert {f"messages-{part:05}.parquet"} == asked


def test_a_worker_refuses_a_plan_that_was_replaced(job):
    """Its shards were cut by the driver's plan: by another one's parts they would be other lanes."""
    made = plan(job, OneByOne())
    other = replace(made.summary, parts=made.summary.parts + 1)
    place = PlanPlace(folder=made.path, store=space_of(job).uri, summary=other)
    with pytest.raises(InputError, match="not the plan"), reading(place):
        pytest.fail("it is another one")


def test_a_worker_that_may_not_write_is_named_before_anything_is_read(job, store):
    """A night may go into reading before it would show."""
    space = space_of(job)
    make_ready(space)
    depot = depot_of(space)
    assert depot is not None
    token = space.folder / "token"
    token.write_text("0123")
    depot.publish(token, "plans/seen")
    probe = Probe(store=space.uri, token_file="plans/seen", token_text="0123", writes=True)  # noqa: S106  no secret
    require(OneByOne(), probe)
    assert ["plans/seen"] == depot.names("plans")
    store.hook = lambda method, _path: 403 if method in {"PUT", "POST"} else None
    with pytest.raises(UsageError, match=r"worker .*access denied") as caught:
        require(OneByOne(), probe)
    assert "credentials" in str(caught.value.hint)
    require(OneByOne(), replace(probe, writes=False))
    with pytest.raises(UsageError, match="just written"):
        require(OneByOne(), replace(probe, writes=False, token_text="4567"))  # noqa: S106  no secret
