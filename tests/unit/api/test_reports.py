import pytest

from etl.api.reports import Again, Page, read_failure, read_page
from etl.errors import RefusedError
from etl.model.exchange import Failure, Phase

ROWS = b'[{"text": "a"}, {"text": "b"}]'


@pytest.mark.parametrize(
    "body", [ROWS, *(b'{"%s": %s}' % (name, ROWS) for name in (b"message", b"results", b"data"))]
)
def test_rows_stand_in_a_list_wrapped_or_not(body):
    """The documented list, and the envelopes that the vendor uses elsewhere."""
    assert Page(rows=[{"text": "a"}, {"text": "b"}]) == read_page(200, {}, body)


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b"3", b'["a"]', b'{"data": 1}', b"[" * 100_000])
def test_answer_without_a_list_is_refused(body):
    """A login page is no report without rows."""
    with pytest.raises(RefusedError, match="no list of rows"):
        read_page(200, {}, body)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_trouble_is_tried_again(status):
    """Reading changes nothing, so it may be repeated, after the wait that is asked for."""
    assert Again(reason=f"http_{status}", retry_after_seconds=7.0) == read_page(
        status, {"retry-after": "7"}, b""
    )
    assert Again(reason=f"http_{status}") == read_page(status, {}, b"")


@pytest.mark.parametrize(
    ("status", "word"),
    [
        (401, "user's token"),
        (403, "user's token"),
        (404, "path"),
        (400, "bot_id"),
        (302, "path"),
        (204, "path"),
    ],
)
def test_refusal_says_what_to_check(status, word):
    """Asking again would change nothing."""
    with pytest.raises(RefusedError) as raised:
        read_page(status, {}, b"secret")
    assert word in raised.value.hint
    assert "secret" not in raised.value.message


def test_failure_without_an_answer_is_tried_again():
    """Resets and timeouts pass."""
    assert Again(reason="timeout") == read_failure(Failure(phase=Phase.SENT, kind="timeout"))


@pytest.mark.parametrize(
    ("phase", "kind"),
    [(Phase.CERTIFICATE, "certificate"), (Phase.SENT, "answer_too_large"), (Phase.SENT, "answer_encoded")],
)
def test_failure_that_stays_is_refused(phase, kind):
    """A wrong certificate or a giant answer does not pass by waiting."""
    with pytest.raises(RefusedError):
        read_failure(Failure(phase=phase, kind=kind))
