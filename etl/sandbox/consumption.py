"""The consumption report: how much each deployment said and heard, by days."""

from typing import Any, Final

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from etl.sandbox.days import day_parameters, days_of, parameter, query_of
from etl.sandbox.envelope import REFUSALS, bad
from etl.sandbox.intake import JWT, require_jwt
from etl.sandbox.platform import Platform

CONSUMPTION_PATH: Final = "/api/frontend/reports/conversations/"
"""As an older documentation has it; the present path is not public."""

_FLAGS: Final = ("includeEmptyResults", "includeTestConversations")
_COUNTS: Final = """
    SELECT deployment_id, count(DISTINCT conversation_id), sum(kind <> 'agent'), sum(kind <> 'standby')
    FROM message WHERE timestamp >= ? AND timestamp < ? GROUP BY deployment_id
"""


class Consumption(BaseModel):
    """What one deployment said and heard."""

    bot_name: str = "Sandbox"
    bot_uuid: str
    bot_channel: str = "WebChat"
    deployment_id: str
    number_of_conversations: int
    number_of_messages_received: int
    number_of_messages_sent: int


def add_consumption(app: FastAPI, platform: Platform) -> None:
    """Serve the consumption report."""
    store = platform.store

    def read(request: Request) -> Response:
        require_jwt(request, store)
        items = request.query_params.multi_items()
        query = query_of(items, needed=("fromDate", "toDate"), optional=_FLAGS)
        wrong = [name for name in _FLAGS if query.get(name, "false") not in {"true", "false"}]
        if wrong:
            raise bad(f"`{wrong[0]}` must be true or false")
        counts = {row[0]: tuple(row[1:]) for row in store.rows_beside(_COUNTS, *days_of(query).seconds())}
        if query.get("includeEmptyResults") == "true":
            counts = dict.fromkeys(sorted(store.deployments), (0, 0, 0)) | counts
        found = [
            Consumption(
                bot_uuid=store.bot_id,
                deployment_id=deployment,
                number_of_conversations=conversations,
                number_of_messages_received=received,
                number_of_messages_sent=sent,
            )
            for deployment, (conversations, received, sent) in counts.items()
        ]
        return JSONResponse([row.model_dump() for row in found])

    flags: list[dict[str, Any]] = [
        parameter(
            _FLAGS[0], {"type": "boolean", "default": False}, "Deployments without any.", required=False
        ),
        parameter(_FLAGS[1], {"type": "boolean", "default": False}, "There are none here.", required=False),
    ]
    app.add_api_route(
        CONSUMPTION_PATH,
        read,
        methods=["GET"],
        summary="Count what was said and heard",
        response_model=None,
        responses={200: {"model": list[Consumption]}, **REFUSALS},
        openapi_extra={"parameters": [*day_parameters(), *flags]} | JWT,
    )
