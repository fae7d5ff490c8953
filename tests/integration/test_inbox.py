"""The Inbox over a real socket, as a browser without its script has it."""

import json
import re
import shlex
import signal
from contextlib import contextmanager
from dataclasses import replace
from html import unescape

import httpx
import pytest

from etl.sandbox.faults import Fault
from etl.sandbox.inbox import queries
from etl.sandbox.profiles import Voice
from etl.sandbox.records import Kind
from etl.sandbox.serve import embedded
from etl.sandbox.users import Users
from support.command import etl, finish, start
from support.history import rows, write_csv, write_job
from support.inbox import DEPLOYMENT, START, let_in, message, texts

SCRIPT = "<script>alert('hej')</script>"
PAGES = (
    "/inbox/",
    "/inbox/conversations",
    "/inbox/conversations?text=hej",
    "/inbox/conversations/1",
    "/inbox/messages/1/request",
    "/inbox/nowhere",
)


@contextmanager
def inbox(*messages):
    """Give a sandbox in memory that holds messages, and a client that was let in."""
    with embedded(None, deployment_id=DEPLOYMENT) as sandbox:
        sandbox.store.record(list(messages))
        with let_in(sandbox) as client:
            yield sandbox, client


@pytest.fixture(scope="module")
def shared():
    """Return a client of an Inbox with a dialogue, a script, and odd characters; nothing is added to it."""
    with inbox(
        message("Where is my order?", user="ana@example.org", name="a1"),
        message("Agent: On its way.", user="ana@example.org", at=START + 60, name="a2"),
        message(SCRIPT, user='<img src="x">', at=START + 90_000, name="b1", profile={SCRIPT: [SCRIPT]}),
        message("evil \u202etxt.exe", user="bidi", at=START - 90_000, name="c1", variables={"plan": SCRIPT}),
    ) as (_, client):
        yield client


def leads_to(answer):
    """Return where the form to sign in leads."""
    return unescape(re.findall(r'name="to" value="([^"]*)"', answer.text)[-1])


# Who is let in


@pytest.mark.parametrize("path", PAGES)
def test_page_is_shown_to_nobody_who_was_not_let_in(shared, path):
    """Every program of every user of the machine can reach the port."""
    answer = httpx.get(shared.base_url.join(path))

    assert 401 == answer.status_code
    assert "Sign in" == texts(answer.text, "<h1>")
    assert "order" not in answer.text


def test_link_lets_in_once_and_leaves_no_key_behind():
    """An address ends up in the history; the second who opens it may be somebody else."""
    with (
        embedded(None, deployment_id=DEPLOYMENT) as sandbox,
        httpx.Client() as first,
        httpx.Client() as second,
    ):
        opened = first.get(sandbox.inbox_url)
        again = first.get(sandbox.inbox_url, follow_redirects=True)
        late = second.get(sandbox.inbox_url)
        wrong = second.get(f"{sandbox.base_url}/inbox/?key=æ")

    assert (303, "/inbox/") == (opened.status_code, opened.headers["location"])
    attributes = {part.strip().lower() for part in opened.headers["set-cookie"].split(";")}
    assert {"httponly", "samesite=strict", "path=/inbox"} <= attributes
    assert (200, f"{sandbox.base_url}/inbox/") == (again.status_code, str(again.url))
    assert (401, 401) == (late.status_code, wrong.status_code)
    assert "it opens the Inbox once" in late.text
    assert sandbox.inbox_url.partition("key=")[2] not in late.text


def test_token_lets_in_by_a_form_that_leads_back():
    """Who restarts the browser looks into the terminal; the token is in no address."""
    with (
        embedded(None, deployment_id=DEPLOYMENT) as sandbox,
        httpx.Client(base_url=sandbox.base_url) as client,
    ):
        asked = client.get("/inbox/conversations?user=a%26b")
        wrong = client.post("/inbox/login", data={"token": "guess", "to": leads_to(asked)})
        right = client.post("/inbox/login", data={"token": f" {sandbox.token} ", "to": leads_to(wrong)})
        back = client.get(right.headers["location"])

    assert (401, "That is not the sandbox's token.") == (wrong.status_code, texts(wrong.text, "notice"))
    assert (303, "/inbox/conversations?user=a%26b") == (right.status_code, right.headers["location"])
    assert 200 == back.status_code
    assert sandbox.token not in asked.text + wrong.text + back.text


