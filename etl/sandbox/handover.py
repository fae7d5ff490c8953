"""Handover and takeover: an agent has the word with a user, or the bot has it again."""

from http import HTTPStatus
from typing import Final
from uuid import uuid4

from fastapi import FastAPI, HTTPException, Request
from starlette.concurrency import run_in_threadpool

from etl.sandbox.clock import wall_us
from etl.sandbox.contract import AgentMessage, Done
from etl.sandbox.days import query_of
from etl.sandbox.envelope import REFUSALS, unknown
from etl.sandbox.intake import BEARER, read_body, require_bearer, require_json
from etl.sandbox.platform import Platform
from etl.sandbox.records import Kind, NewMessage
from etl.sandbox.triggers import body_of, sound

HANDOVER_PATH: Final = "/webbot/api/webchat/{deployment_id}/handover/{user_id}/"
TAKEOVER_PATH: Final = "/webbot/api/webchat/{deployment_id}/takeover/{user_id}/"

_MICROSECONDS: Final = 1_000_000


def add_handover(app: FastAPI, platform: Platform) -> None:
    """Serve both, and what an agent says in between."""
    users = platform.users

    def hand_over(deployment_id: str, user_id: str, request: Request) -> Done:
        _require_user(platform, deployment_id, user_id, request)
        users.hand_over(deployment_id, user_id)
        return Done(message="the bot listens")

    def take_over(deployment_id: str, user_id: str, request: Request) -> Done:
        query_of(request.query_params.multi_items(), needed=(), optional=("ClaimEnd",))
        _require_user(platform, deployment_id, user_id, request)
        users.take_over(deployment_id, user_id)
        return Done(message="the bot answers")

    async def say(deployment_id: str, user_id: str, request: Request) -> Done:
        body = await read_body(request)
        await run_in_threadpool(_require_user, platform, deployment_id, user_id, request)
        wish = sound(AgentMessage, require_json(request, body))
        if not await run_in_threadpool(users.handed_over, deployment_id, user_id):
            raise HTTPException(HTTPStatus.CONFLICT, "only after a handover: the bot has the word")
        await platform.writer.record(_said(wish, deployment_id, user_id, body or b""))
        return Done(message="said")

    for path, endpoint, method, summary in (
        (HANDOVER_PATH, hand_over, "GET", "Let the bot listen only"),
        (TAKEOVER_PATH, take_over, "GET", "Let the bot answer again"),
    ):
        app.add_api_route(
            path, endpoint, methods=[method], summary=summary, responses=REFUSALS, openapi_extra=BEARER
        )
    app.add_api_route(
        HANDOVER_PATH,
        say,
        methods=["POST"],
        summary="Say something as an agent",
        responses=REFUSALS,
        openapi_extra=body_of(AgentMessage) | BEARER,
    )


def _require_user(platform: Platform, deployment_id: str, user_id: str, request: Request) -> None:
    platform.require_deployment(deployment_id)
    require_bearer(request, platform.store)
    if not platform.users.known(user_id, deployment_id=deployment_id):
        raise unknown("user")


def _said(wish: AgentMessage, deployment_id: str, user_id: str, body: bytes) -> NewMessage:
    received_us = wall_us()
    return NewMessage(
        deployment_id=deployment_id,
        id=uuid4().hex,
        user_id=user_id,
        timestamp=received_us // _MICROSECONDS,
        received_us=received_us,
        text=wish.text,
        user_cvars="{}",
        user_profile="{}",
        body=body,
        kind=Kind.AGENT,
    )
