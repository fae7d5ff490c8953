"""What the sandbox serves beside messages: settings, triggers, handover, reports; over real sockets."""

import csv
import socket
import stat
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest

from etl.sandbox.clock import wall_us
from etl.sandbox.faults import Fault
from etl.sandbox.serve import embedded
from etl.sandbox.users import Users
from support.sandbox import DEPLOYMENT, PATH, START, TEXT, calling, sound

HANDOVER = f"/webbot/api/webchat/{DEPLOYMENT}/handover/u-1/"
TAKEOVER = f"/webbot/api/webchat/{DEPLOYMENT}/takeover/u-1/"
MESSAGES = "/api/frontend/reports/messages/"
CONSUMPTION = "/api/frontend/reports/conversations/"
VARIABLES: dict[str, Any] = {
    "user_id": "u-1",
    "module_id": None,
    "custom_vars": {"plan": "pro"},
    "is_async": True,
}


@pytest.fixture
def running(tmp_path):
    """Return a sandbox with a file."""
    with embedded(tmp_path / "sandbox.sqlite", deployment_id=DEPLOYMENT) as sandbox:
        yield sandbox


@pytest.fixture
def caller(running):
    """Return a caller of it, who posted a message as u-1."""
    with calling(running) as made:
        assert 200 == made.post().status_code
        yield made


def refusal(answer: httpx.Response) -> tuple[int, str]:
    """Return status and sentence of a refusal in the documented envelope."""
    found = answer.json()
    assert {"error", "message"} == found.keys()
    assert found["message"] is None
    return answer.status_code, found["error"]


def test_new_token_revokes_the_old_one_at_once_and_for_good(running, caller):
    """A colleague presses the button in the middle of an import."""
    answer = caller.user.post("/sandbox/token/")
    assert "no-store" == answer.headers["cache-control"]
    renewed = answer.json()["token"]

    assert 401 == refusal(caller.post())[0]
    answer = caller.chat.post(PATH, json=sound(), headers={"Authorization": f"bearer {renewed}"})
    assert (200, renewed) == (answer.status_code, running.store.token)


def test_the_bots_token_changes_neither_token_nor_behaviour(caller):
    """What an importer holds must not be able to hide what it did."""
    for wish in ("POST /sandbox/token/", "PUT /sandbox/profile/", "GET /sandbox/profile/"):
        assert 401 == refusal(caller.chat.request(*wish.split(), json={}))[0]


def test_behaviour_is_told_as_it_was_asked(caller):
    """And a wish that is none leaves it as it is."""
    wish = {"profiles": ["silent"], "faults": ["html=every:2"], "quota": "9/s", "seed": 3}
    assert wish == caller.user.put("/sandbox/profile/", json=wish).json()
    assert 400 == refusal(caller.user.put("/sandbox/profile/", json={"profiles": ["loud"]}))[0]
    assert wish == caller.user.get("/sandbox/profile/").json()
    assert [] == caller.post().json()["message"]
    assert caller.post().text.startswith("<!DOCTYPE")


@pytest.mark.parametrize(
    "path",
    [
        f"/webbot/api/webchat/{DEPLOYMENT}/",
        f"/api/webchat/bot/{DEPLOYMENT}/messages/",
        PATH.removesuffix("/"),
    ],
)
def test_older_paths_and_one_without_its_slash_do_not_exist(running, caller, path):
    """What an older documentation says must fail at once, and say what is right."""
    status, sentence = refusal(caller.chat.post(path, json=sound()))
    assert 404 == status
    assert "/webbot/api/webchat/bot/<deployment id>/messages/" in sentence
    assert 1 == running.store.count()


def test_paths_under_their_profiles(running, caller):
    """The older path alone, or a redirect to the slash, which a client must not follow with a POST."""
    caller.switch(profiles=["404-old-path"])
    assert (404, 200) == (
        caller.post().status_code,
        caller.chat.post(f"/api/webchat/bot/{DEPLOYMENT}/messages/", json=sound()).status_code,
    )
    caller.switch(profiles=["redirect-without-slash"])
    answer = caller.chat.post(PATH.removesuffix("/"), json=sound())
    assert (301, PATH) == (answer.status_code, answer.headers["location"])
    assert 2 == running.store.count()


def test_another_method_is_refused_with_those_that_there_are(caller):
    """Of all operations of a path, not of the first alone."""
    answer = caller.chat.delete(HANDOVER)
    assert "GET, POST" == answer.headers["allow"]
    assert (405, "this path takes GET, POST only") == refusal(answer)


def test_what_is_no_http_gets_the_envelope_too(running):
    """Always JSON, whatever was sent."""
    with socket.create_connection(("127.0.0.1", int(running.base_url.rsplit(":", 1)[1]))) as raw:
        raw.sendall(b"nonsense\r\n\r\n")
        head, _, body = raw.makefile("rb").read().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b'{"error":"no valid HTTP/1.1 request","message":null}' == body


