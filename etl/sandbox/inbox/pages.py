"""What is on each page: reads, then hands values to a template."""

from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from itertools import groupby
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from etl.sandbox.answers import spoken
from etl.sandbox.faults import Fault
from etl.sandbox.inbox import chart, queries
from etl.sandbox.inbox.access import PATH
from etl.sandbox.inbox.filters import Filters
from etl.sandbox.inbox.found import Shown
from etl.sandbox.inbox.reading import Read
from etl.sandbox.inbox.refusals import Refusals
from etl.sandbox.inbox.speakers import apart
from etl.sandbox.inbox.tally import SLOT_SECONDS, Checks, Tally
from etl.sandbox.inbox.views import Display, Views, secured
from etl.sandbox.profiles import Voice
from etl.sandbox.records import Kind, Place
from etl.sandbox.store import Store

_MICROSECONDS: Final = 1_000_000
_SLOTS: Final = 60
_LATEST: Final = 6
_BUSY_SECONDS: Final = 30
_RATE_STEP_SECONDS: Final = 2
_IDLE_STEP_SECONDS: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One request of a reader who was let in."""

    request: Request
    read: Read
    now_us: int
    display: Display

    @property
    def now(self) -> int:
        """Return Unix seconds."""
        return self.now_us // _MICROSECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What was answered to a message."""

    note: str
    body: str = ""
    """"" where there was none, or not this one."""


