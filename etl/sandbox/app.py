"""The stand-in platform over HTTP: the documented endpoint, its strictness and its envelopes."""

import hmac
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import FastAPI, HTTPException, Request, Response, Security
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.requests import ClientDisconnect

from etl.sandbox.clock import wall_us
from etl.sandbox.contract import MAX_BODY_BYTES, Failure, Problem, SendMessage, Success, check, request_schema
from etl.sandbox.errors import SandboxError
from etl.sandbox.guard import LocalHostOnly
from etl.sandbox.records import NewMessage
from etl.sandbox.reports import add_reports
from etl.sandbox.store import Store
from etl.sandbox.writer import Writer

MESSAGES_PATH: Final = "/webbot/api/webchat/bot/{deployment_id}/messages/"
"""Where messages are posted; the final slash is part of it."""
CONFIG_PATH: Final = "/webbot/api/webchat/{deployment_id}/config/"
"""Answers whether a deployment exists, without a token."""

_Bearer = Annotated[HTTPAuthorizationCredentials | None, Security(HTTPBearer(auto_error=False))]
_REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    "4XX": {
        "model": Failure,
        "description": "400 breaks the contract; 401 no valid token; 404 no such deployment or path; "
        "405 another method; 413 a body over 1 MiB; 415 no JSON",
    },
    "5XX": {"model": Failure, "description": "the message could not be stored"},
}
_REQUEST: Final = {
    "requestBody": {"required": True, "content": {"application/json": {"schema": request_schema()}}},
}


def create_app(store: Store) -> FastAPI:
    """Return the platform on an open store, which outlives it."""
    platform = _Platform(store)
    app = FastAPI(
        title="Sandbox of the Chat REST API",
        version="1",
        lifespan=platform.lifespan,
        redirect_slashes=False,
        # The pages load their code from elsewhere.
        docs_url=None,
        redoc_url=None,
    )
    app.add_middleware(LocalHostOnly)
    app.add_exception_handler(StarletteHTTPException, _refuse)
    app.add_exception_handler(SandboxError, _fail)
    app.add_api_route(
        MESSAGES_PATH,
        platform.send,
        methods=["POST"],
        summary="Record one message",
        responses={200: {"model": Success}, **_REFUSALS},
        openapi_extra=_REQUEST,
    )
    app.add_api_route(
        CONFIG_PATH,
        platform.config,
        methods=["GET"],
        summary="Tell whether a deployment exists",
        responses=_REFUSALS,
    )
    add_reports(app, store)
    return app


class _Platform:
    """The endpoints on one store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._token = store.token.encode()
        self._writer = Writer(store)

    @asynccontextmanager
    async def lifespan(self, _: FastAPI) -> AsyncGenerator[None]:
        """Write while the server runs."""
        self._writer.start()
        try:
            yield
        finally:
            self._writer.close()

    async def send(self, deployment_id: str, request: Request, bearer: _Bearer) -> Response:
        """Record one message, in the order of its user; the bot answers a `text` and no standby."""
        # Read before any refusal: an answer to a half-sent request is lost when the connection closes.
        body = await _body(request)
        self._check_deployment(deployment_id)
        self._check_token(bearer)
        _check_type(request)
        if body is None:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the body is larger than 1 MiB")
        message = check(body)
        if isinstance(message, Problem):
            raise HTTPException(HTTPStatus.BAD_REQUEST, message.sentence)
        place = await self._writer.record(_new(message, deployment_id=deployment_id, body=body))
        answer = Success.of(
            request_id=message.id,
            platform_id=place.seq,
            conversation_id=place.conversation_id,
            standby=message.standby,
        )
        return Response(answer.model_dump_json(by_alias=True), media_type="application/json")

    async def config(self, deployment_id: str) -> dict[str, str | int]:
        """Tell whether a deployment exists; needs no token."""
        self._check_deployment(deployment_id)
        return {"id": deployment_id, "session_expiration_minutes": self._store.session_expiration_minutes}

    def _check_deployment(self, deployment_id: str) -> None:
        if deployment_id not in self._store.deployments:
            raise HTTPException(HTTPStatus.NOT_FOUND, "no such deployment id")

    def _check_token(self, bearer: HTTPAuthorizationCredentials | None) -> None:
        given = b"" if bearer is None else bearer.credentials.encode()
        if not hmac.compare_digest(given, self._token):
            raise HTTPException(
                HTTPStatus.UNAUTHORIZED,
                "the Authorization header must be `bearer` and a valid token",
                headers={"WWW-Authenticate": "Bearer"},
            )


def _new(message: SendMessage, *, deployment_id: str, body: bytes) -> NewMessage:
    return NewMessage(
        deployment_id=deployment_id,
        id=message.id,
        user_id=message.user_id,
        timestamp=message.timestamp,
        received_us=wall_us(),
        text=message.text,
        user_cvars=json.dumps(message.user_cvars, ensure_ascii=False),
        user_profile=json.dumps(message.user_profile, ensure_ascii=False),
        body=body,
    )


async def _body(request: Request) -> bytes | None:
    """Return the body, None when it is too large; memory stays bounded either way."""
    chunks: list[bytes] = []
    size = 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size <= MAX_BODY_BYTES:
                chunks.append(chunk)
            else:
                chunks.clear()
    except ClientDisconnect as error:
        raise HTTPException(HTTPStatus.BAD_REQUEST, "the body was cut off") from error
    return b"".join(chunks) if size <= MAX_BODY_BYTES else None


def _check_type(request: Request) -> None:
    media_type = request.headers.get("content-type", "").partition(";")[0]
    if media_type.strip().lower() != "application/json":
        raise HTTPException(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "the Content-Type must be application/json")


async def _refuse(_: Request, error: Exception) -> Response:
    if not isinstance(error, StarletteHTTPException):  # pragma: no cover  registered for no other
        raise error
    return _failure(error.status_code, error.detail, headers=dict(error.headers or {}))


async def _fail(_: Request, error: Exception) -> Response:
    return _failure(HTTPStatus.INTERNAL_SERVER_ERROR, str(error), headers={})


def _failure(status: int, sentence: str, *, headers: dict[str, str]) -> Response:
    return JSONResponse(Failure(error=sentence).model_dump(), status_code=status, headers=headers)
