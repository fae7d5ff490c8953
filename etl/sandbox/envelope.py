"""Refusals: always JSON in the documented envelope, whatever was asked."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import Route

from etl.sandbox.contract import Failure
from etl.sandbox.errors import SandboxError

REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    "4XX": {
        "model": Failure,
        "description": "400 breaks the contract; 401 no valid token; 404 no such deployment, user or path; "
        "405 another method; 409 not in this state; 413 a body over 1 MiB; 415 no JSON; 429 too many",
    },
    "5XX": {"model": Failure, "description": "the message could not be stored"},
}
"""What every operation may answer but success."""

_NO_PATH: Final = (
    "no such path; messages are posted to /webbot/api/webchat/bot/<deployment id>/messages/, slash included"
)


def failure(status: int, sentence: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return a refusal with one sentence."""
    return JSONResponse(Failure(error=sentence).model_dump(), status_code=status, headers=headers)


def bad(sentence: str) -> HTTPException:
    """Return the refusal of a request that breaks the contract, to be raised."""
    return HTTPException(HTTPStatus.BAD_REQUEST, sentence)


def unknown(what: str) -> HTTPException:
    """Return the refusal of a request for something that does not exist, to be raised."""
    return HTTPException(HTTPStatus.NOT_FOUND, f"no such {what}")


def no_such_path() -> HTTPException:
    """Return the refusal of a path that does not exist, to be raised."""
    return HTTPException(HTTPStatus.NOT_FOUND, _NO_PATH)


def refuse_in_envelopes(app: FastAPI) -> None:
    """Answer each refusal of an application, and each failure of its store, in the envelope."""
    app.add_exception_handler(HTTPException, _refuse)
    app.add_exception_handler(SandboxError, _fail)


async def _refuse(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):  # pragma: no cover  registered for no other
        raise error
    sentence, headers = error.detail, dict(error.headers or {})
    match error.status_code:
        case HTTPStatus.NOT_FOUND if sentence == HTTPStatus.NOT_FOUND.phrase:
            # Starlette's own words for a path that no route has.
            sentence = _NO_PATH
        case HTTPStatus.METHOD_NOT_ALLOWED:
            headers["Allow"] = ", ".join(sorted(_methods(request)))
            sentence = f"this path takes {headers['Allow']} only"
        case _:
            pass
    return failure(error.status_code, sentence, headers)


def _methods(request: Request) -> set[str]:
    """Return what a path takes; Starlette names the methods of its first route alone."""
    routes = [route for route in request.app.routes if isinstance(route, Route)]
    path = request.scope["path"]
    return {method for route in routes if route.path_regex.match(path) for method in route.methods or ()}


async def _fail(_: Request, error: Exception) -> Response:
    return failure(HTTPStatus.INTERNAL_SERVER_ERROR, str(error))
