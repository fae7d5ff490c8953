"""What is remembered of a ledger outside of it."""

import stat
from pathlib import Path
from typing import Any

import pytest

from etl.errors import ExitCode, LedgerError
from etl.ledger.interface import LedgerName
from etl.ledger.marks import Concern, Mark, Marks, concern, explained, memory_folder

NAME = LedgerName(target="t", identity="a" * 32, generation=7)


def mark(**changes: Any) -> Mark:
    """Return a mark of `NAME`."""
    fields: dict[str, Any] = {"target": "t", "identity": "a" * 32, "generation": 7, "ledger": "/old/place"}
    return Mark(**(fields | changes))


@pytest.fixture
def marks(tmp_path) -> Marks:
    """Return marks beside a ledger and in a memory."""
    return Marks(tmp_path / "ledger.sqlite", target="t", memory=tmp_path / "memory" / "etl")


@pytest.mark.parametrize(
    ("name", "remembered", "expected"),
    [
        (None, [], None),
        (NAME, [], None),
        (NAME, [mark()], None),
        (NAME, [mark(generation=6)], None),
        (NAME, [mark(generation=8)], Concern.OLDER),
        (NAME, [mark(identity="b" * 32)], Concern.ANOTHER),
        (NAME, [mark(identity="b" * 32, generation=1)], Concern.ANOTHER),
        (NAME, [mark(), mark(generation=8)], Concern.OLDER),
        (NAME, [mark(generation=6), mark(identity="b" * 32)], Concern.ANOTHER),
        (None, [mark()], Concern.LOST),
    ],
)
def test_ledger_is_compared_with_all_that_is_remembered(name, remembered, expected):
    """A lost, restored or foreign ledger would send everything again."""
    found = concern(name, remembered)
    assert expected == (found[0] if found else None)


@pytest.mark.parametrize("found", list(Concern))
def test_concern_says_which_ledger_and_what_to_do(found):
    """A person in a hurry must not have to guess."""
    error = explained(found, mark(), "/here/ledger.sqlite")
    assert ExitCode.LEDGER is error.exit_code
    assert "/here/ledger.sqlite" in error.message
    assert "--restored" in error.hint


def test_marks_are_private_and_say_what_was_written(marks, tmp_path):
    """Both places remember the same."""
    assert marks.write(NAME)
    expected = mark(ledger=str(tmp_path / "ledger.sqlite"))
    assert [expected, expected] == marks.read()
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {0o600} == {stat.S_IMODE(path.stat().st_mode) for path in files}
    assert len(files) == 2


def test_lost_folder_is_remembered_from_afar(marks, tmp_path):
    """With the ledger its whole folder may be gone."""
    marks.write(NAME)
    (tmp_path / "ledger.mark").unlink()
    assert [7] == [found.generation for found in marks.read()]


def test_memory_of_one_target_says_nothing_of_another(marks, tmp_path):
    """Each deployment has its own ledger."""
    marks.write(NAME)
    other = Marks(tmp_path / "other" / "ledger.sqlite", target="u", memory=tmp_path / "memory" / "etl")
    assert [] == other.read()


def test_memory_that_cannot_be_written_is_told_and_does_no_harm(tmp_path):
    """Containers have read-only homes."""
    (tmp_path / "file").touch()
    marks = Marks(tmp_path / "ledger.sqlite", target="t", memory=tmp_path / "file" / "etl")
    assert not marks.write(NAME)
    assert [7] == [found.generation for found in marks.read()]


def test_mark_beside_the_ledger_must_be_written(tmp_path):
    """Without it a restored copy would not be noticed, so nothing may be sent."""
    marks = Marks(tmp_path / "gone" / "ledger.sqlite", target="t", memory=None)
    with pytest.raises(LedgerError):
        marks.write(NAME)


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff", b'{"target": "t"'])
def test_mark_that_cannot_be_understood_is_an_error(marks, tmp_path, content):
    """Taking it for no mark would let a restored copy through."""
    (tmp_path / "ledger.mark").write_bytes(content)
    with pytest.raises(LedgerError, match="can't be understood") as caught:
        marks.read()
    assert "ledger.mark" in caught.value.message


def test_memory_is_the_users_state_folder(tmp_path):
    """By the XDG specification, whose variable counts only when it is absolute."""
    assert Path("/x/etl") == memory_folder({"XDG_STATE_HOME": "/x", "HOME": str(tmp_path)})
    assert tmp_path / ".local/state/etl" == memory_folder({"XDG_STATE_HOME": "x", "HOME": str(tmp_path)})
    assert memory_folder({"HOME": str(tmp_path / "none")}) is None
    assert memory_folder({}) is None


def test_memory_that_cannot_be_read_remembers_nothing(marks, tmp_path):
    """A home that is broken or somebody else's is no reason to stop."""
    marks.write(NAME)
    (far,) = (tmp_path / "memory" / "etl").iterdir()
    far.unlink()
    far.mkdir()
    assert len(marks.read()) == 1


def test_mark_beside_the_ledger_must_be_read(marks, tmp_path):
    """Nobody knows what it would have said."""
    (tmp_path / "ledger.mark").mkdir()
    with pytest.raises(LedgerError, match="can't be used"):
        marks.read()
