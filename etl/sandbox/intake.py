"""How a request is let in: its body, its type, and the three kinds of credentials."""

import base64
import binascii
import hmac
from http import HTTPStatus
from typing import Any, Final, NoReturn

from fastapi import HTTPException, Request
from starlette.requests import ClientDisconnect

from etl.sandbox.body import MAX_BODY_BYTES
from etl.sandbox.envelope import bad
from etl.sandbox.store import Store

SECURITY_SCHEMES: Final[dict[str, Any]] = {
    "HTTPBearer": {"type": "http", "scheme": "bearer"},
    "JWT": {"type": "apiKey", "in": "header", "name": "Authorization"},
    "HTTPBasic": {"type": "http", "scheme": "basic"},
}
"""As the OpenAPI document names them: the bot's token, a user's token, a user's token once more."""
BEARER: Final[dict[str, Any]] = {"security": [{"HTTPBearer": []}]}
JWT: Final[dict[str, Any]] = {"security": [{"JWT": []}]}
BASIC: Final[dict[str, Any]] = {"security": [{"HTTPBasic": []}]}

_TRIGGERING_USER: Final = "user"


async def read_body(request: Request) -> bytes | None:
    """Return the body, None when it is too large; memory stays bounded either way.

    To be called before any refusal: an answer to a half-sent request is lost when the connection closes.
    """
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
        raise bad("the body was cut off") from error
    return b"".join(chunks) if size <= MAX_BODY_BYTES else None


def require_json(request: Request, body: bytes | None) -> bytes:
    """Return a body that says it is JSON, or refuse it."""
    media_type = request.headers.get("content-type", "").partition(";")[0]
    if media_type.strip().lower() != "application/json":
        raise HTTPException(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "the Content-Type must be application/json")
    if body is None:
        raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the body is larger than 1 MiB")
    return body


def require_bearer(request: Request, store: Store) -> None:
    """Refuse a request without the bot's present token."""
    scheme, given = _credentials(request)
    if scheme.lower() != "bearer" or not _same(given, store.token):
        _unauthorized("`bearer` and a valid token", scheme="Bearer")


def require_jwt(request: Request, store: Store) -> None:
    """Refuse a request without the user's token."""
    scheme, given = _credentials(request)
    if scheme != "JWT" or not _same(given, store.user_token):
        _unauthorized("`JWT` and a valid user token; the bot's token is none", scheme="JWT")


def require_basic(request: Request, store: Store) -> None:
    """Refuse a request without the user's token as the password of `user`."""
    scheme, given = _credentials(request)
    try:
        plain = base64.b64decode(given, validate=True).decode()
    except (binascii.Error, ValueError):
        plain = ""
    expected = f"{_TRIGGERING_USER}:bearer {store.user_token}"
    if scheme.lower() != "basic" or not _same(plain, expected):
        _unauthorized("`Basic` for `user` with the password `bearer <user token>`", scheme="Basic")


def _credentials(request: Request) -> tuple[str, str]:
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    return scheme, given.strip()


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())


def _unauthorized(what: str, *, scheme: str) -> NoReturn:
    raise HTTPException(
        HTTPStatus.UNAUTHORIZED,
        f"the Authorization header must be {what}",
        headers={"WWW-Authenticate": scheme},
    )
