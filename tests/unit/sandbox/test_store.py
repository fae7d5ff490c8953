"""What the stand-in platform keeps."""

import sqlite3
import stat
from contextlib import closing
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.sandbox.errors import SandboxError
from etl.sandbox.records import Kind, NewMessage, StoredConversation, StoredMessage
from etl.sandbox.reports import _ROWS
from etl.sandbox.store import _KNOWN, _LATEST, Store
from etl.sandbox.users import _OF_ANY

DEPLOYMENT = "11111111-2222-4333-8444-555555555555"
START = 1_654_251_574


def new(*, user: str = "u-1", at: int = START, name: str = "m-1", deployment: str = DEPLOYMENT) -> NewMessage:
    """Return a message to store."""
    return NewMessage(
        deployment_id=deployment,
        id=name,
        user_id=user,
        timestamp=at,
        received_us=1_700_000_000_000_000,
        text="hej 😀\x00",
        user_cvars='{"role": "agent"}',
        user_profile='{"seats": 2}',
        body=b"{}",
    )


def test_store_gives_back_what_it_was_given():
    """It is the witness in every later test of the importer."""
    with closing(Store.in_memory(deployment_id=DEPLOYMENT)) as store:
        places = store.record([new()])

        expected = StoredMessage(
            seq=1,
            deployment_id=DEPLOYMENT,
            id="m-1",
            user_id="u-1",
            timestamp=START,
            received_us=1_700_000_000_000_000,
            conversation_id=1,
            text="hej 😀\x00",
            user_cvars={"role": "agent"},
            user_profile={"seats": 2},
            body=b"{}",
        )
        assert [expected] == list(store.messages())
        assert [(1, 1)] == [(place.seq, place.conversation_id) for place in places]


def test_store_keeps_the_same_id_twice():
    """The platform documents no de-duplication; a stand-in that had it would hide doubles."""
    with closing(Store.in_memory(deployment_id=DEPLOYMENT)) as store:
        store.record([new()])
        store.record([new()])

        assert 2 == store.count()
        assert ["m-1", "m-1"] == [message.id for message in store.messages()]


def test_store_pages_through_many_messages_in_order_of_arrival():
    """A page's edge must neither lose nor repeat one."""
    with closing(Store.in_memory(deployment_id=DEPLOYMENT)) as store:
        store.record([new(name=str(number)) for number in range(2_001)])

        assert [str(number) for number in range(2_001)] == [message.id for message in store.messages()]


def test_store_separates_users_and_deployments():
    """A conversation belongs to one user of one deployment."""
    other = "99999999-2222-4333-8444-555555555555"
    with closing(Store.in_memory(deployment_id=DEPLOYMENT)) as store:
        store.record([new(user="a"), new(user="b"), new(user="a", deployment=other), new(user="a")])

        assert [("a", DEPLOYMENT, 2), ("b", DEPLOYMENT, 1), ("a", other, 1)] == [
            (found.user_id, found.deployment_id, found.messages) for found in store.conversations()
        ]


def test_store_measures_the_silence_from_the_newest_message():
    """A message that goes back in time must not shorten the conversation's life."""
    with closing(Store.in_memory(deployment_id=DEPLOYMENT, session_expiration_minutes=1)) as store:
        store.record([new(at=START), new(at=START - 100), new(at=START + 60), new(at=START + 121)])

        first = StoredConversation(
            id=1,
            deployment_id=DEPLOYMENT,
            user_id="u-1",
            first_timestamp=START - 100,
            last_timestamp=START + 60,
            messages=3,
        )
        assert first == next(store.conversations())
        assert [1, 1, 1, 2] == [message.conversation_id for message in store.messages()]


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 400)), max_size=30), st.integers(0, 29))
def test_store_groups_like_the_rule_whatever_is_committed_together(arrivals, cut):
    """Group commit is about speed and must not show in the result."""
    latest: dict[str, tuple[int, int]] = {}
    expected, opened = [], 0
    for user, offset in arrivals:
        number, newest = latest.get(user, (0, 0))
        if user not in latest or offset - newest > 60:
            opened += 1
            number, newest = opened, offset
        latest[user] = (number, max(newest, offset))
        expected.append(number)
    messages = [new(user=user, at=START + offset) for user, offset in arrivals]

    with closing(Store.in_memory(deployment_id=DEPLOYMENT, session_expiration_minutes=1)) as store:
        store.record(messages[:cut])
        store.record(messages[cut:])

        assert expected == [message.conversation_id for message in store.messages()]
        assert len(messages) == sum(conversation.messages for conversation in store.conversations())


