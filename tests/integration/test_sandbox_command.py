"""`etl sandbox` as a process, and the commands that speak to it."""

import csv
import io
import json
import re
import signal
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pyarrow.parquet as pq
import pytest

from support.command import environment, etl, finish, start
from support.history import rows, write_csv, write_job
from support.sandbox import sound

OURS = "00000000-0000-4000-8000-000000000000"


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A sandbox in a process of its own, and what it told."""

    process: subprocess.Popen[str]
    told: str
    port: str

    def found(self, pattern: str) -> str:
        """Return the first group of a pattern in what it told."""
        words = re.search(pattern, self.told)
        assert words is not None, self.told
        return words[1]


@pytest.fixture
def server(tmp_path) -> Iterator[Server]:
    """Return a running one, in the folder of the test."""
    arguments = ("sandbox", "--port", "0", "--profile", "silent", "--fault", "html=at:2", "--quota", "900/s")
    process = start(arguments, cwd=tmp_path)
    assert process.stderr is not None
    lines = []
    for line in process.stderr:
        lines.append(line)
        if "ETL_USER_TOKEN" in line:
            break
    told = "".join(lines)
    try:
        yield Server(process=process, told=told, port=told.split("127.0.0.1:")[1].split()[0])
    finally:
        process.send_signal(signal.SIGTERM)
        assert 0 == finish(process).code


def post(server: Server, token: str) -> httpx.Response:
    """Post a sound message to it."""
    url = f"http://127.0.0.1:{server.port}/webbot/api/webchat/bot/{OURS}/messages/"
    headers = {"Authorization": f"bearer {token}"}
    return httpx.post(url, json=sound(), headers=headers, trust_env=False)


def test_sandbox_tells_how_it_behaves_and_can_be_switched(tmp_path, server):
    """In the words in which it was asked; from another terminal in the same folder, without a token."""
    token = server.found(r"ETL_TOKEN=(\S+)")
    assert "silent, html=at:2, quota 900/s" == server.found(r"behaves +(.*)")
    assert [] == post(server, token).json()["message"]
    assert post(server, token).text.startswith("<!DOCTYPE")

    switched = etl("sandbox", "switch", "--port", server.port, "--profile", "null-message", cwd=tmp_path)
    assert (0, "behaves  null-message, from the next message on\n") == (switched.code, switched.err)
    assert post(server, token).json()["message"] is None

    renewed = etl("sandbox", "new-token", "--port", server.port, cwd=tmp_path)
    assert [401, 200] == [post(server, word).status_code for word in (token, renewed.out.strip())]
    assert token not in renewed.out + renewed.err
    assert 0o600 == stat.S_IMODE((tmp_path / "etl-sandbox.sqlite").stat().st_mode)


def test_export_gives_every_message_in_three_formats(tmp_path, server):
    """Beside the running server; a cell that a spreadsheet would run is made harmless in CSV only."""
    url = f"http://127.0.0.1:{server.port}/webbot/api/webchat/bot/{OURS}/messages/"
    headers = {"Authorization": f"bearer {server.found(r'ETL_TOKEN=(.+)')}"}
    body = sound(actions=[{"type": "standby", "text": "=1+1"}])
    assert 200 == httpx.post(url, json=body, headers=headers, trust_env=False).status_code

    as_csv = etl("sandbox", "export", cwd=tmp_path)
    assert ["'=1+1"] == [row["text"] for row in csv.DictReader(io.StringIO(as_csv.out))]
    lines = etl("sandbox", "export", "--format", "jsonl", cwd=tmp_path).out.splitlines()
    assert ["=1+1"] == [json.loads(line)["text"] for line in lines]
    arguments = ("--format", "parquet", "-o", "out.parquet")
    assert "1 messages written to out.parquet\n" == etl("sandbox", "export", *arguments, cwd=tmp_path).err
    assert ["=1+1"] == pq.read_table(tmp_path / "out.parquet")["text"].to_pylist()
    assert 0o600 == stat.S_IMODE((tmp_path / "out.parquet").stat().st_mode)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("export",), "there is no etl-sandbox.sqlite"),
        (("switch", "--profile", "silent"), "which knows the user's token"),
        (("--port", "1", "export"), "--port belongs behind `export`"),
        (("--memory", "--store", "x"), "exclude each other"),
        (("--fault", "html"), "is no fault such as html=0.01"),
        (("--quota", "ten"), "is no quota such as 10/s"),
    ],
)
def test_wrong_use_is_told_and_makes_no_file(tmp_path, arguments, words):
    """A store that appears by a slip would answer the next question wrongly."""
    result = etl("sandbox", *arguments, cwd=tmp_path)
    assert (2, True) == (result.code, words in " ".join(result.err.split())), result.err
    assert [] == list(tmp_path.iterdir())


def test_nobody_at_the_port_is_told_by_name(tmp_path):
    """Without a traceback and without the token."""
    env = environment(ETL_USER_TOKEN="user-secret")  # noqa: S106  nobody's
    result = etl("sandbox", "switch", "--port", "1", cwd=tmp_path, env=env)
    assert (2, "etl: no sandbox answers on port 1 of 127.0.0.1\n") == (result.code, result.err)


def test_refusal_of_a_running_sandbox_is_told_in_its_words(tmp_path, server):
    """Another sandbox's token, most likely; and it stays as it was."""
    env = environment(ETL_USER_TOKEN="user-secret")  # noqa: S106  nobody's
    result = etl("sandbox", "switch", "--port", server.port, "--profile", "answers", cwd=tmp_path, env=env)
    assert (2, True) == (result.code, "refuses: the Authorization header must be `JWT`" in result.err)
    assert "user-secret" not in result.out + result.err
    assert [] == post(server, server.found(r"ETL_TOKEN=(\S+)")).json()["message"]


def test_verify_reads_the_report_that_was_written_instead_of_mailed(tmp_path, server):
    """The way back of a large import, end to end."""
    assert 0 == etl("sandbox", "switch", "--port", server.port, cwd=tmp_path).code
    write_csv(tmp_path / "history.csv", rows(users=2, messages=3))
    job = write_job(tmp_path, f"http://127.0.0.1:{server.port}")
    text = re.sub(r'deployment_id = ".*"', f'deployment_id = "{OURS}"', job.read_text(encoding="utf-8"))
    job.write_text(text, encoding="utf-8")
    env = environment(ETL_TOKEN=server.found(r"ETL_TOKEN=(\S+)"))
    assert 0 == etl("import", "job.toml", cwd=tmp_path, env=env).code

    url = f"http://127.0.0.1:{server.port}{server.found('path = .(.*).')}"
    query = {
        "fromDate": "2024-02-01",
        "toDate": "2024-04-01",
        "reportId": "1",
        "botId": server.found('bot_id = "(.*)"'),
    }
    headers = {"Authorization": f"JWT {server.found('ETL_USER_TOKEN=(.+)')}"}
    assert 200 == httpx.post(url, params=query, headers=headers, trust_env=False).status_code
    (report,) = Path(tmp_path).glob("etl-sandbox-reports/*.csv")

    days = ("--since", "2024-02-01", "--until", "2024-04-01")
    result = etl("verify", "job.toml", "--json", "--from-file", str(report), *days, cwd=tmp_path, env=env)
    assert 0 == result.code, result.err
    assert 6 == result.data["findings"]["present"]
