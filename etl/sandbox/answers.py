"""What is answered to a message: well, in each voice, or ill, for each fault."""

from collections.abc import Callable
from email.utils import formatdate
from http import HTTPStatus
from typing import Final, assert_never

from fastapi.responses import HTMLResponse, Response

from etl.sandbox.clock import wall_us
from etl.sandbox.contract import Failure, Said, Success
from etl.sandbox.envelope import failure
from etl.sandbox.faults import Fault
from etl.sandbox.profiles import Voice
from etl.sandbox.records import Place
from etl.sandbox.wire import Cut, Reset, Silence

LATE_SECONDS: Final = 1.0
"""How late an answer is under `delay-after-store`."""

_JSON: Final = "application/json"
_SERVER_ERRORS: Final = (500, 502, 503, 504)
_LOGIN: Final = "<!DOCTYPE html><title>Sign in</title><h1>Sign in to go on</h1>"
_REFUSAL: Final = "the message was refused"
_MICROSECONDS: Final = 1_000_000


def spoken(voice: Voice, message_id: str, place: Place, *, answered: bool) -> Response:
    """Return the answer to a message that was taken; `answered` says whether the bot has the word."""
    success = Success.of(
        request_id=message_id,
        platform_id=place.seq,
        conversation_id=place.conversation_id,
        standby=not answered,
    )
    match voice:
        case Voice.ECHO:
            pass
        case Voice.ANSWERS:
            reply = success.message[0].model_copy(update={"actions": (Said(),)}) if success.message else None
            success = Success(message=(reply,) if reply else ())
        case Voice.SILENT:
            success = Success(message=())
        case Voice.NULL:
            success = Success(message=None)
        case Voice.EMPTY:
            return Response()
        case _:
            assert_never(voice)
    return Response(success.model_dump_json(by_alias=True), media_type=_JSON)


def troubled(fault: Fault, whole: Response, *, turn: int) -> Response:
    """Return what becomes of an answer under a fault.

    Args:
        fault: what happens.
        whole: the answer that a stored message would have got; empty when it was not stored.
        turn: how often this fault has happened before.
    """
    return _TROUBLES[fault](whole, turn)


def too_many(wait_seconds: int, *, as_date: bool = False) -> Response:
    """Return a 429 whose `Retry-After` is a number, or a date not before so many seconds from now."""
    # A date has whole seconds: one more, or up to a second of the wait would be lost.
    then = wall_us() // _MICROSECONDS + wait_seconds + 1
    value = formatdate(then, usegmt=True) if as_date else str(wait_seconds)
    return failure(HTTPStatus.TOO_MANY_REQUESTS, "too many messages", {"Retry-After": value})


def _unavailable(_whole: Response, _turn: int) -> Response:
    return failure(HTTPStatus.SERVICE_UNAVAILABLE, "down for a moment", {"Retry-After": "1"})


def _server_error(_whole: Response, turn: int) -> Response:
    return failure(_SERVER_ERRORS[turn % len(_SERVER_ERRORS)], "something went wrong")


def _refused(_whole: Response, _turn: int) -> Response:
    return failure(HTTPStatus.BAD_REQUEST, _REFUSAL)


def _error_in_200(_whole: Response, _turn: int) -> Response:
    return Response(Failure(error=_REFUSAL).model_dump_json(), media_type=_JSON)


def _revoked(_whole: Response, _turn: int) -> Response:
    return failure(HTTPStatus.UNAUTHORIZED, "the token was generated anew", {"WWW-Authenticate": "Bearer"})


_TROUBLES: Final[dict[Fault, Callable[[Response, int], Response]]] = {
    Fault.TOO_MANY: lambda _, turn: too_many(1, as_date=turn % 2 == 1),
    Fault.UNAVAILABLE: _unavailable,
    Fault.SERVER_ERROR: _server_error,
    Fault.SERVER_ERROR_AFTER_STORE: _server_error,
    Fault.REFUSED: _refused,
    Fault.ERROR_IN_200: _error_in_200,
    Fault.HTML: lambda _, __: HTMLResponse(_LOGIN),
    Fault.REVOKED: _revoked,
    Fault.RESET_BEFORE_STORE: lambda _, __: Reset(),
    Fault.RESET_AFTER_STORE: lambda _, __: Reset(),
    Fault.SILENCE_AFTER_STORE: lambda _, __: Silence(),
    Fault.CUT_AFTER_STORE: lambda whole, _: Cut(whole),
    Fault.DELAY_AFTER_STORE: lambda whole, _: whole,
}
"""What each fault makes of the answer, given how often it has happened before."""
