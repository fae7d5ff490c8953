"""Fills the templates: every value is escaped, and what a page may load is said in its headers."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from etl.sandbox.inbox.access import PATH, remember
from etl.sandbox.inbox.text import excerpt, visible
from etl.sandbox.inbox.zones import known, local, offered

THEMES: Final = {"system": "As the system", "light": "Light", "dark": "Dark"}
STATIC: Final = {
    "inbox.css": "text/css; charset=utf-8",
    "inbox.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
_HERE: Final = Path(__file__).parent
_THEME_COOKIE: Final = "etl-inbox-theme"
_ZONE_COOKIE: Final = "etl-inbox-zone"
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Not "no-referrer": with it a browser sends forms with `Origin: null`.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_MICROSECONDS: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Display:
    """How one reader wants the pages."""

    theme: str
    zone: str

    @classmethod
    def of(cls, request: Request) -> "Display":
        """Return what a browser's cookies say; nonsense counts as nothing."""
        return cls.chosen(request.cookies.get(_THEME_COOKIE, ""), request.cookies.get(_ZONE_COOKIE, ""))

    @classmethod
    def chosen(cls, theme: str, zone: str) -> "Display":
        """Return a choice; nonsense counts as none."""
        return cls(
            theme=theme if theme in THEMES else "system",
            zone=zone if zone in known() else "UTC",
        )

    def keep(self, response: Response) -> None:
        """Have a browser remember it."""
        remember(response, _THEME_COOKIE, self.theme)
        remember(response, _ZONE_COOKIE, self.zone)

    def at(self, seconds: float) -> datetime:
        """Return a moment on the reader's clock."""
        return local(seconds, self.zone)

    def at_us(self, microseconds: int) -> datetime:
        """Return a moment on the reader's clock."""
        return local(microseconds / _MICROSECONDS, self.zone)


class Views:
    """The templates."""

    def __init__(self) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters |= {
            "visible": visible,
            "excerpt": excerpt,
            "number": "{:,}".format,
            "compact": _compact,
        }
        self._environment.globals |= {"root": PATH, "themes": THEMES}

    def page(
        self,
        name: str,
        request: Request,
        values: Mapping[str, Any],
        *,
        status: int = HTTPStatus.OK,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Return a page.

        Args:
            name: of the template, without its ending.
            request: asks for it.
            values: what the template names beside what every page has.
            status: of the answer.
            headers: beside those that every page has.
        """
        here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        display = Display.of(request)
        html = self._environment.get_template(f"{name}.html").render(
            {"display": display, "zones": offered(), "here": here, "signed_in": True, **values}
        )
        return secured(HTMLResponse(html, status_code=status, headers=dict(headers or {})))

    def message(self, request: Request, status: HTTPStatus, title: str, sentence: str) -> Response:
        """Return a page that says one thing."""
        return self.page("message", request, {"title": title, "sentence": sentence}, status=status)


def static(name: str) -> Response | None:
    """Return one of the pages' own files."""
    if name not in STATIC:
        return None
    return secured(Response((_HERE / "static" / name).read_bytes(), media_type=STATIC[name]))


def secured(response: Response) -> Response:
    """Say what a page may load and who may hold it."""
    response.headers.update(_HEADERS)
    return response


def _compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
