"""The table of outcomes: every answer and failure of reliability §4 has exactly one verdict."""

from typing import Any

import pytest

from etl.model.exchange import Answer, Envelope, Failure, Phase, Receipt
from etl.model.states import State
from etl.replay.outcome import HOLD_OFF_DEFAULT_SECONDS, VERDICT_STATE, Judgement, Verdict, judge

RECEIPT = Receipt(platform_id=None, conversation_id=None, bot_replied=False)


def answer(status: int, envelope: Envelope = Envelope.SENSELESS, **changes: Any) -> Answer:
    """Return an answer; with a receipt exactly when it is an acceptance."""
    receipt = RECEIPT if envelope is Envelope.ACCEPTANCE else None
    return Answer(status=status, envelope=envelope, receipt=receipt, **changes)


FAILURES = [
    ("dns or refused", Phase.CONNECT, "connect_failed", Verdict.RETRY),
    ("connect timeout", Phase.CONNECT, "connect_timeout", Verdict.RETRY),
    ("tls handshake reset", Phase.CONNECT, "connect_failed", Verdict.RETRY),
    ("certificate not trusted", Phase.CERTIFICATE, "certificate", Verdict.STOP),
    ("reset after the first byte", Phase.SENT, "reset", Verdict.UNCERTAIN),
    ("closed without an answer", Phase.SENT, "protocol_error", Verdict.UNCERTAIN),
    ("timeout or slow dribble", Phase.SENT, "timeout", Verdict.UNCERTAIN),
    ("answer cut", Phase.SENT, "protocol_error", Verdict.UNCERTAIN),
    ("answer too large", Phase.SENT, "answer_too_large", Verdict.UNCERTAIN),
    ("gzip although identity was asked", Phase.SENT, "answer_encoded", Verdict.UNCERTAIN),
]

ANSWERS = [
    ("200 with everything right", 200, Envelope.ACCEPTANCE, Verdict.ACCEPTED, "accepted"),
    ("201 with everything right", 201, Envelope.ACCEPTANCE, Verdict.ACCEPTED, "accepted"),
    ("200 but HTML, empty, a list", 200, Envelope.SENSELESS, Verdict.UNCERTAIN, "senseless_answer"),
    ("200 with an error", 200, Envelope.ERROR, Verdict.REJECTED, "error_in_answer"),
    ("202 with an error", 202, Envelope.ERROR, Verdict.REJECTED, "error_in_answer"),
    ("202 is no documented acceptance", 202, Envelope.ACCEPTANCE, Verdict.UNCERTAIN, "http_202"),
    ("204", 204, Envelope.SENSELESS, Verdict.UNCERTAIN, "http_204"),
    ("101", 101, Envelope.SENSELESS, Verdict.UNCERTAIN, "http_101"),
    ("301", 301, Envelope.SENSELESS, Verdict.STOP, "http_301"),
    ("307", 307, Envelope.ACCEPTANCE, Verdict.STOP, "http_307"),
    ("400", 400, Envelope.ERROR, Verdict.REJECTED, "http_400"),
    ("401", 401, Envelope.ERROR, Verdict.STOP, "http_401"),
    ("403", 403, Envelope.ERROR, Verdict.STOP, "http_403"),
    ("404", 404, Envelope.SENSELESS, Verdict.STOP, "http_404"),
    ("405", 405, Envelope.SENSELESS, Verdict.STOP, "http_405"),
    ("408", 408, Envelope.SENSELESS, Verdict.UNCERTAIN, "http_408"),
    ("409", 409, Envelope.ERROR, Verdict.UNCERTAIN, "http_409"),
    ("413", 413, Envelope.SENSELESS, Verdict.REJECTED, "http_413"),
    ("415", 415, Envelope.SENSELESS, Verdict.REJECTED, "http_415"),
    ("422", 422, Envelope.ERROR, Verdict.REJECTED, "http_422"),
    ("429", 429, Envelope.SENSELESS, Verdict.RETRY, "http_429"),
    ("500", 500, Envelope.ERROR, Verdict.UNCERTAIN, "http_500"),
    ("502", 502, Envelope.SENSELESS, Verdict.UNCERTAIN, "http_502"),
    ("503 without Retry-After", 503, Envelope.SENSELESS, Verdict.UNCERTAIN, "http_503"),
    ("504", 504, Envelope.SENSELESS, Verdict.UNCERTAIN, "http_504"),
]