def test_store_finds_the_latest_conversation_by_index():
    """A scan would slow down with every message taken."""
    with closing(Store.in_memory(deployment_id=DEPLOYMENT)) as store:
        plan = store.rows(
            "EXPLAIN QUERY PLAN SELECT id, last_timestamp FROM conversation "
            "WHERE deployment_id = ? AND user_id = ? ORDER BY id DESC LIMIT 1",
            DEPLOYMENT,
            "u-1",
        )

        assert 1 == len(plan)
        assert "USING INDEX conversation_of_user (deployment_id=? AND user_id=?)" in plan[0][3]


def test_store_keeps_token_deployments_and_messages_over_a_restart(tmp_path):
    """A client's settings must go on working."""
    path = tmp_path / "sandbox.db"
    with closing(Store.open(path, deployment_id=DEPLOYMENT)) as store:
        token = store.token
        store.record([new()])

    with closing(Store.open(path, deployment_id="second")) as store:
        assert token == store.token
        assert frozenset({DEPLOYMENT, "second"}) == store.deployments
        assert 1 == store.count()


def test_store_makes_a_token_of_its_own_each_time(tmp_path):
    """One store's token must not open another."""
    with (
        closing(Store.open(tmp_path / "a.db")) as one,
        closing(Store.open(tmp_path / "b.db")) as other,
    ):
        assert one.token != other.token
        assert len(one.token) > 40


def test_store_is_for_its_owner_only(tmp_path):
    """It holds texts and the token."""
    path = tmp_path / "new" / "sandbox.db"
    with closing(Store.open(path, deployment_id=DEPLOYMENT)):
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}

        assert {"sandbox.db": 0o600, "sandbox.db-wal": 0o600, "sandbox.db-shm": 0o600} == modes
        assert 0o700 == stat.S_IMODE(path.parent.stat().st_mode)


def test_store_closes_a_file_that_others_could_read(tmp_path):
    """A copy or a restored backup may come with wider permissions."""
    path = tmp_path / "sandbox.db"
    Store.open(path).close()
    path.chmod(0o644)

    Store.open(path).close()

    assert 0o600 == stat.S_IMODE(path.stat().st_mode)


def test_store_is_durable_at_every_commit(tmp_path):
    """The promise to keep what was answered rests on these two settings."""
    with closing(Store.open(tmp_path / "sandbox.db")) as store:
        assert [("wal",)] == store.rows("PRAGMA journal_mode")
        assert [(2,)] == store.rows("PRAGMA synchronous")


def test_store_can_be_read_by_another_opening(tmp_path):
    """The command line looks into the store of a running sandbox."""
    path = tmp_path / "sandbox.db"
    with closing(Store.open(path, deployment_id=DEPLOYMENT)) as writing, closing(Store.open(path)) as reading:
        writing.record([new()])

        assert 1 == reading.count()


def test_store_refuses_a_stranger_s_database_and_leaves_it_alone(tmp_path):
    """A mistyped path must not cost anybody a database."""
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE theirs (x)")
    before = path.read_bytes()

    with pytest.raises(SandboxError, match="no sandbox store"):
        Store.open(path, deployment_id=DEPLOYMENT)

    assert before == path.read_bytes()


