"""The Inbox over HTTP: who may see a page, and what is on it."""

import hashlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qsl, urlencode

from fastapi import APIRouter, FastAPI, Request, Response
from starlette.responses import RedirectResponse

from etl.sandbox.clock import wall_us
from etl.sandbox.errors import SandboxError
from etl.sandbox.inbox.access import PATH, Access, cookie_name, new_key, remember, same_origin
from etl.sandbox.inbox.pages import Pages, Visit
from etl.sandbox.inbox.reading import reading
from etl.sandbox.inbox.refusals import Refusals, RefusalWatch
from etl.sandbox.inbox.views import Display, Views, secured, static
from etl.sandbox.store import Store

_LARGEST_FORM: Final = 8_192

Page = Callable[[Visit], Response]
Act = Callable[[Request, dict[str, str]], Response]
"""Answers a form, given its fields."""


def add_inbox(app: FastAPI, store: Store, *, key: str | None) -> None:
    """Serve the pages of an open store, which outlives them.

    Args:
        app: gets the routes, outside its OpenAPI document, and a watch on what it refuses.
        store: is only read.
        key: of the link that lets the first browser in that opens it; None: only the token does.
    """
    refusals = Refusals()
    app.add_middleware(RefusalWatch, refusals=refusals)
    access = Access(key=key, token=lambda: store.token)
    app.include_router(_Inbox(store, access, refusals).router())


class _Inbox:
    """The routes on one store."""

    def __init__(self, store: Store, access: Access, refusals: Refusals) -> None:
        self._store = store
        self._access = access
        self._views = Views()
        self._pages = Pages(store, self._views, refusals)
        self._process = new_key()

    def router(self) -> APIRouter:
        """Return all routes; a path that none of them knows is a page that says so."""
        router = APIRouter(prefix=PATH, include_in_schema=False, lifespan=self._lifespan)

        def get(path: str, page: Page) -> None:
            router.add_api_route(path, self._guarded(page), methods=["GET"], response_model=None)

        def post(path: str, act: Act) -> None:
            router.add_api_route(path, self._form(act), methods=["POST"], response_model=None)

        router.add_api_route("/static/{name}", self._static, methods=["GET"], response_model=None)
        router.add_api_route("/", self._start, methods=["GET"], response_model=None)
        router.add_api_route("", self._home, methods=["GET"], response_model=None)
        get("/conversations", self._pages.conversations)
        get("/conversations/{number}", self._pages.conversation)
        get("/messages/{seq}/request", self._pages.request_body)
        post("/login", self._login)
        post("/logout", self._logout)
        post("/display", self._display)
        get("/{path:path}", self._pages.missing)
        return router

    @asynccontextmanager
    async def _lifespan(self, _: FastAPI) -> AsyncGenerator[None]:
        with closing(self._pages):
            yield

    def _start(self, request: Request) -> Response:
        key = request.query_params.get("key")
        if key is None:
            return self._guarded(self._pages.overview)(request)
        session = self._access.redeem(key)
        if session is None and not self._access.admits(request):
            return self._closed(request, sentence="This link has been used: it opens the Inbox once.")
        # The key must not stay in the address, which lands in the history.
        response = _see(f"{PATH}/")
        if session is not None:
            remember(response, cookie_name(request), session)
        return response

    def _home(self) -> Response:
        return _see(f"{PATH}/")

    def _static(self, name: str, request: Request) -> Response:
        return static(name) or self._views.message(
            request, HTTPStatus.NOT_FOUND, "Not found", "There is no such file."
        )

    def _guarded(self, page: Page) -> Callable[[Request], Response]:
        """Return an endpoint that shows a page to who was let in, and only if it changed."""

        def endpoint(request: Request) -> Response:
            if not self._access.admits(request):
                return self._closed(request, sentence="")
            try:
                with reading(self._store) as read:
                    visit = Visit(request=request, read=read, now_us=wall_us(), display=Display.of(request))
                    tag = self._tag(visit)
                    if request.headers.get("if-none-match") == tag:
                        return secured(Response(status_code=HTTPStatus.NOT_MODIFIED, headers={"ETag": tag}))
                    response = page(visit)
            except SandboxError as error:
                return self._views.message(
                    request, HTTPStatus.INTERNAL_SERVER_ERROR, "The store can't be read", str(error)
                )
            response.headers["ETag"] = tag
            return response

        return endpoint

    def _tag(self, visit: Visit) -> str:
        state = (self._process, self._pages.state(visit), visit.display)
        return f'"{hashlib.blake2b(repr(state).encode(), digest_size=12).hexdigest()}"'

    def _form(self, act: Act) -> Callable[[Request], Awaitable[Response]]:
        """Return an endpoint that takes a form from these pages, and from no other's."""

        async def endpoint(request: Request) -> Response:
            fields = await _fields(request)
            if not same_origin(request) or fields is None:
                return self._views.message(
                    request, HTTPStatus.FORBIDDEN, "Refused", "This form did not come from the Inbox."
                )
            return secured(act(request, fields))

        return endpoint

    def _login(self, request: Request, fields: dict[str, str]) -> Response:
        session = self._access.unlock(fields.get("token", ""))
        if session is None:
            to = _inside(fields.get("to", ""))
            return self._closed(request, sentence="That is not the sandbox's token.", to=to)
        response = _see(_inside(fields.get("to", "")))
        remember(response, cookie_name(request), session)
        return response

    def _logout(self, request: Request, _: dict[str, str]) -> Response:
        self._access.leave(request)
        response = _see(f"{PATH}/")
        response.delete_cookie(cookie_name(request), path=PATH)
        return response

    def _display(self, _: Request, fields: dict[str, str]) -> Response:
        response = _see(_inside(fields.get("to", "")))
        Display.chosen(fields.get("theme", ""), fields.get("zone", "")).keep(response)
        return response

    def _closed(self, request: Request, *, sentence: str, to: str | None = None) -> Response:
        if to is None:
            # Without the key of a link that no longer opens.
            query = [(name, value) for name, value in request.query_params.multi_items() if name != "key"]
            to = request.url.path + (f"?{urlencode(query)}" if query else "")
        values = {"sentence": sentence, "to": to, "signed_in": False}
        return self._views.page("login", request, values, status=HTTPStatus.UNAUTHORIZED)


def _inside(path: str) -> str:
    """Return a path of these pages: a form must not lead elsewhere."""
    return path if path.startswith(f"{PATH}/") and "\\" not in path and path.isprintable() else f"{PATH}/"


def _see(path: str) -> Response:
    return secured(RedirectResponse(path, status_code=HTTPStatus.SEE_OTHER))


async def _fields(request: Request) -> dict[str, str] | None:
    """Return a form's fields; None when it is too large. So small a form needs no parser of uploads."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LARGEST_FORM:
            return None
    return dict(parse_qsl(body.decode("utf-8", "replace")))
