"""Keys that recognise a message again, for ever."""

from hashlib import blake2b

import pytest

from etl.normalize.identity import identity_settings

CONTENT_HEX = "89effdcca13216e7f81619771960c286"
NATIVE_HEX = "1e29c116d67592b37d338165102f984a"


def hexes(done, column):
    """Return a column of digests as hex."""
    return [value.hex() for value in done.messages[column].to_pylist()]


def framed(*fields):
    """Return fields with their lengths as 4 octets before each."""
    return b"".join(len(field).to_bytes(4, "big") + field for field in fields)


def test_content_is_a_fixed_digest(normalize):
    """A ledger of today must know its messages in ten years: these literals never change."""
    done = normalize({"user": "u1", "when": "2024-05-01T10:00:00.000001Z", "body": "hej ø"})
    assert hexes(done, "content") == [CONTENT_HEX]
    assert hexes(done, "key") == [CONTENT_HEX]


def test_a_native_id_makes_a_fixed_key(normalize):
    """The source's own id identifies a message whatever its text becomes."""
    done = normalize({"msg": "000123", "body": "one"}, {"msg": "000123", "body": "two"})
    assert hexes(done, "key") == [NATIVE_HEX, NATIVE_HEX]
    assert len(set(hexes(done, "content"))) == 2


def test_content_follows_the_documented_recipe(normalize):
    """Other programs may compute it."""
    at_us = (1_714_557_600_000_001).to_bytes(8, "big", signed=True)
    octets = framed(b"u1", at_us, b"agent", "hej ø".encode())
    expected = blake2b(octets, digest_size=16, person=b"etl-message-1").hexdigest()
    row = {"user": "u1", "who": "agent", "when": "2024-05-01T10:00:00.000001Z", "body": "hej ø"}
    assert [expected] == hexes(normalize(row), "content")


def test_rows_with_and_without_native_id_each_get_their_own_kind_of_key(normalize):
    """Only some rows of an export may have ids."""
    done = normalize(
        {"msg": ""}, {"msg": "000123"}, {"msg": ""}, {"msg": "x", "public": "false"}, {"msg": "000123"}
    )
    keys, contents = hexes(done, "key"), hexes(done, "content")
    assert [contents[0], NATIVE_HEX, contents[2], NATIVE_HEX] == keys


def test_neighbouring_fields_do_not_run_into_each_other(normalize):
    """Length prefixes keep (ab, c) and (a, bc) apart."""
    done = normalize({"user": "ab", "body": "c"}, {"user": "a", "body": "bc"})
    assert len(set(hexes(done, "key"))) == 2


def test_the_key_is_made_of_the_clean_text_without_prefix(normalize):
    """How agents are shown is a matter of the request, not of the message."""
    rows = [{"who": "agent", "body": body} for body in ("h\x00i", "hi")]
    keys = {
        key
        for speaker in ("prefix", "plain", "both")
        for key in hexes(normalize(*rows, message={"speaker": speaker}), "key")
    }
    assert len(keys) == 1


def test_the_same_instant_written_differently_is_the_same_message(normalize):
    """Another export of the same history may use another offset."""
    done = normalize({"when": "2024-05-01T10:00:00Z"}, {"when": "2024-05-01 12:00:00.000+0200"})
    assert len(set(hexes(done, "key"))) == 1


def test_identity_has_sorted_names_and_no_column_names(job):
    """A Parquet of the same history with other names and another time format has the same identity."""
    first = identity_settings(job())
    other = job(
        columns={"user": "kunde", "text": "tekst", "id": "nr", "role": "rolle"},
        roles={"customer": ("x",)},
        time={"format": "epoch_ms"},
        input={"delimiter": ";"},
        message={"speaker": "plain"},
    )
    assert sorted(first) == list(first)
    assert first == identity_settings(other)


@pytest.mark.parametrize(
    "settings",
    [
        {"source": "other"},
        {"columns": {"id": None}},
        {"message": {"lane": "conversation"}},
        {"text": {"html": True}},
        {"text": {"too_long": "truncate"}},
        {"time": {"zone": "Europe/Copenhagen"}},
        {"text": {"too_long": "split"}},
        {"text": {"quoted_replies": "strip"}},
        {"text": {"unicode": "nfc"}},
        {"text": {"residues": "keep"}},
        {"users": {"placeholder": "conversation"}},
        {"users": {"pseudonymize": True}},
        {"privacy": {"mask": ("email",)}},
        {"privacy": {"patterns": {"order": "[0-9]{8}"}}},
        {"columns": {"attachments": "files"}},
    ],
)
def test_identity_differs_with_every_setting_that_shapes_keys(job, settings):
    """Two identities in one ledger would send everything twice."""
    assert identity_settings(job()) != identity_settings(job(**settings))


def test_identity_knows_the_ambiguous_hour_only_with_a_zone(job):
    """Without a zone the setting decides nothing."""
    zone = "Europe/Copenhagen"
    assert identity_settings(job()) == identity_settings(job(time={"ambiguous": "later"}))
    assert identity_settings(job(time={"zone": zone})) != identity_settings(
        job(time={"zone": zone, "ambiguous": "later"})
    )


def test_identity_ignores_a_limit_that_only_rejects(job):
    """A higher limit lets more messages in and changes none."""
    assert identity_settings(job()) == identity_settings(job(text={"max_characters": 5}))


def test_identity_tells_keys_of_pseudonyms_apart_without_telling_them(job):
    """Another key makes other users of the same people; the key itself is a secret."""
    settings = job(users={"pseudonymize": True})
    one, other = (identity_settings(settings, key=key) for key in (b"one key", b"other key"))
    assert one != other
    assert "one key" not in str(one)
    assert identity_settings(job(), key=b"one key") == identity_settings(job(), key=b"other key")


def test_identity_ignores_what_only_counts_or_leaves_out(job):
    """Filters and warnings change which messages go, and none of them."""
    other = job(users={"placeholder": "reject"}, rows={"drop": {"gone": ("true",)}})
    assert identity_settings(job()) == identity_settings(other)
