"""Placeholders for users, and user ids that are not the real ones."""

import pyarrow as pa
import pytest

from etl.errors import UsageError
from etl.normalize.batch import Normalizer
from etl.normalize.pseudonyms import pseudonyms

KEY = b"a key of 16 bytes or more"


def lanes(done):
    """Return the lanes of the messages."""
    return done.messages["lane"].to_pylist()


def codes(done):
    """Return the codes of the rejects."""
    return done.rejects["code"].to_pylist()


@pytest.mark.parametrize("user", ["anonymous", " Anonymous ", "-1", "NULL", "#N/A"])
def test_a_placeholder_is_sent_with_a_warning_by_default(normalize, user):
    """The id may be real somewhere; but people must hear that thousands of strangers share it."""
    done = normalize({"user": user}, {})
    assert [user, "u1"] == lanes(done)
    assert {"placeholder_user": 1} == done.found


def test_a_placeholder_can_be_a_reject_that_shows_it(normalize):
    """One hot lane of strangers would make one absurd conversation."""
    done = normalize({"user": "Guest"}, {"user": ""}, users={"placeholder": "reject"})
    assert ["placeholder_user", "missing_user"] == codes(done)
    assert ["Guest", None] == done.rejects["detail"].to_pylist()
    assert {} == done.found


def test_a_user_id_with_a_nul_is_a_reject_that_shows_it(normalize):
    """A ledger in PostgreSQL can't store it: one such lane would end every batch of commits it is in."""
    done = normalize(
        {"user": "u\x001"},
        {"user": "anonymous", "ticket": "7\x00"},
        {"user": "u2"},
        users={"placeholder": "conversation"},
    )
    assert ["u2"] == lanes(done)
    assert ["missing_user"] * 2 == codes(done)
    assert ["u<U+0000>1", "conversation…"] == done.rejects["detail"].to_pylist()


def test_the_jobs_own_placeholders_replace_the_list(normalize):
    """What means nobody differs between exports."""
    settings = {"users": {"placeholder": "reject", "placeholders": ("Kunde",)}}
    done = normalize({"user": "kunde"}, {"user": "anonymous"}, **settings)
    assert ["anonymous"] == lanes(done)


def test_a_placeholder_can_become_one_user_for_each_conversation(normalize):
    """So strangers stay apart, and their messages are not lost."""
    rows = [
        {"user": "anonymous", "ticket": "7"},
        {"user": "anonymous", "ticket": ""},
        {"user": "anonymous", "ticket": "null"},
        {"user": "conversation:7"},
        {"user": "7"},
    ]
    done = normalize(*rows, users={"placeholder": "conversation"})
    assert ["conversation:7", "7"] == lanes(done)
    assert ["placeholder_user"] * 3 == codes(done)


def test_a_placeholder_conversation_has_nothing_to_fall_back_on(normalize):
    """With `lane = "conversation"` the conversation was the user already."""
    settings = {"users": {"placeholder": "conversation"}, "message": {"lane": "conversation"}}
    assert ["placeholder_user"] == codes(normalize({"ticket": "0"}, **settings))


def test_pseudonyms_stand_in_for_ids(normalize):
    """The key follows the sent lane: whoever computes it must need nothing but what was sent."""
    rows = [{"user": "jo"}, {"user": "x" * 300}, {"user": "jo", "body": "again"}]
    done = normalize(*rows, users={"pseudonymize": True})
    expected = pseudonyms(pa.array(["jo", "x" * 300, "jo"]), key=KEY).to_pylist()
    assert expected == lanes(done)


def test_a_placeholder_is_seen_before_it_becomes_a_pseudonym(normalize):
    """Behind a hash nobody could tell it any more."""
    done = normalize({"user": "guest"}, users={"pseudonymize": True, "placeholder": "reject"})
    assert ["placeholder_user"] == codes(done)


@pytest.mark.parametrize(
    "settings",
    [{"users": {"pseudonymize": True}}, {"privacy": {"replacement": "pseudonym", "mask": ("email",)}}],
)
def test_pseudonyms_without_a_key_are_refused(job, settings):
    """A hash without a key can be undone with a list of addresses."""
    with pytest.raises(UsageError, match="needs a key"):
        Normalizer(job(**settings), now_us=0)


def test_the_customer_of_a_conversation_is_the_lane(normalize):
    """Where rows have only an author, an earlier stage adds the column."""
    settings = {"columns": {"user": {"customer_of": "ticket"}, "author": "plan"}}
    done = normalize({}, typed={"(customer)": pa.array(["c9"])}, **settings)
    assert ["c9"] == lanes(done)
