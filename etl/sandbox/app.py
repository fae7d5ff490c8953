"""The stand-in platform over HTTP: the documented endpoints, their strictness and their envelopes."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from etl.sandbox.admin import add_admin
from etl.sandbox.conduct import Conduct, Director
from etl.sandbox.consumption import add_consumption
from etl.sandbox.envelope import REFUSALS, refuse_in_envelopes
from etl.sandbox.guard import LocalHostOnly
from etl.sandbox.handover import add_handover
from etl.sandbox.inbox.routes import add_inbox
from etl.sandbox.intake import SECURITY_SCHEMES
from etl.sandbox.messages import add_messages
from etl.sandbox.platform import Platform
from etl.sandbox.reports import add_reports
from etl.sandbox.store import Store
from etl.sandbox.triggers import add_triggers
from etl.sandbox.users import Users
from etl.sandbox.writer import Writer

CONFIG_PATH: Final = "/webbot/api/webchat/{deployment_id}/config/"
"""Answers whether a deployment exists, without a token."""


def create_app(
    store: Store,
    *,
    conduct: Conduct | None = None,
    folder: Path | None = None,
    inbox_key: str | None = None,
) -> FastAPI:
    """Return the platform on an open store, which outlives it.

    Args:
        store: where messages go.
        conduct: how to behave at first; None is well-behaved.
        folder: where reports are written instead of mailed; None refuses to.
        inbox_key: opens the Inbox once; None leaves that to the token.
    """
    platform = Platform(
        store=store,
        users=Users(store),
        writer=Writer(store),
        director=Director(conduct or Conduct()),
        folder=folder,
    )

    @asynccontextmanager
    async def writing(_: FastAPI) -> AsyncGenerator[None]:
        platform.writer.start()
        try:
            yield
        finally:
            platform.writer.close()

    app = _Described(
        title="Sandbox of the Chat REST API",
        version="1",
        lifespan=writing,
        redirect_slashes=False,
        # The pages load their code from elsewhere.
        docs_url=None,
        redoc_url=None,
    )
    app.deployments = store.deployments
    app.add_middleware(LocalHostOnly)
    refuse_in_envelopes(app)
    add_messages(app, platform)
    _add_config(app, platform)
    add_handover(app, platform)
    add_triggers(app, platform)
    add_reports(app, platform)
    add_consumption(app, platform)
    add_admin(app, platform)
    add_inbox(app, store, key=inbox_key)
    return app


class _Described(FastAPI):
    """An application whose document names the credentials and the deployments that there are."""

    deployments: frozenset[str] = frozenset()

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document."""
        if self.openapi_schema is None:
            document = get_openapi(title=self.title, version=self.version, routes=self.routes)
            document["components"]["securitySchemes"] = SECURITY_SCHEMES
            for path in document["paths"].values():
                for operation in path.values():
                    self._complete(operation)
            self.openapi_schema = document
        return self.openapi_schema

    def _complete(self, operation: dict[str, Any]) -> None:
        # No request is checked by FastAPI's own rules, so its own refusal never happens.
        operation["responses"].pop("422", None)
        for parameter in operation.get("parameters", ()):
            if parameter["in"] == "path":
                known = {"enum": sorted(self.deployments)} if parameter["name"] == "deployment_id" else {}
                parameter["schema"] = {"type": "string", **known}


def _add_config(app: FastAPI, platform: Platform) -> None:
    async def config(deployment_id: str) -> dict[str, str | int]:
        platform.require_deployment(deployment_id)
        minutes = platform.store.session_expiration_minutes
        return {"id": deployment_id, "session_expiration_minutes": minutes}

    app.add_api_route(
        CONFIG_PATH, config, methods=["GET"], summary="Tell whether a deployment exists", responses=REFUSALS
    )
