"""What masking does to texts; which values are found is in test_privacy_kinds.py."""

import re

import numpy as np
import pyarrow as pa
import pytest

from etl.config.sending import Privacy
from etl.normalize.kinds import KINDS
from etl.normalize.privacy import Masker, Spotter

KEY = b"a key of the tests"
ALL = Privacy(mask=KINDS)


def masked(text, privacy=ALL, key=None):
    """Mask one text."""
    (one,) = Masker(privacy, key=key)(pa.array([text])).texts.to_pylist()
    return one


def test_each_kind_is_replaced_by_its_name_and_the_rest_stays():
    """Agents must still be able to read the text."""
    text = (
        "Hej!  Jeg er jo@example.com, tlf. 12 34 56 78;\n\tkort 4111-1111-1111-1111, DK50 0040 0440 1162 43, "
        "198.51.100.7, cpr 010190-1234 \u2013 ordre 12345678, 3-4 dage, 1.299,00 kr."
    )
    expected = (
        "Hej!  Jeg er [email], tlf. [phone];\n\tkort [card], [iban], "
        "[ip], cpr [national_id] \u2013 ordre 12345678, 3-4 dage, 1.299,00 kr."
    )
    assert expected == masked(text)


def test_masked_texts_are_counted_by_kind():
    """The report says in how many texts, not how often."""
    texts = pa.array(["a@example.com b@example.com", None, "", "+45 12 34 56 78", "nothing"])
    done = Masker(ALL, key=None)(texts)
    assert [[True, False, False, False, False], [False, False, False, True, False]] == [
        done.changed["masked_email"].tolist(),
        done.changed["masked_phone"].tolist(),
    ]
    assert ["[email] [email]", None, "", "[phone]", "nothing"] == done.texts.to_pylist()
    assert {} == Spotter(ALL)(done.texts)


def test_kinds_that_are_not_masked_are_left_and_counted():
    """`check` warns with these counts while masking is off."""
    texts = pa.array(["a@example.com", "+45 12 34 56 78", None, "+45 12 34 56 78, +45 87 65 43 21"])
    privacy = Privacy(mask=("email",))
    done = Masker(privacy, key=None)(texts)
    assert ["[email]", *texts.to_pylist()[1:]] == done.texts.to_pylist()
    assert {"masked_email"} == set(done.changed)
    assert {"phone": 2} == Spotter(privacy)(done.texts)
    assert {"email": 1, "phone": 2} == Spotter(Privacy())(texts)


@pytest.mark.parametrize(
    ("privacy", "left"),
    [
        (Privacy(), KINDS),
        (Privacy(mask=("email", "ip")), ("phone", "card", "iban", "national_id")),
        (Privacy(patterns={"email": "x", "member": "y"}), ("phone", "card", "iban", "ip", "national_id")),
        (ALL, ()),
    ],
)
def test_a_job_leaves_the_kinds_that_it_does_not_mask(privacy, left):
    """A kind that the job has a pattern of its own for is masked, too."""
    assert set(left) == set(privacy.left)
    texts = pa.array(["jo@example.com, +45 12 34 56 78, 203.0.113.77, 4111 1111 1111 1111"])
    assert Spotter(privacy)(texts).keys() <= set(left)


def test_without_settings_nothing_is_changed():
    """Masking is off by default."""
    texts = pa.array(["a@example.com"])
    done = Masker(Privacy(), key=None)(texts)
    assert texts.equals(done.texts)
    assert {} == done.changed


def test_pseudonyms_are_the_same_for_one_value_however_it_is_written():
    """A thread stays readable."""
    privacy = Privacy(mask=KINDS, replacement="pseudonym")
    text = "Jo@Example.com jo@example.com x@example.com, +45 12345678 / 0045 12 34 56 78"
    parts = re.findall(r"\[(?:email|phone) ([0-9a-f]{4})\]", masked(text, privacy, KEY))
    assert 5 == len(parts)
    assert (parts[0], parts[3]) == (parts[1], parts[4])
    assert 3 == len(set(parts))


