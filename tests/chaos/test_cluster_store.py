"""An import by a real cluster that shares no disk: state and input are in an object store (moto's S3)."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import s3
from support.cluster import Cluster, cluster, wait_for
from support.clustered import LEASE_SECONDS
from support.command import environment, etl, finish, start
from support.history import rows, write_csv, write_job
from support.leaks import leaks
from support.postgres import server as postgres
from support.recorder import TOKEN, Platform, Reply, platform
from support.scene import SECRETS, disordered

ENV = environment(ETL_TOKEN=TOKEN)
FILES, USERS, MESSAGES = 8, 20, 3
ALL = FILES * USERS * MESSAGES


@pytest.fixture(scope="module")
def workers(tmp_path_factory) -> Iterator[Cluster]:
    """Return a cluster of two nodes, each with a scratch folder of its own."""
    with cluster(tmp_path_factory.mktemp("cluster"), ENV) as running:
        yield running


@pytest.fixture
def server() -> Iterator[Platform]:
    """Return a platform that takes everything."""
    with platform() as running:
        running.answer = lambda _arrival, _number: Reply(delay_seconds=0.01)
        yield running


@pytest.fixture
def bucket() -> Iterator[s3.Bucket]:
    """Return a bucket with a history in several files."""
    with s3.store() as store:
        yield store.bucket()


@pytest.fixture
def folder(tmp_path: Path, bucket: s3.Bucket, server: Platform) -> Path:
    """Return a folder with nothing but a job."""
    work = tmp_path / "work"
    work.mkdir()
    for number in range(FILES):
        table = rows(users=USERS, messages=MESSAGES, start=MESSAGES * number)
        bucket.put(f"in/{number:02}.csv", write_csv(tmp_path / "one.csv", table).read_bytes())
    (tmp_path / "one.csv").unlink()
    job = write_job(work, server.base_url, rate_per_second=400, lanes=4, lease_seconds=LEASE_SECONDS)
    text = job.read_text().replace("history.csv", bucket.uri("in"))
    job.write_text(f'state = "{bucket.uri("team")}"\nledger = "{postgres()}"\n{text}')
    return work


def machine(tmp_path: Path, name: str) -> dict[str, str]:
    """Return the environment of a command on a machine of its own."""
    return {**ENV, "XDG_CACHE_HOME": str(tmp_path / name)}


def exchanged(bucket: s3.Bucket) -> list[str]:
    """Return the names of what workers have handed to each other."""
    return [key for key in bucket.objects() if "/.building-" in key or "/.seen-" in key]


def contents(folder: Path) -> list[Path]:
    """Return the files in a worker's scratch but locks."""
    return [path for path in folder.rglob("*") if path.is_file() and path.name != ".lock"]


def test_workers_without_a_common_disk_send_everything_once(folder, tmp_path, bucket, server, workers):
    """One of them dies in mid-plan; the plan is that of one process, and no copy of a text is left."""
    words = ["import", "job.toml", "--json", "--cluster", workers.address]
    driver = start(words, cwd=folder, env=machine(tmp_path, "driver"))
    wait_for(lambda: any(re.search(r"/part-\d+\.json", key) for key in exchanged(bucket)), seconds=60)
    workers.nodes[0].kill_worker()
    ran = finish(driver)
    ids = server.ids()

    assert 0 == ran.code, ran.err
    assert {"accepted": ALL} == ran.data["sent"]
    assert ALL == len(ids) == len(set(ids))
    assert [] == disordered(server.taken)
    assert [] == exchanged(bucket)
    # A killed worker's room is removed by the next task there; all others' went with their tasks.
    assert workers.cache(1).is_dir()
    wait_for(lambda: not contents(workers.cache(1)), seconds=20)
    assert [] == leaks(workers.folder / "none", [ran.out, ran.err, workers.logs()], [*SECRETS, s3.SECRET])

    alone = tmp_path / "alone"
    alone.mkdir()
    lines = (folder / "job.toml").read_text().splitlines()[2:]
    (alone / "job.toml").write_text("\n".join(lines))
    one = etl("plan", "job.toml", "--json", cwd=alone, env=ENV)
    assert one.data["plan"]["hash"] == ran.data["plan"]["hash"]
