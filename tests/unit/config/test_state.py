"""The setting `state`: what it means here, and what of it people see."""

import stat
from pathlib import Path
from tempfile import gettempdir

import pytest

from etl.config.state import State, is_location, make_scratch, scratch, state_problems, told
from etl.errors import UsageError

URI = "s3://key:se%2Fcret@bucket/team/etl?endpoint_override=http://127.0.0.1:9"


@pytest.mark.parametrize(
    ("setting", "expected"),
    [("etl-state", False), ("/x/y", False), ("file:///x", False), ("s3://b/p", True), ("gs://b", True)],
)
def test_location_is_what_has_a_scheme(setting, expected):
    """A path is a path, however it is written."""
    assert expected is is_location(setting)


def test_credentials_and_options_are_never_shown():
    """What is shown ends up in logs and reports."""
    state = State(folder=Path("/cache/1"), uri=URI)
    assert "s3://bucket/team/etl" == str(state) == told(URI)
    assert "cret" not in repr(state)
    assert "s3://bucket/team/etl/x/plans/1" == state.below("x").shown(Path("/cache/1/x/plans/1"))


def test_folder_below_keeps_options():
    """They say how to get there."""
    inner = State(folder=Path("/cache/1"), uri=URI).below("api.example.com-1")
    assert inner.uri == URI.replace("/team/etl", "/team/etl/api.example.com-1")
    assert Path("/cache/1/api.example.com-1") == inner.folder


def test_local_paths_are_shown_as_they_are():
    """Nothing changes for who has no store; nor for a path that lies elsewhere."""
    assert "etl-state/x/r.json" == State(folder=Path("etl-state")).shown(Path("etl-state/x/r.json"))
    assert "/tmp/x" == State(folder=Path("/cache/1"), uri=URI).shown(Path("/tmp/x"))  # noqa: S108  only a name


def test_scratch_is_one_folder_for_each_place(tmp_path):
    """Other credentials lead to the same place; another folder, bucket or store does not."""
    cache = {"XDG_CACHE_HOME": str(tmp_path)}
    same = scratch(URI.replace("key:se%2Fcret@", "other:x@"), cache)
    assert scratch(URI, cache) == same
    assert tmp_path / "etl" == same.parent
    assert same != scratch(URI.replace("team", "other"), cache)
    assert same != scratch(URI.replace(":9", ":8"), cache)


def test_scratch_needs_no_home(tmp_path):
    """A container's account may have none."""
    home = scratch(URI, {"HOME": str(tmp_path)})
    assert tmp_path / ".cache" / "etl" == home.parent
    none = scratch(URI, {"HOME": str(tmp_path / "none")})
    assert (home.name, Path(gettempdir())) == (none.name, none.parents[1])


def test_file_for_a_ledger_is_refused_in_a_store():
    """SQLite can't live there, and scratch may go at any time; the refusal shows no credentials."""
    (problem,) = state_problems(URI, ledger=None)
    assert problem.startswith("state = s3://bucket/team/etl needs a ledger in PostgreSQL")
    assert [] == state_problems(URI, ledger="postgresql://host/db")
    assert [] == state_problems("etl-state", ledger=None)


def test_scratch_is_private(tmp_path):
    """It holds messages; what lies above it may be open."""
    folder = tmp_path / "cache" / "etl" / "12" / "target"
    make_scratch(folder)
    make_scratch(folder)
    for one in (folder, folder.parent, folder.parents[1]):
        assert 0o700 == stat.S_IMODE(one.stat().st_mode)


def test_scratch_of_somebody_else_is_refused(tmp_path):
    """In a folder that others can write, one may lie in wait: open to its maker, or a link."""
    (tmp_path / "etl-0").mkdir(mode=0o755)
    with pytest.raises(UsageError, match="is not a folder of yours alone"):
        make_scratch(tmp_path / "etl-0" / "12" / "target")
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (tmp_path / "etl-1").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="is not a folder of yours alone"):
        make_scratch(tmp_path / "etl-1" / "12" / "target")
