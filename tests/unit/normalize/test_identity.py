"""The settings that decide what a message is."""

import pytest

from etl.normalize.identity import identity_settings


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