def test_who_signs_out_is_out():
    """A machine may be shared."""
    with inbox() as (_, client):
        before = client.get("/inbox/").status_code
        client.post("/inbox/logout")

        assert (200, 401) == (before, client.get("/inbox/").status_code)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 303),
        ({"Sec-Fetch-Site": "same-origin"}, 303),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
def test_form_of_another_page_is_refused(shared, headers, status):
    """Another port of this machine is the same site to a browser, but not the same page."""
    for path in ("/inbox/display", "/inbox/login", "/inbox/logout"):
        data = {"to": "/inbox/", "token": "guess"}
        with httpx.Client(base_url=shared.base_url) as stranger:
            answer = stranger.post(path, data=data, headers=headers)
            expected = 401 if status == 303 and path == "/inbox/login" else status
            assert expected == answer.status_code, path


@pytest.mark.parametrize(
    "to", ["https://example.org/", "//example.org/", "/inbox/\\..", "/inboxes", "", "/inbox/\r\na: b"]
)
def test_form_leads_nowhere_else(shared, to):
    """A link that ends on a foreign page after a sign-in is what phishing needs."""
    answer = shared.post("/inbox/display", data={"to": to})

    assert (303, "/inbox/") == (answer.status_code, answer.headers["location"])


def test_host_is_checked_for_pages_too(shared):
    """A web page can give 127.0.0.1 a name of its own."""
    assert 400 == shared.get("/inbox/", headers={"Host": "evil.example"}).status_code


def test_large_form_is_refused(shared):
    """Nothing that is typed here is long."""
    assert 403 == shared.post("/inbox/display", data={"to": "x" * 9_000}).status_code


# What a page may do


@pytest.mark.parametrize("path", [*PAGES, "/inbox/static/inbox.js"])
def test_page_loads_and_sends_nothing_elsewhere(shared, path):
    """Texts of customers are on it."""
    answer = shared.get(path)

    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'self'; script-src 'self'; ")
    assert "unsafe" not in policy
    assert ("no-store", "nosniff") == (
        answer.headers["cache-control"],
        answer.headers["x-content-type-options"],
    )
    assert "access-control-allow-origin" not in answer.headers
    addresses = re.findall(r'(?:src|href|action)="([^"]*)"', answer.text) if "html" in answer.text else []
    assert [] == [one for one in addresses if not one.startswith(("/inbox/", "#", "?"))]
    assert not re.search(r"<script(?! src=)|<style|style=|\son\w+=", answer.text.partition("<body")[0])


@pytest.mark.parametrize(
    "path", ["/inbox/", "/inbox/conversations", "/inbox/conversations?text=alert", "/inbox/conversations/2"]
)
def test_markup_of_a_message_is_shown_and_never_part_of_the_page(shared, path):
    """A message is data, in every place: text, user id, profile, request."""
    html = shared.get(path).text

    assert "&lt;img src=" in html
    assert SCRIPT in " ".join(unescape(re.sub(r"</?mark>", "", html)).split())
    assert '<img src="x">' not in html
    assert 1 == html.count("<script")


def test_markup_in_a_filter_is_no_part_of_the_page_either(shared):
    """A link can bring its own text."""
    for name in ("text", "user", "id", "from", "activity", "before"):
        html = shared.get("/inbox/conversations", params={name: f'">{SCRIPT}'}).text
        assert 1 == html.count("<script"), name


def test_characters_that_turn_text_round_are_shown(shared):
    """An .exe must not look like a .txt."""
    html = shared.get("/inbox/conversations?user=bidi").text

    assert "\u202e" not in html
    assert "U+202E" == texts(html, "unseen")


def test_request_is_given_as_it_came_and_as_plain_text(shared):
    """Raw means raw; a browser must not take it for a page."""
    answer = shared.get("/inbox/messages/3/request")

    assert ("text/plain; charset=utf-8", 200) == (answer.headers["content-type"], answer.status_code)
    assert SCRIPT == json.loads(answer.text)["actions"][0]["text"]


