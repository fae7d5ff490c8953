"""`etl check` writes what a manager approves: the same for people, for machines and as tables."""

import csv
import json

import pyarrow.parquet as pq
import pytest

from etl.report.approval import KEYS
from support.command import environment, etl
from support.golden import JOBS, made, path
from support.history import rows, write_csv, write_job
from support.leaks import leaks

HOSTILE = ('=HYPERLINK("http://x","y")', "<script>alert(1)</script>", "a\u202eb", "\x1b[2Jgone")
SECRET = "a secret sentence that nobody may read"  # noqa: S105  a text


@pytest.fixture
def folder(tmp_path):
    """Return a folder with a sound job and history; nothing is ever sent, so its address leads nowhere."""
    write_csv(tmp_path / "history.csv", rows(users=3, messages=4))
    write_job(tmp_path, "http://127.0.0.1:9")
    return tmp_path


def check(folder, *arguments):
    """Run `etl check` as a process."""
    return etl("check", "job.toml", *arguments, cwd=folder, env=environment())


def limit(folder, line):
    """Put a limit into the job."""
    job = folder / "job.toml"
    job.write_text(job.read_text(encoding="utf-8") + f"\n[validate]\n{line}\n", encoding="utf-8")


@pytest.mark.parametrize("job", JOBS)
def test_a_samples_report_is_the_one_that_was_read_and_kept(job):
    """Every number of it was looked at once; `python tests/support/golden.py` writes them anew."""
    assert json.loads(path(job).read_text(encoding="utf-8")) == made(job)


def test_the_json_has_the_documented_keys_and_a_page_beside(folder):
    """The README's table is made of the same list."""
    done = check(folder, "--json")
    data = json.loads((folder / done.data["report_json"]).read_text(encoding="utf-8"))
    assert 0 == done.code
    assert list(KEYS) == list(data)
    assert ("validation", 1) == (data["report"], data["version"])
    for name in ("report", "report_json"):
        assert 0 == (folder / done.data[name]).stat().st_mode & 0o077


def test_the_commands_to_type_say_all_that_shaped_the_check(folder):
    """A command without them would make another plan, or send it at another pace."""
    words = ["--rate", "5", "--share", "0.5", "--unfinished", "carry", "--window", "22:00-06:00"]
    zone = ["--timezone", "Europe/Copenhagen"]
    done = check(folder, "--json", *words, *zone)
    commands = [step["command"] for step in done.data["verdict"]["steps"] if step["command"]]
    typed = "--rate 5/s --share 0.5 --window 22:00-06:00 --timezone Europe/Copenhagen --unfinished carry"
    assert commands
    assert all(typed in command for command in commands)


def test_no_report_writes_none(folder):
    """For those who only want the exit code."""
    done = check(folder, "--no-report", "--json")
    assert None is done.data["report"]
    assert [] == list(folder.glob("etl-state/*/reports/*"))


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_tables_are_written_on_request(folder, form):
    """Whoever wants to count on."""
    check(folder, "--tables", form)
    (place,) = folder.glob("etl-state/*/reports/check-*-tables")
    assert {"rows", "roles", "scorecard", "conversations"} <= {file.stem for file in place.glob(f"*.{form}")}
    if form == "parquet":
        assert 12 == sum(pq.read_table(place / "roles.parquet").column("messages").to_pylist())


def test_hostile_names_are_harmless_everywhere(folder):
    """Ids, roles and file names are others' words; so are texts, which appear nowhere."""
    table = [
        (f"m{place}", word, "customer", f"2024-03-01T09:00:0{place}Z", f"{word} {SECRET}")
        for place, word in enumerate(HOSTILE)
    ]
    write_csv(folder / "history.csv", [*table, ("m9", "u", HOSTILE[1], "2024-03-01T09:00:00Z", SECRET)])
    done = check(folder, "--tables", "csv", "--examples", "5")
    (page,) = folder.glob("etl-state/*/reports/*.html")
    shown = page.read_text(encoding="utf-8")
    assert "<script" not in shown
    assert not {"\u202e", "\x1b"} & {*shown, *done.err}
    (lanes,) = folder.glob("etl-state/*/reports/*-tables/longest_lanes.csv")
    with lanes.open(encoding="utf-8", newline="") as file:
        assert all(row[0][0] not in "=+-@" for row in csv.reader(file))
    assert [] == leaks(folder, [done.out, done.err], [SECRET])


def test_examples_are_masked(folder):
    """Shapes, on request only."""
    done = check(folder, "--json", "--examples", "1")
    data = json.loads((folder / done.data["report_json"]).read_text(encoding="utf-8"))
    assert ["xxxxxx xxxx 999 9999"] * 2 == [example["shape"] for example in data["examples"]]
    assert [] == leaks(folder, [done.out, done.err], ["secret text"])


@pytest.mark.parametrize("line", ["min_rows = 13", 'require_roles = ["bot"]'])
def test_a_broken_limit_is_exit_code_4_in_check_and_import(folder, line):
    """What the dry run refuses is refused when it counts (promise P4), and the report is there to say why."""
    limit(folder, line)
    checked = check(folder, "--json")
    sent = etl("import", "job.toml", cwd=folder, env=environment(ETL_TOKEN="x" * 20))
    assert (4, 4) == (checked.code, sent.code), sent.err
    assert "not ready" == checked.data["verdict"]["readiness"]
    assert (folder / checked.data["report"]).exists()
    assert checked.data["verdict"]["refusals"][0]["fault"] in sent.err


def test_the_screen_ends_with_verdict_and_next_steps(folder):
    """A terminal shows its last lines."""
    lines = check(folder).err.splitlines()
    verdict = next(
        place for place, line in enumerate(lines) if line.startswith("verdict  ready: 12 messages")
    )
    assert lines[verdict + 1].startswith("next 1   Send one user first")
    assert "--expect-plan" in lines[-1]


def test_nothing_but_rejects_has_a_report_too(folder):
    """A page without messages must not fail."""
    job = folder / "job.toml"
    job.write_text(job.read_text(encoding="utf-8") + '\n[time]\nformat = "epoch_s"\n', encoding="utf-8")
    done = check(folder, "--json")
    assert 4 == done.code
    assert "bad_timestamp" in (folder / done.data["report"]).read_text(encoding="utf-8")
