"""One run per target."""

import fcntl
import json
import os
import stat

import pytest

from etl.errors import LaterError, LedgerError
from etl.ledger.lock import Holder, TargetLock, holder


def test_lock_refuses_a_second_holder_and_names_the_first(tmp_path):
    """Cron may start a run while one is alive."""
    with TargetLock(tmp_path), pytest.raises(LaterError, match=f"pid {os.getpid()} on host .*, since 20"):
        TargetLock(tmp_path).__enter__()


def test_lock_is_free_after_its_context(tmp_path):
    """And its file stays: without it two locks of one name could exist."""
    with TargetLock(tmp_path):
        pass
    assert (tmp_path / "lock").exists()
    with TargetLock(tmp_path):
        pass


def test_lock_is_free_after_an_error_in_its_context(tmp_path):
    """Release does not depend on how a run ends."""
    with pytest.raises(ZeroDivisionError), TargetLock(tmp_path):
        raise ZeroDivisionError
    assert holder(tmp_path) is None


def test_refused_lock_leaves_the_holder_in_place(tmp_path):
    """A refused second run must not drop or rewrite the first one's lock."""
    with TargetLock(tmp_path):
        for _ in range(2):
            with pytest.raises(LaterError):
                TargetLock(tmp_path).__enter__()
        assert f"pid {os.getpid()} " in str(holder(tmp_path))


def test_lock_file_and_folder_are_for_their_owner_only(tmp_path):
    """They stand beside the ledger."""
    folder = tmp_path / "a" / "state"
    before = os.umask(0)
    try:
        with TargetLock(folder):
            assert stat.S_IMODE((folder / "lock").stat().st_mode) == 0o600
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    finally:
        os.umask(before)


def test_lock_is_not_inherited_by_programs_that_are_started(tmp_path):
    """A child that outlives the run must not hold its lock."""
    with TargetLock(tmp_path) as lock:
        assert lock._descriptor is not None
        assert fcntl.fcntl(lock._descriptor, fcntl.F_GETFD) & fcntl.FD_CLOEXEC


def test_lock_follows_no_link(tmp_path):
    """A planted link must not make us write elsewhere."""
    (tmp_path / "victim").write_text("precious")
    (tmp_path / "lock").symlink_to(tmp_path / "victim")
    with pytest.raises(LedgerError):
        TargetLock(tmp_path).__enter__()
    with pytest.raises(LedgerError):
        holder(tmp_path)
    assert (tmp_path / "victim").read_text() == "precious"


def test_lock_in_a_place_that_is_no_folder_is_a_ledger_error(tmp_path):
    """An error of the operating system never escapes."""
    (tmp_path / "file").write_text("")
    with pytest.raises(LedgerError):
        TargetLock(tmp_path / "file").__enter__()


def test_holder_is_none_when_nobody_holds_it(tmp_path):
    """Neither before the first run nor after one."""
    assert holder(tmp_path / "absent") is None
    with TargetLock(tmp_path):
        pass
    assert holder(tmp_path) is None


def test_holder_does_not_keep_the_lock(tmp_path):
    """`status` must not stop an import."""
    with TargetLock(tmp_path):
        assert holder(tmp_path) is not None
    assert holder(tmp_path) is None
    with TargetLock(tmp_path):
        pass


@pytest.mark.parametrize("note", ["", "\n", "{}", "[1]", "null", '{"pid": "x"}', "\x00\xff"])
def test_unreadable_note_still_means_held(tmp_path, note):
    """The kernel's lock counts; the note is only for the message."""
    with TargetLock(tmp_path):
        (tmp_path / "lock").write_text(note, encoding="latin-1")
        assert Holder() == holder(tmp_path)
        with pytest.raises(LaterError, match="unknown process"):
            TargetLock(tmp_path).__enter__()


def test_lock_is_taken_although_somebody_looks(tmp_path):
    """A shared lock is what `holder` takes for an instant; this one lasts, so the start gives up politely."""
    (tmp_path / "lock").touch()
    with (tmp_path / "lock").open() as looking:
        fcntl.flock(looking, fcntl.LOCK_SH)
        with pytest.raises(LaterError):
            TargetLock(tmp_path).__enter__()
    with TargetLock(tmp_path):
        pass


def set_clock(folder, *, forward_us: int, **other: object) -> None:
    """Change the last holder's note as if the wall clock had been set since."""
    note = json.loads((folder / "lock").read_text())
    note["since_us"] -= forward_us
    (folder / "lock").write_text(json.dumps({**note, **other}))


def test_clock_that_was_set_forward_since_the_last_holder_is_noticed(tmp_path):
    """What it stamped seems older than it is: a pause would seem to be over."""
    with TargetLock(tmp_path) as first:
        assert 0 == first.clock_ahead_us
    set_clock(tmp_path, forward_us=3_600_000_000)

    with TargetLock(tmp_path) as lock:
        assert pytest.approx(3_600_000_000, abs=1_000_000) == lock.clock_ahead_us
    with TargetLock(tmp_path) as lock:
        assert 0 == lock.clock_ahead_us


@pytest.mark.parametrize(
    ("forward_us", "other"),
    [(-3_600_000_000, {}), (999_000, {}), (3_600_000_000, {"boot": "another"}), (3_600_000_000, {"boot": 7})],
    ids=["set back", "corrected a little", "started anew", "no note of ours"],
)
def test_other_notes_say_nothing_of_the_clock(tmp_path, forward_us, other):
    """Only a time that can be compared is."""
    with TargetLock(tmp_path):
        pass
    set_clock(tmp_path, forward_us=forward_us, **other)

    with TargetLock(tmp_path) as lock:
        assert 0 == lock.clock_ahead_us