# What is on a page


def test_overview_of_an_empty_store_says_what_to_do():
    """Nobody has imported anything on the first day."""
    with inbox() as (sandbox, client):
        html = client.get("/inbox/").text

    assert "Nothing has arrived yet" in texts(html, "empty")
    assert f'base_url = "{sandbox.base_url}"' in unescape(html)
    assert f'deployment_id = "{DEPLOYMENT}"' in unescape(html)
    assert sandbox.token not in html


def test_overview_counts_and_finds_nothing_wrong():
    """What a good import looks like from the other side."""
    with inbox(message(name="a"), message(at=START + 1, name="b"), message(user="u-2", name="c")) as (
        _,
        client,
    ):
        html = client.get("/inbox/").text

    tiles = texts(html, "tiles")
    assert tiles.startswith("Messages3 Conversations2 Users2 Rate now0.0 a second")
    assert tiles.endswith("Order check ✓ in order Duplicate check ✓ none")
    assert 'aria-label="3 messages from 2022-06-03 to 2022-06-03, by day' in html


def test_overview_names_doubles_and_what_came_out_of_order():
    """A stand-in that takes everything must at least say so."""
    with inbox(message(at=START + 9, name="a"), message(name="b"), message(at=START + 9, name="a")) as (
        _,
        client,
    ):
        html = client.get("/inbox/").text

    assert "Order check 1 out of order Duplicate check 1 id came again" in texts(html, "tiles")
    problems = texts(html, "plain")
    assert "came again message 3 of u-1: its id came first with message 1" in problems
    assert "out of order message 2 of u-1: 2022-06-03 10:19:34, after one of 2022-06-03 10:19:43" in problems
    assert "/inbox/conversations/1?from=2#m-2" in html


def test_overview_names_refused_requests_without_their_content():
    """A wrong token shows on the platform's side, too."""
    with inbox() as (sandbox, client):
        body = {"text": "my card ends in 4242"}
        httpx.post(f"{sandbox.base_url}/webbot/api/webchat/bot/{DEPLOYMENT}/messages/", json=body)
        html = client.get("/inbox/").text

    assert "Refused requests: 1 since the start" in html
    assert "Unauthorized: the Authorization header must be `bearer` and a valid token" in texts(html, "plain")
    assert "4242" not in html


def test_conversation_is_a_chat_in_order_with_agents_apart(shared):
    """Who wrote what is a guess, and the page says so."""
    html = shared.get("/inbox/conversations/1").text

    assert "ana@example.org" == texts(html, "<h1>")
    assert "Where is my order? Agent: On its way." == texts(html, "text").replace("?Agent", "? Agent")
    assert ["Customer, message 1", "Agent, message 2"] == re.findall(r'<article .*aria-label="([^"]*)"', html)
    assert "Friday, 3 June 2022" == texts(html, "day")
    assert "Who wrote what is a guess" in html


def test_conversation_without_any_mark_calls_nobody_a_customer():
    """With `speaker = "plain"` an agent would stand there as a customer."""
    with inbox(message("hi")) as (_, client):
        html = client.get("/inbox/conversations/1").text

    assert 'aria-label="User, message 1"' in html
    assert "Nothing in this store tells agents from customers" in html


def test_conversation_gives_request_answer_and_both_times(shared):
    """What was sent, what was said to it, when it was written and when it came."""
    raw = unescape(shared.get("/inbox/conversations/1").text)

    assert '"user_id": "ana@example.org"' in raw
    assert '"id_message_evaluate":"a2"' in raw
    assert "2022-06-03 10:20:34 UTC</time> · 1654251634" in raw
    assert "2023-11-14 22:13:20.000000 UTC" in raw


