"""What the real platform has no endpoint for: the settings page's new token, and how the sandbox behaves."""

from typing import Final

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from etl.sandbox.body import Problem
from etl.sandbox.conduct import ConductWish, wished
from etl.sandbox.envelope import REFUSALS, bad
from etl.sandbox.intake import JWT, read_body, require_json, require_jwt
from etl.sandbox.platform import Platform
from etl.sandbox.triggers import body_of

TOKEN_PATH: Final = "/sandbox/token/"  # noqa: S105  a path
CONDUCT_PATH: Final = "/sandbox/profile/"


class NewToken(BaseModel):
    """A chat API token, shown this once."""

    token: str


def add_admin(app: FastAPI, platform: Platform) -> None:
    """Serve what a person would click; a user's token is needed, which generating anew leaves valid."""
    store, director = platform.store, platform.director

    def renew(request: Request) -> Response:
        require_jwt(request, store)
        # Whoever can read a cache must not find it there.
        return JSONResponse({"token": store.renew_token()}, headers={"Cache-Control": "no-store"})

    def tell(request: Request) -> Response:
        require_jwt(request, store)
        return JSONResponse(ConductWish.of(director.conduct).model_dump())

    async def switch(request: Request) -> Response:
        body = await read_body(request)
        require_jwt(request, store)
        conduct = wished(require_json(request, body))
        if isinstance(conduct, Problem):
            raise bad(conduct.sentence)
        director.switch(conduct)
        return tell(request)

    app.add_api_route(
        TOKEN_PATH,
        renew,
        methods=["POST"],
        summary="Generate the chat API token anew; the old one answers 401 at once",
        responses={200: {"model": NewToken}, **REFUSALS},
        openapi_extra=JWT,
    )
    shared = {200: {"model": ConductWish}, **REFUSALS}
    app.add_api_route(
        CONDUCT_PATH, tell, methods=["GET"], summary="How it behaves", responses=shared, openapi_extra=JWT
    )
    app.add_api_route(
        CONDUCT_PATH,
        switch,
        methods=["PUT"],
        summary="Behave otherwise from the next message on",
        responses=shared,
        openapi_extra=body_of(ConductWish) | JWT,
    )
