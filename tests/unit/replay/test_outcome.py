"""The table of outcomes: every answer and failure of reliability §4 has exactly one verdict."""

from typing import Any

import pytest

from etl.api.transport import KINDS
from etl.model.exchange import Answer, Envelope, Failure, Phase, Receipt
from etl.model.states import State
from etl.replay.outcome import HOLD_OFF_DEFAULT_SECONDS, VERDICT_STATE, Judgement, Verdict, judge

RECEIPT = Receipt(platform_id=None, conversation_id=None, bot_replied=False)


def answer(status: int, envelope: Envelope = Envelope.SENSELESS, **changes: Any) -> Answer:
    """Return an answer; with a receipt exactly when it is an acceptance."""
    receipt = RECEIPT if envelope is Envelope.ACCEPTANCE else None
    return Answer(status=status, envelope=envelope, receipt=receipt, **changes)


FAILURES = [
    ("no such name, refused, unreachable", Phase.CONNECT, "connect_failed", Verdict.RETRY),
    ("connecting took too long", Phase.CONNECT, "connect_timeout", Verdict.RETRY),
    ("reset in the TLS handshake", Phase.CONNECT, "connect_failed", Verdict.RETRY),
    ("TLS handshake took too long", Phase.CONNECT, "connect_timeout", Verdict.RETRY),
    ("certificate not trusted or another host's", Phase.CERTIFICATE, "certificate", Verdict.STOP),
    ("reset or broken pipe after the first byte", Phase.SENT, "reset", Verdict.UNCERTAIN),
    ("closed without an answer, kept connection or not", Phase.SENT, "protocol_error", Verdict.UNCERTAIN),
    ("no answer in time, or a dribbled one", Phase.SENT, "timeout", Verdict.UNCERTAIN),
    ("answer cut, wrong length, bad chunk, oversized head", Phase.SENT, "protocol_error", Verdict.UNCERTAIN),
    ("answer above the cap", Phase.SENT, "answer_too_large", Verdict.UNCERTAIN),
    ("gzip although identity was asked for", Phase.SENT, "answer_encoded", Verdict.UNCERTAIN),
    *(
        (f"{error.__name__} {phase}", phase, kind, verdict)
        for error, kind in KINDS
        for phase, verdict in ((Phase.CONNECT, Verdict.RETRY), (Phase.SENT, Verdict.UNCERTAIN))
    ),
]

