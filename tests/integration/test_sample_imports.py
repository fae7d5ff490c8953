"""The samples through the embedded sandbox: what the README's first command does, checked in its store."""

import json
import re
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from etl.model.rejects import RejectCode
from support.command import Finished, environment, etl
from support.readme import README

ROOT = README.parent


@pytest.fixture
def project(tmp_path):
    """Return a copy of the jobs and samples, so that state stays out of the checkout."""
    for name in ("configs", "sample_data"):
        shutil.copytree(ROOT / name, tmp_path / name)
    return tmp_path


def run(project: Path, job: str, *arguments: str, command: str = "import") -> Finished:
    """Run a command on a sample job against the embedded sandbox, with no token anywhere."""
    path = f"configs/{job}.toml"
    return etl(command, path, "--sandbox", "--json", *arguments, cwd=project, env=environment())


def received(project: Path) -> list[tuple[str, str, int, str]]:
    """Return what the sandbox stored, in order of arrival: id, user, timestamp, text."""
    (store,) = project.glob("etl-state/*/sandbox.sqlite")
    with sqlite3.connect(store) as connection:
        columns = "id, user_id, timestamp, text"
        rows = connection.execute(f"SELECT {columns} FROM message ORDER BY seq").fetchall()  # noqa: S608
    connection.close()
    return rows


def planned(project: Path, result: Finished) -> list[tuple[str, str, int, str]]:
    """Return what the plan holds, in order, as it must arrive."""
    (folder,) = project.glob(f"etl-state/*/plans/{result.data['plan']['hash'][:12]}")
    return [
        (
            row["key"].hex(),
            row["lane"],
            row["at_us"] // 1_000_000,
            {"agent": "Agent: ", "bot": "Bot: "}.get(row["role"], "") + row["text"],
        )
        for row in pq.read_table(folder / "messages.parquet").to_pylist()
    ]


@pytest.mark.parametrize(
    ("job", "messages"),
    [("zendesk", 296), ("intercom", 87), ("chat-events", 5), ("live-chats", 8)],
)
def test_sample_arrives_exactly_as_planned(project, job, messages):
    """The sandbox's own store holds the planned messages, each user's in order, with original times."""
    result = run(project, job, "--rate", "500")

    assert (3 if result.data["plan"]["rejects_by_code"] else 0) == result.code, result.err
    arrived, plan = received(project), planned(project, result)
    assert messages == len(plan)
    assert sorted(plan) == sorted(arrived)
    for user in {row[1] for row in plan}:
        assert [row for row in plan if row[1] == user] == [row for row in arrived if row[1] == user]


def test_sample_imported_again_sends_nothing(project):
    """The second run finds everything in the ledger."""
    run(project, "zendesk", "--rate", "500")
    before = received(project)

    again = run(project, "zendesk")

    assert 0 == again.code
    assert {} == again.data["sent"]
    assert before == received(project)


def test_parquet_sample_plans_to_the_same_hash_and_sends_nothing_after_the_csv(project):
    """The same history in another form is the same plan."""
    csv = run(project, "zendesk", command="check").data["plan"]
    parquet = run(project, "zendesk-parquet", command="check").data["plan"]
    run(project, "zendesk", "--rate", "500")

    after = run(project, "zendesk-parquet")

    assert csv["hash"] == parquet["hash"]
    assert csv["conservation"] == parquet["conservation"]
    assert 0 == after.code, after.err
    assert 296 == after.data["plan"]["conservation"]["known"]
    assert 296 == len(received(project))


def test_dirty_sample_shows_every_reject_code(project):
    """After the sample, so that `late` shows; every code has a row that people can look at."""
    run(project, "zendesk", "--rate", "500")

    jobs = ("dirty", "dirty-no-zone", "chat-events", "live-chats")
    checks = [run(project, job, command="check") for job in jobs]

    assert {3} == {check.code for check in checks}
    codes = {code for check in checks for code in check.data["plan"]["rejects_by_code"]}
    assert {code.value for code in RejectCode} == codes


def test_dirty_sample_balances_and_its_sound_rows_arrive(project):
    """Rejects never stop the sound rows; the exit code says that there were some."""
    result = run(project, "dirty", "--rate", "500")

    counts = result.data["plan"]["conservation"]
    assert 3 == result.code
    assert counts["rows"] == sum(
        counts[name] for name in ("planned", "duplicates", "known", "skipped", "rejects")
    )
    assert counts["planned"] == len(received(project)) == result.data["sent"]["accepted"]


def test_rejects_file_names_line_and_code_and_no_text(project):
    """What people fix their export with."""
    result = run(project, "dirty", command="check")

    rejects = (project / result.data["rejects_file"]).read_text(encoding="utf-8")
    lines = rejects.splitlines()
    assert '"file","line","code","column","detail"' == lines[0]
    assert result.data["plan"]["conservation"]["rejects"] == len(lines) - 1
    assert 0o600 == (project / result.data["rejects_file"]).stat().st_mode & 0o777


def test_human_summary_ends_with_ledger_report_and_verdict(project):
    """What a new user sees after the README's first command."""
    result = etl(
        "import",
        "configs/zendesk.toml",
        "--sandbox",
        "--rate",
        "500",
        cwd=project,
        env=environment(),
    )

    assert 0 == result.code
    for words in ("plan now accepted 296", "ledger   etl-state/", "report   etl-state/", "result   complete"):
        assert words in result.err
    (report,) = project.glob("etl-state/*/reports/*.json")
    assert 296 == json.loads(report.read_text(encoding="utf-8"))["states"]["accepted"]


def test_readme_blocks_run_as_they_stand(project):
    """The first two install; the others are typed after them, with the environment's commands at hand."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", README.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    env = environment(PATH=f"{Path(sys.executable).parent}:/usr/bin:/bin")
    for block in blocks[2:]:
        done = subprocess.run(
            ["/bin/bash", "-euo", "pipefail", "-c", block],
            cwd=project,
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert 0 == done.returncode, done.stderr
    assert len(blocks) > 2


def test_state_folder_is_private(project):
    """It holds customers' texts."""
    run(project, "zendesk", "--rate", "500")

    for path in (project / "etl-state").rglob("*"):
        assert 0 == path.stat().st_mode & 0o077, path
