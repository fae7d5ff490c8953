"""`etl send`: one message by hand against a platform that records."""

import json
import signal
import threading

import pytest
from click.testing import CliRunner

from etl.cli.main import cli
from etl.errors import EtlError, LedgerError
from support.command import environment, etl, finish, start
from support.history import rows, write_csv, write_job
from support.leaks import leaks
from support.recorder import TOKEN, Reply

TEXT = "my card ends in 4242"
SWORN = ("--text-message", "--yes-let-the-bot-answer")
ENV = environment(ETL_TOKEN=TOKEN)


@pytest.fixture
def folder(tmp_path, server):
    """Return a folder with a job for it."""
    write_csv(tmp_path / "history.csv", rows(users=3, messages=4))
    write_job(tmp_path, server.base_url)
    return tmp_path


def send(folder, *arguments, text=TEXT, stdin=None):
    """Return the exit code and what --json prints."""
    words = ["send", str(folder / "job.toml"), "--json", "--text", text, *arguments]
    if "--user" not in arguments:
        words += ["--user", "try-1"]
    result = CliRunner().invoke(cli, words, env={"ETL_TOKEN": TOKEN}, standalone_mode=False, input=stdin)
    if result.exception is not None:
        raise result.exception
    return result.return_value, json.loads(result.stdout)


def says(*actions):
    """Return an answer in which the bot says something."""
    message = [{"from": "bot", "id": 5, "conversation_id": 77, "actions": list(actions)}]
    return Reply(body=json.dumps({"error": None, "message": message}).encode())


def record(folder):
    """Return what was written down of messages by hand."""
    (path,) = folder.glob("etl-state/*/sent-by-hand.jsonl")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_one_standby_message_is_sent_once_and_recorded_before_and_after(folder, server):
    """Outside of any plan, so beside the ledger."""
    on_arrival = []

    def answer(_arrival, _number):
        on_arrival.append(len(record(folder)))
        return Reply()

    server.answer = answer

    code, data = send(folder, "--at", "2024-05-01T10:00:00Z")

    assert (0, "accepted") == (code, data["verdict"])
    (arrival,) = server.arrivals
    assert f"bearer {TOKEN}" == arrival.headers["authorization"]
    assert {
        "from": "human",
        "user_profile": {},
        "ref": "",
        "user_cvars": {},
        "user_id": "try-1",
        "timestamp": 1_714_557_600,
        "attachments": [],
        "id": data["id"],
        "actions": [{"type": "standby", "text": TEXT}],
    } == arrival.body
    assert [1] == on_arrival
    intent, outcome = record(folder)
    assert ("intent", "try-1", "standby") == (intent["event"], intent["user"], intent["type"])
    assert ("outcome", "accepted", 200) == (outcome["event"], outcome["verdict"], outcome["http_status"])
    assert data["id"] == intent["id"] == outcome["id"]


def test_text_needs_to_be_said_twice(folder, server):
    """It wakes the bot and its webhooks; half of the word sends nothing."""
    for word in SWORN:
        with pytest.raises(EtlError, match="said twice"):
            send(folder, word)
    with pytest.raises(EtlError, match="wakes the bot"):
        send(folder, "--ref", "12")
    assert [] == server.arrivals


def test_text_shows_what_the_bot_said(folder, server):
    """The endpoint in full: Module, variables, profile, and the answer."""
    server.answer = lambda _arrival, _number: says({"type": "text", "text": "Hello!"}, {"type": "image"})

    code, data = send(folder, *SWORN, "--ref", "12", "--variable", "a=b", "--profile", "country=DK")

    assert (0, ["Hello!", "[image]"], "77") == (code, data["replies"], data["conversation_id"])
    (arrival,) = server.arrivals
    assert [{"type": "text", "text": TEXT}] == arrival.body["actions"]
    assert ("12", {"a": "b"}, {"country": "DK"}) == (
        arrival.body["ref"],
        arrival.body["user_cvars"],
        arrival.body["user_profile"],
    )


def test_bot_that_answers_a_standby_message_is_a_warning_that_can_not_be_overlooked(folder, server):
    """An import into it would wake the bot once for each message."""
    server.answer = lambda _arrival, _number: says({"type": "text", "text": "Hello!"})

    code, data = send(folder)

    assert 6 == code
    assert data["bot_answered_standby"] is True


def test_answer_for_a_terminal_obeys_nobody_and_hides_the_token(folder, server):
    """A bot's words are written by strangers (CVE-2009-4487)."""
    evil = f"one\x1b[2J\nresult   accepted\u202e {TOKEN}"
    server.answer = lambda _arrival, _number: says({"type": "text", "text": evil})

    words = ["send", "job.toml", "--user", "try-1", "--text", TEXT, "--show-request", *SWORN]
    result = etl(*words, cwd=folder, env=ENV)

    assert 0 == result.code
    assert "bot      one\\x1b[2J\nbot      result   accepted\\u202e ***\n" in result.err
    assert "request  Authorization: bearer ***\n" in result.err
    assert f'"text": "{TEXT}"' in result.err
    assert "\x1b" not in result.err
    assert [] == leaks(folder, [result.err], [TOKEN])


