"""The token never shows itself."""

import pickle

import pytest

from etl.config.secrets import Secret, read_token
from etl.config.target import Target
from etl.errors import UsageError

TARGET = Target(deployment_id="d")


def test_secret_hides_in_every_text_form():
    """Whatever a log line does with it."""
    secret = Secret("abc")
    assert ["***"] * 4 == [repr(secret), str(secret), f"{secret}", f"{secret!r:>3}"]
    assert "abc" == secret.reveal()


def test_secret_is_not_pickled():
    """It would lie in a file."""
    with pytest.raises(TypeError):
        pickle.dumps(Secret("abc"))


def test_token_is_read_from_the_named_variable(tmp_path):
    """White space at the ends comes from copying."""
    target = Target(deployment_id="d", token_env="OTHER")  # noqa: S106  a variable's name
    assert "abc" == read_token(target, folder=tmp_path, environ={"OTHER": " abc\n"}).reveal()


@pytest.mark.parametrize("value", ["", "  ", "a b", "a\r\nX-Evil: 1", "æ"])
def test_unusable_token_is_refused_without_showing_it(tmp_path, value):
    """A header can't carry it, and the message must not."""
    with pytest.raises(UsageError) as caught:
        read_token(TARGET, folder=tmp_path, environ={"ETL_TOKEN": value})
    assert "Evil" not in caught.value.message


def test_token_file_must_exist(tmp_path):
    """The path is in the message."""
    target = Target(deployment_id="d", token_file=tmp_path / "none")
    with pytest.raises(UsageError, match="none"):
        read_token(target, folder=tmp_path, environ={})
