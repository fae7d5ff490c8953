"""A real Dask cluster of processes behind the engine's interface."""

import os
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from etl.cluster import engine as dask
from etl.cluster.engine import DaskEngine, connect
from etl.config.load import load_job
from etl.errors import EngineError, EtlError, UsageError
from etl.pipeline.probing import Probe, look
from support.cluster import Cluster, cluster, wait_for
from support.clustered import ENV, cluster_scene
from support.postgres import server as postgres


@pytest.fixture(scope="module")
def workers(tmp_path_factory) -> Iterator[Cluster]:
    """Return a cluster whose workers have no token."""
    env = {name: value for name, value in ENV.items() if name != "ETL_TOKEN"}
    with cluster(tmp_path_factory.mktemp("cluster"), env) as running:
        yield running


@pytest.fixture
def engine(workers) -> Iterator[DaskEngine]:
    """Return the engine of both workers."""
    with connect(workers.address) as found:
        wait_for(lambda: found.workers == 2, seconds=30)
        yield found


def test_map_returns_results_in_order(engine):
    """Each is told as it comes."""
    told: list[str] = []

    assert ["b", "d", "f"] == engine.map(os.path.basename, ["/a/b", "/c/d", "/e/f"], each=told.append)
    assert {"b", "d", "f"} == set(told)


def test_error_of_a_worker_arrives_without_its_text(engine, workers):
    """Nor does the engine log it: it could quote a message."""
    with pytest.raises(EtlError, match="TypeError at ") as caught:
        engine.map(os.path.basename, [7])

    assert "a defect of etl on a worker" in caught.value.message
    assert "PathLike" not in workers.logs()


def test_error_of_etl_arrives_with_its_hint(engine):
    """What is wrong and what to do, as if it were raised here."""
    with pytest.raises(UsageError, match="no such job file: nowhere") as caught:
        engine.map(load_job, [Path("nowhere")])

    assert caught.value.hint.startswith("etl init FILES")


def test_function_that_a_worker_can_not_read_is_a_loss(engine):
    """As with another version of etl there: no traceback, and a hint where to look."""
    with pytest.raises(EngineError, match="lost a part of the work for good") as caught:
        engine.map(_not_installed, [None])

    assert "another version of etl" in caught.value.hint


def _not_installed(_item: None) -> None:
    """Be a function that only this process knows."""


def test_survey_asks_every_worker(engine):
    """By its address."""
    found = engine.survey(os.path.basename, "/a/b")

    assert 2 == len(found)
    assert all(name.startswith("tcp://") for name in found)
    assert {"b"} == set(found.values())


def test_worker_that_dies_while_it_is_asked_is_left_out(engine):
    """It says nothing against the run: others do its work, and its nanny brings it back."""
    assert {} == engine.survey(os._exit, 1)


def test_killed_worker_gets_its_call_again_when_it_is_back(engine, workers):
    """The nanny brings the process back, the engine gives it work; at its new address it is no other one."""
    names: set[str] = set()
    ends: list[tuple[str, object]] = []
    killed: list[int] = []

    def until() -> bool:
        if not killed and len({worker for worker, _ in ends}) == 2:
            killed.append(workers.nodes[0].worker())
            workers.nodes[0].kill_worker()
            ends.clear()
        return bool(killed) and len({worker for worker, end in ends if end == "b"}) >= 2

    def told(worker: str, end: object) -> None:
        names.add(worker)
        ends.append((worker, end))

    engine.tend(os.path.basename, "/a/b", until=until, told=told)

    assert killed
    assert 2 == len(names)


@pytest.mark.usefixtures("engine")
def test_worker_without_a_token_is_named(tmp_path, workers):
    """The driver's own token is not handed out."""
    with cluster_scene(tmp_path, workers, postgres()) as scene:
        ran = scene.run()

    assert 2 == ran.code
    assert "worker tcp://127.0.0.1:" in ran.err
    assert "no API token in environment variable ETL_TOKEN" in ran.err
    assert [] == scene.server.arrivals


def test_nobody_at_the_address_is_told(monkeypatch):
    """In words that say what to start."""
    monkeypatch.setattr(dask, "_CONNECT_SECONDS", 0.3)
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]

    with pytest.raises(UsageError, match="no scheduler answers") as caught:
        connect(f"tcp://127.0.0.1:{port}")
    assert "dask scheduler" in caught.value.hint


def test_cluster_without_workers_is_told(monkeypatch, tmp_path):
    """It would wait for ever."""
    monkeypatch.setattr(dask, "_WORKERS_SECONDS", 0.3)
    with cluster(tmp_path, ENV, nodes=0) as empty, pytest.raises(UsageError, match="has no workers"):
        connect(empty.address)


def test_scheduler_that_goes_is_told(monkeypatch, tmp_path):
    """After some patience: a network may have a gap."""
    monkeypatch.setattr(dask, "_GONE_SECONDS", 0.3)
    with cluster(tmp_path, ENV, nodes=1) as short, connect(short.address) as engine:
        short.scheduler.kill()
        with pytest.raises(EngineError, match="does not answer any more"):
            engine.tend(os.path.basename, "/a/b", until=lambda: False)


def test_loopback_that_a_worker_does_not_reach_is_a_problem():
    """A sandbox runs beside its driver, not on another machine."""
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
        assert () == look(Probe(address=address)).problems

    ((fault, remedy),) = look(Probe(address=address)).problems
    assert f"it does not reach {address}, which is this machine" == fault
    assert "on the machine of the command" in remedy
