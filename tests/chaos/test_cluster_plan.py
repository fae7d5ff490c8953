"""A plan by a real cluster: separate processes, some of which end in mid-plan."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.cluster import Cluster, cluster, wait_for
from support.command import environment, etl, finish, start
from support.history import rows, write_csv, write_job

ENV = environment()
FILES = 12


@pytest.fixture(scope="module")
def workers(tmp_path_factory) -> Iterator[Cluster]:
    """Return a cluster of two nodes that several tests share; a killed worker comes back."""
    with cluster(tmp_path_factory.mktemp("cluster"), ENV) as running:
        yield running


@pytest.fixture
def folder(tmp_path) -> Path:
    """Return a folder with a job over a dozen files."""
    work: Path = tmp_path / "work"
    work.mkdir()
    job: Path = write_job(work, "https://api.example")
    job.write_text(job.read_text().replace('"history.csv"', '"history"'))
    (work / "history").mkdir()
    for number in range(FILES):
        write_csv(work / "history" / f"{number:02}.csv", rows(users=40, messages=20, start=19 * number))
    return work


def plan_hash(folder: Path) -> str:
    """Return the hash of the plan that one process makes, and remove it."""
    made = etl("plan", "job.toml", "--json", cwd=folder, env=ENV)
    assert 0 == made.code, made.err
    for path in (folder / "etl-state").glob("*/plans/*/plan.json"):
        path.unlink()
    hash_: str = made.data["plan"]["hash"]
    return hash_


def parts_done(folder: Path) -> int:
    """Return how many files the workers have read so far."""
    return len(list((folder / "etl-state").glob("*/plans/.building-*/part-*.json")))


def steps(log: Path) -> list[dict[str, Any]]:
    """Return what a command's log says of its steps."""
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    return [line for line in lines if line["event"] == "plan_step"]


def test_killed_worker_in_mid_plan_changes_nothing(folder, workers):
    """The scheduler has its calls made again; what they had made already is replaced by the same."""
    wanted = plan_hash(folder)
    running = start(["plan", "job.toml", "--json", "--cluster", workers.address], cwd=folder, env=ENV)
    wait_for(lambda: parts_done(folder) >= 2, seconds=60)
    workers.nodes[0].kill_worker()
    ended = finish(running)
    assert 0 == ended.code, ended.err
    assert wanted == ended.data["plan"]["hash"]
    assert ended.data["plan"]["conservation"]["duplicates"] > 0
    assert [] == list((folder / "etl-state").glob("*/plans/.building-*"))


def test_lost_scheduler_is_told_and_the_same_command_goes_on(folder, tmp_path):
    """A large input is not read twice because a machine went."""
    wanted = plan_hash(folder)
    with cluster(tmp_path / "first", ENV) as first:
        words = ["plan", "job.toml", "--json", "--cluster", first.address]
        running = start(words, cwd=folder, env=ENV)
        wait_for(lambda: parts_done(folder) >= 2, seconds=60)
        first.scheduler.kill()
        ended = finish(running)
    assert 75 == ended.code, ended.err
    assert "the same command goes on" in ended.err
    done = parts_done(folder)
    with cluster(tmp_path / "second", ENV) as second:
        words = ["plan", "job.toml", "--json", "--log-file", "log.jsonl", "--cluster", second.address]
        again = etl(*words, cwd=folder, env=ENV)
    assert 0 == again.code, again.err
    assert wanted == again.data["plan"]["hash"]
    first_step = steps(folder / "log.jsonl")[0]
    assert ("reading", FILES) == (first_step["step"], first_step["pieces"])
    assert first_step["done"] >= min(done, FILES)


def test_check_by_a_cluster_reports_as_any_other(folder, workers):
    """The report reads the plan's parts."""
    wanted = etl("check", "job.toml", "--json", cwd=folder, env=ENV).data
    for path in (folder / "etl-state").glob("*/plans/*/plan.json"):
        path.unlink()
    found = etl("check", "job.toml", "--json", "--cluster", workers.address, cwd=folder, env=ENV)
    assert 0 == found.code, found.err
    assert wanted["plan"]["hash"] == found.data["plan"]["hash"]
    reports = [json.loads(Path(folder, data["report_json"]).read_text()) for data in (wanted, found.data)]
    assert reports[0]["profile"] == reports[1]["profile"]
