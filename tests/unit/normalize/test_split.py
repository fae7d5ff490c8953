"""Texts that are too long become several messages."""

from hashlib import blake2b

import pytest

from etl.normalize.split import pieces

SPLIT = {"too_long": "split", "max_characters": 10}


@pytest.mark.parametrize(
    ("text", "limit", "parts"),
    [
        ("short", 10, ["short"]),
        ("aaaaaaaa bbbb", 10, ["aaaaaaaa", "bbbb"]),
        ("aaaaaaaa\nb ccc", 12, ["aaaaaaaa\nb", "ccc"]),
        ("aaaaaaaaaaaaaaaaaa\n\nb\nc d eeeeee", 22, ["aaaaaaaaaaaaaaaaaa", "b\nc d eeeeee"]),
        ("aaaaaaaaaaaaaaa b. c d eeee", 22, ["aaaaaaaaaaaaaaa b.", "c d eeee"]),
        ("aa bbbbbbbbbbbbbbbb", 10, ["aa bbbbbbb", "bbbbbbbbb"]),
        ("  a" + "b" * 9, 10, ["  a" + "b" * 7, "bb"]),
        ("aaaaaaaaa" + "e\u0301" + "zz", 10, ["aaaaaaaaa", "e\u0301zz"]),
        ("aaaaaaaaa👩\u200d💻zz", 10, ["aaaaaaaaa", "👩\u200d💻zz"]),
        ("aaaaaaaaa👍🏽", 10, ["aaaaaaaaa", "👍🏽"]),
        ("aaaaaaaaa🇩🇰", 10, ["aaaaaaaaa", "🇩🇰"]),
        ("aaaaaaaaa\r\nb", 10, ["aaaaaaaaa", "b"]),
        ("a" + " " * 30 + "\u200b" + " " * 30 + "b", 10, ["a", "b"]),
        ("abc", 1, ["a", "b", "c"]),
        ("e" + "\u0301" * 300, 100, ["e" + "\u0301" * 99, "\u0301" * 100, "\u0301" * 100, "\u0301"]),
    ],
)
def test_a_text_is_cut_where_a_reader_pauses(text, limit, parts):
    """Paragraph, line, sentence, word, in the last fifth; never between a letter and its accent."""
    assert parts == pieces(text, limit)


def test_parts_follow_each_other_and_share_all_but_text_and_keys(normalize):
    """The plan orders by part what one row became."""
    done = normalize(
        {"body": "one"}, {"body": "aaaaaaaaa bbbbbbbbb ccc", "seq": "7"}, {"body": "two"}, text=SPLIT
    )
    messages = done.messages.to_pylist()
    assert 2 == done.split
    assert ["one", "aaaaaaaaa", "bbbbbbbbb", "ccc", "two"] == [message["text"] for message in messages]
    assert [1, 1, 2, 3, 1] == [message["part"] for message in messages]
    assert [2, 3, 3, 3, 4] == [message["line"] for message in messages]
    first, *others = messages[1:4]
    own = {"text", "part", "key", "content"}
    for other in others:
        assert {name: first[name] for name in first if name not in own} == {
            name: other[name] for name in other if name not in own
        }


@pytest.mark.parametrize("msg", ["", "000123"])
def test_the_first_part_has_the_rows_key_and_the_others_follow_from_it(normalize, msg):
    """A ledger must know the parts again, whatever stands beside their row."""
    body = "aaaaaaaaa bbbbbbbbb"
    whole = normalize({"body": body, "msg": msg}).messages.to_pylist()[0]
    first, second = normalize({"body": body, "msg": msg}, text=SPLIT).messages.to_pylist()
    assert (whole["key"], whole["content"]) == (first["key"], first["content"])
    for name in ("key", "content"):
        expected = blake2b(whole[name] + b"\0\0\0\2", digest_size=16, person=b"etl-part-1").digest()
        assert expected == second[name]


def test_without_a_long_text_nothing_is_split(normalize):
    """Exactly the limit is short enough."""
    done = normalize({"body": "x" * 10}, text=SPLIT)
    assert (0, [1]) == (done.split, done.messages["part"].to_pylist())
