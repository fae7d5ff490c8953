"""Job files: typed, complete in their complaints."""

import pytest

from etl.config.job import Job
from etl.config.load import parse_job
from etl.config.target import is_loopback
from etl.errors import UsageError

MINIMAL = {
    "source": "test",
    "target": {"deployment_id": "d"},
    "columns": {"text": "t", "timestamp": "at", "user": "u", "role": "r"},
    "roles": {"customer": ["c"]},
}


def job(**tables: dict[str, object]) -> Job:
    """Return the minimal job with some tables changed."""
    data = {**MINIMAL}
    for name, table in tables.items():
        before = data.get(name, {})
        assert isinstance(before, dict)
        data[name] = {**before, **table}
    return parse_job(data, name="job")


def test_minimal_job_has_defaults():
    """Only what can't be known must be said."""
    assert 2.0 == job().replay.rate_per_second
    assert "https://app.certainly.io/webbot/api/webchat/bot/d/messages/" == job().target.url


@pytest.mark.parametrize(
    ("table", "setting", "words"),
    [
        ("target", {"base_url": "http://example.com"}, "https"),
        ("target", {"base_url": "https://user:pw@example.com"}, "password"),
        ("target", {"base_url": "ftp://example.com"}, "https"),
        ("target", {"base_url": "https://example.com:port"}, "Port"),
        ("target", {"base_url": "https://example.com:99999"}, "Port"),
        ("target", {"auth_scheme": ""}, "target.auth_scheme"),
        ("target", {"auth_scheme": "two words"}, "target.auth_scheme"),
        ("target", {"auth_scheme": "bear\ner"}, "target.auth_scheme"),
        ("target", {"auth_scheme": "bearér"}, "target.auth_scheme"),
        ("target", {"path": "/x/{deployment_id}"}, "end with /"),
        ("target", {"path": "/x/"}, "deployment_id"),
        ("target", {"deployment_id": "../x"}, "target.deployment_id"),
        ("target", {"token_file": "a", "token_keyring": "b"}, "exclude"),
        ("input", {"delimiter": ";;"}, "one ASCII character"),
        ("input", {"delimiter": "\n"}, "one ASCII character"),
        ("columns", {"user": None}, "columns.user"),
        ("columns", {"role": None}, "columns.role is needed"),
        ("columns", {"visibility": "v"}, "visibility.public"),
        ("columns", {"variables": {"1x": "a"}}, "begins with a letter"),
        ("columns", {"variables": {"certainly": "a"}}, "reserved"),
        ("visibility", {"public": ["x"]}, "columns.visibility is needed"),
        ("visibility", {"public": ["x"], "private": ["x"]}, "both public and private"),
        ("roles", {"agent": ["c"]}, "listed under two roles: 'c'"),
        ("roles", {"everyone": "customer"}, "exclude each other"),
        ("roles", {"customer": []}, "roles.customer and roles.agent"),
        ("time", {"format": "iso"}, "strptime"),
        ("time", {"zone": "Mars/Base"}, "IANA"),
        ("message", {"lane": "conversation"}, "columns.conversation"),
        ("replay", {"rate_per_second": 0}, "greater than 0"),
        ("replay", {"rate_per_second": 2.0, "rate_per_minute": 120.0}, "exclude each other"),
        ("replay", {"share": 0.0}, "greater than 0"),
        ("replay", {"window": "22-6", "timezone": "UTC"}, "no window such as 22:00-06:00"),
        ("replay", {"window": "22:00-06:00"}, "timezone is needed"),
        ("replay", {"lanes": 2.5}, "replay.lanes"),
        ("replay", {"on_uncertain": "retry"}, "'hold', 'resend' or 'assume-accepted'"),
    ],
)
def test_unusable_setting_is_refused_in_words(table, setting, words):
    """The message names the setting and what is right."""
    with pytest.raises(UsageError) as caught:
        job(**{table: setting})
    assert words in caught.value.message


def test_speaker_variable_is_not_mapped_twice():
    """The platform would get one of the two, and nobody would know which."""
    with pytest.raises(UsageError, match="exclude"):
        job(columns={"variables": {"speaker": "x"}}, message={"speaker": "both"})


def test_unknown_keys_get_the_nearest_known_one():
    """At every level, tables included."""
    with pytest.raises(UsageError) as caught:
        job(replay={"lane": 3}, tme={})
    assert "replay.lane: unknown key; did you mean lanes?" in caught.value.message
    assert "tme: unknown key; did you mean time?" in caught.value.message


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://localhost", "http://[::1]:8"])
def test_loopback_is_known(url):
    """The only addresses that may be plain http."""
    assert is_loopback(url)


@pytest.mark.parametrize("url", ["http://127.0.0.1.example.com", "http://10.0.0.1", "http://0.0.0.0", "x"])
def test_other_addresses_are_no_loopback(url):
    """A name that begins like loopback is none."""
    assert not is_loopback(url)
