"""The stand-in platform over real sockets, and as a process that is killed."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from etl.sandbox import serve as serving
from etl.sandbox.app import create_app
from etl.sandbox.body import MAX_BODY_BYTES
from etl.sandbox.errors import SandboxError
from etl.sandbox.serve import Setup, embedded, serve
from etl.sandbox.store import Store
from support.sandbox import DEPLOYMENT, PATH, TEXT
from support.sandbox import sound as whole

CONFIG = f"/webbot/api/webchat/{DEPLOYMENT}/config/"
ABSENT = object()
BAD_ACTIONS: tuple[object, ...] = ([], {}, "standby", [TEXT], [{"type": "standby", "text": "a"}] * 2)
BAD_TIMESTAMPS: tuple[object, ...] = (
    True,
    1_654_251_574.0,
    "1654251574",
    999_999_999,
    10_000_000_000,
    1_654_251_574_000,
    -1,
)
BAD_VARIABLES: tuple[object, ...] = (
    {"1a": ""},
    {"": ""},
    {"a-b": ""},
    {"é": ""},
    {"a\n": ""},
    {"a": 1},
    {"a": None},
    [],
)

SERVER = """
import json, sys
from pathlib import Path
from typing import Any
from etl.sandbox.serve import Setup, serve

def announce(running):
    print(json.dumps([running.base_url, running.token]), flush=True)

