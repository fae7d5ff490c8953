"""Workers, nodes, scheduler, driver and database go, or sleep, in the middle of an import by a cluster."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.cluster import Cluster, cluster, pause, wait_for
from support.clustered import ALL, ENV, LANES, LEASE_SECONDS, ClusterScene, cluster_scene
from support.postgres import own_server
from support.postgres import server as postgres
from support.recorder import Reply
from support.scene import FULLY

WORKERS = 2
FAULT_AT = ALL // 3


@pytest.fixture(scope="module")
def workers(tmp_path_factory) -> Iterator[Cluster]:
    """Return a cluster that outlives its workers."""
    with cluster(tmp_path_factory.mktemp("cluster"), ENV, nodes=WORKERS) as running:
        yield running


@pytest.fixture
def scene(tmp_path: Path, workers: Cluster) -> Iterator[ClusterScene]:
    """Return a scene on it."""
    with cluster_scene(tmp_path / "scene", workers, postgres()) as place:
        yield place


@FULLY
def test_undisturbed_import_by_a_cluster_is_complete(scene):
    """Every message once, in order, at the one rate, by both workers."""
    ran = scene.run()

    assert 0 == ran.code, ran.err
    assert {"accepted": ALL} == ran.data["sent"]
    scene.check_whole()


def test_killed_worker_is_replaced(scene):
    """Its shards are taken over after one lease, and what it had in flight is uncertain."""
    driver = scene.start()
    scene.when_arrived(FAULT_AT)
    scene.cluster.nodes[0].kill_worker()
    ran = scene.end(driver)

    assert ran.code in {0, 3}, ran.err
    assert LANES >= scene.finish(ran)
    scene.check_whole()


@FULLY
def test_lost_node_is_done_without(scene):
    """The nanny is gone, too: the other worker does the rest."""
    driver = scene.start()
    scene.when_arrived(FAULT_AT)
    scene.cluster.nodes.pop(0).kill()
    ran = scene.end(driver)
    scene.cluster.add()

    assert ran.code in {0, 3}, ran.err
    assert LANES >= scene.finish(ran)
    scene.check_whole()


def test_killed_driver_is_followed_by_the_next_one(scene):
    """Its workers are told to stop, and waited for: nothing of theirs is called uncertain that is not."""
    scene.server.answer = lambda _arrival, _number: Reply(delay_seconds=0.5)
    driver = scene.start()
    scene.when_arrived(FAULT_AT)
    driver.kill()
    driver.communicate()
    ran = scene.run()

    assert "workers of an earlier run still send" in ran.err
    assert 0 == ran.code, ran.err
    assert ALL == len(scene.server.taken)
    scene.check_whole()


def test_worker_that_sleeps_beyond_its_lease_wakes_up_harmless(scene):
    """Its shards have other owners then: it sends nothing more of them."""
    driver = scene.start()
    scene.when_arrived(FAULT_AT)
    sleeper = scene.cluster.nodes[0].worker()
    os.kill(sleeper, signal.SIGSTOP)
    arrived = len(scene.server.arrivals)
    wait_for(lambda: len(scene.server.arrivals) >= arrived + 10, seconds=20)
    pause(2.5 * LEASE_SECONDS)
    os.kill(sleeper, signal.SIGCONT)
    ran = scene.end(driver)

    assert ran.code in {0, 3}, ran.err
    assert LANES >= scene.finish(ran)
    scene.check_whole()


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), pytest.param(signal.SIGTERM, 143, marks=FULLY)]
)
def test_first_signal_drains_all_workers(scene, number, code):
    """What is in flight is finished everywhere, nothing is in doubt, and the same command goes on."""
    driver = scene.start()
    scene.when_arrived(FAULT_AT)
    driver.send_signal(number)
    stopped = scene.end(driver)
    sent = len(scene.server.arrivals)

    assert code == stopped.code, stopped.err
    assert {"accepted": sent} == stopped.data["sent"]
    assert 0 == scene.finish(stopped)
    assert ALL > sent
    scene.check_whole()


@FULLY
def test_lost_scheduler_ends_the_run_in_good_order(tmp_path):
    """The driver gives up with "later" once nobody sends; with a new cluster the same command goes on."""
    with (
        cluster(tmp_path / "first", ENV) as first,
        cluster_scene(tmp_path / "scene", first, postgres()) as scene,
    ):
        scene.server.answer = lambda _arrival, _number: Reply(delay_seconds=0.5)
        driver = scene.start()
        scene.when_arrived(10)
        first.scheduler.kill()
        ended = scene.end(driver)
        assert 75 == ended.code, ended.err
        assert "cluster_lost" == ended.data["stop"]["kind"]
        scene.check_sound()
        scene.server.answer = lambda _arrival, _number: Reply()
        with cluster(tmp_path / "second", ENV) as second:
            scene.cluster = second
            assert WORKERS * LANES >= scene.finish(ended)
            scene.check_whole()


def test_database_that_falls_costs_a_moment(tmp_path, workers):
    """Workers and driver wait for it; every commit is applied once, and nothing is in doubt."""
    with own_server() as database, cluster_scene(tmp_path / "scene", workers, database.url) as scene:
        driver = scene.start()
        scene.when_arrived(FAULT_AT)
        database.fall()
        database.rise()
        ran = scene.end(driver)

        assert 0 == ran.code, ran.err
        assert {"accepted": ALL} == ran.data["sent"]
        scene.check_whole()