ANSWERS = [
    ("200 with everything right", 200, Envelope.ACCEPTANCE, Verdict.ACCEPTED, "accepted"),
    ("201 with everything right", 201, Envelope.ACCEPTANCE, Verdict.ACCEPTED, "accepted"),
    (
        "200 but HTML, empty or a list",
        200,
        Envelope.SENSELESS,
        Verdict.UNCERTAIN,
        "senseless_answer",
    ),
    ("200 with an error", 200, Envelope.ERROR, Verdict.REJECTED, "error_in_answer"),
    ("202 with an error", 202, Envelope.ERROR, Verdict.REJECTED, "error_in_answer"),
    ("202 is no documented acceptance", 202, Envelope.ACCEPTANCE, Verdict.UNCERTAIN, "http_202"),
    ("204", 204, Envelope.SENSELESS, Verdict.UNCERTAIN, "http_204"),
    ("206 is a part", 206, Envelope.ACCEPTANCE, Verdict.UNCERTAIN, "http_206"),
    ("100", 100, Envelope.SENSELESS, Verdict.UNCERTAIN, "http_100"),
    ("101", 101, Envelope.SENSELESS, Verdict.UNCERTAIN, "http_101"),
    ("103 as the last word", 103, Envelope.ACCEPTANCE, Verdict.UNCERTAIN, "http_103"),
    ("300", 300, Envelope.SENSELESS, Verdict.STOP, "http_300"),
    ("301", 301, Envelope.SENSELESS, Verdict.STOP, "http_301"),
    ("302", 302, Envelope.SENSELESS, Verdict.STOP, "http_302"),
    ("303", 303, Envelope.SENSELESS, Verdict.STOP, "http_303"),
    ("304", 304, Envelope.SENSELESS, Verdict.STOP, "http_304"),
    ("307 even with an acceptance", 307, Envelope.ACCEPTANCE, Verdict.STOP, "http_307"),
    ("308", 308, Envelope.SENSELESS, Verdict.STOP, "http_308"),
    ("400", 400, Envelope.ERROR, Verdict.REJECTED, "http_400"),
    ("401", 401, Envelope.ERROR, Verdict.STOP, "http_401"),
    ("402", 402, Envelope.SENSELESS, Verdict.STOP, "http_402"),
    ("403", 403, Envelope.ERROR, Verdict.STOP, "http_403"),
    ("404: deployment id", 404, Envelope.SENSELESS, Verdict.STOP, "http_404"),
    ("405: final slash", 405, Envelope.SENSELESS, Verdict.STOP, "http_405"),
    ("406", 406, Envelope.SENSELESS, Verdict.REJECTED, "http_406"),
    ("407", 407, Envelope.SENSELESS, Verdict.STOP, "http_407"),
    ("408: the connection or the request", 408, Envelope.SENSELESS, Verdict.UNCERTAIN, "http_408"),
    ("409: perhaps there already", 409, Envelope.ERROR, Verdict.UNCERTAIN, "http_409"),
    ("410", 410, Envelope.SENSELESS, Verdict.STOP, "http_410"),
    ("411", 411, Envelope.SENSELESS, Verdict.REJECTED, "http_411"),
    ("413", 413, Envelope.SENSELESS, Verdict.REJECTED, "http_413"),
    ("414", 414, Envelope.SENSELESS, Verdict.REJECTED, "http_414"),
    ("415", 415, Envelope.SENSELESS, Verdict.REJECTED, "http_415"),
    ("417", 417, Envelope.SENSELESS, Verdict.REJECTED, "http_417"),
    ("421", 421, Envelope.SENSELESS, Verdict.STOP, "http_421"),
    ("422", 422, Envelope.ERROR, Verdict.REJECTED, "http_422"),
    ("425", 425, Envelope.SENSELESS, Verdict.RETRY, "http_425"),
    ("426", 426, Envelope.SENSELESS, Verdict.STOP, "http_426"),
    ("428", 428, Envelope.SENSELESS, Verdict.REJECTED, "http_428"),
    ("429", 429, Envelope.SENSELESS, Verdict.RETRY, "http_429"),
    ("431", 431, Envelope.SENSELESS, Verdict.STOP, "http_431"),
    ("451", 451, Envelope.SENSELESS, Verdict.STOP, "http_451"),
    ("499", 499, Envelope.SENSELESS, Verdict.REJECTED, "http_499"),
    ("500", 500, Envelope.ERROR, Verdict.UNCERTAIN, "http_500"),
    ("501", 501, Envelope.SENSELESS, Verdict.UNCERTAIN, "http_501"),
    ("502", 502, Envelope.SENSELESS, Verdict.UNCERTAIN, "http_502"),
    ("503 without Retry-After", 503, Envelope.SENSELESS, Verdict.UNCERTAIN, "http_503"),
    ("504", 504, Envelope.SENSELESS, Verdict.UNCERTAIN, "http_504"),
    ("505", 505, Envelope.SENSELESS, Verdict.UNCERTAIN, "http_505"),
    ("507", 507, Envelope.SENSELESS, Verdict.UNCERTAIN, "http_507"),
    ("511", 511, Envelope.SENSELESS, Verdict.UNCERTAIN, "http_511"),
    ("520 of a content network", 520, Envelope.SENSELESS, Verdict.UNCERTAIN, "http_520"),
    ("524 of a content network", 524, Envelope.ACCEPTANCE, Verdict.UNCERTAIN, "http_524"),
    ("530 of a content network", 530, Envelope.SENSELESS, Verdict.UNCERTAIN, "http_530"),
    ("600", 600, Envelope.SENSELESS, Verdict.UNCERTAIN, "http_600"),
    ("999", 999, Envelope.ACCEPTANCE, Verdict.UNCERTAIN, "http_999"),
]


STOPPING = {401, 402, 403, 404, 405, 407, 410, 421, 426, 431, 451}
"""Refusals that every other message would meet, too."""


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

    assert {*range(300, 400), *STOPPING, 425, 429, 503} == again


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
