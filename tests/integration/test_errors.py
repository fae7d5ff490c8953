"""What goes wrong before anything is sent: one clear line, the right exit code, nothing half-done."""

import gzip
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.command import Finished, environment, etl
from support.history import rows, write_csv, write_job
from support.recorder import TOKEN

ENV = environment(ETL_TOKEN=TOKEN)


@pytest.fixture
def folder(tmp_path, server):
    """Return a folder with a sound history and job."""
    write_csv(tmp_path / "history.csv", rows(users=2, messages=2))
    write_job(tmp_path, server.base_url)
    return tmp_path


def edit(folder: Path, old: str, new: str) -> None:
    """Change the job file."""
    job = folder / "job.toml"
    text = job.read_text(encoding="utf-8")
    assert old in text
    job.write_text(text.replace(old, new, 1), encoding="utf-8")


def assert_refused(result: Finished, code: int, *words: str) -> None:
    """Check a refusal: the code, the words a person needs, no traceback."""
    assert code == result.code, result.err
    assert "Traceback" not in result.err
    for word in words:
        assert word in result.err
    assert len(result.err.splitlines()) <= 2 + result.err.count("\n  ")


def assert_nothing_done(folder: Path, server) -> None:
    """Check that no request left and no ledger or plan stayed."""
    assert [] == server.arrivals
    assert not list(folder.rglob("messages.parquet"))
    assert not list(folder.rglob(".building-*"))


def shell(folder: Path, line: str) -> subprocess.CompletedProcess[str]:
    """Run a line of shell in which "$0" is Python."""
    return subprocess.run(
        ["/bin/bash", "-c", line, sys.executable],
        cwd=folder,
        env=ENV,
        capture_output=True,
        text=True,
        check=False,
    )


def test_missing_job_file_is_named(folder, server):
    """Exit code 2."""
    assert_refused(etl("import", "nowhere.toml", cwd=folder, env=ENV), 2, "no such job file: nowhere.toml")
    assert_nothing_done(folder, server)


def test_job_file_problems_come_all_at_once_with_the_nearest_key(folder, server):
    """Nobody wants to find ten typos in ten runs."""
    edit(folder, "rate_per_second", "rate_per_secnd")
    edit(folder, 'text = "text"', "")
    edit(folder, "[roles]", "[rolls]")

    result = etl("import", "job.toml", cwd=folder, env=ENV)

    assert_refused(
        result,
        2,
        "3 problems",
        "did you mean rate_per_second?",
        "columns.text: is needed",
        "did you mean roles?",
    )
    assert_nothing_done(folder, server)


def test_job_file_that_is_no_toml_says_where(folder, server):
    """The parser's line and column come through."""
    edit(folder, 'source = "test"', 'source = "test')
    assert_refused(etl("import", "job.toml", cwd=folder, env=ENV), 2, "job.toml", "line 2")
    assert_nothing_done(folder, server)


def test_missing_input_file_is_named(folder, server):
    """Exit code 4."""
    (folder / "history.csv").unlink()
    assert_refused(etl("import", "job.toml", cwd=folder, env=ENV), 4, "history.csv")
    assert_nothing_done(folder, server)


def test_missing_column_lists_what_is_there(folder, server):
    """The near match is usually the right one."""
    edit(folder, 'timestamp = "at"', 'timestamp = "att"')
    assert_refused(etl("import", "job.toml", cwd=folder, env=ENV), 4, "history.csv", "att", "'at', 'text'")
    assert_nothing_done(folder, server)


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf"])
def test_empty_file_is_an_error(folder, server, content):
    """An export of nothing is a failed export."""
    (folder / "history.csv").write_bytes(content)
    assert_refused(etl("import", "job.toml", cwd=folder, env=ENV), 4, "history.csv", "empty")
    assert_nothing_done(folder, server)


def test_file_that_breaks_off_is_planned_not_at_all(folder, server):
    """Nothing of a file that can't be trusted as a whole is sent, nor of the files beside it."""
    gz = folder / "broken.csv.gz"
    write_csv(folder / "plain.csv", rows(users=50, messages=50, start=10))
    shutil.copy(folder / "plain.csv", gz)
    gz.write_bytes(gzip.compress(gz.read_bytes())[:-40])

    result = etl("import", "job.toml", "history.csv", "broken.csv.gz", cwd=folder, env=ENV)

    assert_refused(result, 4, "broken.csv.gz")
    assert_nothing_done(folder, server)


def test_nothing_but_rejects_sends_nothing_and_says_why(folder, server):
    """A wrong time format is no reason for a million requests, nor for exit code 0."""
    edit(folder, "[replay]", '[time]\nformat = "epoch_s"\n[replay]')
    result = etl("import", "job.toml", cwd=folder, env=ENV)
    assert_refused(result, 4, "4 of 4 rows were rejected", "bad_timestamp", "rejects.csv")
    assert [] == server.arrivals


def test_reject_share_above_the_limit_sends_nothing(folder, server):
    """`validate.max_reject_share` is the gate for cron."""
    nobody = ("x", "", "agent", "2024-03-01T09:00:00Z", "t")
    write_csv(folder / "history.csv", [*rows(users=2, messages=2), nobody])
    edit(folder, "[replay]", "[validate]\nmax_reject_share = 0.1\n[replay]")
    assert_refused(etl("import", "job.toml", cwd=folder, env=ENV), 4, "1 of 5 rows", "missing_user")
    assert [] == server.arrivals


