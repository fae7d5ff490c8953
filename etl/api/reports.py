"""The Message Report endpoint (platform facts §4.1): days in, rows out; reading may be repeated."""

import json
import ssl
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final
from urllib.parse import urlencode

from etl import __version__
from etl.api.transport import Transport
from etl.api.wire import read_retry_after
from etl.config.secrets import Secret
from etl.config.verify import Verify
from etl.errors import RefusedError
from etl.model.exchange import Failure, Phase

ANSWER_LIMIT_BYTES: Final = 128 << 20
"""500 rows of the longest texts, with room to spare."""

_WRAPPERS: Final = ("message", "results", "data")
"""Keys under which the list may stand."""

_OK = 200
_CLIENT_ERRORS, _SERVER_ERRORS = 400, 500
_LATER: Final = frozenset({408, 425, 429})
_CREDENTIALS: Final = frozenset({401, 403})
_NOT_FOUND: Final = 404


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The rows of one answer, as they stood in it."""

    rows: list[dict[str, Any]] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """No rows this time; the same request may be sent again."""

    reason: str
    """A short code, as `http_503` or `timeout`."""
    retry_after_seconds: float | None = None


class ReportClient:
    """Asks one bot's report for ranges of days, one request at a time."""

    def __init__(
        self, settings: Verify, *, url: str, bot_id: str, token: Secret, tls: ssl.SSLContext
    ) -> None:
        self._settings = settings
        self._url = url
        self._bot_id = bot_id
        self._tls = tls
        self._headers = {
            "Authorization": f"{settings.auth_scheme} {token.reveal()}",
            "Content-Type": "application/json",
            "Accept": "application/json",
            "User-Agent": f"etl/{__version__}",
        }

    async def fetch(self, first: date, last: date) -> Page | Again:
        """Return what the report says of the days `first` to `last`, as the platform counts days.

        Raises:
            RefusedError: asking again would change nothing.
        """
        query = {
            "fromDate": first.isoformat(),
            "toDate": last.isoformat(),
            "reportId": self._settings.report_id,
            "botId": self._bot_id,
        }
        transport = Transport(
            f"{self._url}?{urlencode(query)}",
            headers=self._headers,
            tls=self._tls,
            timeout_seconds=self._settings.timeout_seconds,
            method="GET",
            answer_limit_bytes=ANSWER_LIMIT_BYTES,
        )
        try:
            answer = await transport.exchange(b"")
        finally:
            await transport.close()
        if isinstance(answer, Failure):
            return read_failure(answer)
        return read_page(answer.status, answer.headers, answer.body)


def read_failure(failure: Failure) -> Again:
    """Return a failure without an answer as something to try again.

    Raises:
        RefusedError: the certificate is not trusted, or the answer can't be taken.
    """
    if failure.phase is Phase.CERTIFICATE:
        raise RefusedError(
            "the certificate of the report's address is not trusted", hint="see target.ca_file"
        )
    if failure.kind in {"answer_too_large", "answer_encoded"}:
        raise RefusedError(f"the report's answer can't be taken: {failure.kind}", hint=_BY_FILE)
    return Again(reason=failure.kind)


def read_page(status: int, headers: dict[str, str], body: bytes) -> Page | Again:
    """Return the rows of a complete answer, or that it says later. Pure; `headers` has lower-case names.

    Raises:
        RefusedError: the answer is a refusal, or holds no list of objects.
    """
    if status == _OK:
        return Page(rows=_rows(body))
    if status in _LATER or status >= _SERVER_ERRORS:
        wait = read_retry_after(headers.get("retry-after"), headers.get("date"))
        return Again(reason=f"http_{status}", retry_after_seconds=wait)
    if status in _CREDENTIALS:
        raise RefusedError(
            f"the report refuses the token (HTTP {status})",
            hint="it needs a user's token (profile: public API auth token), not the bot's; get a fresh one",
        )
    if status == _NOT_FOUND:
        raise RefusedError("the report is not there (HTTP 404)", hint="check verify.path and verify.bot_id")
    hint = (
        "check verify.path" if status < _CLIENT_ERRORS else "check verify.bot_id, report_id and window_days"
    )
    raise RefusedError(f"the report refuses the request (HTTP {status})", hint=hint)


_BY_FILE: Final = "ask for the e-mailed report and read it with --from-file"


def _rows(body: bytes) -> list[dict[str, Any]]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, dict):
        value = next((value[name] for name in _WRAPPERS if isinstance(value.get(name), list)), None)
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise RefusedError(
            "the report's answer holds no list of rows", hint=f"check verify.path; or {_BY_FILE}"
        )
    return value
