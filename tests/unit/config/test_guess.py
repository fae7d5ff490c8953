"""Columns and words of exports that no preset knows."""

import pytest

from etl.config.choose import choose
from etl.config.guess import Meaning, guess_columns, is_public, role_of
from etl.config.look import Look, Seen


def seen(**columns: list[str | None]) -> Seen:
    """Return a sample of these columns."""
    looks = {name: Look(name=name, cells=tuple(cells)) for name, cells in columns.items()}
    return Seen(looks=looks, rows=max(len(cells) for cells in columns.values()))


@pytest.mark.parametrize(
    ("value", "column", "meaning"),
    [
        ("End-User", "role", Meaning.CUSTOMER),
        ("lead", "role", Meaning.CUSTOMER),
        ("teammate", "role", Meaning.AGENT),
        ("operator-bot", "role", Meaning.BOT),
        ("__trigger", "role", Meaning.SKIP),
        ("true", "incoming", Meaning.CUSTOMER),
        ("False", "from_agent", Meaning.CUSTOMER),
        ("true", "role", None),
        ("assistant", "role", None),
    ],
)
def test_role_words_mean_whom_they_name(value, column, meaning):
    """What is not surely known is left to a person."""
    assert meaning == role_of(value, column)


@pytest.mark.parametrize(
    ("value", "column", "public"),
    [
        ("TRUE", "public", True),
        ("TRUE", "is_private", False),
        ("0", "internal", True),
        ("note", "type", False),
        ("comment", "part_type", True),
        ("TRUE", "type", None),
        ("voicemail", "type", None),
    ],
)
def test_visibility_words_are_taken_with_their_columns_name(value, column, public):
    """True means the opposite under `public` and `private`."""
    assert public is is_public(value, column)


def test_column_of_authors_is_not_taken_for_the_customer():
    """One agent in all conversations: a user id per row would put every reply into the agent's lane."""
    sample = seen(
        user_id=["c1", "a", "c2", "a"],
        role=["user", "agent", "user", "agent"],
        ticket_id=["1", "1", "2", "2"],
        text=["a b", "c d", "e f", "g h"],
        created_at=["2024-03-01T10:00:00Z"] * 4,
    )

    chosen = choose(None, sample, [])

    assert chosen.customer is not None
    assert ("ticket_id", "user_id") == (chosen.customer.of, chosen.customer.author)
    assert chosen.column("user") is None


def test_column_of_customers_is_taken_as_the_user():
    """The same id on the agent's rows: it is whose conversation it is."""
    sample = seen(
        user_id=["c1", "c1", "c2", "c2"],
        role=["user", "agent", "user", "agent"],
        ticket_id=["1", "1", "2", "2"],
    )

    chosen = choose(None, sample, [])

    assert chosen.customer is None
    assert "user_id" == chosen.column("user")


def test_columns_are_found_by_values_where_names_say_nothing():
    """Each with its reason."""
    sample = seen(
        a=["kunde", "medarbejder", "kunde"],
        b=["01.02.2024 10:00:00", "15.02.2024 10:00:00", "16.02.2024 10:00:00"],
        c=["Hvor er min pakke?", "Den er på vej til dig.", "Tak skal du have!"],
    )

    guesses = guess_columns(sample)

    assert {"role": "a", "timestamp": "b", "text": "c"} == {
        name: guess.column for name, guess in guesses.items()
    }
    assert all("only column" in guess.why or "longest" in guess.why for guess in guesses.values())


def test_name_that_the_values_contradict_is_not_taken():
    """A `timestamp` of days, a `role` of texts and an `id` that repeats are not what they are called."""
    sample = seen(timestamp=["monday", "friday"], role=["I wrote this", "and that"], id=["7", "7"])

    assert not {"timestamp", "role", "id"} & guess_columns(sample).keys()


def test_history_tables_keep_current_rows_only():
    """A warehouse keeps each version of a row and those that were deleted."""
    chosen = choose(None, seen(_fivetran_active=["true", "false"], _fivetran_deleted=["true", "false"]), [])

    assert {"_fivetran_active": ("true",)} == chosen.keep
    assert {"_fivetran_deleted": ("true",)} == chosen.drop
