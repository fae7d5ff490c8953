"""`etl verify` against the stand-in's store, mailed files, and a report that answers as it is told."""

import csv
import os
import re
import shlex
import shutil
import signal
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path
from subprocess import Popen
from typing import Any

import openpyxl
import pytest
from click.testing import CliRunner

from etl.cli.main import cli
from etl.errors import EtlError
from support.command import Finished, environment, etl, finish, start
from support.history import rows, write_csv, write_job
from support.leaks import leaks
from support.ledger import keys_in, states
from support.recorder import DEPLOYMENT, TOKEN, Arrival, Platform, Reply, platform
from support.reports import BOT, PATH, USER_TOKEN, Asked, Told, report

ENV = environment(ETL_TOKEN=TOKEN, ETL_USER_TOKEN=USER_TOKEN)
ALL = 24
DAYS = ("--since", "2024-02-28", "--until", "2024-03-03")
STORE = Path("etl-state") / f"sandbox-{DEPLOYMENT}" / "sandbox.sqlite"
SAMPLE = Path(__file__).parents[2] / "sample_data" / "live_chats.csv"
COLUMNS = ("user_id", "text", "timestamp", "message_id")
SETTINGS = f"""
[verify]
path = "{PATH}"
bot_id = "{BOT}"
delay_minutes = 0
pause_seconds = 0
{{more}}
[verify.columns]
order = "message_id"
"""


def write_verify(folder: Path, **more: float | str) -> None:
    """Add to a job how its report is read."""
    lines = "\n".join(f"{name} = {value!r}".replace("'", '"') for name, value in more.items())
    with (folder / "job.toml").open("a", encoding="utf-8") as file:
        file.write(SETTINGS.format(more=lines))


def verify(folder: Path, *arguments: str) -> Finished:
    """Run the command on a folder's job, for machines; in this process, which spares a second each."""
    runner = CliRunner(env={"ETL_USER_TOKEN": USER_TOKEN})
    told = runner.invoke(
        cli, ["verify", str(folder / "job.toml"), "--json", *arguments], standalone_mode=False
    )
    if isinstance(told.exception, EtlError):
        error = told.exception
        return Finished(
            code=error.exit_code, out=told.stdout, err=f"{told.stderr}{error.message}\n{error.hint}"
        )
    assert told.exception is None
    return Finished(code=told.return_value, out=told.stdout, err=told.stderr)


def findings(result: Finished) -> dict[str, int]:
    """Return the findings that were made."""
    return {name: count for name, count in result.data["findings"].items() if count}


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    """Return a folder with a finished import into the embedded stand-in; copy it."""
    folder = tmp_path_factory.mktemp("imported")
    write_csv(folder / "history.csv", rows(users=4, messages=6))
    write_job(folder, "https://example.invalid")
    write_verify(folder)
    done = etl("import", "job.toml", "--sandbox", "--json", cwd=folder, env=ENV)
    assert 0 == done.code, done.err
    return folder


@pytest.fixture
def folder(imported, tmp_path):
    """Return a copy of it."""
    return Path(shutil.copytree(imported, tmp_path / "copy"))


def change(folder: Path, *statements: str) -> None:
    """Change what the platform has."""
    with closing(sqlite3.connect(folder / STORE)) as store:
        for statement in statements:
            store.execute(statement)
        store.commit()


def mailed(folder: Path) -> Path:
    """Write the report that the platform would mail: without our ids, times in words."""
    with closing(sqlite3.connect(folder / STORE)) as store:
        found = store.execute(
            "SELECT user_id, text, timestamp, seq FROM message ORDER BY seq DESC"
        ).fetchall()
    table = [
        (user, text, f"{datetime.fromtimestamp(at, UTC):%d.%m.%Y %H:%M:%S}", seq)
        for user, text, at, seq in found
    ]
    with (folder / "job.toml").open("a", encoding="utf-8") as job:
        job.write('[verify.time]\nformat = "%d.%m.%Y %H:%M:%S"\nzone = "UTC"\n')
    return write_csv(folder / "mailed.csv", table, COLUMNS)


