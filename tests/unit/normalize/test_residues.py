"""Marks of an earlier hand-over from Certainly."""

import pytest

from etl.normalize.residues import is_transcript

CONTROL = "%((switchboard:passControl:certainly))%"
TRANSCRIPT = "Bot: Hi, how can I help?\nVisitor: where is my order\nBot: I'll find an agent\nfor you"


@pytest.mark.parametrize(
    "body",
    [
        CONTROL,
        f"  {CONTROL}\n",
        "%((switchboard:passControl:next))%",
        "PassControlEvent",
        "[PassControlEvent]",
        'PassControlEvent: {"to": "certainly"}',
        "The transcript between Certainly and this visitor is not available",
        TRANSCRIPT,
    ],
)
def test_a_residue_is_skipped_and_counted(normalize, body):
    """Certainly holds these words already, or they are no words at all."""
    done = normalize({"body": body}, {})
    assert {"residue": 1} == done.skipped
    assert 1 == done.messages.num_rows


def test_words_beside_a_control_text_are_sent_without_it(normalize):
    """The agent's last sentence must not be lost with it."""
    done = normalize({"who": "agent", "body": f"Good bye! {CONTROL}"})
    assert ["Good bye! "] == done.messages["text"].to_pylist()
    assert {"residues_cut": 1} == done.changed


def test_residues_stay_when_the_job_keeps_them(normalize):
    """The texts may be about such marks."""
    done = normalize({"body": CONTROL}, {"body": TRANSCRIPT}, text={"residues": "keep"})
    assert [CONTROL, TRANSCRIPT] == done.messages["text"].to_pylist()


def test_only_customers_texts_can_be_the_transcript(normalize):
    """It is sent as the visitor's first message; an agent who pastes one wrote it."""
    done = normalize({"body": TRANSCRIPT, "who": "agent"})
    assert 1 == done.messages.num_rows


@pytest.mark.parametrize(
    "text",
    [
        TRANSCRIPT,
        "Chat transcript:\n\n[10:12:01] Certainly: Hi\n[10:12:09] User: hello\n[10:12:10] Certainly: bye",
        "(2024-05-01 10:00) Chatbot: Hej\n\n(2024-05-01 10:01) Kunde: hej\n\nChatbot: farvel",
    ],
)
def test_a_transcript_names_both_sides_in_turns(text):
    """Its form is that of the flow that wrote it, so the names and the turns decide."""
    assert is_transcript(text)


@pytest.mark.parametrize(
    "text",
    [
        "Your bot: it says\nBot: no\nbut I want yes",
        "Bot: no\nMe: yes",
        "Hello, this is what happened:\n" + TRANSCRIPT,
        TRANSCRIPT + "\n\nWhy does it say so?",
        "Bot: one\nBot: two\nBot: three",
        "Bot\nVisitor\nBot",
    ],
)
def test_a_customer_who_cites_a_talk_is_no_transcript(text):
    """A complaint about the bot is the very message that must not be lost."""
    assert not is_transcript(text)


def test_neighbours_do_not_make_a_mark_together(normalize):
    """A quick search sees all texts in a row; the decision is made for each alone."""
    done = normalize({"body": "%((switch"}, {"body": "board:x))% PassControl"}, {"body": "Event"})
    assert 3 == done.messages.num_rows
    assert {} == done.changed
