"""Pseudonyms of users are stable, keyed and say nothing."""

import re

import pyarrow as pa
import pytest

from etl.config.secrets import read_key
from etl.errors import UsageError
from etl.normalize.pseudonyms import pseudonyms

KEY = b"a key of the tests"


def test_pseudonym_has_its_documented_form():
    """The ledger and the platform know users by it."""
    (word,) = pseudonyms(pa.array(["jo@example.com"]), key=KEY).to_pylist()
    assert re.fullmatch("u_[0-9a-f]{24}", word)


def test_pseudonym_never_changes():
    """A later run with the same key must recognise the users of an earlier one."""
    assert ["u_057d738213ac5d25a9422cfe"] == pseudonyms(pa.array(["jo@example.com"]), key=KEY).to_pylist()


def test_equal_ids_stay_equal_and_null_stays_null():
    """Lanes are made of them."""
    ids = pa.array(["a", None, "b", "a", "A"])
    first, nothing, second, again, upper = pseudonyms(ids, key=KEY).to_pylist()
    assert nothing is None
    assert first == again
    assert 3 == len({first, second, upper})


@pytest.mark.parametrize("length", [1, 64, 65, 500])
def test_key_of_any_length_counts_in_full(length):
    """BLAKE2b itself takes 64 bytes; what comes after must not be dropped."""
    ids = pa.array(["a"])
    assert pseudonyms(ids, key=b"k" * length) != pseudonyms(ids, key=b"k" * (length - 1) + b"x")


@pytest.mark.parametrize(
    "ids",
    [
        pa.array([], pa.string()),
        pa.array([None], pa.string()),
        pa.nulls(2),
        pa.array(["x", "a"]).slice(1),
        pa.array(["a"]).dictionary_encode(),
        pa.array(["a"], pa.large_string()),
    ],
)
def test_ids_may_be_stored_in_any_way(ids):
    """Batches are slices, and Parquet brings dictionaries."""
    words = pseudonyms(ids, key=KEY)
    (known,) = pseudonyms(pa.array(["a"]), key=KEY).to_pylist()
    assert pa.string() == words.type
    assert [None if cell is None else known for cell in ids.to_pylist()] == words.to_pylist()


def test_empty_key_is_refused():
    """Without a key anybody could try all addresses."""
    with pytest.raises(ValueError, match="key"):
        pseudonyms(pa.array(["a"]), key=b"")


def test_key_is_read_without_the_white_space_around_it():
    """A newline comes from files."""
    assert b"0123456789abcdef" == read_key("KEY", {"KEY": " 0123456789abcdef\n"})


@pytest.mark.parametrize("environ", [{}, {"KEY": ""}, {"KEY": " " * 20}, {"KEY": "hunter2-hunter2"}])
def test_missing_or_short_key_is_refused_without_showing_it(environ):
    """Fifteen characters are one too few, and the message may land in a log."""
    with pytest.raises(UsageError, match="KEY") as caught:
        read_key("KEY", environ)
    assert "hunter2" not in caught.value.message + caught.value.hint