REST = "received_us, conversation_id, text, user_cvars, user_profile, body"
COPY = f"""
    INSERT INTO message (deployment_id, id, user_id, timestamp, {REST})
    SELECT deployment_id, {{id}}, {{user}}, timestamp, {REST} FROM message WHERE seq = 5
"""  # noqa: S608  constants
MOVE = (
    "UPDATE message SET seq = {new} WHERE seq = (SELECT {which}(seq) FROM message WHERE user_id = 'user-001')"
)
SWAP = [
    MOVE.format(which="min", new=-1),
    MOVE.format(which="max", new=0),
    "UPDATE message SET seq = 99 WHERE seq < 0",
]


def test_message_sent_by_hand_is_no_foreign_one(folder):
    """`etl send` is recorded beside the ledger, and whoever reads back should find it named."""
    words = ("--sandbox", "--user", "try-1", "--text", "hello", "--at", "2024-03-01T12:00:00Z")
    sent = etl("send", "job.toml", *words, cwd=folder, env=ENV)
    assert 0 == sent.code, sent.err
    assert {"present": ALL, "by_hand": 1} == findings(verify(folder, "--sandbox"))


@pytest.mark.parametrize("way", ["endpoint", "file"])
@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        ([], {"present": ALL}),
        (["DELETE FROM message WHERE seq IN (5, 6)"], {"present": ALL - 2, "missing": 2}),
        ([COPY.format(id="id", user="user_id")], {"present": ALL, "doubled": 1}),
        (["UPDATE message SET timestamp = timestamp + 3600"], {"shifted": ALL}),
        ([COPY.format(id="'x'", user="'stranger'")], {"present": ALL, "foreign": 1}),
        (SWAP, {"present": ALL, "swapped": 5}),
    ],
    ids=["sound", "deleted", "doubled", "shifted", "foreign", "swapped"],
)
def test_what_became_of_the_messages_is_found(folder, way, statements, expected):
    """Whether the report shows our ids or has to be counted."""
    change(folder, *statements)
    arguments = () if way == "endpoint" else ("--from-file", str(mailed(folder)), *DAYS)

    result = verify(folder, "--sandbox", *arguments)

    assert expected == findings(result), result.err
    assert (0 if set(expected) <= {"present", "foreign"} else 3) == result.code
    if "shifted" in expected:
        assert {"seconds": 3_600, "messages": ALL} == result.data["common_shift"]


def test_people_read_what_to_do_and_no_text(folder):
    """Counts with their meaning, keys, short users, the shift by name, and where the whole list is."""
    change(
        folder,
        "UPDATE message SET timestamp = timestamp + 3600 WHERE seq > 1",
        "DELETE FROM message WHERE seq = 1",
    )

    result = etl("verify", "job.toml", "--sandbox", cwd=folder, env=ENV)

    assert 3 == result.code
    assert "23 of 23 by +1 h: this looks like a time zone" in result.err
    assert re.search(r"missing +1   accepted, and not in a report that surely covers it\n", result.err)
    assert "and 13 more" in result.err
    (listing,) = (folder / "etl-state").rglob("verify-*.csv")
    assert 0o600 == listing.stat().st_mode & 0o777
    with listing.open(encoding="utf-8", newline="") as file:
        listed = list(csv.DictReader(file))
    assert 24 == len(listed)
    assert {"missing", "shifted"} == {row["finding"] for row in listed}
    texts = [row[4] for row in rows(users=4, messages=6)]
    assert [] == leaks(folder, [result.out, result.err], texts)