@pytest.mark.parametrize(
    ("phase", "kind", "verdict"), [row[1:] for row in FAILURES], ids=[row[0] for row in FAILURES]
)
def test_failure_is_judged_by_how_far_the_request_got(phase, kind, verdict):
    """Only before the first byte is another attempt surely no second one."""
    judgement = judge(Failure(phase=phase, kind=kind), retry_503=True)

    assert Judgement(verdict=verdict, reason=kind) == judgement


@pytest.mark.parametrize(
    ("status", "envelope", "verdict", "reason"), [row[1:] for row in ANSWERS], ids=[row[0] for row in ANSWERS]
)
def test_answer_has_the_verdict_of_the_table(status, envelope, verdict, reason):
    """The table is the promise that a person can read."""
    judgement = judge(answer(status, envelope), retry_503=True)

    assert (verdict, reason) == (judgement.verdict, judgement.reason)


@pytest.mark.parametrize("envelope", list(Envelope))
@pytest.mark.parametrize("retry_503", [True, False])
@pytest.mark.parametrize("pause", [None, 7.0])
def test_acceptance_needs_its_status_and_its_envelope(envelope, retry_503, pause):
    """A proxy's page, a redirect or an error must never count as delivered."""
    accepted = {
        status
        for status in range(100, 600)
        if judge(answer(status, envelope, retry_after_seconds=pause), retry_503=retry_503).verdict
        is Verdict.ACCEPTED
    }

    assert ({200, 201} if envelope is Envelope.ACCEPTANCE else set()) == accepted


@pytest.mark.parametrize("envelope", list(Envelope))
def test_only_refusals_before_the_work_are_sent_again(envelope):
    """A retry of anything else could double a message."""
    again = {
        status
        for status in range(100, 600)
        if judge(answer(status, envelope, retry_after_seconds=1.0), retry_503=True).state is State.PENDING
    }

    assert again == {*range(300, 400), 401, 403, 404, 405, 407, 421, 425, 429, 503}


@pytest.mark.parametrize(("retry_503", "verdict"), [(True, Verdict.RETRY), (False, Verdict.UNCERTAIN)])
def test_503_with_retry_after_follows_the_job(retry_503, verdict):
    """Vendors disagree about it, so it is a setting; the pause holds either way."""
    judgement = judge(answer(503, retry_after_seconds=30.0), retry_503=retry_503)

    assert Judgement(verdict=verdict, reason="http_503", hold_off_seconds=30.0) == judgement


@pytest.mark.parametrize(
    ("asked", "held"),
    [(None, HOLD_OFF_DEFAULT_SECONDS), (0.0, 1.0), (-60.0, 1.0), (2.5, 2.5), (86_400.0, 86_400.0)],
)
def test_429_holds_everybody_for_what_was_asked(asked, held):
    """At least a second, in full, and a default when no number came."""
    assert held == judge(answer(429, retry_after_seconds=asked), retry_503=True).hold_off_seconds


@pytest.mark.parametrize("status", [200, 400, 413, 500, 502, 504])
def test_retry_after_is_obeyed_whatever_the_status(status):
    """A pause speaks to everybody, not of this message (promise P5)."""
    assert judge(answer(status, retry_after_seconds=9.0), retry_503=True).hold_off_seconds == 9.0


def test_every_verdict_has_a_state():
    """A verdict without a state could not be recorded."""
    assert set(Verdict) == set(VERDICT_STATE)
