"""What is told from bytes keeps nothing from the expression that it stands before."""

import pyarrow as pa
import pyarrow.compute as pc
from hypothesis import example, given
from hypothesis import strategies as st

from etl.config.job import Job
from etl.normalize import iso, kinds, users
from etl.normalize.detectors import joint
from etl.normalize.kinds import NUMBERS
from etl.normalize.mojibake import MOJIBAKE, mojibake
from etl.normalize.numerals import may_hold_numbers
from etl.normalize.privacy import _candidates
from etl.normalize.scan import holds, longer, rows_from, rows_with
from etl.normalize.verdict import BLANK, matches, missing

_BY_CHECK = {"ip", "phone"}
"""Kinds of which too short forms are sorted out by the check and not by the pattern."""
_EDGE = st.sampled_from(["", " ", "a", "1", ".", "-", "\n", "\u00a0", "\u00e6", " 7", "7 ", " to ", "L "])
_SIGN = st.sampled_from([*" .()/+-", "\u00a0", "\u202f", "\u2010", "\u2013", "A", "Z", "x", "1", "0", "\n"])
_NINO = st.from_regex(r"[A-CEGHJ-PR-TW-Z]{2} ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[A-D]", fullmatch=True)
_NUMBER = st.lists(st.from_regex(r"[0-9]{1,12}", fullmatch=True) | _SIGN, min_size=1, max_size=8).map("".join)
_WRITTEN = _NINO | _NUMBER | st.sampled_from(NUMBERS).flatmap(lambda one: st.from_regex(one.pattern))
TEXTS = st.lists(st.tuples(_EDGE, _WRITTEN, _EDGE).map("".join), max_size=3).map("".join)
_WORDS = st.text(
    st.sampled_from("aAeE19 .,+-\t\n\u00a0\u2003\u3000\ufeff\u200b\u0130\u212a\u00e9"), max_size=6
)


@given(st.lists(st.none() | TEXTS, max_size=6))
@example(["AB 12 34 56C 7"])
@example(["x1", "23456789", "", "AB 123456 C", "dx"])
@example(["12 1234", "AB12 34 56 C"])
@example(["+\u202f\u202f\u202f4512345678"])
def test_every_number_that_a_pattern_finds_is_likely(texts):
    """The patterns alone, before any check digit, are the reference; neighbours in memory change nothing."""
    likely = may_hold_numbers(pa.array(texts, pa.string()))
    for row, text in enumerate(texts):
        for detector in NUMBERS:
            for match in detector.pattern.finditer(text or ""):
                if detector.kind not in _BY_CHECK or detector.check(match):
                    assert likely.shaped[row] or (likely.bare[row] and detector.named), (detector.gate, text)


@given(st.lists(TEXTS, min_size=1, max_size=4))
def test_whatever_is_found_is_a_candidate_in_large_batches_too(texts):
    """Many texts pass one more screen than few; what it holds back holds nothing."""
    for times in (1, 80):
        candidates = _candidates(pa.array(texts * times, pa.string()))
        for row, text in enumerate(texts):
            assert candidates[row] or not kinds.find(text, [])


@given(TEXTS)
@example("12ab:1:2::3")
@example("((abcdefgh-1")
def test_numbers_begin_only_around_digits_and_colons(text):
    """What lies far from both is never looked at, so nothing may begin there."""
    around = {
        place.start()
        for first, last in kinds._around_runs(text)
        for place in kinds._START.finditer(text, first, last)
    }
    assert {place.start() for place in kinds._START.finditer(text)} == around


@given(TEXTS)
def test_joint_pattern_fits_where_any_of_its_patterns_does(text):
    """It is asked before all of them."""
    one = joint(NUMBERS)
    for start in range(len(text)):
        fits = any(detector.pattern.match(text, start) for detector in NUMBERS)
        assert fits == (one.match(text, start) is not None)


@given(st.lists(st.none() | _WORDS, max_size=6), st.integers(0, 3))
def test_missing_is_what_shows_nothing(cells, begin):
    """The expression over every cell is the reference; a slice knows only its own cells."""
    array = pa.array(cells, pa.string()).slice(begin)
    reference = pc.fill_null(pc.match_substring_regex(array, BLANK), fill_value=True)
    assert reference.to_pylist() == missing(array).tolist()


def test_every_character_that_shows_nothing_is_missing():
    """All of Unicode, alone in a cell and before a letter."""
    signs = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    for cells in (pa.array(signs), pc.binary_join_element_wise(pa.array(signs), "a", "")):
        assert (matches(cells, BLANK) == missing(cells)).all()


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["2024-05-01T10:00:00Z", "0000-12-31 23:59:59z", "2024-13-32T24:60:60Z"]),
            st.dictionaries(st.integers(0, 19), st.sampled_from("0123456789-:TZ z./\x10"), max_size=3),
        ),
        max_size=5,
    )
)
def test_usual_shape_of_times_is_what_the_expression_takes(changes):
    """Columns in which every time has twenty bytes are told without it."""
    cells = [
        "".join(changed.get(place, sign) for place, sign in enumerate(text)) for text, changed in changes
    ]
    array = pa.array(cells, pa.string())
    assert matches(array, iso._SHAPE).tolist() == iso.has_shape(array).tolist()


@given(
    st.lists(
        st.text(st.sampled_from("a \u00c3\u00c2\u00e2\u00f0\u20ac\u0178\u00a6\u2122\u00e5\u017d"), max_size=9)
    )
)
def test_mojibake_is_what_its_expression_finds(texts):
    """Four letters begin it, and they are common in some languages."""
    array = pa.array(texts, pa.string())
    assert matches(array, MOJIBAKE).tolist() == mojibake(array).tolist()


@given(st.lists(st.none() | _WORDS, max_size=6))
def test_ids_are_judged_as_their_expressions_judge(ids):
    """Placeholders and cut numbers are looked for only in ids whose edges allow them."""
    array = pa.array(ids, pa.string())
    job = Job.model_validate(
        {
            "source": "a",
            "target": {"deployment_id": "d"},
            "columns": {"user": "u", "timestamp": "t", "text": "x"},
            "roles": {"everyone": "customer"},
            "users": {"placeholders": ("a", "-1", "", "ae", "\u00e9", "k")},
        },
    )
    names = {name.strip().lower() for name in job.users.placeholders}
    compared = pc.utf8_lower(pc.utf8_trim_whitespace(array)).to_pylist()
    assert [one in names for one in compared] == users._placeholders(job, array).tolist()
    cut = matches(array, users._SCIENTIFIC)
    assert cut.tolist() == users.precision("u", array).hit.tolist()


@given(st.lists(_WORDS, max_size=6), st.integers(1, 3), st.sampled_from(["ea", "a, e", "9.e+"]))
def test_scans_count_as_python_counts(texts, number, needle):
    """Each is plain in Python, a text at a time."""
    array = pa.array(texts, pa.string())
    counts = [any(text.count(sign) >= number for sign in "eE") for text in texts]
    assert counts == rows_with(array, "eE", times=number).tolist()
    assert [len(text) > number for text in texts] == longer(array, number).tolist()
    assert [not text.isascii() for text in texts] == rows_from(array, 0x80).tolist()
    assert (needle in "".join(texts)) == holds(array, needle)
