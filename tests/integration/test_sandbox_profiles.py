"""One import for each profile of the sandbox: what becomes of each message when the platform is like that."""

from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest

from etl.config.load import load_job
from etl.ledger.opening import open_readonly
from etl.pipeline.result import ImportResult
from etl.pipeline.run import ImportWish, run_import
from etl.pipeline.sending import SendWish
from etl.pipeline.wish import Wish
from etl.sandbox.profiles import Profile
from etl.sandbox.records import StoredMessage
from etl.sandbox.store import Store
from support.command import environment, etl
from support.history import rows, write_csv, write_job
from support.profiles import ENDINGS, LETTERS, MESSAGES, USERS


def run(folder: Path, *profiles: Profile) -> ImportResult:
    """Import a tiny history, one user after the other, into a sandbox with these profiles."""
    write_csv(folder / "history.csv", rows(users=USERS, messages=MESSAGES))
    job = load_job(write_job(folder, "https://api.example", lanes=1, timeout_seconds=0.5))
    wish = ImportWish(plan=Wish(), send=SendWish(sandbox=True, sandbox_profiles=profiles))
    return run_import(job, wish, lambda _: None)


def stored(result: ImportResult) -> list[StoredMessage]:
    """Return what the sandbox kept, in order of arrival."""
    assert result.sandbox_store is not None
    with closing(Store.open(result.sandbox_store)) as store:
        return list(store.messages())


def states(result: ImportResult) -> str:
    """Return the letter of each message's state, in sending order."""
    ledger = open_readonly(Path(result.ledger), target=result.space.target)
    assert ledger is not None
    with closing(ledger):
        found = {row["ordinal"]: row["state"] for batch in ledger.export() for row in batch.to_pylist()}
    letters = {state: letter for letter, state in LETTERS.items()}
    return "".join(letters[found.get(ordinal, "pending")] for ordinal in range(USERS * MESSAGES))


@pytest.mark.parametrize("profile", Profile)
def test_import_ends_as_documented_under_each_profile(tmp_path, profile):
    """A profile whose end nobody can foretell rehearses nothing."""
    expected = ENDINGS[profile]
    result = run(tmp_path, profile)

    assert expected.states == states(result)
    assert expected.exit_code == result.exit_code
    assert expected.stored == len(stored(result))


def test_clamped_messages_are_kept_with_the_time_of_their_arrival(tmp_path):
    """Reading back then finds nothing on the days of the history."""
    kept = stored(run(tmp_path, Profile.CLAMPS))
    assert [message.received_us // 1_000_000 for message in kept] == [message.timestamp for message in kept]

    (tmp_path / "true").mkdir()
    kept = stored(run(tmp_path / "true"))
    times = sorted(int(datetime.fromisoformat(row[3]).timestamp()) for row in rows(users=3, messages=2))
    assert times == sorted(message.timestamp for message in kept)


def test_rehearsal_tells_that_it_needs_the_sandbox(tmp_path):
    """A profile must never be taken for something that changes a real run."""
    write_csv(tmp_path / "history.csv", rows(users=1, messages=1))
    write_job(tmp_path, "https://api.example")
    alone = etl("import", "job.toml", "--sandbox-profile", "silent", cwd=tmp_path, env=environment())
    wrong = etl(
        "import", "job.toml", "--sandbox", "--sandbox-profile", "loud", cwd=tmp_path, env=environment()
    )

    assert (2, 2) == (alone.code, wrong.code)
    assert "needs --sandbox" in alone.err
    assert "is none of silent, null-message" in wrong.err


def test_rehearsed_import_goes_on_when_the_platform_is_well_again(tmp_path):
    """The way out of a trouble is what people want to try: settle by word, run again."""
    write_csv(tmp_path / "history.csv", rows(users=USERS, messages=MESSAGES))
    write_job(tmp_path, "https://api.example", lanes=1, timeout_seconds=0.5)
    sandbox = ("job.toml", "--sandbox", "--json")

    troubled = etl("import", *sandbox, "--sandbox-profile", "5xx-then-ok", cwd=tmp_path, env=environment())
    settled = etl("settle", *sandbox[:2], "--all", "--resend", cwd=tmp_path, env=environment())
    well = etl("import", *sandbox, cwd=tmp_path, env=environment())

    assert (3, 0, 0) == (troubled.code, settled.code, well.code), settled.err
