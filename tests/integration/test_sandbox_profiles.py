"""One import for each profile of the sandbox: what becomes of each message when the platform is like that."""

from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from etl.config.load import load_job
from etl.ledger.sqlite import open_readonly
from etl.pipeline.prepare import Wish
from etl.pipeline.result import ImportResult
from etl.pipeline.run import ImportWish, run_import
from etl.sandbox.profiles import Profile
from etl.sandbox.store import Store
from support.history import rows, write_csv, write_job

USERS, MESSAGES = 3, 2
ALL = USERS * MESSAGES
THIRD, SIXTH = ("user-001", 0), ("user-002", 1)
"""The messages that come third and sixth, one lane after the other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """How an import ends."""

    exit_code: int = 0
    states: dict[str, int] = field(default_factory=lambda: {"accepted": ALL})
    """Stored ones; what is missing was not touched."""
    stored: int = ALL


WELL = Expected()
REFUSED = Expected(exit_code=3, states={"accepted": 4, "rejected": 2}, stored=4)
EXPECTED: dict[Profile, Expected] = {
    Profile.SILENT: WELL,
    Profile.NULL_MESSAGE: WELL,
    Profile.EMPTY_BODY: Expected(exit_code=6, states={"uncertain": 3}, stored=3),
    Profile.ECHO: WELL,
    Profile.ANSWERS: Expected(exit_code=6, states={"accepted": 1}, stored=1),
    Profile.ERROR_IN_200: REFUSED,
    Profile.STRING_ERROR: REFUSED,
    Profile.REVOKED: Expected(exit_code=6, states={"accepted": 3, "pending": 1}, stored=3),
    Profile.OLD_PATH: Expected(exit_code=6, states={"pending": 1}, stored=0),
    Profile.TOO_MANY: WELL,
    # The second message of the user whose first is uncertain is held: it is not even touched.
    Profile.SERVER_ERROR: Expected(exit_code=3, states={"accepted": 4, "uncertain": 1}, stored=4),
    Profile.TIMEOUT: Expected(exit_code=3, states={"accepted": 4, "uncertain": 1}, stored=5),
    Profile.DEDUPE: WELL,
    Profile.NO_DEDUPE: WELL,
    Profile.CLAMPS: WELL,
    Profile.SPLITS: WELL,
    Profile.NEVER_SPLITS: WELL,
    Profile.REDIRECT: WELL,
}


def run(folder: Path, *profiles: Profile, **replay: float) -> ImportResult:
    """Import a tiny history, one lane after the other, into a sandbox with these profiles."""
    write_csv(folder / "history.csv", rows(users=USERS, messages=MESSAGES))
    settings = {"lanes": 1, "timeout_seconds": 0.5, **replay}
    job = load_job(write_job(folder, "https://api.example", **settings))
    wish = ImportWish(plan=Wish(), sandbox=True, sandbox_profiles=profiles)
    return run_import(job, wish, lambda _: None)


def stored_by(result: ImportResult) -> list[tuple[str, int]]:
    """Return user and timestamp of what the sandbox kept, in order of arrival."""
    assert result.sandbox_store is not None
    with closing(Store.open(result.sandbox_store)) as store:
        return [(message.user_id, message.timestamp) for message in store.messages()]


@pytest.mark.parametrize("profile", Profile)
def test_import_ends_as_documented_under_each_profile(tmp_path, profile):
    """A profile that a rehearsal can't foretell rehearses nothing."""
    expected = EXPECTED[profile]
    result = run(tmp_path, profile)

    ledger = open_readonly(result.ledger, target=result.target)
    assert ledger is not None
    with closing(ledger):
        states = Counter(row["state"] for batch in ledger.export() for row in batch.to_pylist())
    assert expected.exit_code == result.exit_code
    assert expected.states == states
    assert expected.stored == len(stored_by(result))
