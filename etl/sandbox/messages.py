"""The endpoint that takes messages, with the behaviour and the faults of the present conduct."""

import json
from typing import Any, Final

from fastapi import FastAPI, Request, Response
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool

from etl.sandbox.answers import LATE_SECONDS, spoken, too_many, troubled
from etl.sandbox.body import Problem
from etl.sandbox.clock import monotonic, pause, wall_us
from etl.sandbox.contract import SendMessage, Success, check, request_schema
from etl.sandbox.envelope import REFUSALS, bad, no_such_path
from etl.sandbox.faults import Fault
from etl.sandbox.intake import BEARER, read_body, require_bearer, require_json
from etl.sandbox.platform import Platform
from etl.sandbox.profiles import CLAMP_SECONDS, Address, Behaviour
from etl.sandbox.records import Kind, NewMessage

MESSAGES_PATH: Final = "/webbot/api/webchat/bot/{deployment_id}/messages/"
"""Where messages are posted; the final slash is part of it."""
OLD_PATH: Final = "/api/webchat/bot/{deployment_id}/messages/"
"""The path of an older documentation; it answers 404 under all profiles but one."""

_MICROSECONDS: Final = 1_000_000
_REQUEST: Final[dict[str, Any]] = {
    "requestBody": {"required": True, "content": {"application/json": {"schema": request_schema()}}},
}


def add_messages(app: FastAPI, platform: Platform) -> None:
    """Take messages."""
    endpoint = _Messages(platform)
    app.add_api_route(
        MESSAGES_PATH,
        endpoint.present,
        methods=["POST"],
        summary="Record one message",
        responses={200: {"model": Success}, **REFUSALS},
        openapi_extra=_REQUEST | BEARER,
    )
    app.add_api_route(OLD_PATH, endpoint.old, methods=["POST"], include_in_schema=False)
    app.add_api_route(
        MESSAGES_PATH.removesuffix("/"), endpoint.without_slash, methods=["POST"], include_in_schema=False
    )


class _Messages:
    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._director = platform.director

    async def present(self, deployment_id: str, request: Request) -> Response:
        """Record one message, in the order of its user; the bot answers a `text` and no standby."""
        return await self._send(deployment_id, request, taken=self._address is not Address.OLD)

    async def old(self, deployment_id: str, request: Request) -> Response:
        return await self._send(deployment_id, request, taken=self._address is Address.OLD)

    async def without_slash(self, deployment_id: str, request: Request) -> Response:
        await read_body(request)
        if self._address is not Address.REDIRECTING:
            raise no_such_path()
        return RedirectResponse(MESSAGES_PATH.format(deployment_id=deployment_id), status_code=301)

    @property
    def _address(self) -> Address:
        return self._director.behaviour.address

    async def _send(self, deployment_id: str, request: Request, *, taken: bool) -> Response:
        body = await read_body(request)
        if not taken:
            raise no_such_path()
        self._platform.require_deployment(deployment_id)
        require_bearer(request, self._platform.store)
        wait_seconds = self._director.over_quota_seconds(monotonic())
        if wait_seconds:
            return too_many(wait_seconds)
        sound = require_json(request, body)
        message = check(sound)
        if isinstance(message, Problem):
            raise bad(message.sentence)
        fault = self._director.next_fault()
        if fault is None:
            return await self._taken(deployment_id, message, sound)
        return await self._troubled(fault, deployment_id, message, sound)

    async def _troubled(
        self, fault: Fault, deployment_id: str, message: SendMessage, body: bytes
    ) -> Response:
        turn = self._director.turn(fault)
        if fault is Fault.REVOKED:
            self._platform.store.renew_token()
        whole = await self._taken(deployment_id, message, body, fault) if fault.stores else Response()
        if fault is Fault.DELAY_AFTER_STORE:
            await pause(LATE_SECONDS)
        return troubled(fault, whole, turn=turn)

    async def _taken(
        self, deployment_id: str, message: SendMessage, body: bytes, fault: Fault | None = None
    ) -> Response:
        behaviour = self._director.behaviour
        answer = str(fault or behaviour.voice)
        new = _new(message, behaviour, deployment_id=deployment_id, body=body, answer=answer)
        place = await self._platform.writer.record(new)
        if not message.standby:
            # A `text` hands the conversation back: no other call is needed, as documented.
            await run_in_threadpool(self._platform.users.take_over, deployment_id, message.user_id)
        return spoken(behaviour.voice, message.id, place, answered=not message.standby)


def _new(
    message: SendMessage, behaviour: Behaviour, *, deployment_id: str, body: bytes, answer: str
) -> NewMessage:
    received_us = wall_us()
    now = received_us // _MICROSECONDS
    clamped = behaviour.clamps and message.timestamp < now - CLAMP_SECONDS
    return NewMessage(
        deployment_id=deployment_id,
        id=message.id,
        user_id=message.user_id,
        timestamp=now if clamped else message.timestamp,
        received_us=received_us,
        text=message.text,
        user_cvars=json.dumps(message.user_cvars, ensure_ascii=False),
        user_profile=json.dumps(message.user_profile, ensure_ascii=False),
        body=body,
        kind=Kind.STANDBY if message.standby else Kind.TEXT,
        answer=answer,
        once=behaviour.dedupes,
        may_split=behaviour.splits,
    )