@pytest.mark.parametrize(
    ("kind", "answer", "shown"),
    [
        (Kind.STANDBY, Voice.ECHO, '"actions":[]'),
        (Kind.STANDBY, Voice.SILENT, '{"error":null,"message":[]}'),
        (Kind.STANDBY, Voice.NULL, '{"error":null,"message":null}'),
        (Kind.STANDBY, Voice.EMPTY, "(empty)"),
        (Kind.STANDBY, Voice.ANSWERS, "it says the same to everything"),
        (Kind.TEXT, Voice.ECHO, "it says the same to everything"),
        (Kind.STANDBY, Fault.CUT_AFTER_STORE, "the message is stored, its answer ends half way"),
        (Kind.AGENT, Voice.ECHO, "Said by an agent during a handover"),
    ],
)
def test_answer_is_the_one_that_was_given(kind, answer, shown):
    """Under a profile or a fault the documented answer was not what the importer got."""
    with inbox(replace(message(), kind=kind, answer=str(answer))) as (_, client):
        html = unescape(client.get("/inbox/conversations/1").text)

    assert shown in html
    assert ('aria-label="Agent, message 1"' in html) is (kind is Kind.AGENT)
    assert ("id_message_evaluate" in html) is (shown[0] == '"' or "says" in shown)


def test_variables_of_a_trigger_stand_beside_those_of_messages():
    """Both are what a flow would see."""
    with inbox(message(variables={"plan": "pro"})) as (sandbox, client):
        Users(sandbox.store).set_variables("u-1", {"tier": "gold"})
        html = client.get("/inbox/conversations/1").text

    assert "plan pro" in texts(html, "facts").replace("planpro", "plan pro")
    assert "Set by Trigger Response" in html
    assert '<dt>tier</dt><dd dir="auto">gold</dd>' in html


def test_dates_part_the_days_of_the_chosen_zone():
    """A chat after midnight is another day; where midnight is depends on the reader."""
    night = START + 13 * 3_600  # 23:19 in UTC, 01:19 in Copenhagen
    with inbox(message(at=START + 10 * 3_600, name="a"), message(at=night, name="b")) as (_, client):
        utc = client.get("/inbox/conversations/1").text
        client.post("/inbox/display", data={"zone": "Europe/Copenhagen", "theme": "dark"})
        danish = client.get("/inbox/conversations/1").text

    assert "Friday, 3 June 2022" == texts(utc, "day")
    assert ["Friday, 3 June 2022", "Saturday, 4 June 2022"] == re.findall(r'class="day">([^<]*)<', danish)
    assert '2022-06-04T01:19:34+02:00"' in danish
    assert ["system", "dark"] == re.findall(r'<html lang="en" data-theme="(\w+)"', utc + danish)


def test_nonsense_in_the_cookies_counts_as_nothing(shared):
    """A cookie is typed by whoever wants to."""
    cookies = {"etl-inbox-zone": "Mars/Olympus", "etl-inbox-theme": "'><b>"} | dict(shared.cookies)
    answer = httpx.get(shared.base_url.join("/inbox/"), cookies=cookies)

    assert 200 == answer.status_code
    assert 'data-theme="system"' in answer.text


@pytest.mark.parametrize(
    ("query", "users"),
    [
        ("", ['<img src="x">', "ana@example.org", "bidi"]),
        ("user=ANA", ["ana@example.org"]),
        ("from=2022-06-03&to=2022-06-03", ["ana@example.org"]),
        ("activity=active", []),
        ("activity=expired&user=bidi", ["bidi"]),
        ("text=order", ["ana@example.org"]),
        ("text=order&user=bidi", []),
        ("from=nonsense&user=bidi", ["bidi"]),
    ],
)
def test_list_is_narrowed_by_its_filters(shared, query, users):
    """A customer is found by any part of the id, the days, or a word."""
    html = shared.get(f"/inbox/conversations?{query}").text

    assert users == [
        unescape(re.sub("<[^>]*>", "", row)) for row in re.findall(r'class="who"><a[^>]*>(.*?)</a>', html)
    ]
    assert bool(users) is not bool(texts(html, "empty"))
    assert ("nonsense" in query) is bool(texts(html, "notice"))


@pytest.mark.parametrize(
    ("given", "status", "place"),
    [
        ("1", 303, "/inbox/conversations/1"),
        ("a2", 303, "/inbox/conversations/1?from=2#m-2"),
        ("99", 200, None),
        ("absent", 200, None),
    ],
)
def test_id_leads_to_a_conversation_or_to_a_message_in_its_place(shared, given, status, place):
    """The ledger knows the message's id and the conversation's number."""
    answer = shared.get("/inbox/conversations", params={"id": given})

    assert (status, place) == (answer.status_code, answer.headers.get("location"))
    assert (status == 200) is ("has the id" in answer.text)


