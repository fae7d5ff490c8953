"""Laws of masking over generated texts that are made of what detectors look at."""

import re

import pyarrow as pa
from hypothesis import example, given
from hypothesis import strategies as st

from etl.config.sending import Privacy
from etl.normalize.detectors import BLANK
from etl.normalize.kinds import KINDS, find
from etl.normalize.privacy import Masker

KEY = b"a key of the tests"
ALL = Masker(Privacy(mask=KINDS), key=None)
PSEUDONYMS = Masker(Privacy(mask=KINDS, replacement="pseudonym"), key=KEY)
TOKEN = re.compile(rf"\[(?:{'|'.join(KINDS)})(?: [0-9a-f]{{4}})?\]")

_VALUES = (
    "jo@example.com", "+45 12 34 56 78", "12 34 56 78", "030 1234567", "(555) 234-5678", "0049 171 1234567",
    "4111 1111 1111 1111", "378282246310005", "DK5000400440116243", "GB82 WEST 1234 5698 7654 32",
    "192.0.2.44", "2001:db8::1234", "010190-1234", "131052-308T", "12345678Z", "123-45-6789", "AB123456C",
    "111222333", "01709061234", "12345678", "2024-01-15", "978-3-16-148410-0", "[email]", "[phone 4f9a]",
)  # fmt: skip
_WORDS = ("tlf", "order", "cpr", "bsn", "call ", "#", "version ", "kr", "a", "DK", "Z", "x@", "ring 1")
_SIGNS = (
    *" .-/()+:@[]_,\n'",
    "\u00a0",
    "\u2013",
    BLANK,
    "\u00e6",
    "\u0661",
    "\u212a",
    "\U0001f600",
    "0",
    "1",
    "45",
)
_PIECES = st.one_of(
    st.sampled_from(_VALUES),
    st.sampled_from(_WORDS),
    st.sampled_from(_SIGNS),
    st.from_regex(r"[0-9]{1,20}", fullmatch=True),
)
TEXTS = st.one_of(st.lists(_PIECES, max_size=12).map("".join), st.text(max_size=60))


@given(TEXTS)
@example("12 34 56 78 90 12 34 56 78")
@example("tlf +45 12 34 56 780049 171 1234567")
@example("jo@example.comjo@example.comjo@example.com-jo@example.com")
def test_what_was_masked_holds_nothing_more(text):
    """Whatever stands side by side: a second look finds nothing, with words or pseudonyms in its place."""
    for masker in (ALL, PSEUDONYMS):
        once = masker(pa.array([text], pa.string()))
        twice = masker(once.texts)
        assert once.texts.equals(twice.texts)
        assert not any(hit.any() for hit in twice.changed.values())


@given(TEXTS)
def test_what_stands_outside_the_values_is_not_changed(text):
    """Masked texts are the originals with tokens for values, and nothing else."""
    findings = sorted(find(text, []), key=lambda finding: finding.start)
    ends = [0, *(finding.end for finding in findings)]
    starts = [*(finding.start for finding in findings), len(text)]
    assert all(end <= start for end, start in zip(ends, starts, strict=True))
    kept = [text[end:start] for end, start in zip(ends, starts, strict=True)]
    if not TOKEN.search(text):
        (masked,) = ALL(pa.array([text], pa.string())).texts.to_pylist()
        assert kept == TOKEN.split(masked)


@given(st.lists(st.none() | TEXTS, max_size=6))
def test_batch_is_masked_as_its_texts_are_one_by_one(texts):
    """The screen before the detectors keeps nothing from them."""
    batch = ALL(pa.array(texts, pa.string()))
    for row, text in enumerate(texts):
        names = set() if text is None else {finding.name for finding in find(text, _tokens(text))}
        assert names == {kind for kind in KINDS if batch.changed[f"masked_{kind}"][row]}


def _tokens(text):
    return [match.span() for match in TOKEN.finditer(text)]
