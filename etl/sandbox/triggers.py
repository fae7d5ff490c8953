"""Trigger Response, which can only store variables of REST users, and Trigger Message, which refuses them."""

from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, HTTPException, Request
from starlette.concurrency import run_in_threadpool

from etl.sandbox.body import Model, Problem, Strict, checked, rules_of
from etl.sandbox.contract import Triggered, TriggerMessage, TriggerResponse
from etl.sandbox.envelope import REFUSALS, bad
from etl.sandbox.intake import BASIC, JWT, read_body, require_basic, require_json, require_jwt
from etl.sandbox.platform import Platform

TRIGGER_RESPONSE_PATH: Final = "/actionsvc/trigger-response/"
TRIGGER_MESSAGE_PATH: Final = "/actionsvc/trigger-message/"


def add_triggers(app: FastAPI, platform: Platform) -> None:
    """Serve both triggers."""
    store, users = platform.store, platform.users

    async def respond(request: Request) -> Triggered:
        body = await read_body(request)
        require_jwt(request, store)
        wish = sound(TriggerResponse, require_json(request, body))
        await run_in_threadpool(_require_user, platform, wish.user_id)
        await run_in_threadpool(users.set_variables, wish.user_id, wish.custom_vars)
        return Triggered()

    async def send(request: Request) -> Triggered:
        body = await read_body(request)
        require_basic(request, store)
        wish = sound(TriggerMessage, require_json(request, body))
        await run_in_threadpool(_require_user, platform, wish.user_id)
        raise bad("the user came over REST, and Trigger Message reaches no REST user")

    app.add_api_route(
        TRIGGER_RESPONSE_PATH,
        respond,
        methods=["POST"],
        summary="Store variables of a user",
        responses=REFUSALS,
        openapi_extra=body_of(TriggerResponse) | JWT,
    )
    app.add_api_route(
        TRIGGER_MESSAGE_PATH,
        send,
        methods=["POST"],
        summary="Refused: every user here came over REST",
        responses=REFUSALS,
        openapi_extra=body_of(TriggerMessage) | BASIC,
    )


def sound(model: type[Model], body: bytes) -> Model:
    """Return the request that a body holds, or refuse it."""
    wish = checked(model, body, rules_of(model))
    if isinstance(wish, Problem):
        raise bad(wish.sentence)
    return wish


def body_of(model: type[Strict]) -> dict[str, Any]:
    """Return how the OpenAPI document describes a body."""
    schema = model.model_json_schema(by_alias=True)
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def _require_user(platform: Platform, user_id: str) -> None:
    # 400, not 404: so it is documented.
    if not platform.users.known(user_id):
        raise HTTPException(HTTPStatus.BAD_REQUEST, "no such user")