def test_days_that_are_cut_off_are_unknown_not_missing(folder):
    """More than 500 rows on a day can't be asked for: no false certainty."""
    with closing(sqlite3.connect(folder / STORE)) as store:
        store.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 600) "
            "INSERT INTO message (deployment_id, id, user_id, timestamp, received_us, conversation_id, text, "
            "user_cvars, user_profile, body) SELECT deployment_id, 'x' || i, 'stranger', 1709251200 + i, 0, "
            "conversation_id, 'else', '{}', '{}', x'' FROM n, (SELECT * FROM message WHERE seq = 1)"
        )
        store.commit()

    result = verify(folder, "--sandbox")

    assert 3 == result.code
    assert {"unknown": ALL, "foreign": 500} == findings(result)
    assert ["2024-03-01"] == result.data["reading"]["cut_days"]
    totals = verify(folder, "--sandbox", "--level", "totals")
    assert 3 == totals.code
    assert [False] == [day["covered"] for day in totals.data["totals"]]


def test_sample_states_its_bound(folder):
    """A seed draws the same messages again; the bound is the rule of three where nothing is wrong."""
    arguments = ("--sandbox", "--level", "sample", "--sample-size", "10", "--seed", "a")

    first = verify(folder, *arguments)
    change(folder, "DELETE FROM message WHERE seq > 1")
    second = verify(folder, *arguments)

    assert (0, {"present": 10}) == (first.code, findings(first))
    assert 1 - 0.05 ** (1 / 10) == pytest.approx(first.data["sample"]["wrong_share_at_most_95"])
    assert (3, True) == (second.code, findings(second)["missing"] >= 9)
    assert second.data["sample"]["wrong_share_at_most_95"] > 0.99


@pytest.mark.parametrize("level", ["full", "totals"])
def test_report_without_any_of_our_users_proves_no_absence(folder, level):
    """It is of another bot, or this kind of report leaves standby messages out."""
    change(folder, "DELETE FROM message")

    result = verify(folder, "--sandbox", "--level", level)

    assert (3, 0) == (result.code, result.data["reading"]["of_our_users"])
    assert {"full": {"unknown": ALL}, "totals": {}}[level] == findings(result)
    assert not any(day["covered"] for day in result.data["totals"])


def test_plan_that_is_gone_leaves_ids(folder):
    """People delete plans, since texts are in them; the stand-in's report shows the ids."""
    for plan in (folder / STORE).parent.glob("plans/*/plan.json"):
        plan.unlink()
    result = verify(folder, "--sandbox")
    assert (0, {"present": ALL}) == (result.code, findings(result)), result.err
    assert ALL == result.data["textless"]


def test_totals_compare_days(folder):
    """The cheapest look; a deletion shows."""
    assert 0 == verify(folder, "--sandbox", "--level", "totals").code
    change(folder, "DELETE FROM message WHERE seq = 3")

    result = verify(folder, "--sandbox", "--level", "totals")

    assert 3 == result.code
    (day,) = result.data["totals"]
    assert ("2024-03-01", 24, 23, False) == (day["day"], day["accepted"], day["found"], day["even"])


def test_totals_need_no_plan_but_the_open_one(folder):
    """A closed plan may be large, and far away in a store; its texts say nothing of days."""
    (summary,) = folder.glob("etl-state/*/plans/*/plan.json")
    write_csv(folder / "history.csv", rows(users=4, messages=7))
    assert 0 == etl("import", "job.toml", "--sandbox", cwd=folder, env=ENV).code
    shutil.rmtree(summary.parent)

    result = verify(folder, "--sandbox", "--level", "totals")

    assert (0, 28, 0) == (result.code, result.data["accepted"], result.data["textless"])
    assert "is gone" not in result.err
    assert "is gone" in verify(folder, "--sandbox").err


def test_workbook_is_read_as_a_report(folder):
    """Mailed reports are workbooks, too; the days they are for decide what absence means."""
    with closing(sqlite3.connect(folder / STORE)) as store:
        found = store.execute(
            "SELECT user_id, text, timestamp, seq FROM message ORDER BY timestamp"
        ).fetchall()
    book = openpyxl.Workbook()
    for row in [COLUMNS, *found[1:]]:
        book.active.append(row)
    book.save(folder / "mailed.xlsx")

    unsure = verify(folder, "--sandbox", "--from-file", str(folder / "mailed.xlsx"))
    sure = verify(folder, "--sandbox", "--from-file", str(folder / "mailed.xlsx"), *DAYS)

    assert {"present": ALL - 1, "unknown": 1} == findings(unsure), unsure.err
    assert {"present": ALL - 1, "missing": 1} == findings(sure)