def test_trigger_response_stores_variables_and_reaches_no_module(running, caller):
    """All that is documented to work for a REST user."""
    path, users = "/actionsvc/trigger-response/", Users(running.store)
    answer = caller.user.post(path, json=VARIABLES)
    assert (200, {"message": "1", "error": []}) == (answer.status_code, answer.json())
    assert {"plan": "pro"} == users.variables("u-1")

    wrong: dict[str, dict[str, Any]] = {
        "to a Module": {"module_id": 7},
        "no such user": {"user_id": "nobody"},
        "whose names match": {"custom_vars": {"1": ""}},
        "`is_async` must be true": {"is_async": False},
    }
    for words, change in wrong.items():
        status, sentence = refusal(caller.user.post(path, json=VARIABLES | change))
        assert (400, True) == (status, words in sentence)
    assert 401 == refusal(caller.chat.post(path, json=VARIABLES))[0]
    assert ({}, {"plan": "pro"}) == (users.variables("nobody"), users.variables("u-1"))


def test_trigger_message_reaches_no_rest_user(running, caller):
    """As documented; an unknown user is another sentence."""
    auth = ("user", f"bearer {running.user_token}")
    url = f"{running.base_url}/actionsvc/trigger-message/"

    def send(user: str, auth: tuple[str, str]) -> tuple[int, str]:
        body = {"user_id": user, "text_message": TEXT}
        return refusal(httpx.post(url, json=body, auth=auth, trust_env=False))

    assert (400, "the user came over REST, and Trigger Message reaches no REST user") == send("u-1", auth)
    assert (400, "no such user") == send("nobody", auth)
    assert 401 == send("u-1", ("user", running.user_token))[0]
    assert 401 == refusal(caller.user.post("/actionsvc/trigger-message/", json={}))[0]


def test_agent_has_the_word_between_handover_and_takeover(running, caller):
    """And is recorded as an agent; nobody else is."""
    assert 409 == refusal(caller.chat.post(HANDOVER, json={"text": "hello"}))[0]
    assert 200 == caller.chat.get(HANDOVER).status_code
    assert 200 == caller.chat.post(HANDOVER, json={"text": "hello"}).status_code
    assert 200 == caller.chat.get(TAKEOVER, params={"ClaimEnd": "7"}).status_code
    assert 409 == refusal(caller.chat.post(HANDOVER, json={"text": "again"}))[0]

    assert [("standby", TEXT), ("agent", "hello")] == [(m.kind, m.text) for m in running.store.messages()]
    assert (404, "no such user") == refusal(caller.chat.get(HANDOVER.replace("u-1", "nobody")))
    assert 401 == refusal(caller.user.get(HANDOVER))[0]


def test_text_hands_the_conversation_back_and_standby_does_not(running, caller):
    """No other call is needed to wake the bot; what is only recorded wakes nobody."""
    caller.chat.get(HANDOVER)
    assert [] == caller.post().json()["message"][0]["actions"]
    assert Users(running.store).handed_over(DEPLOYMENT, "u-1")
    assert "text" == caller.post(kind="text").json()["message"][0]["actions"][0]["type"]
    assert not Users(running.store).handed_over(DEPLOYMENT, "u-1")


def test_consumption_is_counted_by_deployment_and_days(caller):
    """Standby messages are received; what the bot or an agent said is sent."""
    caller.post(kind="text", user_id="u-2")
    caller.post(timestamp=START + 40 * 86_400)
    asked = {"fromDate": "2022-06-03", "toDate": "2022-06-03"}
    (row,) = caller.user.get(CONSUMPTION, params=asked).json()
    assert (2, 2, 1) == (
        row["number_of_conversations"],
        row["number_of_messages_received"],
        row["number_of_messages_sent"],
    )

    empty = {"fromDate": "2020-01-01", "toDate": "2020-01-01"}
    assert [] == caller.user.get(CONSUMPTION, params=empty).json()
    (row,) = caller.user.get(CONSUMPTION, params=empty | {"includeEmptyResults": "true"}).json()
    assert 0 == row["number_of_messages_received"]
    assert 400 == refusal(caller.user.get(CONSUMPTION, params=empty | {"includeEmptyResults": "yes"}))[0]
    assert 401 == refusal(caller.chat.get(CONSUMPTION, params=asked))[0]