serve(Setup(store_path=Path(sys.argv[1]), deployment_id=sys.argv[2]), announce)
"""


def sound(**changes: Any) -> dict[str, object]:
    """Return a sound body with some values replaced, or left out."""
    return {name: value for name, value in whole(**changes).items() if value is not ABSENT}


@pytest.fixture(scope="module")
def running():
    """Return a sandbox in memory, shared: tests compare counts before and after."""
    with embedded(None, deployment_id=DEPLOYMENT) as sandbox:
        yield sandbox


@pytest.fixture
def client(running):
    """Return a client with the right token."""
    with httpx.Client(
        base_url=running.base_url, headers={"Authorization": f"bearer {running.token}"}
    ) as made:
        yield made


@pytest.fixture
def process(tmp_path):
    """Return a sandbox in a process of its own: the process, its address, token and store."""
    path = tmp_path / "sandbox.db"
    root = Path(serving.__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", SERVER, str(path), DEPLOYMENT],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(root)},
    ) as child:
        assert child.stdout is not None
        base_url, token = json.loads(child.stdout.readline())
        yield child, base_url, token, path
        child.kill()


def test_sandbox_records_a_message_and_says_nothing_as_the_bot(running, client):
    """A client picks up the conversation and its own id; empty `actions` mean that the bot kept quiet."""
    before = running.store.count()
    answer = client.post(PATH, json=sound(id="first", user_id="shape"))

    stored = list(running.store.messages())[before]
    assert 200 == answer.status_code
    assert "application/json" == answer.headers["content-type"]
    assert {
        "error": None,
        "message": [
            {
                "from": "bot",
                "id": stored.seq,
                "conversation_id": stored.conversation_id,
                "bot_module": None,
                "connections": {"id_message_evaluate": "first", "reply_to_module_id": None, "data": []},
                "actions": [],
            },
        ],
    } == answer.json()
    assert (
        "first",
        "shape",
        TEXT,
        1_654_251_574,
    ) == (stored.id, stored.user_id, stored.text, stored.timestamp)
    assert sound(id="first", user_id="shape") == json.loads(stored.body)
    assert stored.received_us > 1_700_000_000_000_000


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        *((name, ABSENT, f"`{name}` is missing") for name in sound()),
        *((name, None, f"`{name}` must be ") for name in sound()),
        ("wrapper", {}, "`wrapper` is not a key of the contract"),
        (TEXT, {}, "a key is not a key of the contract"),
        ("from", "bot", '`from` must be "human"'),
        ("from", "Human", '`from` must be "human"'),
        ("ref", "123456", '`ref` must be "": a Module id would wake the bot'),
        ("ref", 0, '`ref` must be "": a Module id would wake the bot'),
        ("attachments", ["a"], "`attachments` must be []: there are no attachments"),
        ("attachments", {}, "`attachments` must be []: there are no attachments"),
        ("user_id", "", "`user_id` must be a string of 1 to 255 characters"),
        ("user_id", "x" * 256, "`user_id` must be a string of 1 to 255 characters"),
        ("user_id", 7, "`user_id` must be a string of 1 to 255 characters"),
        ("id", "", "`id` must be a string of 1 to 255 characters"),
        ("id", "x" * 256, "`id` must be a string of 1 to 255 characters"),
        ("id", 1_653_753_771_388, "`id` must be a string of 1 to 255 characters"),
        *(
            ("timestamp", value, "`timestamp` must be an integer of exactly 10 digits: Unix time in seconds")
            for value in BAD_TIMESTAMPS
        ),
        *(
            ("actions", value, "`actions` must be a list of exactly one object with `type` and `text`")
            for value in BAD_ACTIONS
        ),
        (
            "actions",
            [{"type": "image", "text": TEXT}],
            '`actions[0].type` must be "standby" or "text"',
        ),
        ("actions", [{"text": TEXT}], "`actions[0].type` is missing"),
        ("actions", [{"type": "standby"}], "`actions[0].text` is missing"),
        (
            "actions",
            [{"type": "standby", "text": ""}],
            "`actions[0].text` must be a string that is not empty",
        ),
        ("actions", [{"type": "standby", "text": 1}], "`actions[0].text` must be a string that is not empty"),
        (
            "actions",
            [{"type": "standby", "text": TEXT, "html": TEXT}],
            "`actions[0].html` is not a key of the contract",
        ),
        *(
            ("user_cvars", value, "`user_cvars` must be an object of strings whose names match")
            for value in BAD_VARIABLES
        ),
        ("user_profile", [], "`user_profile` must be an object"),
        ("user_profile", TEXT, "`user_profile` must be an object"),
    ],
)
def test_sandbox_refuses_what_the_contract_does_not_allow(running, client, field, value, sentence):
    """A stand-in that is laxer than the platform passes a client that the platform refuses."""
    before = running.store.count()
    answer = client.post(PATH, json=sound(**{field: value}))

    assert 400 == answer.status_code
    assert {"error", "message"} == answer.json().keys()
    assert answer.json()["message"] is None
    assert answer.json()["error"].startswith(sentence)
    assert TEXT not in answer.text
    assert before == running.store.count()


@pytest.mark.parametrize(
    "changes",
    [
        {"user_id": "x" * 255, "id": "y" * 255},
        {"timestamp": 1_000_000_000},
        {"timestamp": 9_999_999_999},
        {"user_cvars": {"a": "", "B_2": "x"}},
        {"user_profile": {"nested": [1, None, {"a": "😀"}]}},
    ],
)
def test_sandbox_takes_what_is_just_allowed(client, changes):
    """The edges belong to the contract."""
    assert 200 == client.post(PATH, json=sound(**changes)).status_code


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "bearer",
        "bearer wrong",
        "basic {token}",
        "{token}",
        "bearer {token}x",
        "bearer é",
    ],
)
def test_sandbox_refuses_a_missing_or_wrong_token(running, authorization):
    """Nothing is stored for a stranger."""
    before = running.store.count()
    headers = {}
    if authorization is not None:
        headers["Authorization"] = authorization.format(token=running.token).encode()
    answer = httpx.post(running.base_url + PATH, json=sound(), headers=headers)

    assert 401 == answer.status_code
    assert "Bearer" == answer.headers["www-authenticate"]
    assert {
        "error": "the Authorization header must be `bearer` and a valid token",
        "message": None,
    } == answer.json()
    assert before == running.store.count()


@pytest.mark.parametrize("scheme", ["bearer", "Bearer", "BEARER"])
def test_sandbox_takes_the_scheme_in_any_case(running, scheme):
    """HTTP compares schemes without case; the documentation writes it small."""
    headers = {"Authorization": f"{scheme} {running.token}"}

    assert 200 == httpx.post(running.base_url + PATH, json=sound(), headers=headers).status_code


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", PATH.removesuffix("/"), 404),
        ("POST", PATH.replace(DEPLOYMENT, "unknown"), 404),
        ("POST", PATH.replace("/webbot", ""), 404),
        ("POST", "/", 404),
        ("GET", PATH, 405),
        ("PUT", PATH, 405),
        ("GET", CONFIG.removesuffix("/"), 404),
        ("GET", CONFIG.replace(DEPLOYMENT, "unknown"), 404),
        ("POST", CONFIG, 405),
        ("GET", "/docs", 404),
        ("GET", "/redoc", 404),
    ],
)
def test_sandbox_answers_wrong_addresses_with_the_envelope(client, method, path, status):
    """Above all it never redirects: a redirected POST loses its message."""
    answer = client.request(method, path, json=sound())

    assert status == answer.status_code
    assert answer.json()["error"]
    assert answer.json()["message"] is None


@pytest.mark.parametrize("media_type", [None, "text/plain", "application/x-www-form-urlencoded"])
def test_sandbox_refuses_another_content_type(client, media_type):
    """A page in a browser can send these across origins without asking."""
    headers = {} if media_type is None else {"Content-Type": media_type}
    answer = client.post(PATH, content=json.dumps(sound()), headers=headers)

    assert 415 == answer.status_code
    assert "the Content-Type must be application/json" == answer.json()["error"]


def test_sandbox_takes_json_with_a_charset(client):
    """Many clients add one."""
    headers = {"Content-Type": "Application/JSON; charset=utf-8"}

    assert 200 == client.post(PATH, content=json.dumps(sound()), headers=headers).status_code


def padded(size: int) -> bytes:
    """Return a sound body of exactly `size` bytes."""
    empty = len(json.dumps(sound(actions=[{"type": "standby", "text": "x"}]))) - 1
    return json.dumps(sound(actions=[{"type": "standby", "text": "x" * (size - empty)}])).encode()


def test_sandbox_takes_a_body_of_one_mebibyte_and_no_byte_more(running, client):
    """The cap keeps its memory bounded."""
    headers = {"Content-Type": "application/json"}
    fits, exceeds = padded(MAX_BODY_BYTES), padded(MAX_BODY_BYTES + 1)
    before = running.store.count()

    assert 200 == client.post(PATH, content=fits, headers=headers).status_code
    assert 413 == client.post(PATH, content=exceeds, headers=headers).status_code
    assert 413 == client.post(PATH, content=iter([exceeds] * 3), headers=headers).status_code
    assert before + 1 == running.store.count()


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "127.0.0.2", "localhost:", "[::1]", ""]
)
def test_sandbox_refuses_another_host(running, client, host):
    """DNS rebinding: a web page reaches loopback under its own name."""
    before = running.store.count()
    answer = client.post(PATH, json=sound(), headers={"Host": host})

    assert 400 == answer.status_code
    assert {"error": "the Host header must be 127.0.0.1 or localhost", "message": None} == answer.json()
    assert before == running.store.count()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:1", "localhost", "LOCALHOST:65535"])
def test_sandbox_takes_its_own_names_with_any_port(client, host):
    """A forwarded port is another number."""
    assert 200 == client.get(CONFIG, headers={"Host": host}).status_code


def test_sandbox_sends_no_cross_origin_headers(client):
    """No web page may read its answers."""
    answer = client.get(CONFIG, headers={"Origin": "https://evil.example"})

    assert [] == [name for name in answer.headers if name.startswith("access-control")]


def test_sandbox_shows_a_known_deployment_without_a_token(running):
    """The cheap question whether a deployment exists."""
    answer = httpx.get(running.base_url + CONFIG)

    assert 200 == answer.status_code
    assert {"id": DEPLOYMENT, "session_expiration_minutes": 600} == answer.json()


def test_sandbox_publishes_the_contract(running):
    """People and tools can read what is taken; no undocumented 422 is promised."""
    document = httpx.get(running.base_url + "/openapi.json").json()

    operation = document["paths"]["/webbot/api/webchat/bot/{deployment_id}/messages/"]["post"]
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    assert set(sound()) == set(schema["required"])
    assert {"200", "4XX", "5XX"} == set(operation["responses"])
    assert {"HTTPBearer", "HTTPBasic", "JWT"} == document["components"]["securitySchemes"].keys()


def test_sandbox_stores_nothing_of_a_request_that_was_cut_off(running, client):
    """Half a message is none, and the server goes on."""
    before = running.store.count()
    port = int(running.base_url.rsplit(":", 1)[1])
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nAuthorization: bearer {running.token}\r\n"
        "Content-Type: application/json\r\nContent-Length: 500\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", port)) as cut:
        cut.sendall(head.encode() + json.dumps(sound()).encode())
        cut.shutdown(socket.SHUT_WR)
        assert b"200" not in cut.recv(1_000)[:15]

    assert 200 == client.get(CONFIG).status_code
    assert before == running.store.count()


def test_sandbox_stores_everything_once_from_many_connections(tmp_path):
    """Group commit must neither lose, double nor mix up answers; order holds per user."""
    path = tmp_path / "sandbox.db"

    def send(user: int) -> list[tuple[str, int, str]]:
        with httpx.Client(base_url=running.base_url, headers=headers) as client:
            answers = []
            for number in range(40):
                name = f"{user}-{number}"
                answer = client.post(PATH, json=sound(user_id=str(user), id=name)).json()["message"][0]
                answers.append((name, answer["id"], answer["connections"]["id_message_evaluate"]))
            return answers

    with embedded(path, deployment_id=DEPLOYMENT) as running, ThreadPoolExecutor(16) as pool:
        headers = {"Authorization": f"bearer {running.token}"}
        answers = [answer for lane in pool.map(send, range(16)) for answer in lane]

    with closing(Store.open(path)) as store:
        stored = list(store.messages())
        assert {(name, number, name) for name, number, _ in answers} == set(answers)
        assert {(name, number) for name, number, _ in answers} == {(found.id, found.seq) for found in stored}
        assert 640 == len(stored) == len({found.id for found in stored})
        assert 16 == len(list(store.conversations()))
        for user in range(16):
            mine = [found.id for found in stored if found.user_id == str(user)]
            assert [f"{user}-{number}" for number in range(40)] == mine


def test_sandbox_stores_two_equal_ids_twice_and_goes_on_after_a_restart(tmp_path):
    """The same port, token and store: a client notices nothing but the pause."""
    path = tmp_path / "state" / "sandbox.db"
    with embedded(path, deployment_id=DEPLOYMENT) as first:
        headers = {"Authorization": f"bearer {first.token}"}
        one = httpx.post(first.base_url + PATH, json=sound(), headers=headers).json()["message"][0]
        port = int(first.base_url.rsplit(":", 1)[1])
    with embedded(path, deployment_id=DEPLOYMENT, port=port) as second:
        two = httpx.post(second.base_url + PATH, json=sound(), headers=headers).json()["message"][0]
        assert ["m-1", "m-1"] == [message.id for message in second.store.messages()]

    assert first.base_url == second.base_url
    assert (1, 2) == (one["id"], two["id"])
    assert one["conversation_id"] == two["conversation_id"]


def test_sandbox_answers_500_when_the_message_could_not_be_stored(tmp_path):
    """An answer of 200 would be a lie; the error names the store and not the text."""
    with embedded(tmp_path / "sandbox.db", deployment_id=DEPLOYMENT) as running:
        running.store.rows(
            "CREATE TRIGGER full BEFORE INSERT ON message BEGIN SELECT raise(ABORT, 'full'); END"
        )
        headers = {"Authorization": f"bearer {running.token}"}
        answer = httpx.post(running.base_url + PATH, json=sound(), headers=headers)

        assert 500 == answer.status_code
        assert "SQLITE_CONSTRAINT_TRIGGER" in answer.json()["error"]
        assert answer.json()["message"] is None
        assert TEXT not in answer.text
        assert 0 == running.store.count()


def test_sandbox_says_that_a_port_is_taken(running, tmp_path):
    """The error names the port, and the store it had opened is free again."""
    port = int(running.base_url.rsplit(":", 1)[1])

    with pytest.raises(SandboxError, match=f"port {port} of 127.0.0.1 can't be served"):
        embedded(tmp_path / "sandbox.db", deployment_id=DEPLOYMENT, port=port).__enter__()


def test_sandbox_says_that_there_is_no_such_port():
    """Python's own exception stays inside."""
    with pytest.raises(SandboxError, match="no such port"):
        embedded(None, deployment_id=DEPLOYMENT, port=70_000).__enter__()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_sandbox_says_that_its_server_did_not_start():
    """Whoever waits for a server that died must not wait for ever."""
    closed = socket.socket()
    closed.close()

    with (
        closing(Store.in_memory(deployment_id=DEPLOYMENT)) as store,
        pytest.raises(SandboxError, match="did not start"),
    ):
        serving._Thread(create_app(store), closed).__enter__()


