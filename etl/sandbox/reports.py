"""The message report: what was taken, read back by days, as narrowly as documented.

At most 15 days and 500 rows an answer, no paging, and a user's own token, not the bot's. Which columns the
real report has is not public; these are the stand-in's own.
"""

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from http import HTTPStatus
from typing import Final

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse

from etl.sandbox.store import Store

REPORT_PATH: Final = "/api/frontend/reports/messages/"
"""Where the report is read; the real path is not public."""
MOST_DAYS: Final = 15
"""The longest range, from `fromDate` to `toDate`; both days are in the answer."""
MOST_ROWS: Final = 500
"""Rows beyond are left out and nothing says so."""

_PARAMETERS: Final = ("fromDate", "toDate", "reportId", "botId")
_MESSAGE_DATA: Final = "1"
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_DAY_SECONDS: Final = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class _Days:
    """Whole days, both included."""

    first: date
    last: date

    def seconds(self) -> tuple[int, int]:
        """Return the Unix seconds [begin, end) of these days in UTC."""
        begin, last = (
            int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
            for day in (self.first, self.last)
        )
        return begin, last + _DAY_SECONDS


def add_reports(app: FastAPI, store: Store) -> None:
    """Serve the report of an open store."""

    def report(request: Request) -> Response:
        _check_token(request.headers.get("authorization", ""), store.user_token)
        days = _asked(request.query_params.multi_items(), bot_id=store.bot_id)
        begin, end = days.seconds()
        return JSONResponse(store.report(begin, end, limit=MOST_ROWS))

    app.add_api_route(
        REPORT_PATH, report, methods=["GET"], summary="Read back what was taken", response_model=None
    )


def _check_token(given: str, token: str) -> None:
    scheme, _, credentials = given.partition(" ")
    if scheme != "JWT" or not hmac.compare_digest(credentials.strip().encode(), token.encode()):
        raise HTTPException(
            HTTPStatus.UNAUTHORIZED,
            "the Authorization header must be `JWT` and a valid user token; the bot's token is none",
            headers={"WWW-Authenticate": "JWT"},
        )


def _asked(items: list[tuple[str, str]], *, bot_id: str) -> _Days:
    """Return the days that a query asks for, or refuse it with a sentence."""
    query = dict(items)
    if len(query) < len(items):
        raise _bad("a parameter is given twice")
    missing = [name for name in _PARAMETERS if name not in query]
    if missing:
        raise _bad(f"`{missing[0]}` is missing")
    if len(query) > len(_PARAMETERS):
        raise _bad(f"only {', '.join(_PARAMETERS)} are parameters")
    if query["reportId"] != _MESSAGE_DATA:
        raise _bad("`reportId` must be 1 (Message Data): this build has no other")
    if not hmac.compare_digest(query["botId"].encode(), bot_id.encode()):
        raise HTTPException(HTTPStatus.NOT_FOUND, "no such bot id; a deployment id is none")
    days = _Days(first=_day(query, "fromDate"), last=_day(query, "toDate"))
    if not 0 <= (days.last - days.first).days <= MOST_DAYS:
        raise _bad(f"`toDate` must be 0 to {MOST_DAYS} days after `fromDate`")
    return days


def _day(query: Mapping[str, str], name: str) -> date:
    text = query[name]
    try:
        if _DAY.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise _bad(f"`{name}` must be a day, as 2024-05-31")


def _bad(sentence: str) -> HTTPException:
    return HTTPException(HTTPStatus.BAD_REQUEST, sentence)
