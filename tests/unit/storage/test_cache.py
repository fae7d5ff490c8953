"""Copies and the versions they are of."""

import pytest

from etl.storage.cache import Cache


@pytest.fixture
def cache(tmp_path):
    """Return a cache with one copy."""
    cache = Cache(folder=tmp_path / "cache")
    _write(cache, "plans/1/a", b"abc")
    cache.stamp("plans/1/a", "v1")
    return cache


def _write(cache, name, content):
    path = cache.path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def test_copy_is_of_one_version(cache):
    """Another one has to be fetched."""
    assert cache.holds("plans/1/a", "v1")
    assert not cache.holds("plans/1/a", "v2")
    assert not cache.holds("plans/1/b", "v1")


def test_file_that_was_replaced_is_no_copy(cache):
    """A plan may be built in the place of one that was fetched; it must be published."""
    other = cache.path("plans/1/b")
    other.write_bytes(b"abc")
    other.replace(cache.path("plans/1/a"))
    assert not cache.noted("plans/1/a")


def test_note_of_another_process_does_not_count(cache):
    """Two processes fetch two versions: the one that writes its note last may not have written the file."""
    cache.stamp("plans/1/a", "v2")
    note = cache.folder / ".versions" / "plans/1/a.json"
    kept = note.read_bytes()
    _write(cache, "plans/1/a", b"from version 3")
    note.write_bytes(kept)
    assert not cache.holds("plans/1/a", "v2")


@pytest.mark.parametrize("damage", [b"", b"[]", b"{}", b'["v1"]', b"null"])
def test_damaged_note_is_none(cache, damage):
    """A full disk may have cut it."""
    (cache.folder / ".versions" / "plans/1/a.json").write_bytes(damage)
    assert not cache.noted("plans/1/a")


def test_only_copies_are_dropped(cache):
    """What was never published is the only one of its kind."""
    _write(cache, "plans/1/b", b"unpublished")
    cache.drop("plans/1")
    assert not cache.path("plans/1/a").exists()
    assert b"unpublished" == cache.path("plans/1/b").read_bytes()
