"""Laws of the stand-in platform over generated requests, without a socket."""

import asyncio
import json
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import httpx
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.sandbox.app import create_app
from etl.sandbox.conduct import Conduct
from etl.sandbox.conversations import SESSION_EXPIRATION_MINUTES
from etl.sandbox.faults import Fault, Rule
from etl.sandbox.records import StoredConversation, StoredMessage
from etl.sandbox.store import Store
from support.sandbox import DEPLOYMENT, PATH, START, sound

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
GAP_SECONDS = SESSION_EXPIRATION_MINUTES * 60
KEPT = [fault for fault in Fault if fault.stores and "5xx" in fault]
LOST = [Fault.TOO_MANY, Fault.UNAVAILABLE, Fault.SERVER_ERROR, Fault.REFUSED, Fault.ERROR_IN_200, Fault.HTML]
"""Those that need no connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """What was answered, and what is kept then."""

    answers: list[httpx.Response]
    messages: list[StoredMessage]
    conversations: list[StoredConversation]


def serve(bodies: Sequence[bytes], *rules: Rule) -> Served:
    """Post bodies one after the other to a sandbox in memory."""

    async def post() -> list[httpx.Response]:
        app = create_app(store, conduct=Conduct(faults=rules))
        transport = httpx.ASGITransport(app)
        headers = {"Authorization": f"bearer {store.token}", "Content-Type": "application/json"}
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=headers) as client,
        ):
            return [await client.post(PATH, content=body) for body in bodies]

    with closing(Store.in_memory(deployment_id=DEPLOYMENT)) as store:
        answers = asyncio.run(post())
        return Served(
            answers=answers, messages=list(store.messages()), conversations=list(store.conversations())
        )


@given(
    TEXTS,
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=255),
    st.dictionaries(st.from_regex(r"\A[A-Za-z][A-Za-z0-9_]*\Z"), TEXTS, max_size=3),
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXTS,
        lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
        max_leaves=5,
    ),
)
@settings(max_examples=30)
def test_what_is_sent_is_kept_letter_by_letter(text, user, variables, profile):
    """Any character, in any place; the answer repeats the id."""
    body = sound(
        actions=[{"type": "standby", "text": text}],
        user_id=user,
        id=user,
        user_cvars=variables,
        user_profile={"any": profile},
    )
    served = serve([json.dumps(body).encode()])

    (kept,) = served.messages
    assert (text, user, user) == (kept.text, kept.user_id, kept.id)
    assert (variables, {"any": profile}) == (kept.user_cvars, kept.user_profile)
    assert user == served.answers[0].json()["message"][0]["connections"]["id_message_evaluate"]


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(
    st.one_of(
        st.binary(),
        JSON.map(lambda value: json.dumps(value).encode()),
        st.builds(
            lambda field, value: json.dumps(sound(**{field: value})).encode(),
            st.sampled_from(
                ["from", "user_profile", "ref", "user_cvars", "user_id", "timestamp", "id", "actions"]
            ),
            JSON,
        ),
    )
)
@settings(max_examples=60)
def test_any_body_is_either_kept_or_refused_in_the_envelope(body):
    """Never a 5xx, never half: what is answered 200 is kept, what is refused is not."""
    served = serve([body])

    (answer,) = served.answers
    assert (200, 1) == (answer.status_code, len(served.messages)) or (400, 0) == (
        answer.status_code,
        len(served.messages),
    )
    envelope: dict[str, Any] = answer.json()
    assert {"error", "message"} == envelope.keys()
    assert (envelope["error"] is None) == (200 == answer.status_code)


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 4 * GAP_SECONDS)), min_size=1, max_size=12))
@settings(max_examples=30)
def test_conversations_are_runs_of_one_user_without_a_long_silence(sent):
    """Sent in time order, as an importer must: exactly the gaps above the expiration split."""
    ordered = sorted(sent, key=lambda pair: pair[1])
    served = serve([json.dumps(sound(user_id=user, timestamp=START + at)).encode() for user, at in ordered])

    expected = 0
    for user in "ab":
        times = [at for other, at in ordered if other == user]
        expected += bool(times) + sum(later - earlier > GAP_SECONDS for earlier, later in pairwise(times))
    assert expected == len(served.conversations)
    assert len(ordered) == sum(conversation.messages for conversation in served.conversations)
    by_id = {conversation.id: conversation for conversation in served.conversations}
    for message in served.messages:
        home = by_id[message.conversation_id]
        assert home.user_id == message.user_id
        assert home.first_timestamp <= message.timestamp <= home.last_timestamp


@given(st.lists(st.sampled_from([None, *LOST, *KEPT]), min_size=1, max_size=10))
@settings(max_examples=30)
def test_a_script_of_faults_keeps_exactly_what_it_says(script):
    """The rehearsal's arithmetic: what should be there is there, in order, and nothing else."""
    rules = [
        Rule(fault=fault, at=frozenset({number}))
        for number, fault in enumerate(script, 1)
        if fault is not None
    ]
    served = serve([json.dumps(sound(id=str(number))).encode() for number in range(len(script))], *rules)

    kept = [str(number) for number, fault in enumerate(script) if fault is None or fault.stores]
    assert kept == [message.id for message in served.messages]
    well = [number for number, fault in enumerate(script) if fault is None]
    said = [
        number
        for number, answer in enumerate(served.answers)
        if answer.status_code == 200 and answer.text.startswith('{"error":null')
    ]
    assert well == said