def test_missing_token_is_said_before_anything_is_read(folder, server):
    """And the hint says where to get one."""
    result = etl("import", "job.toml", cwd=folder, env=environment())
    assert_refused(result, 2, "no API token", "ETL_TOKEN", "--sandbox")
    assert_nothing_done(folder, server)


def test_token_file_that_others_can_read_is_refused(folder, server):
    """A token that anybody can read is no token."""
    token = folder / "token"
    token.write_text(TOKEN, encoding="utf-8")
    token.chmod(0o644)
    edit(folder, "[input]", 'token_file = "token"\n[input]')

    refused = etl("import", "job.toml", cwd=folder, env=environment())
    token.chmod(0o600)
    accepted = etl("import", "job.toml", cwd=folder, env=environment())

    assert_refused(refused, 2, "can be read by others", "chmod 600")
    assert 0 == accepted.code, accepted.err
    assert f"bearer {TOKEN}" == server.arrivals[0].headers["authorization"]


def test_token_comes_from_the_keyring(folder, server):
    """The null backend answers that there is none: the real library is asked."""
    edit(folder, "[input]", 'token_keyring = "certainly"\n[input]')
    env = environment(PYTHON_KEYRING_BACKEND="keyring.backends.null.Keyring")
    assert_refused(etl("import", "job.toml", cwd=folder, env=env), 2, "keyring service 'certainly'")
    assert_nothing_done(folder, server)


def test_plain_http_to_another_machine_is_refused(folder, server):
    """The token would travel in the clear."""
    edit(folder, server.base_url, "http://example.com")
    assert_refused(etl("import", "job.toml", cwd=folder, env=ENV), 2, "https")


def test_ledger_of_another_program_is_refused(folder, server):
    """Nothing is sent when what was sent can't be known."""
    etl("import", "job.toml", cwd=folder, env=ENV)
    sent = len(server.arrivals)
    (ledger,) = folder.rglob("ledger.sqlite")
    for extra in folder.rglob("ledger.sqlite-*"):
        extra.unlink()
    ledger.write_bytes(b"no database, and more than sixteen bytes of it")

    result = etl("import", "job.toml", cwd=folder, env=ENV)

    assert_refused(result, 5, "ledger.sqlite")
    assert sent == len(server.arrivals)


def test_status_and_export_before_the_first_import_say_so(folder, server):
    """There is no ledger yet, and asking makes none."""
    assert_refused(etl("status", "job.toml", cwd=folder, env=ENV), 2, "nothing was imported")
    assert_refused(etl("ledger", "export", "job.toml", cwd=folder, env=ENV), 2, "nothing was imported")
    assert not list(folder.rglob("ledger.sqlite"))
    assert_nothing_done(folder, server)


def test_full_stdout_is_one_line(folder):
    """A full disk behind `>` must not look like success, nor like a traceback."""
    etl("import", "job.toml", cwd=folder, env=ENV)

    result = shell(folder, '"$0" -m etl ledger export job.toml > /dev/full')

    assert 2 == result.returncode
    assert 1 == len(result.stderr.splitlines()), result.stderr
    assert "No space left" in result.stderr


def test_reader_that_goes_away_is_no_error(folder):
    """As in `etl ledger export JOB | head -1`."""
    etl("import", "job.toml", cwd=folder, env=ENV)

    result = shell(folder, '"$0" -m etl ledger export job.toml | head -c 1; exit ${PIPESTATUS[0]}')

    assert (0, "") == (result.returncode, result.stderr)


def test_error_in_json_mode_is_json_too(folder):
    """A program that reads stdout gets an object, whatever happened."""
    result = etl("check", "nowhere.toml", "--json", cwd=folder, env=ENV)
    assert 2 == result.code == result.data["exit_code"]
    assert "nowhere.toml" in result.data["error"]["message"]


def to_nobody(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command whose stdout nobody reads; it is written at once, as in most containers."""
    read, write = os.pipe()
    os.close(read)
    try:
        return subprocess.run(
            [sys.executable, "-m", "etl", *words], cwd=folder, env={**ENV, "PYTHONUNBUFFERED": "1"},
            stdout=write, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    finally:
        os.close(write)


def test_result_that_nobody_reads_leaves_the_exit_code_alone(folder):
    """A run that is not complete must not look done because the reader of its result has died."""
    with (folder / "history.csv").open("a", encoding="utf-8") as history:
        history.write("a row,of too few fields\n")

    result = to_nobody(folder, "import", "job.toml", "--json")

    assert 3 == result.returncode
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(("redirected", "code"), [("> /dev/full", 2), (">&-", 0), ("2>&-", 0)])
def test_complete_import_is_complete_whoever_listens(folder, redirected, code):
    """Only a result that somebody wanted and did not get is an error."""
    result = shell(folder, f'"$0" -m etl import job.toml --json {redirected}')

    assert code == result.returncode, result.stderr
    assert "Traceback" not in result.stderr
    assert "complete" in etl("status", "job.toml", cwd=folder, env=ENV).err


@pytest.mark.parametrize("words", [("check", "nowhere.toml", "--json"), ("nonsense",)])
@pytest.mark.parametrize("redirected", ["> /dev/full", ">&-", "2> /dev/full", "2>&-"])
def test_error_that_cannot_be_told_keeps_its_code(folder, words, redirected):
    """No traceback, which could quote a message, and no other code: supervisors decide by it."""
    result = shell(folder, f'"$0" -m etl {" ".join(words)} {redirected}')

    assert 2 == result.returncode
    assert "Traceback" not in result.stdout + result.stderr
