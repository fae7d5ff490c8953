"""What a platform, or something on the way to it, may answer; and what a message is after that."""

import gzip
from dataclasses import dataclass

from support.recorder import Reply

_GOOD = b'{"error": null, "message": []}'
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
TIMEOUT_SECONDS = 0.6
"""Longer than any answer that is meant to come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A reply, the state of its message at the end of the run, and how the run ends."""

    reply: Reply
    state: str
    code: int


def _uncertain(reply: Reply) -> Answer:
    return Answer(reply=reply, state="uncertain", code=3)


def _refused(status: int) -> Answer:
    return Answer(reply=Reply(status=status, body=b'{"error": "no"}', taken=False), state="rejected", code=3)


def _ended(status: int, **headers: str) -> Answer:
    return Answer(reply=Reply(status=status, headers=headers, taken=False), state="pending", code=6)


def _later(status: int) -> Answer:
    reply = Reply(status=status, headers={"Retry-After": "1"}, taken=False)
    return Answer(reply=reply, state="accepted", code=0)


ANSWERS = {
    "closed without an answer": _uncertain(Reply(status=None)),
    "reset without an answer": _uncertain(Reply(raw=b"", reset=True)),
    "reset in mid-answer": _uncertain(Reply(raw=_HEAD + b"Content-Length: 30\r\n\r\n{", reset=True)),
    "no answer in time": _uncertain(Reply(delay_seconds=1.5 * TIMEOUT_SECONDS)),
    "dribble": _uncertain(Reply(raw=_HEAD + b"Content-Length: 99\r\n\r\n", gap_seconds=0.02)),
    "cut": _uncertain(Reply(raw=_HEAD + b"Content-Length: 31\r\n\r\n" + _GOOD)),
    "two lengths": _uncertain(Reply(raw=_HEAD + b"Content-Length: 30\r\nContent-Length: 3\r\n\r\n" + _GOOD)),
    "bad chunk": _uncertain(Reply(raw=_HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n" + _GOOD)),
    "no HTTP": _uncertain(Reply(raw=b"220 mail.example ESMTP\r\n")),
    "giant header": _uncertain(Reply(raw=_HEAD + b"X: " + 200_000 * b"x" + b"\r\n\r\n")),
    "giant body": _uncertain(Reply(body=b'{"error": null, "message": "' + 2_000_000 * b"x" + b'"}')),
    "gzip": _uncertain(Reply(body=gzip.compress(_GOOD), headers={"Content-Encoding": "gzip"})),
    "a page": _uncertain(Reply(body=b"<html>log in</html>")),
    "nothing": _uncertain(Reply(body=b"")),
    "a list": _uncertain(Reply(body=b"[]")),
    "no error key": _uncertain(Reply(body=b'{"message": []}')),
    "deep nesting": _uncertain(Reply(body=200_000 * b"[")),
    "204": _uncertain(Reply(status=204, body=b"")),
    "408": _uncertain(Reply(status=408)),
    "409": _uncertain(Reply(status=409)),
    "500": _uncertain(Reply(status=500)),
    "502": _uncertain(Reply(status=502)),
    "503": _uncertain(Reply(status=503)),
    "504": _uncertain(Reply(status=504)),
    "200 with an error": _refused(200),
    "400": _refused(400),
    "413": _refused(413),
    "422": _refused(422),
    "401": _ended(401),
    "403": _ended(403),
    "404": _ended(404),
    "405": _ended(405),
    "301": _ended(301, Location="http://127.0.0.1:9/"),
    "307": _ended(307, Location="http://127.0.0.1:9/"),
    "429 with a pause": _later(429),
    "503 with a pause": _later(503),
    "103 before": Answer(
        reply=Reply(
            raw=b"HTTP/1.1 103 Early Hints\r\n\r\n" + _HEAD + b"Content-Length: 30\r\n\r\n" + _GOOD,
        ),
        state="accepted",
        code=0,
    ),
}
"""By name, as the fault table of the client's promises has them."""