def test_sandbox_never_shows_its_token_by_accident(running):
    """A value that is printed or logged must not give it away."""
    assert running.token not in repr(running)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serve_returns_after_a_signal_and_restores_the_handlers(number):
    """The command drains and leaves; what comes after it gets the usual signals."""
    handler = signal.getsignal(number)
    seen = []

    def announce(running) -> None:
        seen.append(httpx.get(running.base_url + CONFIG).status_code)
        signal.raise_signal(number)

    serve(Setup(store_path=None, deployment_id=DEPLOYMENT), announce)

    assert [200] == seen
    assert handler is signal.getsignal(number)


def test_serve_ends_with_success_when_terminated(process):
    """A service manager's stop is no failure, and the answered message is there."""
    child, base_url, token, path = process
    headers = {"Authorization": f"bearer {token}"}
    with httpx.Client(base_url=base_url, headers=headers) as client:
        assert 200 == client.post(PATH, json=sound()).status_code
        child.terminate()
        assert 0 == child.wait(30)

    with closing(Store.open(path)) as store:
        assert 1 == store.count()


def test_serve_keeps_every_answered_message_when_killed(process):
    """An answer is a promise: kill -9 in the middle of the traffic breaks none."""
    child, base_url, token, path = process

    def send(user: int) -> list[str]:
        answered: list[str] = []
        with httpx.Client(base_url=base_url, headers={"Authorization": f"bearer {token}"}) as client:
            try:
                for number in range(10_000):
                    name = f"{user}-{number}"
                    if 200 == client.post(PATH, json=sound(user_id=str(user), id=name)).status_code:
                        answered.append(name)
                    if 0 == user and 60 == len(answered):
                        child.kill()
            except httpx.TransportError:
                return answered
        return answered

    with ThreadPoolExecutor(8) as pool:
        answered = [name for lane in pool.map(send, range(8)) for name in lane]
    child.wait(30)

    with closing(Store.open(path)) as store:
        stored = Counter(message.id for message in store.messages())
    assert len(answered) >= 60
    assert set() == set(answered) - stored.keys()
    assert 1 == max(stored.values())
    assert len(stored) <= len(answered) + 8
