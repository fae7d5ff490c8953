"""What stores say when they refuse, as `pyarrow` passes it on, and what it means."""

import pytest

from etl.storage.stores import anonymous, is_nothing, is_refusal, reason

AWS = "When reading information for key 'a' in bucket 'b': AWS Error "
GOOGLE = "google::cloud::Status("


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{AWS}ACCESS_DENIED during HeadObject operation: No response body.", True),
        (f"{AWS}UNKNOWN (HTTP status 403) during PutObject operation: No response body.", True),
        (f"{AWS}NO_SUCH_BUCKET during ListObjectsV2 operation: The specified bucket does not exist", True),
        (f"{AWS}NETWORK_CONNECTION during HeadObject operation: curlCode: 7, Couldn't connect", False),
        (f"{AWS}UNKNOWN (HTTP status 500) during PutObject operation: No response body.", False),
        (f"{AWS}SLOW_DOWN during PutObject operation: Please reduce your request rate.", False),
        (f"{GOOGLE}PERMISSION_DENIED: Permanent error, with a last message of Forbidden", True),
        (f"{GOOGLE}UNAUTHENTICATED: Permanent error", True),
        (f"{GOOGLE}UNAVAILABLE: Retry policy exhausted", False),
        ("something new", False),
    ],
)
def test_refusal_is_what_stays_until_somebody_changes_something(text, expected):
    """The exit code follows from it: correct the job, or try again later."""
    assert expected is is_refusal(OSError(text))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("GetFileInfo is unable to. Azure Error: [AuthorizationFailure] 403 Server failed", "access denied"),
        ("UploadFrom failed for 'http://x'. Azure Error: [ContainerNotFound] 404 The", "no such container"),
        (f"{AWS}UNKNOWN (HTTP status 403) during PutObject operation", "access denied"),
        (f"{AWS}SLOW_DOWN during PutObject operation", "slow down"),
        (f"{GOOGLE}UNAVAILABLE: Retry policy exhausted", "can't be reached"),
        ("something new at https://user:secret@host", "the store refused it or can't be reached"),
    ],
)
def test_reason_is_a_few_words_without_the_address(text, words):
    """It may hold credentials."""
    assert words in reason(OSError(text))
    assert "secret" not in reason(OSError(text))


def test_nothing_yet_is_told_from_a_bucket_that_is_not_there():
    """Amazon's and Google's listings say both in opposite ways."""
    assert is_nothing(FileNotFoundError(2, "Path does not exist 'b/team/'"))
    assert is_nothing(OSError("No such file or directory 'b/team'"))
    assert not is_nothing(FileNotFoundError(2, f"{GOOGLE}NOT_FOUND: Permanent error"))
    assert not is_nothing(OSError(f"{AWS}NO_SUCH_BUCKET during ListObjectsV2 operation"))


def test_anonymous_keeps_what_is_no_secret():
    """Two containers of one Azure account are two places."""
    assert "s3://bucket?region=x" == anonymous("s3://key:secret@bucket?region=x")
    assert "abfs://one@acct.dfs.core.windows.net" == anonymous("abfs://one:key@acct.dfs.core.windows.net")
