import pytest
from pydantic import ValidationError

from etl.config.secrets import read_user_token
from etl.config.verify import ReportColumns, Verify
from etl.errors import UsageError


@pytest.mark.parametrize(
    "url", ["http://example.com", "ftp://example.com", "https://u:p@example.com", "https://x?q=1"]
)
def test_report_is_read_over_tls(url):
    """The token and the texts cross the net."""
    with pytest.raises(ValidationError, match="base_url"):
        Verify(base_url=url)


@pytest.mark.parametrize("url", [None, "https://me.botxo.co", "http://127.0.0.1:8765"])
def test_other_address_may_be_named(url):
    """The report's host is not always that of the Chat API."""
    assert url == Verify(base_url=url).base_url


@pytest.mark.parametrize("path", ["api/", "/api?x=1", "/api#x", ""])
def test_path_is_a_path(path):
    """The query is ours to write."""
    with pytest.raises(ValidationError, match="path"):
        Verify(path=path)


def test_mapped_columns_are_read_once():
    """Also where one column serves twice."""
    assert ("user_id", "text", "at", "n") == ReportColumns(timestamp="at", id="n", order="n").mapped


def test_user_token_comes_from_the_environment_or_a_private_file(tmp_path):
    """And is another one than the bot's."""
    environ = {"ETL_TOKEN": "bot", "ETL_USER_TOKEN": " user-token\n"}
    assert "user-token" == read_user_token(Verify(), folder=tmp_path, environ=environ).reveal()
    file = tmp_path / "token"
    file.touch(mode=0o600)
    file.write_text("from-file")
    settings = Verify.model_validate_json('{"token_file": "token"}')
    assert "from-file" == read_user_token(settings, folder=tmp_path, environ=environ).reveal()


@pytest.mark.parametrize("token", ["", "two words"])
def test_missing_or_senseless_user_token_is_told(tmp_path, token):
    """With where to get one, or how to do without."""
    with pytest.raises(UsageError, match="user token in environment variable ETL_USER_TOKEN"):
        read_user_token(Verify(), folder=tmp_path, environ={"ETL_USER_TOKEN": token})
