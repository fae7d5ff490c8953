"""A connection that outlives its database's absence: what is said again, what is not, and when it ends."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import psycopg
import pytest

from etl.errors import LedgerAwayError, LedgerError
from etl.ledger.postgres.address import Address
from etl.ledger.postgres.patient import PatientConnection
from support.postgres import fresh_address, server, shell

ROLE = "reader"


@pytest.fixture
def address() -> Iterator[Address]:
    """Return a ledger's place; what is asked here needs no table."""
    with fresh_address(server()) as found:
        yield found


@pytest.fixture
def connected(address) -> Iterator[Callable[..., PatientConnection]]:
    """Return a maker of connections."""
    with ExitStack() as stack:

        def make(**wish) -> PatientConnection:
            wish = {"patience_seconds": 10, "hurried": threading.Event(), **wish}
            return stack.enter_context(closing(PatientConnection(address, role=ROLE, **wish)))

        yield make


def cut(address: Address, connection: PatientConnection) -> None:
    """End its session, as an administrator does."""
    ((pid,),) = connection.rows("SELECT pg_backend_pid()")
    with shell(address) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))


def test_question_whose_connection_went_is_asked_anew_once_all_is_prepared(address, connected):
    """What is done with every connection, then what only a replacement needs, then the question."""
    done: list[str] = []
    one = connected(tune=lambda _: done.append("tune"), resume=lambda _: done.append("resume"))
    cut(address, one)

    assert [(7,)] == one.rows("SELECT 7")
    assert ["tune", "tune", "resume"] == done


def test_what_must_not_be_said_twice_is_told_by_what_follows_it(address, connected):
    """Whether the first attempt was applied, only its maker can find out."""
    one = connected()
    cut(address, one)

    assert "asked what became of it" == one.run(
        lambda connection: str(connection.execute("SELECT 1").fetchone()),
        again=lambda _: "asked what became of it",
    )


def test_refusal_is_no_loss(connected):
    """The server has answered: the same question would get the same answer."""
    one, asked = connected(), []

    def ask(connection: psycopg.Connection) -> None:
        asked.append(1)
        connection.execute("SELECT 1 / 0")

    with pytest.raises(LedgerError, match="division by zero"):
        one.run(ask)
    assert [1] == asked


@pytest.mark.parametrize("patience_seconds", [0, 10])
def test_closed_connection_is_made_by_no_question(connected, patience_seconds):
    """Otherwise a thread that is late would keep a session at the server."""
    one = connected(patience_seconds=patience_seconds)
    one.close()
    one.close()

    with pytest.raises(LedgerAwayError):
        one.rows("SELECT 7")


def test_close_waits_for_nobody_who_waits_for_the_database(connected):
    """A worker whose call is over must not stay for two minutes because another thread is patient."""
    one, away = connected(patience_seconds=30), threading.Event()
    told: list[LedgerError] = []

    def lose(_connection: psycopg.Connection) -> None:
        away.set()
        raise psycopg.OperationalError

    def ask() -> None:
        try:
            one.run(lose)
        except LedgerError as error:
            told.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    assert away.wait(10)
    closing_it = threading.Thread(target=one.close)
    closing_it.start()
    for thread in (closing_it, asking):
        thread.join(10)

    assert [False, False] == [closing_it.is_alive(), asking.is_alive()]
    assert [LedgerAwayError] == [type(error) for error in told]