def test_list_goes_on_page_by_page(monkeypatch):
    """Every conversation is reached, none twice."""
    monkeypatch.setattr(queries, "CONVERSATIONS_A_PAGE", 4)
    with inbox(*(message(user=f"u-{n}", at=START + n, name=str(n)) for n in range(10))) as (_, client):
        found, path = [], "/inbox/conversations?user=u"
        while path:
            html = client.get(path).text
            found += re.findall(r"<bdi>(u-\d)</bdi>", html)
            later = re.search(r'rel="next" href="([^"]*)"', html)
            path = unescape(later.group(1)) if later else ""

    assert [f"u-{n}" for n in range(9, -1, -1)] == found


def test_long_conversation_goes_on_page_by_page(monkeypatch):
    """A lane of a hundred thousand messages is one conversation."""
    monkeypatch.setattr(queries, "MESSAGES_A_PAGE", 4)
    with inbox(*(message(f"no {n}", at=START + n, name=str(n)) for n in range(10))) as (_, client):
        found, path = [], "/inbox/conversations/1"
        while path:
            html = client.get(path).text
            found += re.findall(r'dir="auto">(no \d)<', html)
            later = re.search(r'rel="next" href="(\?[^"]*)"', html)
            path = f"/inbox/conversations/1{later.group(1)}" if later else ""

    assert [f"no {n}" for n in range(10)] == found


@pytest.mark.parametrize(
    "path",
    [
        "/inbox/nowhere",
        "/inbox/conversations/99",
        "/inbox/conversations/x",
        "/inbox/conversations/-1",
        f"/inbox/conversations/{10**40}",
        "/inbox/messages/99/request",
        "/inbox/messages/x/request",
        "/inbox/static/../routes.py",
        "/inbox/static/routes.py",
    ],
)
def test_what_does_not_exist_is_a_page_that_says_so(shared, path):
    """No trace of the program, and a way back."""
    answer = shared.get(path)

    assert 404 == answer.status_code
    assert "Not found" == texts(answer.text, "<h1>")


def test_page_is_sent_again_only_when_something_changed():
    """Following an import asks every two seconds."""
    with inbox(message()) as (sandbox, client):
        first = client.get("/inbox/conversations/1")
        headers = {"If-None-Match": first.headers["etag"]}
        same = client.get("/inbox/conversations/1", headers=headers)
        sandbox.store.record([message("news", at=START + 1, name="m-2")])
        after = client.get("/inbox/conversations/1", headers=headers)

    assert ((304, ""), 200) == ((same.status_code, same.text), after.status_code)
    assert "news" in after.text


def test_pages_are_no_part_of_the_described_api(shared):
    """The OpenAPI document is the platform's, not the stand-in's."""
    paths = shared.get("/openapi.json").json()["paths"]

    assert [] == [path for path in paths if path.startswith("/inbox")]


# From the command line


def test_what_was_imported_is_looked_at_with_the_printed_command(tmp_path):
    """The last lines of the import lead to the messages, word for word, without any other knowledge."""
    write_csv(tmp_path / "history.csv", rows(users=1, messages=3))
    write_job(tmp_path, "http://127.0.0.1:1")
    imported = etl("import", "job.toml", "--sandbox", cwd=tmp_path)
    line = next(line for line in imported.err.splitlines() if line.startswith("inbox"))
    command = shlex.split(line.removeprefix("inbox").partition("(")[0])

    process = start([*command[1:], "--port", "0"], cwd=tmp_path)
    assert process.stderr is not None
    link = next(line for line in process.stderr if line.startswith("inbox")).split()[1]
    with httpx.Client(follow_redirects=True) as client:
        html = client.get(link).text
    process.send_signal(signal.SIGTERM)
    finished = finish(process)

    assert "etl" == command[0]
    assert "Messages3 Conversations" in texts(html, "tiles")
    assert "in order" in texts(html, "tiles")
    assert 0 == finished.code