def test_text_and_token_stay_nowhere(folder, server):
    """In the request, and for the asking on the terminal; in no file (promise P8)."""
    echo = json.dumps({"error": TEXT + TOKEN}).encode()
    server.answer = lambda _arrival, _number: Reply(status=400, body=echo)

    code, data = send(folder, text="-", stdin=f"{TEXT}\n")

    assert (3, "rejected") == (code, data["verdict"])
    assert TEXT == server.arrivals[0].text
    assert [] == leaks(folder, [json.dumps(data)], [TEXT, TOKEN])


@pytest.mark.parametrize(
    ("reply", "code", "verdict"),
    [
        (Reply(status=400, body=b'{"error": "no", "message": null}'), 3, "rejected"),
        (Reply(status=None), 3, "uncertain"),
        (Reply(status=500), 3, "uncertain"),
        (Reply(status=401), 6, "stop"),
        (Reply(status=404), 6, "stop"),
        (Reply(status=429, headers={"Retry-After": "1"}), 75, "retry"),
    ],
)
def test_answers_mean_what_they_mean_to_an_import(folder, server, reply, code, verdict):
    """The same table; one message is one request."""
    server.answer = lambda _arrival, _number: reply

    found, data = send(folder)

    assert (code, verdict) == (found, data["verdict"])
    assert 1 == len(server.arrivals)
    assert verdict == record(folder)[-1]["verdict"]


def test_pause_that_the_api_asks_for_holds_the_next_message_too(folder, server):
    """Retry-After is for everybody, imports and hands alike."""
    server.answer = lambda _arrival, _number: Reply(status=429, headers={"Retry-After": "3000"})
    send(folder)
    with pytest.raises(EtlError, match="wait another"):
        send(folder)
    imported = etl("import", "job.toml", cwd=folder, env=ENV)

    assert 75 == imported.code
    assert 1 == len(server.arrivals)


def test_user_with_unsent_messages_in_the_plan_is_refused(folder, server):
    """Else this message would stand between them for ever."""
    server.answer = lambda _arrival, number: Reply(status=None) if number == 1 else Reply()
    etl("import", "job.toml", cwd=folder, env=ENV)
    (user,) = {arrival.body["user_id"] for arrival in server.arrivals[:1]}
    sent = len(server.arrivals)

    with pytest.raises(EtlError, match="would stand between them"):
        send(folder, "--user", user)
    assert sent == len(server.arrivals)
    code, data = send(folder, "--user", user, "--beside-plan", "--at", "2024-01-01T00:00:00Z")

    assert 0 == code
    assert 2 == len(data["warnings"])
    assert "4 not settled" in data["warnings"][0]
    assert "out of order" in data["warnings"][1]


def test_user_whose_messages_are_all_sent_is_warned_of(folder):
    """It can be meant; it can be a mistake."""
    etl("import", "job.toml", cwd=folder, env=ENV)

    code, data = send(folder, "--user", "user-001")
    _, other = send(folder)

    assert 0 == code
    assert ["this user is a lane of the plan under way (4 messages, 0 not settled)"] == data["warnings"]
    assert [] == other["warnings"]


def test_hand_and_import_do_not_meet(folder, server):
    """Both hold the target's lock."""
    seen = []

    def answer(_arrival, number):
        if number == 1:
            seen.append(etl("send", "job.toml", "--user", "a", "--text", "b", cwd=folder, env=ENV))
        return Reply()

    server.answer = answer
    imported = etl("import", "job.toml", cwd=folder, env=ENV)

    assert 0 == imported.code
    assert 75 == seen[0].code
    assert "another run (pid" in seen[0].err
    assert 12 == len(server.arrivals)


def test_message_whose_outcome_can_not_be_recorded_is_still_told(folder, server):
    """Whoever reads of a broken record must not take it for a message that was not sent."""

    def answer(_arrival, _number):
        (path,) = folder.glob("etl-state/*/sent-by-hand.jsonl")
        path.unlink()
        path.mkdir()
        return Reply()

    server.answer = answer
    with pytest.raises(LedgerError, match=r"was sent \(accepted: accepted\), but that can't be recorded"):
        send(folder)


def test_message_that_can_not_be_recorded_is_not_sent(folder, server):
    """The intent comes first."""
    send(folder)
    (path,) = folder.glob("etl-state/*/sent-by-hand.jsonl")
    path.unlink()
    path.mkdir()
    with pytest.raises(LedgerError, match="can't be used"):
        send(folder)

    assert 1 == len(server.arrivals)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_message_is_told_and_recorded_as_unknown(folder, server, number):
    """The request has left: nobody may think that nothing was sent."""
    arrived = threading.Event()

    def answer(_arrival, _number):
        arrived.set()
        return Reply(delay_seconds=5)

    server.answer = answer
    process = start(["send", "job.toml", "--user", "a", "--text", "b"], cwd=folder, env=ENV)
    assert arrived.wait(60)
    process.send_signal(number)
    result = finish(process)

    assert 3 == result.code, result.err
    assert "unknown: it may have been taken" in result.err
    assert "uncertain" == record(folder)[-1]["verdict"]


def test_sandbox_answers_a_text_and_no_standby(folder):
    """A rehearsal without an account."""
    _, silent = send(folder, "--sandbox")
    code, spoken = send(folder, "--sandbox", *SWORN, "--ref", "12")

    assert [] == silent["replies"]
    assert (0, 1) == (code, len(spoken["replies"]))
