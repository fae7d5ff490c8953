"""`etl import --cluster`: its ends, limits and refusals, with workers that are threads of the command."""

import json
from itertools import pairwise
from pathlib import Path

import pytest

from support.clustered import ENV
from support.command import Finished, etl
from support.history import rows, write_csv, write_job
from support.postgres import server as postgres
from support.recorder import Platform, Reply, platform
from support.scene import SECOND, disordered

USERS, MESSAGES, RATE = 6, 4, 40
ALL = USERS * MESSAGES


@pytest.fixture
def server():
    """Return a platform that takes everything."""
    with platform() as running:
        running.answer = lambda _arrival, _number: Reply(delay_seconds=0.03)
        yield running


@pytest.fixture
def folder(tmp_path: Path, server: Platform) -> Path:
    """Return a folder with 24 messages of 6 users and a job for them."""
    write_csv(tmp_path / "history.csv", rows(users=USERS, messages=MESSAGES))
    job = write_job(tmp_path, server.base_url, rate_per_second=RATE, lanes=2, lease_seconds=2)
    job.write_text(f'ledger = "{postgres()}"\n{job.read_text()}')
    return tmp_path


def run(folder: Path, *words: str, command: str = "import") -> Finished:
    """Run the command by two workers."""
    return etl(command, "job.toml", "--json", "--cluster", "local", *words, cwd=folder, env=ENV)


def check(server: Platform) -> None:
    """Everything is there once and in order, at the one rate."""
    assert ALL == len(server.ids()) == len(set(server.ids()))
    assert [] == disordered(server.taken)
    assert 0 == server.overlaps
    assert RATE >= server.most_within(SECOND)


def test_import_by_two_workers_is_complete_and_its_shards_are_shown(folder, server):
    """The same result, report and ledger as of one process; run again, it sends nothing."""
    ran = run(folder)
    again = run(folder)
    status = etl("status", "job.toml", "--json", cwd=folder, env=ENV)

    assert (0, 0) == (ran.code, again.code), ran.err
    assert {"accepted": ALL} == ran.data["sent"]
    assert {} == again.data["sent"]
    assert {"done": USERS, "waiting": 0, "expired": 0, "owners": {}} == status.data["shards"]
    assert 0 == status.data["states"]["pending"]
    assert ALL == json.loads(Path(folder, ran.data["report"]).read_text())["states"]["accepted"]
    check(server)


def test_plan_and_replay_apart_do_the_same(folder, server):
    """The second half by many workers, of a plan that one process made."""
    planned = etl("plan", "job.toml", cwd=folder, env=ENV)
    ran = run(folder, command="replay")

    assert (0, 0) == (planned.code, ran.code), ran.err
    check(server)


def test_one_process_goes_on_where_workers_ended(folder, server):
    """And the other way round: the ledger knows no difference."""
    first = run(folder, "--max-messages", "7")
    second = etl("import", "job.toml", "--json", "--max-messages", "5", cwd=folder, env=ENV)
    third = run(folder)

    assert (3, "max_messages", {"accepted": 7}) == (
        first.code,
        first.data["stop"]["kind"],
        first.data["sent"],
    )
    assert {"accepted": 5} == second.data["sent"]
    assert 0 == third.code, third.err
    check(server)


def test_canary_is_sent_by_the_driver_alone(folder, server):
    """As a trial of some users is; nobody at a terminal says yes to the rest."""
    ran = run(folder, "--canary")

    assert (3, "canary") == (ran.code, ran.data["stop"]["kind"])
    assert ["user-000"] == list(server.by_user())


def test_429_holds_all_workers_and_is_learned_by_all(folder, server):
    """In full, and at half the pace afterwards."""
    server.answer = lambda _arrival, number: (
        Reply(status=429, headers={"Retry-After": "2"}, taken=False)
        if number == 8
        else Reply(delay_seconds=0.03)
    )
    ran = run(folder)
    times = [arrival.at for arrival in server.arrivals]

    assert 0 == ran.code, ran.err
    # Requests that had left before the answer was in are no breach.
    assert max(after - before for before, after in pairwise(times[7:])) >= 1.8
    assert pytest.approx(RATE / 2, rel=0.01) == ran.data["pace"]["learned_per_second"]
    assert "the API asks everybody to wait" in ran.err
    assert [] == disordered(server.taken)
    assert ALL == len(server.taken)


def test_refused_token_stops_all_workers(folder, server):
    """One request each is enough."""
    server.answer = lambda _arrival, number: Reply(status=401, taken=False) if number > 5 else Reply()
    ran = run(folder)

    assert (6, "refused") == (ran.code, ran.data["stop"]["kind"])
    assert len(server.arrivals) <= 5 + 4
    assert ALL - 5 == ran.data["states"]["pending"]


def test_too_many_errors_end_the_run(folder, server):
    """Counted over all workers by the driver."""
    server.answer = lambda _arrival, number: Reply(status=422) if number > 4 else Reply()
    ran = run(folder, "--max-errors", "2")

    assert (3, "max_errors") == (ran.code, ran.data["stop"]["kind"])
    assert ran.data["sent"]["rejected"] < ALL - 4


def test_duration_ends_the_run(folder, server):
    """Also where its driver has gone meanwhile: each worker knows the end."""
    ran = run(folder, "--max-duration", "4s", "--rate", "2")

    assert (3, "max_duration") == (ran.code, ran.data["stop"]["kind"])
    assert len(server.arrivals) < ALL


def test_rehearsal_by_a_cluster_needs_no_account(folder, server):
    """The sandbox runs in the driver; its token is the only one that travels."""
    ran = run(folder, "--sandbox")

    assert 0 == ran.code, ran.err
    assert [] == server.arrivals
    assert {"accepted": ALL} == ran.data["sent"]
