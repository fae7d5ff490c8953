"""The share of languages in a sample."""

import builtins

from etl.report.languages import language_shares


def test_shares_of_two_languages_add_up():
    """Short sentences are enough for a statistic."""
    texts = [
        "Where is my parcel? I ordered it two weeks ago.",
        "Hvor er min pakke? Jeg bestilte den for to uger siden.",
    ]
    assert {"en": 0.5, "da": 0.5} == language_shares(texts)


def test_no_texts_have_no_languages():
    """Nobody wrote a longer text."""
    assert {} == language_shares([])


def test_without_the_package_nothing_is_claimed(monkeypatch):
    """It is an extra."""
    real = builtins.__import__

    def without(name, *rest, **more):
        if name.startswith("py3langid"):
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    assert language_shares(["text"]) is None