def test_damaged_file_proves_no_absence(folder):
    """The record that can't be read may be the one that is not found."""
    path = mailed(folder)
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([*lines[:5], "too,short", *lines[6:]]) + "\n", encoding="utf-8")

    result = verify(folder, "--sandbox", "--from-file", str(path), *DAYS)

    assert {"present": ALL - 1, "unknown": 1} == findings(result), result.err


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (["--from-file", "none.csv"], 4, "no such file"),
        (["--since", "2024-03-01"], 2, "belong together"),
        (["--since", "2024-03-01", "--until", "2024-03-02"], 2, "--from-file"),
        (["--level", "totals", "--settle"], 2, "prove nothing"),
        (["--from-file", str(SAMPLE)], 4, "no column 'user_id'"),
    ],
)
def test_senseless_wishes_are_refused(folder, arguments, code, word):
    """Each with what to do instead."""
    result = verify(folder, "--sandbox", *arguments)
    assert (code, True) == (result.code, word in result.err), result.err


def test_nothing_imported_is_nothing_to_verify(tmp_path):
    """And no folder is made."""
    write_csv(tmp_path / "history.csv", rows(users=1, messages=1))
    write_job(tmp_path, "https://example.invalid")
    result = verify(tmp_path)
    assert (2, True) == (result.code, "nothing was imported" in result.err)
    assert not (tmp_path / "etl-state").exists()


def write_report(path: Path, arrivals: Iterable[Arrival]) -> Path:
    """Write what a platform took as the report that it mails."""
    table = [
        (a.body["user_id"], a.text, str(a.body["timestamp"]), str(place)) for place, a in enumerate(arrivals)
    ]
    return write_csv(path, table, COLUMNS)


def write_world(folder: Path, server: Platform, **settings: Any) -> None:
    """Write a history, and a job for a platform."""
    write_csv(folder / "history.csv", rows(users=5, messages=6))
    write_job(folder, server.base_url, rate_per_second=100, timeout_seconds=5)
    write_verify(folder, **settings)


def test_killed_import_is_settled_by_the_report(tmp_path, server):
    """What was in flight is uncertain; the report shows that it was taken; nothing is sent twice."""
    write_world(tmp_path, server)
    running: list[Popen[str]] = []

    def answer(_arrival: Arrival, number: int) -> Reply:
        if number == 7:
            os.kill(running[0].pid, signal.SIGKILL)
        return Reply(delay_seconds=0.05)

    server.answer = answer
    running.append(start(["import", "job.toml", "--json"], cwd=tmp_path, env=ENV))
    finish(running[0])
    server.answer = lambda _arrival, _number: Reply()
    mail = write_report(tmp_path / "mail.csv", server.arrivals)

    looked = verify(tmp_path, "--from-file", str(mail), *DAYS)
    settled = verify(tmp_path, "--from-file", str(mail), *DAYS, "--settle")

    assert 3 == looked.code
    assert 1 <= looked.data["findings"]["proven"] == settled.data["settled"] <= 4, settled.err
    assert set(server.ids()) == keys_in(tmp_path, "accepted")
    never_left = sorted(keys_in(tmp_path, "uncertain"))
    if never_left:  # killed between an intent and its first byte
        assert 0 == etl("settle", "job.toml", "--resend", *never_left, cwd=tmp_path, env=ENV).code
    assert (3 if never_left else 0) == settled.code
    assert 0 == etl("import", "job.toml", cwd=tmp_path, env=ENV).code
    assert sorted(set(server.ids())) == sorted(server.ids())
    assert 30 == len(server.ids())