def test_pseudonyms_depend_on_the_key():
    """Without it they can't be tried out."""
    privacy = Privacy(mask=KINDS, replacement="pseudonym")
    assert masked("jo@example.com", privacy, KEY) != masked("jo@example.com", privacy, KEY + b"2")


@pytest.mark.parametrize("key", [None, b""])
def test_pseudonyms_without_a_key_are_refused(key):
    """A hash without a key is as good as the value."""
    with pytest.raises(ValueError, match="key"):
        Masker(Privacy(replacement="pseudonym"), key=key)


def test_own_patterns_are_replaced_first_and_always():
    """The job's author knows the export's own numbers, also those that look like something else."""
    privacy = Privacy(patterns={"member": r"\bM-\d{8}\b", "desk": r"tlf\. \d{8}"})
    texts = pa.array(["M-12345678, tlf. 12345678", "M-1", None])
    done = Masker(privacy, key=None)(texts)
    assert ["[member], [desk]", "M-1", None] == done.texts.to_pylist()
    assert [True, False, False] == done.changed["masked_desk"].tolist()
    assert {} == Spotter(privacy)(done.texts)


def test_own_pattern_that_matches_nothing_at_all_changes_nothing():
    """`x*` matches the empty text everywhere."""
    assert "abc" == masked("abc", Privacy(patterns={"empty": "x*"}))


def test_own_pattern_with_the_name_of_a_kind_joins_it():
    """One name is one mask and one count."""
    privacy = Privacy(mask=("phone",), patterns={"phone": "x+"})
    done = Masker(privacy, key=None)(pa.array(["xx", "+4512345678"]))
    assert ["[phone]", "[phone]"] == done.texts.to_pylist()
    assert [True, True] == done.changed["masked_phone"].tolist()


@pytest.mark.parametrize("replacement", ["kind", "pseudonym"])
def test_masking_twice_is_masking_once(replacement):
    """A masked export may be imported again; own patterns must not eat pseudonyms either."""
    privacy = Privacy(mask=KINDS, patterns={"four": r"\d{4}"}, replacement=replacement)
    masker = Masker(privacy, key=KEY)
    once = masker(pa.array(["jo@example.com +4512345678 4321 4111111111111111"])).texts
    again = masker(once)
    assert once.equals(again.texts)
    assert not any(hit.any() for hit in again.changed.values())


@pytest.mark.parametrize(
    "texts",
    [
        pa.array([], pa.string()),
        pa.nulls(2, pa.string()),
        pa.array(["x" * 9, None, "jo@example.com"]).slice(2),
        pa.array(["jo@example.com", "x"]).slice(0, 1),
        pa.array(["jo@example.com", "+45 12 34 56 78"], pa.large_string()),
        pa.array(["\u00e6\u00f8\u00e5 \U0001f600 jo@example.com \u00e6"]),
    ],
)
def test_texts_may_be_stored_in_any_way(texts):
    """Batches are slices of larger ones, and offsets are in bytes."""
    done = Masker(ALL, key=None)(texts)
    assert texts.type == done.texts.type
    assert [None if text is None else masked(text) for text in texts.to_pylist()] == done.texts.to_pylist()
    assert {len(texts)} == {len(hit) for hit in done.changed.values()}
    assert {np.dtype(np.bool_)} == {hit.dtype for hit in done.changed.values()}


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "piece",
    [
        "1", "0", "a", "@", "a@", "a.", "a@a.", ".-", "1 ", "12 ", "1-", "1.", "1(", "+", "+4 ", "+45 1 ",
        "0 1", ":", "a:",
        "1:", "::", "12 34 56 78 ", "123-45-", "4111 1111 1111 1111 ", "DK50 0040 ", "AB", "AB12 ", "tlf ",
        "tlf 1", "cpr 1", "order ", "jo@example.com", "[email]", "[email 4f9", "\u02d0", "\u00a0", "01/",
        "1.2.3.",
        "010190-1234", "RSSMRA85", "'", "xn--", "+1 (555) ",
    ],
)  # fmt: skip
def test_hostile_texts_of_a_megabyte_take_linear_time(piece):
    """Texts are written by strangers; a quadratic pattern would need hours for these, not seconds."""
    text = piece * (1_000_000 // len(piece))
    assert isinstance(masked(text), str)
