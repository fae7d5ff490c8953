"""The engine that is always there."""

import threading

import pytest

from etl.cluster.embedded import EmbeddedEngine
from etl.errors import EtlError, InputError


def double(number: int) -> int:
    """Return twice the number."""
    return 2 * number


def fail(_number: int) -> int:
    """Raise what a stage raises."""
    raise InputError("row 7 is broken", hint="mend it")


def quote(_number: int) -> int:
    """Raise what quotes a message."""
    raise ValueError("secret text")


def test_results_come_in_order_and_each_is_told():
    """Whoever is ready first."""
    told: list[int] = []
    with EmbeddedEngine(3) as engine:
        assert [0, 2, 4, 6, 8] == engine.map(double, range(5), each=told.append)
        assert 3 == engine.workers

    assert [0, 2, 4, 6, 8] == sorted(told)


def test_error_of_a_stage_arrives_as_it_is():
    """Its hint is what a person needs."""
    with EmbeddedEngine(2) as engine, pytest.raises(InputError, match="row 7 is broken") as caught:
        engine.map(fail, [1])

    assert "mend it" == caught.value.hint


def test_foreign_error_arrives_without_its_text():
    """It could quote a message."""
    with EmbeddedEngine(2) as engine, pytest.raises(EtlError, match="ValueError at ") as caught:
        engine.map(quote, [1])

    assert "secret" not in caught.value.message


def test_survey_tells_what_a_function_says():
    """An error is an answer, too."""
    with EmbeddedEngine(2) as engine:
        assert {"this process": 4} == engine.survey(double, 2)
        assert isinstance(engine.survey(fail, 2)["this process"], InputError)


def test_tended_calls_are_made_again_until_the_end():
    """A call that ends before the work is done was cut off."""
    ends: list[object] = []
    enough = threading.Event()

    def told(_worker: str, end: object) -> None:
        ends.append(end)
        if len(ends) == 4:
            enough.set()

    with EmbeddedEngine(2) as engine:
        engine.tend(double, 21, until=enough.is_set, told=told)

    assert {42} == set(ends)
    assert 4 <= len(ends) <= 6
