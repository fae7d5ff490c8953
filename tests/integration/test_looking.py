"""Looking over a plan: by whoever asks, once, with the same result whoever made the plan."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from etl.config.load import JobFile
from etl.errors import ExitCode, InputError
from etl.pipeline.check import CheckResult, run_check
from etl.pipeline.planning import run_plan
from etl.pipeline.wish import Wish
from support.checked import job_file, rows, write

MAIL = "write to jo@example.com"
TABLE = rows(
    {"text": MAIL},
    {"text": "I will", "role": "agent"},
    {"text": "call +45 12 34 56 78", "ticket": "t2", "at": "2024-03-02T10:00:00Z"},
    {"text": "and jo@example.com", "user": "u2", "ticket": "t3"},
)


def checked(job: JobFile) -> CheckResult:
    """Run a dry run."""
    return run_check(job, Wish(), sandbox=False, observe=lambda _: None)


def planned(job: JobFile) -> Path:
    """Make the plan and nothing else; return its folder."""
    return run_plan(job, Wish(), sandbox=False, observe=lambda _: None).plan.path


@pytest.fixture
def exported(tmp_path):
    """Return a folder with an export."""
    folder = tmp_path / "export"
    folder.mkdir()
    write(folder, TABLE)
    return folder


def at(state: Path, job: JobFile) -> JobFile:
    """Return the job with its state in another folder."""
    return replace(job, job=job.job.model_copy(update={"state": str(state)}))


def test_a_check_after_a_plan_shows_what_a_check_alone_shows(exported, tmp_path):
    """Who planned at night wants to read in the morning what a check would have said."""
    job = job_file(exported)
    folder = planned(job)
    assert not (folder / "insight.json").exists()
    after, alone = checked(job), checked(at(tmp_path / "other", job))
    assert folder == after.plan.path != alone.plan.path
    assert after.insight == alone.insight
    assert after.verdict == alone.verdict
    assert replace(after.plan.summary, made_at=None) == replace(alone.plan.summary, made_at=None)
    assert ({"email": 2, "phone": 1}, 3) == (after.insight.personal, after.insight.sides.dialogues)


def test_a_second_check_reads_what_the_first_one_kept(exported):
    """Looking costs a third of planning."""
    job = job_file(exported)
    kept = checked(job).plan.path / "insight.json"
    data = json.loads(kept.read_text())
    data["insight"]["personal"] = {"email": 99}
    kept.write_text(json.dumps(data))
    again = checked(job)
    assert {"email": 99} == again.insight.personal
    assert any("(email 99)" in line for line in again.verdict.warnings)


def test_another_session_expiration_is_another_look_at_the_same_plan(exported):
    """It decides about conversations and not about any message, so nothing is read again."""
    one = checked(job_file(exported))
    other = checked(job_file(exported, message={"session_expiration_minutes": 2_000}))
    assert one.plan == other.plan
    assert (600, 2_000) == tuple(found.insight.preview.expiration_minutes for found in (one, other))
    assert (3, 2) == tuple(found.insight.preview.expected.conversations for found in (one, other))


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"refuse_personal_data": ["phone", "card"]}, r"names \(phone 1\); nothing is sent"),
        ({"max_one_sided_share": 0.5}, "66.7 % of the dialogues have one side only"),
    ],
)
def test_a_limit_of_what_only_a_look_tells_stops_an_import_as_it_stops_a_check(exported, limits, words):
    """The dry run is faithful (promise P4), and whoever sets such a limit pays for the look."""
    job = job_file(exported, validate=limits)
    with pytest.raises(InputError, match=words):
        planned(job)
    found = checked(job)
    assert ExitCode.INPUT is found.exit_code
    assert (found.plan.path / "insight.json").exists()


def test_a_limit_that_holds_lets_pass(exported):
    """As above, at its edge."""
    folder = planned(job_file(exported, validate={"refuse_personal_data": ["card"], "max_split_share": 0.5}))
    assert (folder / "insight.json").exists()


def test_personal_data_is_counted_in_what_is_sent(exported):
    """Repeats and rejects are not sent; what is masked is counted where it is masked."""
    table = [*TABLE, {**TABLE[0]}, {**TABLE[0], "id": "m9", "user": ""}]
    write(exported, table)
    found = checked(job_file(exported, privacy={"mask": ["phone"]}))
    assert (1, 1) == (found.plan.summary.conservation.duplicates, found.plan.summary.conservation.rejects)
    assert {"email": 2} == found.insight.personal
    assert {"masked_phone": 1} == found.plan.summary.changed


def test_a_plan_that_is_damaged_is_not_looked_over(exported):
    """Its error says what to do, and not what it holds."""
    job = job_file(exported)
    messages = planned(job) / "messages.parquet"
    messages.write_bytes(messages.read_bytes()[:-100])
    with pytest.raises(InputError, match="can't be looked through") as caught:
        checked(job)
    assert "delete that folder" in caught.value.hint