def test_store_refuses_a_store_of_another_version(tmp_path):
    """Writing by the wrong tables would spoil it."""
    path = tmp_path / "sandbox.db"
    Store.open(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")

    with pytest.raises(SandboxError, match="version 99"):
        Store.open(path)


def test_store_refuses_a_file_that_is_no_database(tmp_path):
    """The driver's exception stays inside."""
    path = tmp_path / "notes.txt"
    path.write_text("nothing but words, and enough of them to fill the header of a database file" * 20)

    with pytest.raises(SandboxError, match="SQLITE_NOTADB"):
        Store.open(path)


def test_store_refuses_a_path_that_is_a_folder(tmp_path):
    """The system's exception stays inside too."""
    with pytest.raises(SandboxError, match="Is a directory"):
        Store.open(tmp_path)


def test_store_stores_nothing_of_a_group_that_fails():
    """All of them are answered with an error, so none may be there."""
    with closing(Store.in_memory(deployment_id=DEPLOYMENT)) as store:
        store.rows(
            "CREATE TRIGGER full BEFORE INSERT ON message WHEN new.id = 'bad' "
            "BEGIN SELECT raise(ABORT, 'hej'); END"
        )

        with pytest.raises(SandboxError, match="SQLITE_CONSTRAINT_TRIGGER") as caught:
            store.record([new(name="good"), new(name="bad")])

        assert 0 == store.count()
        assert [] == list(store.conversations())
        assert "hej" not in caught.value.message


def test_store_answers_with_its_own_error_once_it_is_closed():
    """No driver's exception leaves the package."""
    store = Store.in_memory(deployment_id=DEPLOYMENT)
    store.close()
    store.close()

    with pytest.raises(SandboxError, match="in memory"):
        store.count()


@pytest.mark.parametrize(
    ("statement", "values", "index"),
    [
        (_LATEST, ("d", "u"), "conversation_of_user"),
        (_KNOWN, ("d", "m"), "message_of_id"),
        (_ROWS, (0, 0, 9, 9), "message_of_time"),
        (_OF_ANY, ("u",), "conversation_of_user"),
    ],
)
def test_no_question_reads_the_whole_store(statement, values, index):
    """A million messages must not make a page, a report or the next message slow."""
    with closing(Store.in_memory(deployment_id=DEPLOYMENT)) as store:
        plan = [row[3] for row in store.rows(f"EXPLAIN QUERY PLAN {statement}", *values)]

    assert any(index in step for step in plan), plan
    assert not [step for step in plan if step.startswith("SCAN message") or "TEMP B-TREE" in step]


def test_store_keeps_a_message_once_if_it_says_so():
    """A platform that de-duplicates answers again as the first time, whoever asks."""
    other = "99999999-2222-4333-8444-555555555555"
    with closing(Store.in_memory(deployment_id=DEPLOYMENT)) as store:
        store.rows("INSERT INTO deployment VALUES (?)", other)
        (first,) = store.record([new(name="a")])
        again = store.record([replace(new(name="a", user="u-2"), once=True)] * 2)
        (elsewhere,) = store.record([replace(new(name="a", deployment=other), once=True)])

        assert [first, first] == again
        assert first != elsewhere
        assert 2 == store.count()


def test_store_joins_across_a_silence_if_told():
    """The reading in which standby messages open no conversation."""
    with closing(Store.in_memory(deployment_id=DEPLOYMENT)) as store:
        late = new(at=START + 10_000_000)
        places = store.record([new(), replace(late, may_split=False), late, new(at=START + 20_000_000)])

        assert [1, 1, 1, 2] == [place.conversation_id for place in places]


def test_token_is_renewed_for_good(tmp_path):
    """A restart must not bring a revoked one back."""
    path = tmp_path / "sandbox.db"
    with closing(Store.open(path, deployment_id=DEPLOYMENT)) as store:
        old, user_token = store.token, store.user_token
        new_token = store.renew_token()
        assert (new_token, user_token) == (store.token, store.user_token)

    with closing(Store.open(path)) as store:
        assert new_token == store.token != old


def test_store_of_an_earlier_build_is_completed(tmp_path):
    """Its messages stay, and are standby messages that were answered well."""
    path = tmp_path / "sandbox.db"
    with closing(Store.open(path, deployment_id=DEPLOYMENT)) as store:
        store.record([new()])
        for statement in (
            "DROP INDEX message_of_id",
            "DROP INDEX message_of_time",
            "DROP TABLE variable",
            "DROP TABLE handover",
            "ALTER TABLE message DROP COLUMN kind",
            "ALTER TABLE message DROP COLUMN answer",
        ):
            store.rows(statement)

    with closing(Store.open(path)) as store:
        store.record([replace(new(), kind=Kind.TEXT, answer="silent")])
        found = [(message.kind, message.answer) for message in store.messages()]
    assert [(Kind.STANDBY, "echo"), (Kind.TEXT, "silent")] == found


def test_long_question_holds_nothing_up(tmp_path):
    """Who counts a year must not make an import wait, nor wait for it."""
    question = "SELECT count(*) FROM message WHERE timestamp >= ?"
    with closing(Store.open(tmp_path / "s.sqlite", deployment_id=DEPLOYMENT)) as store:
        store.record([new()])
        with store._lock:
            assert [(1,)] == store.rows_beside(question, 0)
    with closing(Store.in_memory(deployment_id=DEPLOYMENT)) as store:
        store.record([new()])
        assert [(1,)] == store.rows_beside(question, 0)