def test_absence_settles_nothing_but_says_what_to_type(tmp_path, server):
    """One request was taken and one was lost, both without an answer: only the first is settled."""
    write_world(tmp_path, server)
    taken, lost = 4, 9
    server.answer = lambda _arrival, number: Reply(status=None if number in {taken, lost} else 200)
    assert 3 == etl("import", "job.toml", cwd=tmp_path, env=ENV).code
    server.answer = lambda _arrival, _number: Reply()
    gone = server.arrivals.pop(lost - 1)
    mail = write_report(tmp_path / "mail.csv", server.arrivals)

    told = etl("verify", "job.toml", "--from-file", str(mail), *DAYS, cwd=tmp_path, env=ENV)
    (line,) = [line for line in told.err.splitlines() if "--settle" in line and "next" in line]
    told = etl(*shlex.split(line.partition("   (")[0])[2:], cwd=tmp_path, env=ENV)

    assert 3 == told.code
    assert "settled  1 as accepted" in told.err
    assert {gone.body["id"]} == keys_in(tmp_path, "uncertain")
    (line,) = [line for line in told.err.splitlines() if "--resend" in line]
    assert 0 == etl(*shlex.split(line)[1:], cwd=tmp_path, env=ENV).code
    assert 0 == etl("import", "job.toml", cwd=tmp_path, env=ENV).code
    assert {"accepted"} == set(states(tmp_path).values())
    mail = write_report(tmp_path / "mail.csv", server.arrivals)
    final = verify(tmp_path, "--from-file", str(mail), *DAYS)
    assert (0, {"present": 30}) == (final.code, findings(final))


def test_settling_waits_for_a_run_to_end(tmp_path, server):
    """Two processes that write one ledger would be one too many."""
    write_world(tmp_path, server)
    server.answer = lambda _arrival, _number: Reply(delay_seconds=0.5)
    importing = start(["import", "job.toml", "--json"], cwd=tmp_path, env=ENV)
    while not server.arrivals:
        assert importing.poll() is None
    mail = write_report(tmp_path / "mail.csv", server.arrivals[:1])

    result = verify(tmp_path, "--from-file", str(mail), "--settle")

    importing.send_signal(signal.SIGTERM)
    finish(importing)
    assert 75 == result.code


@pytest.fixture
def endpoint():
    """Return a report that answers as it is told."""
    with report() as running:
        yield running


@pytest.fixture(scope="module")
def taken(tmp_path_factory):
    """Return a folder with a finished import and the platform that took it; copy the folder."""
    folder = tmp_path_factory.mktemp("taken")
    with platform() as running:
        write_csv(folder / "history.csv", rows(users=5, messages=6))
        write_job(folder, running.base_url)
        assert 0 == etl("import", "job.toml", cwd=folder, env=ENV).code
        yield folder, running


@pytest.fixture
def sent(taken, tmp_path, endpoint):
    """Return a copy of it, with its report at `endpoint`, which shows what was sent."""
    folder, platform = taken
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    write_verify(copy, base_url=endpoint.base_url, max_wait_seconds=0, window_days=1)
    endpoint.answer = by_day(platform)
    return copy


def by_day(server: Platform, *, last_day: bool = True, moved: bool = False) -> Callable[[Asked, int], Told]:
    """Return how a report answers that files messages by their days, or by the day of their import."""

    def answer(asked: Asked, _number: int) -> Told:
        shown = []
        for place, arrival in enumerate(server.arrivals):
            at = datetime.fromtimestamp(arrival.body["timestamp"], UTC).date()
            day = datetime.now(UTC).date() if moved else at  # noqa: TID251  the platform's own clock
            if asked.first <= day and (day <= asked.last if last_day else day < asked.last):
                shown.append(row(arrival, place))
        return Told(rows=shown)

    return answer


def row(arrival: Arrival, place: int) -> dict[str, Any]:
    """Return a message as the report shows it."""
    body = arrival.body
    return {
        "user_id": body["user_id"],
        "text": arrival.text,
        "timestamp": body["timestamp"],
        "message_id": place,
    }


