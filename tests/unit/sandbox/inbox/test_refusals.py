"""What is remembered of refused requests."""

import asyncio

import pytest
from starlette.responses import JSONResponse, Response

from etl.sandbox.inbox.refusals import Refusals, RefusalWatch


def refused(response, *, path="/webbot/x", kind="http"):
    """Return what is remembered of one answer, and how many parts of it were passed on."""
    refusals = Refusals()
    passed = []

    async def send(part):
        passed.append(part)

    async def receive():
        raise AssertionError

    scope = {"type": kind, "path": path, "method": "POST"}
    asyncio.run(RefusalWatch(response, refusals=refusals)(scope, receive, send))
    return refusals, len(passed)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b'{"error": "no such deployment id", "message": null}', "no such deployment id"),
        (b"<html>", ""),
        (b'["error"]', ""),
        (b'{"error": {"a": 1}}', ""),
        (b'{"error": "' + b"x" * 9_000 + b'"}', "x" * 9_000),
        (b"", ""),
    ],
)
def test_refusal_is_remembered_with_its_sentence(body, sentence):
    """Whatever a profile answers, the page shows the status at least."""
    refusals, parts = refused(Response(body, status_code=404))

    (found,) = refusals.latest()
    assert (1, 2) == (refusals.count, parts)
    assert ("POST", 404, "Not Found", sentence) == (found.method, found.status, found.reason, found.sentence)


def test_status_that_has_no_name_is_shown_without():
    """A fault may answer any number."""
    refusals, _ = refused(Response(status_code=499))

    assert [""] == [refusal.reason for refusal in refusals.latest()]


@pytest.mark.parametrize(
    ("status", "path", "kind"),
    [(200, "/webbot/x", "http"), (404, "/inbox/x", "http"), (404, "/webbot/x", "lifespan")],
)
def test_nothing_else_is_remembered(status, path, kind):
    """The Inbox's own pages are no part of the platform."""
    refusals, parts = refused(JSONResponse({}, status_code=status), path=path, kind=kind)

    assert (0, [], 2) == (refusals.count, refusals.latest(), parts)


def test_only_the_last_are_kept_and_all_are_counted():
    """A storm of refusals must not fill the memory."""
    refusals = Refusals()
    for status in range(400, 500):
        refused_one = refused(Response(status_code=status))[0].latest()[0]
        refusals.add(refused_one)

    assert (100, 50, 499) == (refusals.count, len(refusals.latest()), refusals.latest()[0].status)
