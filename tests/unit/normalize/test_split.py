"""Texts that are too long become several messages."""

from hashlib import sha256

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


def test_parts_follow_each_other_and_share_all_but_text(normalize):
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
    own = {"text", "part"}
    for other in others:
        assert {name: first[name] for name in first if name not in own} == {
            name: other[name] for name in other if name not in own
        }


def test_the_parts_remember_the_digest_of_their_whole(normalize):
    """Their keys follow from it: a text that grew behind the first cut is another message."""
    body = "aaaaaaaaa bbbbbbbbb"
    rows = [{"user": "jø", "when": "2024-05-01T10:00:00.000001Z", "body": text} for text in ("short", body)]
    recipe = f"etl-message-2:3:jø:1714557600000001:customer:{body}"
    expected = sha256(recipe.encode()).digest()[:16]
    assert [None, expected, expected] == normalize(*rows, text=SPLIT).messages["whole"].to_pylist()


def test_without_a_long_text_nothing_is_split(normalize):
    """Exactly the limit is short enough."""
    done = normalize({"body": "x" * 10}, text=SPLIT)
    assert (0, [1]) == (done.split, done.messages["part"].to_pylist())