class Pages:
    """The pages on one store."""

    def __init__(self, store: Store, views: Views, refusals: Refusals) -> None:
        self._store = store
        self._views = views
        self._refusals = refusals
        self._tally = Tally(on_disk=store.path is not None)

    def close(self) -> None:
        """Forget the tally."""
        self._tally.close()

    def state(self, visit: Visit) -> tuple[int, ...]:
        """Return what changes when any page does: by arrivals, refusals, and the clock."""
        self._tally.catch_up(visit.read)
        totals = queries.totals(visit.read)
        busy = visit.now_us - totals.last_received_us < _BUSY_SECONDS * _MICROSECONDS
        step = visit.now // (_RATE_STEP_SECONDS if busy else _IDLE_STEP_SECONDS)
        return totals.messages, self._refusals.count, self._tally.checked, step

    def overview(self, visit: Visit) -> Response:
        """Show the start page."""
        totals = queries.totals(visit.read)
        checks = self._tally.checks()
        now_slot = visit.now // SLOT_SECONDS
        values = {
            "totals": totals,
            "rate": queries.rate_per_second(visit.read, now_us=visit.now_us),
            "checks": checks,
            "problems": self._problems(visit, checks),
            "refusals": self._refusals.latest()[:10],
            "refused": self._refusals.count,
            "history": chart.by_date(self._tally.days()),
            "arrivals": self._arrivals(visit, totals.last_received_us, now_slot) if totals.messages else None,
            "latest": queries.listed(
                visit.read, Filters(), zone=visit.display.zone, active_since=self._active_since(visit)
            )[:_LATEST],
            "active_since": self._active_since(visit),
            "base_url": str(visit.request.base_url).rstrip("/"),
            "deployments": sorted(self._store.deployments),
            "minutes": self._store.session_expiration_minutes,
            "live": True,
        }
        return self._views.page("overview", visit.request, values)

    def conversations(self, visit: Visit) -> Response:
        """Show the list of conversations; with a text, the messages that hold it."""
        filters = Filters.read(visit.request.query_params)
        if filters.id:
            return self._by_id(visit, filters)
        since = self._active_since(visit)
        values: dict[str, Any] = {
            "filters": filters,
            "active_since": since,
            "totals": queries.totals(visit.read),
            "searched_at_once": queries.SEARCHED_AT_ONCE,
            "missing_id": "",
            "live": filters.first_page,
        }
        if filters.text:
            hits = queries.search(visit.read, filters, zone=visit.display.zone, active_since=since)
            on = hits.go_on_before
            older = filters.query(before_seq=str(on)) if on else ""
            return self._views.page("hits", visit.request, values | {"hits": hits, "older": older})
        found = queries.listed(visit.read, filters, zone=visit.display.zone, active_since=since)
        page = found[: queries.CONVERSATIONS_A_PAGE]
        older = filters.query(before=str(page[-1].cursor)) if len(found) > len(page) else ""
        return self._views.page("conversations", visit.request, values | {"page": page, "older": older})

    def conversation(self, visit: Visit) -> Response:
        """Show a page of one conversation as a chat."""
        number = _number(visit.request.path_params["number"])
        found = queries.conversation(visit.read, number) if number is not None else None
        if found is None:
            return self._not_found(visit, "There is no conversation with this number.")
        first = _number(visit.request.query_params.get("from", "")) or 0
        thread = queries.thread(visit.read, found.id, first_seq=first)
        values = {
            "conversation": found,
            "thread": thread,
            "days": list(_by_day(thread.messages, visit.display)),
            "about": queries.about(visit.read, found.id, found.user_id),
            "active": found.last_timestamp >= self._active_since(visit),
            "marked": self._tally.checks(most=0).marked,
            "apart": apart,
            "answer": lambda message: _answer(message, found.id),
            "live": thread.later is None,
        }
        return self._views.page("conversation", visit.request, values)

    def request_body(self, visit: Visit) -> Response:
        """Give the request of a message as it came, as plain text."""
        seq = _number(visit.request.path_params["seq"])
        body = queries.request_body(visit.read, seq) if seq is not None else None
        if body is None:
            return self._not_found(visit, "There is no message with this number.")
        return secured(Response(body, media_type="text/plain; charset=utf-8"))

    def missing(self, visit: Visit) -> Response:
        """Say that there is no such page."""
        return self._not_found(visit, "There is no page at this address.")

    def _not_found(self, visit: Visit, sentence: str) -> Response:
        return self._views.message(visit.request, HTTPStatus.NOT_FOUND, "Not found", sentence)

    def _by_id(self, visit: Visit, filters: Filters) -> Response:
        """Lead to what an id names: a conversation, or a message in its place."""
        number = _number(filters.id)
        if number is not None and queries.conversation(visit.read, number):
            return secured(RedirectResponse(f"{PATH}/conversations/{number}", HTTPStatus.SEE_OTHER))
        seq = queries.find(visit.read, filters.id)
        found = queries.conversation_of(visit.read, seq) if seq is not None else None
        if found is not None:
            place = f"{PATH}/conversations/{found}?from={seq}#m-{seq}"
            return secured(RedirectResponse(place, HTTPStatus.SEE_OTHER))
        values = {
            "filters": filters,
            "active_since": 0,
            "totals": queries.totals(visit.read),
            "searched_at_once": queries.SEARCHED_AT_ONCE,
            "missing_id": filters.id,
            "page": [],
            "older": "",
            "live": False,
        }
        return self._views.page("conversations", visit.request, values)

    def _active_since(self, visit: Visit) -> int:
        return visit.now - self._store.session_expiration_minutes * 60

    def _arrivals(self, visit: Visit, last_received_us: int, now_slot: int) -> chart.Chart:
        """Return the last ten minutes of arriving, or of its end."""
        last = last_received_us // _MICROSECONDS // SLOT_SECONDS
        end = now_slot if now_slot - last < _SLOTS else last
        begin = end - _SLOTS + 1
        labels = [
            (slot, f"{visit.display.at(slot * SLOT_SECONDS):%H:%M:%S}") for slot in range(begin, end + 1)
        ]
        return chart.by_slot(
            self._tally.slots(first=begin, last=end), labels=labels, unit=f"{SLOT_SECONDS} seconds"
        )

    def _problems(self, visit: Visit, checks: Checks) -> list[dict[str, Any]]:
        found = queries.places(visit.read, [problem.seq for problem in checks.problems])
        return [
            {"problem": problem, "at": found[problem.seq]}
            for problem in checks.problems
            if problem.seq in found
        ]


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < len(str(2**62)) else None


def _by_day(messages: tuple[Shown, ...], display: Display) -> Iterator[tuple[str, list[Shown]]]:
    """Yield runs of messages with one date on the reader's calendar; a date may come again."""
    for day, run in groupby(messages, key=lambda message: f"{display.at(message.timestamp):%A, %-d %B %Y}"):
        yield day, list(run)


def _answer(message: Shown, conversation_id: int) -> Answer:
    """Return what was answered to a message, as far as the store tells."""
    if message.kind is Kind.AGENT:
        return Answer(note="Said by an agent during a handover, not sent as a message.")
    if message.answer in set(Fault):
        return Answer(note=f"A fault that was asked for: {Fault(message.answer).meaning}.")
    place = Place(seq=message.seq, conversation_id=conversation_id)
    said = spoken(Voice(message.answer), message.id, place, answered=message.kind is Kind.TEXT)
    return Answer(note="Made anew from what is stored.", body=bytes(said.body).decode() or "(empty)")
