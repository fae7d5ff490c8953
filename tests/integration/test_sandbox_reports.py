"""The stand-in's message report: as narrow as the documented one."""

from datetime import UTC, datetime

import httpx
import pytest

from etl.sandbox.records import NewMessage
from etl.sandbox.reports import REPORT_PATH
from etl.sandbox.serve import embedded
from etl.sandbox.store import Store

DEPLOYMENT = "11111111-1111-4111-8111-111111111111"
DAY = 86_400
LEAP_DAY = int(datetime(2024, 2, 29, tzinfo=UTC).timestamp())


def message(number: int, *, at: int) -> NewMessage:
    """Return a message for the store."""
    return NewMessage(
        deployment_id=DEPLOYMENT,
        id=f"m-{number}",
        user_id="ann",
        timestamp=at,
        received_us=0,
        text=f"text {number}",
        user_cvars="{}",
        user_profile="{}",
        body=b"",
    )


@pytest.fixture(scope="module")
def running():
    """Return a sandbox with messages on the edges of days, and a day with too many."""
    with embedded(None, deployment_id=DEPLOYMENT) as sandbox:
        edges = (LEAP_DAY - 1, LEAP_DAY, LEAP_DAY + DAY - 1, LEAP_DAY + DAY)
        sandbox.store.record([message(number, at=at) for number, at in enumerate(edges)])
        sandbox.store.record([message(10 + number, at=LEAP_DAY + 30 * DAY) for number in range(501)])
        yield sandbox


def ask(running, *, token: str | None = None, scheme: str = "JWT", **query: str | None) -> httpx.Response:
    """Ask for the report, soundly but for what is said."""
    sound = {"fromDate": "2024-02-29", "toDate": "2024-02-29", "reportId": "1", "botId": running.bot_id}
    asked = {name: value for name, value in {**sound, **query}.items() if value is not None}
    headers = {"Authorization": f"{scheme} {token or running.user_token}"}
    return httpx.get(running.base_url + REPORT_PATH, params=asked, headers=headers, trust_env=False)


def test_report_holds_whole_days_both_included_in_utc(running):
    """From the first second of the first day to the last of the last."""
    answer = ask(running)
    assert 200 == answer.status_code
    assert [
        {
            "message_id": seq,
            "conversation_id": seq - 1,
            "id": f"m-{seq - 1}",
            "from": "human",
            "user_id": "ann",
            "timestamp": at,
            "text": f"text {seq - 1}",
        }
        for seq, at in ((2, LEAP_DAY), (3, LEAP_DAY + DAY - 1))
    ] == answer.json()


def test_report_is_cut_off_at_500_rows_and_does_not_say_so(running):
    """As documented: a client must count."""
    assert 500 == len(ask(running, fromDate="2024-03-25", toDate="2024-04-09").json())


@pytest.mark.parametrize(
    ("query", "status", "word"),
    [
        ({"fromDate": "2024-02-01", "toDate": "2024-02-17"}, 400, "15 days"),
        ({"fromDate": "2024-02-02", "toDate": "2024-02-01"}, 400, "15 days"),
        ({"fromDate": "2024-2-1"}, 400, "fromDate"),
        ({"toDate": "2024-02-30"}, 400, "toDate"),
        ({"toDate": None}, 400, "toDate"),
        ({"reportId": "2"}, 400, "reportId"),
        ({"page": "2"}, 400, "parameters"),
        ({"botId": DEPLOYMENT}, 404, "bot id"),
    ],
)
def test_report_refuses_what_is_not_documented(running, query, status, word):
    """A lenient stand-in would hide a wrong client."""
    answer = ask(running, **query)
    assert status == answer.status_code
    assert word in answer.json()["error"]
    assert answer.json()["message"] is None


def test_report_needs_a_users_token(running):
    """The bot's own token is for sending."""
    for wrong in ({"token": running.token}, {"scheme": "bearer"}, {"token": "x"}):
        assert 401 == ask(running, **wrong).status_code


def test_parameter_given_twice_is_refused(running):
    """Which one is meant can't be told."""
    url = f"{running.base_url}{REPORT_PATH}?fromDate=2024-02-29&fromDate=2024-02-28"
    headers = {"Authorization": f"JWT {running.user_token}"}
    answer = httpx.get(url, headers=headers, trust_env=False)
    assert (400, True) == (answer.status_code, "twice" in answer.json()["error"])


def test_user_token_and_bot_id_are_kept_and_stay_out_of_sight(tmp_path):
    """A job that points at a store goes on after a restart."""
    stores = [Store.open(tmp_path / "s.sqlite", deployment_id=DEPLOYMENT) for _ in range(2)]
    first, second = ((store.user_token, store.bot_id) for store in stores)
    for store in stores:
        store.close()
    assert first == second
    assert first[0] not in {first[1], stores[0].token}


def test_running_sandbox_hides_the_user_token(running):
    """A repr ends in logs."""
    assert running.user_token not in repr(running)
