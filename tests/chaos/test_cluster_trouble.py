"""Clocks, disks and people around an import by a cluster: all but deaths and answers."""

import errno
import json
import signal

import pytest

from support import s3
from support.cluster import pause, wait_for
from support.command import finish, start
from support.fleet import RATE, FleetScene
from support.history import write_job
from support.postgres import keep_in, own_server
from support.scene import ENV, FULLY
from support.shim import Fault, Kind, Mode

DAY_SECONDS = 86_400


@pytest.mark.parametrize("jump_seconds", [pytest.param(DAY_SECONDS, marks=FULLY), -DAY_SECONDS])
def test_clock_of_a_worker_that_is_set_changes_neither_pace_nor_order(tmp_path, crew, jump_seconds):
    """Slots and leases go by the database's clock, and by the worker's that nobody can set."""
    with crew.scene(tmp_path / "scene") as place:
        jump = Fault(mode=Mode.JUMP, at=9, kinds=Kind.SEND, peers=place.peers(), jump_seconds=jump_seconds)
        crew.berths[0].man(jump)
        ran = place.send()
        assert 0 == ran.code, ran.err
        place.check_whole()
        first, last = place.server.arrivals[0].at, place.server.arrivals[-1].at
        assert len(place.server.arrivals) / RATE - 0.1 <= last - first <= 15


def test_second_run_by_the_cluster_leaves_at_once_and_the_first_goes_on(tmp_path, crew):
    """One ledger has one driver: the same workers send for nobody else meanwhile."""
    with crew.scene(tmp_path / "scene", users=12, rate_per_second=10) as place:
        owner = start(
            ["import", "job.toml", "--json", "--cluster", crew.home.address], cwd=place.folder, env=ENV
        )
        wait_for(lambda: len(place.server.arrivals) >= 4, seconds=60)
        # Beside the first: `send` would wait until that has no request open.
        words = ["import", "job.toml", "--cluster", crew.home.address]
        second = place.zygote.run(words, folder=place.folder, env=ENV)
        sent = len(place.server.arrivals)
        ended = finish(owner)
        place.keep(second)
        place.keep(ended)

        assert 75 == second.code, second.err
        assert f"pid {owner.pid} " in second.err
        assert 0 == ended.code, ended.err
        assert sent < len(place.server.arrivals)
        place.check_whole()


def in_a_bucket(place: FleetScene, bucket: s3.Bucket) -> None:
    """Let the state of a scene be in an object store."""
    settings = {"rate_per_second": place.rate, "lanes": 3, "lease_seconds": 2}
    job = write_job(place.folder, place.server.base_url, **settings)
    keep_in(place.ledger, place.folder)
    history = place.folder / "history.csv"
    bucket.put("in/history.csv", history.read_bytes())
    text = job.read_text(encoding="utf-8").replace("history.csv", bucket.uri("in"))
    job.write_text(f'state = "{bucket.uri("team")}"\n{text}', encoding="utf-8")


@pytest.mark.parametrize("planned", [True, pytest.param(False, marks=FULLY)])
def test_full_disk_of_a_worker_is_no_defect_and_loses_nothing(tmp_path, crew, planned):
    """Where it can't read the plan others do its work; where it can't plan, nothing is sent."""
    with s3.store() as store, crew.scene(tmp_path / "scene") as place:
        in_a_bucket(place, store.bucket())
        if planned:
            assert 0 == place.run("plan", "job.toml").code
        full = Fault(
            mode=Mode.FAIL,
            within=f"/{crew.berths[0].cache.name}/",
            kinds=Kind.WRITE | Kind.SIZE,
            error=errno.ENOSPC,
            at=1,
            ever=True,
        )
        crew.berths[0].man(full)
        ran = place.send()
        hit = crew.berths[0].clear()
        assert hit is not None
        assert hit.points
        place.check_sound()
        if planned:
            assert 0 == ran.code, ran.err
        elif ran.code:
            assert ran.code in {2, 4}, ran.err
            assert [] == place.has()
            assert 0 == place.send().code
        place.check_whole()


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=FULLY)])
def test_second_signal_leaves_although_the_database_is_away(tmp_path, crew, number):
    """A person can't be kept waiting; the exit code is the signal's, and the same command goes on."""
    with own_server() as database, crew.scene(tmp_path / "scene", users=30, ledger=database.url) as place:
        words = ["import", "job.toml", "--json", "--cluster", crew.home.address]
        driver = start(words, cwd=place.folder, env=ENV)
        wait_for(lambda: len(place.server.arrivals) >= 10, seconds=60)
        database.fall()
        try:
            for _ in range(2):
                driver.send_signal(number)
                pause(0.7)  # two signals at once would be one
            left = finish(driver, timeout_seconds=30)
        finally:
            database.rise()
        place.keep(left)

        assert 128 + number == left.code, left.err
        assert "left at once" in json.loads(left.out)["error"]["message"]
        ran = place.send()
        assert ran.code in {0, 3}, ran.err
        if ran.code:
            place.settle()
            assert 0 == place.send().code
        place.check_whole()
