"""Disks that fill up or break in mid-run: nothing is doubled, and no known answer becomes doubt."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.command import Finished, environment, etl
from support.history import rows, write_csv, write_job
from support.leaks import leaks
from support.ledger import states
from support.recorder import TOKEN, Reply, platform

ENV = environment(ETL_TOKEN=TOKEN)
# Coverage's own data meets the same disk.
UNCOVERED = {name: value for name, value in ENV.items() if not name.startswith("COVERAGE_")}
USERS, MESSAGES = 8, 8


@pytest.fixture
def server():
    """Return a platform with a latency, so that several messages are in flight."""
    with platform() as running:
        running.answer = lambda _arrival, _number: Reply(delay_seconds=0.02)
        yield running


@pytest.fixture
def folder(tmp_path, server) -> Path:
    """Return a folder whose first user is sent already, so that the ledger is there."""
    write_csv(tmp_path / "history.csv", rows(users=USERS, messages=MESSAGES))
    write_job(tmp_path, server.base_url, rate_per_second=1_000)
    assert 0 == etl("import", "job.toml", "--limit-lanes", "1", cwd=tmp_path, env=ENV).code
    return Path(tmp_path)


def import_with(folder: Path, fault: str) -> Finished:
    """Run an import whose system calls fail as told; each thread counts its own."""
    call = fault.partition(":")[0]
    words = ["strace", "-f", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={fault}"]
    done = subprocess.run(
        [*words, sys.executable, "-m", "etl", "import", "job.toml"],
        cwd=folder,
        env=UNCOVERED,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    return Finished(code=done.returncode, out=done.stdout, err=done.stderr)


@pytest.mark.skipif(shutil.which("strace") is None, reason="the faults are injected with strace")
@pytest.mark.parametrize(
    ("fault", "kept_aside"),
    [
        pytest.param("pwrite64:error=ENOSPC:when=80", False, id="full until the ballast is freed"),
        pytest.param("pwrite64:error=ENOSPC:when=80+", True, id="full for good"),
        pytest.param("fdatasync:error=EIO:when=12+", True, id="broken"),
    ],
)
def test_disk_that_fails_in_mid_run_costs_no_answer(folder, server, fault, kept_aside):
    """Sending stops, what is in flight is still recorded somewhere, and the same command goes on."""
    failed = import_with(folder, fault)
    sent = len(server.arrivals)
    aside = list(folder.rglob("outcomes-*.jsonl"))
    ballast = list(folder.rglob("ballast"))

    resumed = etl("import", "job.toml", cwd=folder, env=ENV)

    assert 5 == failed.code, failed.err
    assert "Traceback" not in failed.err
    assert MESSAGES < sent < USERS * MESSAGES
    assert kept_aside == bool(aside)
    assert ("EIO" in fault) == bool(ballast)
    assert 0 == resumed.code, resumed.err
    assert USERS * MESSAGES == len(server.arrivals) == len(set(server.ids()))
    assert {"accepted"} == set(states(folder).values())
    assert [] == list(folder.rglob("outcomes-*.jsonl"))
    assert [] == leaks(folder, [failed.err, resumed.err], ["secret text", TOKEN])
