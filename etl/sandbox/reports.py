"""The message report: what was taken, read back by days, as narrowly as documented.

`GET` answers at most 15 days and 500 rows, without paging. `POST` has no such limits; the real one mails the
report, this one writes it into a file. Both want a user's own token, not the bot's. Which columns the real
report has is not public; these are the stand-in's own.
"""

import csv
import os
import stat
from collections.abc import Iterator
from http import HTTPStatus
from itertools import count
from pathlib import Path
from typing import Any, Final, Literal, TextIO

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from etl.sandbox.contract import Done
from etl.sandbox.days import Days, day_parameters, days_of, parameter, query_of
from etl.sandbox.envelope import REFUSALS, bad, unknown
from etl.sandbox.errors import SandboxError
from etl.sandbox.intake import JWT, require_jwt
from etl.sandbox.platform import Platform
from etl.sandbox.store import Store

REPORT_PATH: Final = "/api/frontend/reports/messages/"
"""Where the report is read; the real path is not public."""
MOST_DAYS: Final = 15
"""The longest range of a GET, from `fromDate` to `toDate`; both days are in the answer."""
MOST_ROWS: Final = 500
"""Rows beyond are left out of a GET and nothing says so."""

_PAGE: Final = 5_000
_PARAMETERS: Final = ("fromDate", "toDate", "reportId", "botId")
_MESSAGE_DATA: Final = "1"
_OWNER_ONLY: Final = stat.S_IRUSR | stat.S_IWUSR
_ROWS: Final = """
    SELECT seq, conversation_id, id, CASE kind WHEN 'agent' THEN 'agent' ELSE 'human' END,
        user_id, timestamp, text
    FROM message WHERE (timestamp, seq) > (?, ?) AND timestamp < ? ORDER BY timestamp, seq LIMIT ?
"""


class Row(BaseModel):
    """A message of the report."""

    message_id: int
    conversation_id: int
    id: str
    sender: Literal["human", "agent"] = Field(alias="from")
    user_id: str
    timestamp: int
    text: str


COLUMNS: Final = tuple(field.alias or name for name, field in Row.model_fields.items())


def add_reports(app: FastAPI, platform: Platform) -> None:
    """Serve the message report."""
    store = platform.store

    def read(request: Request) -> Response:
        days = _asked(request, store).at_most(MOST_DAYS)
        return JSONResponse([dict(zip(COLUMNS, row, strict=True)) for row in _first(store, days)])

    def write(request: Request) -> Done:
        days = _asked(request, store)
        if platform.folder is None:
            raise HTTPException(HTTPStatus.CONFLICT, "a sandbox in memory has no folder for the report")
        path = written(store, days, platform.folder)
        return Done(message=f"instead of a mail: {path.name} in the sandbox's folder of reports")

    described = {"parameters": _described(store.bot_id)} | JWT
    app.add_api_route(
        REPORT_PATH,
        read,
        methods=["GET"],
        summary="Read back what was taken",
        response_model=None,
        responses={200: {"model": list[Row]}, **REFUSALS},
        openapi_extra=described,
    )
    app.add_api_route(
        REPORT_PATH,
        write,
        methods=["POST"],
        summary="Have what was taken written into a file",
        responses=REFUSALS,
        openapi_extra=described,
    )


def written(store: Store, days: Days, folder: Path) -> Path:
    """Write a report as CSV into a new file of a folder and return its path; only its owner can read it.

    Raises:
        SandboxError: it can't be written.
    """
    stem = f"message-report-{days.first}-{days.last}"
    try:
        folder.mkdir(mode=stat.S_IRWXU, exist_ok=True)
        path, file = _new_file(folder, stem)
        with file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            writer.writerows(_all(store, days))
    except OSError as error:
        raise SandboxError(f"a report can't be written into {folder}: {error.strerror}") from error
    return path


def _new_file(folder: Path, stem: str) -> tuple[Path, TextIO]:
    for number in count(1):
        path = folder / f"{stem}-{number}.csv"
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _OWNER_ONLY)
        except FileExistsError:
            continue
        return path, os.fdopen(descriptor, "w", encoding="utf-8", newline="")
    raise AssertionError  # pragma: no cover  numbers don't end


def _asked(request: Request, store: Store) -> Days:
    """Return the days that a request asks for, or refuse it with a sentence."""
    require_jwt(request, store)
    query = query_of(request.query_params.multi_items(), needed=_PARAMETERS, optional=())
    if query["reportId"] != _MESSAGE_DATA:
        raise bad("`reportId` must be 1 (Message Data): the sandbox has no other")
    if query["botId"] != store.bot_id:
        raise unknown("bot id; a deployment id is none")
    return days_of(query)


def _first(store: Store, days: Days) -> list[Any]:
    begin, end = days.seconds()
    return store.rows(_ROWS, begin, 0, end, MOST_ROWS)


def _all(store: Store, days: Days) -> Iterator[Any]:
    begin, end = days.seconds()
    after = (begin, 0)
    while page := store.rows(_ROWS, *after, end, _PAGE):
        yield from page
        after = (page[-1][5], page[-1][0])


def _described(bot_id: str) -> list[dict[str, Any]]:
    return [
        *day_parameters(),
        parameter("reportId", {"const": 1}, "1: Message Data."),
        parameter("botId", {"const": bot_id}, "The bot's id, which is no deployment id."),
    ]
