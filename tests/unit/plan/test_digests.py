"""Keys that recognise a message again, for ever; the expected ones come from hashlib."""

from hashlib import sha256

import duckdb
import pyarrow as pa
import pytest

from etl.model.keys import content_digest
from etl.plan.digests import compute

SCHEMA = pa.schema(
    [
        ("lane", pa.string()), ("at_us", pa.int64()), ("role", pa.string()), ("text", pa.string()),
        ("native_id", pa.string()), ("whole", pa.binary()), ("part", pa.int32()),
    ],
)  # fmt: skip
AT_US = 1_714_557_600_000_001
SOUND = {
    "lane": "u1",
    "at_us": AT_US,
    "role": "agent",
    "text": "hej ø",
    "part": 1,
}


def cut(*words):
    """Return SHA-256 of words joined by colons, cut to 128 bits."""
    return sha256(":".join(map(str, words)).encode()).digest()[:16]


@pytest.fixture
def digests():
    """Return a function from rows and a source to what is computed of them."""
    with duckdb.connect() as connection:

        def of(*rows, source="acme"):
            table = pa.Table.from_pylist([{**SOUND, **row} for row in rows], schema=SCHEMA)
            pieces = pa.Table.from_batches(table.to_batches(max_chunksize=1_000))
            return compute(connection, pieces, source).to_pylist()

        yield of


def test_content_is_a_fixed_digest(digests):
    """A ledger of today must know its messages in ten years: this literal never changes."""
    (found,) = digests({})
    assert ("3aa3f8fa2bf51f96e7e1252633376a0a",) * 2 == (found["content"].hex(), found["key"].hex())


def test_content_follows_the_documented_recipe(digests):
    """Other programs may compute it; lengths are in octets."""
    (found,) = digests({"lane": "jø:1"})
    assert cut("etl-message-2", 5, "jø:1", 1_714_557_600_000_001, "agent", "hej ø") == found["content"]


@pytest.mark.parametrize("lane", ["a", "a:b", "ø", "", "a\0b", "😀"])
@pytest.mark.parametrize("text", ["", "x" * 1_000, "a:b\nc\0"])
@pytest.mark.parametrize("at_us", [-1, 0, 1 << 60])
def test_tables_and_single_messages_have_the_same_digest(digests, lane, text, at_us):
    """Parts of a text carry the digest of their whole, which Python computes."""
    expected = content_digest(lane=lane, at_us=at_us, role="bot", text=text)
    assert expected == digests({"lane": lane, "at_us": at_us, "role": "bot", "text": text})[0]["content"]


def test_a_native_id_makes_the_key_and_the_text_the_content(digests):
    """The source's own id identifies a message whatever its text becomes."""
    one, two, without = digests({"native_id": "000123", "text": "1"}, {"native_id": "000123"}, {})
    assert [cut("etl-native-id-2", 4, "acme", "000123")] * 2 == [one["key"], two["key"]]
    assert one["content"] != two["content"]
    assert (without["content"], two["content"]) == (without["key"], without["content"])


def test_the_same_id_of_another_source_is_another_message(digests):
    """Two helpdesks both count from 1."""
    (found,) = digests({"native_id": "7"}, source="ø:'1")
    assert cut("etl-native-id-2", 5, "ø:'1", "7") == found["key"]


def test_neighbouring_fields_do_not_run_into_each_other(digests):
    """Lengths keep (a:1, b) and (a, 1:b) apart."""
    keys = {row["key"] for row in digests({"lane": "ab", "text": "c"}, {"lane": "a", "text": "bc"})}
    keys |= {row["key"] for row in digests({"native_id": "b:c"}, source="a")}
    keys |= {row["key"] for row in digests({"native_id": "c"}, source="a:b")}
    assert 4 == len(keys)


@pytest.mark.parametrize("native_id", [None, "7"])
def test_the_first_part_has_the_rows_digests_and_the_others_follow_from_them(digests, native_id):
    """A ledger must know the parts again, whatever stands beside their row."""
    (row,) = digests({"native_id": native_id, "text": "one two"})
    parts = [{"native_id": native_id, "whole": row["content"], "part": n, "text": str(n)} for n in (1, 2, 12)]
    first, *others = digests(*parts)
    assert (row["key"], row["content"]) == (first["key"], first["content"])
    for number, part in zip((2, 12), others, strict=True):
        for name in ("key", "content"):
            assert cut("etl-part-2", number, row[name].hex().upper()) == part[name]


def test_rows_keep_their_order_on_all_threads(digests):
    """The digests are put beside the rows that went in."""
    rows = [{"lane": str(n), "role": "bot", "text": "x"} for n in range(6_000)]
    expected = [content_digest(lane=str(n), at_us=AT_US, role="bot", text="x") for n in range(6_000)]
    assert expected == [row["content"] for row in digests(*rows)]


def test_characters_are_counted_not_octets(digests):
    """The plan's hash and its insight use them."""
    assert [3] == [row["characters"] for row in digests({"text": "ø😀a"})]