@pytest.mark.parametrize("last_day", [True, False])
def test_report_is_asked_as_documented_and_each_row_counts_once(sent, taken, endpoint, last_day):
    """With a user's token, by days, whether or not the last day is in the answer."""
    endpoint.answer = by_day(taken[1], last_day=last_day)

    result = verify(sent)

    assert (0, {"present": 30}) == (result.code, findings(result)), result.err
    assert {("path", PATH), ("reportId", "1"), ("botId", BOT)} <= set(endpoint.asked[0].query.items())
    assert f"JWT {USER_TOKEN}" == endpoint.asked[0].headers["authorization"]
    assert [date(2024, 2, 29), date(2024, 3, 1), date(2024, 3, 2)] == [
        asked.first for asked in endpoint.asked
    ]
    texts = [line[4] for line in rows(users=5, messages=6)]
    assert [] == leaks(sent, [result.out, result.err], [*texts, USER_TOKEN])


def test_interrupted_reading_goes_on_where_it_was(sent, taken, endpoint):
    """Answers are kept, without texts, so that nothing is asked twice."""
    whole = by_day(taken[1])
    endpoint.answer = lambda asked, number: whole(asked, number) if number != 3 else Told(status=503)

    first = verify(sent)
    texts = [line[4] for line in rows(users=5, messages=6)]
    assert [] == leaks(sent, [first.out, first.err], texts)
    second = verify(sent)

    assert (75, 0) == (first.code, second.code), second.err
    assert (1, 2) == (second.data["reading"]["requests"], second.data["reading"]["reused"])
    assert {"present": 30} == findings(second)
    assert 0 == verify(sent).data["reading"]["reused"]


def test_retry_after_is_waited_for(sent, taken, endpoint):
    """A GET may be repeated; the platform says when."""
    job = (sent / "job.toml").read_text(encoding="utf-8")
    (sent / "job.toml").write_text(
        job.replace("max_wait_seconds = 0", "max_wait_seconds = 9"), encoding="utf-8"
    )
    whole = by_day(taken[1])
    endpoint.answer = lambda asked, number: (
        whole(asked, number) if number > 1 else Told(status=429, headers={"Retry-After": "1"})
    )

    result = verify(sent)

    assert (0, 4) == (result.code, result.data["reading"]["requests"]), result.err
    assert "asking again in 1 s" in result.err


def test_messages_filed_under_the_import_are_found_there(sent, taken, endpoint):
    """Whether the report goes by the time that was sent or by the time of arrival is not public."""
    endpoint.answer = by_day(taken[1], moved=True)

    result = verify(sent)

    assert (0, {"present": 30}) == (result.code, findings(result)), result.err
    assert result.data["reading"]["by_import_day"]


@pytest.mark.parametrize(
    ("told", "code", "word"),
    [
        (Told(status=401), 6, "user's token"),
        (Told(status=404), 6, "verify.path"),
        (Told(body=b"<html>log in</html>"), 6, "no list of rows"),
        (Told(rows=[{"body": "secret", "who": 1}]), 2, "found 'body', 'who'"),
        (
            Told(rows=[{"user_id": "a", "text": "secret", "timestamp": "soon", "message_id": 1}]),
            4,
            "[verify.time]",
        ),
    ],
)
def test_report_that_is_no_use_says_why(sent, endpoint, told, code, word):
    """Each by its exit code, and no text of the answer."""
    endpoint.answer = lambda _asked, _number: told
    result = verify(sent)
    assert (code, True) == (result.code, word in result.err), result.err
    assert "secret" not in result.err


def test_without_a_path_or_a_token_it_says_how_to_get_them(taken, tmp_path, monkeypatch):
    """Neither is public, and a file is always a way."""
    folder = Path(shutil.copytree(taken[0], tmp_path / "copy"))
    pathless = verify(folder)
    write_verify(folder, token_env="NOT_SET")  # noqa: S106  the name of a variable
    monkeypatch.delenv("NOT_SET", raising=False)
    tokenless = verify(folder)
    assert (2, True) == (pathless.code, "--from-file" in pathless.err)
    assert (2, True) == (tokenless.code, "NOT_SET" in tokenless.err)