def test_whole_report_goes_into_a_private_file_of_its_own(running, caller, tmp_path):
    """Without the limits of a GET; a second one replaces nothing."""
    caller.post(timestamp=START + 300 * 86_400, actions=[{"type": "standby", "text": 'a, "b"\nc'}])
    query = {"fromDate": "2022-06-01", "toDate": "2023-06-01", "reportId": "1", "botId": running.bot_id}
    assert 400 == refusal(caller.user.get(MESSAGES, params=query))[0]
    names = [caller.user.post(MESSAGES, params=query).json()["message"] for _ in range(2)]

    folder = tmp_path / "sandbox-reports"
    files = sorted(folder.iterdir())
    assert [True, True] == [file.name in name for file, name in zip(files, names, strict=True)]
    assert {0o600} == {stat.S_IMODE(file.stat().st_mode) for file in files}
    assert 0o700 == stat.S_IMODE(folder.stat().st_mode)
    rows = list(csv.DictReader(files[1].read_text(encoding="utf-8").splitlines(keepends=True)))
    assert [TEXT, 'a, "b"\nc'] == [row["text"] for row in rows]
    assert ["1", "2"] == [row["message_id"] for row in rows]


def test_report_has_no_folder_in_memory():
    """Saying that it was written would be a lie."""
    with embedded(None, deployment_id=DEPLOYMENT) as running, calling(running) as caller:
        query = {"fromDate": "2022-06-01", "toDate": "2022-06-01", "reportId": "1", "botId": running.bot_id}
        assert 409 == refusal(caller.user.post(MESSAGES, params=query))[0]


@pytest.mark.parametrize("fault", Fault)
def test_fault_looks_as_it_is_told_and_keeps_what_it_says(running, caller, fault):
    """A rehearsal with another trouble than the one that was asked for proves nothing."""
    caller.switch(faults=[f"{fault}=at:1"])
    expected: dict[Fault, object] = {
        Fault.TOO_MANY: 429,
        Fault.UNAVAILABLE: 503,
        Fault.SERVER_ERROR: 500,
        Fault.SERVER_ERROR_AFTER_STORE: 500,
        Fault.REFUSED: 400,
        Fault.ERROR_IN_200: 200,
        Fault.HTML: 200,
        Fault.REVOKED: 401,
        Fault.RESET_BEFORE_STORE: httpx.ReadError,
        Fault.RESET_AFTER_STORE: httpx.ReadError,
        Fault.SILENCE_AFTER_STORE: httpx.ReadTimeout,
        Fault.CUT_AFTER_STORE: httpx.RemoteProtocolError,
        Fault.DELAY_AFTER_STORE: httpx.ReadTimeout,
    }
    found: object
    with calling(running, timeout_seconds=0.3) as hasty:
        try:
            found = hasty.post().status_code
        except httpx.TransportError as error:
            found = type(error)

    assert expected[fault] == found
    assert (2 if fault.stores else 1) == running.store.count()
    with calling(running) as after:
        assert 200 == after.post().status_code


def test_refusals_take_turns(caller):
    """Both forms of Retry-After, neither too early; and each of the server's errors."""
    caller.switch(faults=["429=every:1"])
    seconds, date = (caller.post().headers["retry-after"] for _ in range(2))
    assert "1" == seconds
    assert 1 <= parsedate_to_datetime(date).timestamp() - wall_us() / 1_000_000 + 0.5 <= 3
    caller.switch(faults=["5xx=every:1"])
    assert [500, 502, 503, 504, 500] == [caller.post().status_code for _ in range(5)]


def test_quota_refuses_and_stores_nothing_beyond_it(running, caller):
    """With whole seconds to wait; other tokens' refusals and bad requests aside."""
    caller.switch(quota="3/h")
    answers = [caller.post() for _ in range(5)]
    assert [200, 200, 200, 429, 429] == [answer.status_code for answer in answers]
    assert {True} == {3_590 <= int(answer.headers["retry-after"]) <= 3_600 for answer in answers[3:]}
    assert 1 + 3 == running.store.count()


def test_answers_in_each_voice(caller):
    """All of them are 200, and only one has the bot speak."""
    found: dict[str, Any] = {}
    for voice in ("silent", "null-message", "empty-body", "echo", "answers"):
        caller.switch(profiles=[voice])
        answer = caller.post()
        assert 200 == answer.status_code
        found[voice] = answer.json()["message"] if answer.content else "nothing"
    assert ([], None, "nothing") == (found["silent"], found["null-message"], found["empty-body"])
    assert [[], ["text"]] == [
        [action["type"] for action in found[voice][0]["actions"]] for voice in ("echo", "answers")
    ]


def test_same_id_is_answered_as_the_first_time_where_it_is_de_duplicated(running, caller):
    """A client that sends again must be told the same ids."""
    caller.switch(profiles=["dedupe-by-id"])
    first, again = (caller.post(id="m-7").json()["message"][0] for _ in range(2))
    assert first == again
    caller.switch(profiles=["dedupe-by-id", "no-dedupe"])
    assert first["id"] < caller.post(id="m-7").json()["message"][0]["id"]
    assert 3 == running.store.count()
