"""Who watches a command, and what they hear of its end."""

import json

import pytest

from etl.cli.console import ToldError
from etl.cli.observing import log_wish, observing
from etl.errors import ExitCode, InputError
from etl.model.events import Warned


class Terminated(BaseException):
    """Not an Exception."""


ENDS = [
    (InputError("no such file", hint="look"), ExitCode.INPUT, "no such file"),
    (KeyboardInterrupt(), ExitCode.INTERRUPTED, "interrupted"),
    (Terminated(), ExitCode.TERMINATED, "terminated"),
    (RuntimeError("my card ends in 4242"), ExitCode.DEFECT, "RuntimeError"),
]


@pytest.mark.parametrize(("end", "code", "words"), ENDS)
def test_log_tells_every_early_end_and_lets_it_pass(tmp_path, end, code, words):
    """A log that stops in the middle leaves its reader guessing; of a defect it quotes nothing."""
    path = tmp_path / "run.log"
    with (
        pytest.raises(type(end)),
        observing(log_wish(path, None, "info"), quiet=False),
    ):
        raise end

    line = json.loads(path.read_text(encoding="utf-8"))
    assert ("failed", code, words) == (line["event"], line["exit_code"], line["message"])


@pytest.mark.parametrize(("end", "code", "words"), ENDS[:3])
def test_end_that_the_log_on_stderr_tells_is_told_once(capsys, end, code, words):
    """Nothing but JSON is to be on stderr; `main` takes exit code and words from what is raised."""
    with (
        pytest.raises(ToldError) as caught,
        observing(log_wish(None, "json", "info"), quiet=False),
    ):
        raise end

    assert (code, words) == (caught.value.told.exit_code, caught.value.told.message)
    assert words == json.loads(capsys.readouterr().err)["message"]


def test_defect_is_left_to_main(capsys):
    """It names the place, for a report of the defect."""
    with pytest.raises(RuntimeError), observing(log_wish(None, "json", "info"), quiet=False):
        raise RuntimeError

    assert ExitCode.DEFECT == json.loads(capsys.readouterr().err)["exit_code"]


def test_without_a_word_of_a_log_there_is_only_progress(capsys):
    """As people see it."""
    with observing(log_wish(None, None, "info"), quiet=False) as observe:
        observe(Warned(message="the bot answered"))

    assert "the bot answered\n" == capsys.readouterr().err
