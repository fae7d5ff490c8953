"""Messages that are nothing but files."""

import pytest

from etl.normalize.attachments import file_names

SETTINGS = {"columns": {"attachments": "files"}, "text": {"attachment": "[file: {names}]"}}


@pytest.mark.parametrize(
    ("cell", "names"),
    [
        ("a.pdf", ("a.pdf",)),
        (" a.pdf, b.png ", ("a.pdf, b.png",)),
        ('["a.pdf", "b.png"]', ("a.pdf", "b.png")),
        ('[{"file_name": "a.pdf", "content_url": "https://x.example/s3cret"}]', ("a.pdf",)),
        ('{"name": "a.pdf"}', ("a.pdf",)),
        ('[{"id": 3}]', ("?",)),
        ("https://x.example/t/s3cret/my%20file.pdf?token=1", ("my file.pdf",)),
        ("https://x.example/", ("?",)),
        ("https://[x", ("?",)),
        ("[not json", ("[not json",)),
        ("[null, {}]", ()),
        ("[]", ()),
        ("{}", ()),
        ("null", ()),
        ("None", ()),
        ("0", ()),
        (" ", ()),
        (None, ()),
    ],
)
def test_file_names_are_read_as_helpdesks_write_them(cell, names):
    """An address may be a secret link, so only its last part is a name."""
    assert names == file_names(cell)


def test_an_empty_text_with_attachments_becomes_the_template(normalize):
    """Otherwise a reader of the conversation sees an answer to nothing."""
    rows = [
        {"body": " ", "files": '["a.pdf"]'},
        {"body": "", "files": "[]"},
        {"files": "b.pdf"},
        {"body": None, "files": "c"},
    ]
    done = normalize(*rows, **SETTINGS)
    assert ["[file: a.pdf]", "hello", "[file: c]"] == done.messages["text"].to_pylist()
    assert ["empty_text"] == done.rejects["code"].to_pylist()
    assert {"attachments_named": 2} == done.changed


def test_html_that_shows_nothing_counts_as_empty(normalize):
    """Helpdesks write a mail with only a picture as an empty paragraph; names are no HTML."""
    text = {"attachment": "{names}", "html": True}
    done = normalize(
        {"body": "<p>&nbsp;</p>", "files": "a &amp; <b>.pdf\x00"}, columns=SETTINGS["columns"], text=text
    )
    assert ["a &amp; <b>.pdf"] == done.messages["text"].to_pylist()


def test_without_a_template_such_rows_are_rejects(normalize):
    """Nothing is invented unless the job says so."""
    done = normalize({"body": "", "files": "a.pdf"}, columns={"attachments": "files"})
    assert ["empty_text"] == done.rejects["code"].to_pylist()
