"""Private files that take their place whole."""

import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from etl.storage.files import placed, private_folder, sweep


def test_file_takes_its_place_at_the_end(tmp_path):
    """A reader sees the old content or the new one."""
    path = tmp_path / "x" / "a"
    with placed(path, durable=True) as sink:
        sink.write(b"abc")
        assert not path.exists()
    assert b"abc" == path.read_bytes()
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    assert 0o700 == stat.S_IMODE(path.parent.stat().st_mode)


def test_failure_leaves_what_was_there(tmp_path):
    """And nothing beside it."""
    path = tmp_path / "a"
    path.write_bytes(b"before")
    with pytest.raises(ZeroDivisionError), placed(path, durable=True) as sink:
        sink.write(b"half" * (1 // 0))
    assert b"before" == path.read_bytes()
    assert [path] == list(tmp_path.iterdir())


def test_sweep_spares_writers_that_live(tmp_path):
    """Two commands may fetch one file at once; only a dead one's half is waste."""
    path = tmp_path / "a[1]"
    dead, other = tmp_path / ".a[1]-x.part", tmp_path / ".a1-x.part"
    dead.write_bytes(b"half")
    other.write_bytes(b"another file's")
    with placed(path, durable=False) as sink:
        sweep(path)
        sink.write(b"abc")
    assert b"abc" == path.read_bytes()
    assert not dead.exists()
    assert other.exists()


def test_writers_of_one_file_never_sweep_each_other(tmp_path):
    """Between making a file and locking it, and between writing and placing it, there is an instant each."""
    path = tmp_path / "a"

    def write(_: int) -> None:
        sweep(path)
        with placed(path, durable=False) as sink:
            sink.write(b"abc")

    with ThreadPoolExecutor(max_workers=8) as pool:
        list(pool.map(write, range(1_000)))
    assert [path] == list(tmp_path.iterdir())


def test_folder_is_private_all_the_way(tmp_path):
    """Also the folders above it that are new."""
    private_folder(tmp_path / "x" / "y")
    assert [0o700, 0o700] == [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("x", "x/y")]
