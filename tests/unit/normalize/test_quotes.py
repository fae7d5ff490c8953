"""Earlier mails quoted in replies."""

import pyarrow as pa
import pytest

from etl.normalize.quotes import QUOTE_MARK, own_words
from etl.normalize.verdict import matches

HEADERS = {
    "en": "From: Help <h@x.example>\nSent: Friday, May 3, 2024 10:12\nTo: Jo\nSubject: Re: order",
    "da": "Fra: Hjælp <h@x.example>\nSendt: 3. maj 2024 10:12\nTil: Jo\nEmne: SV: ordre",
    "de": "Von: Hilfe\nGesendet: Freitag, 3. Mai 2024 10:12\nAn: Jo\nBetreff: AW: Bestellung",
    "fr": "De : Aide\nEnvoyé : vendredi 3 mai 2024 10:12\nÀ : Jo\nObjet : RE: commande",
    "it": "Da: Aiuto\nInviato: venerdì 3 maggio 2024 10:12\nA: Jo\nOggetto: R: ordine",
}
ATTRIBUTIONS = [
    "On Fri, May 3, 2024 at 10:12 AM Help <h@x.example> wrote:",
    "On 3 May 2024, at 10:12, Help wrote:",
    "On Fri, May 3, 2024 at 10:12 AM Help With A Very Long Name\n<h@x.example> wrote:",
    "Den fre. 3. maj 2024 kl. 10.12 skrev Hjælp <h@x.example>:",
    "Den 3. maj 2024 kl. 10.12 skrev Hjælp:",
    "fre. 3. maj 2024 kl. 10.12 skrev Hjælp <h@x.example>:",
    "Am 03.05.24 um 10:12 schrieb Hilfe:",
    "Hilfe <h@x.example> schrieb am 03.05.2024 um 10:12:",
    "Le ven. 3 mai 2024 à 10:12, Aide <h@x.example> a écrit :",
    "Il giorno ven 3 mag 2024 alle ore 10:12 Aiuto ha scritto:",
]


@pytest.mark.parametrize("attribution", ATTRIBUTIONS)
@pytest.mark.parametrize("quoted", ["> old\n> words", "old\nwords", "\n> old\n\n> words\n"])
def test_what_stands_under_an_attribution_goes(attribution, quoted):
    """Mail programs introduce a quote so, with and without a sign before each line."""
    assert "Thanks!" == own_words(f"Thanks!\n\n{attribution}\n{quoted}")


@pytest.mark.parametrize(
    "block", [*HEADERS.values(), "_____________\n" + HEADERS["en"], "*From:* a\n*Sent:* b\n*Subject:* c"]
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_what_stands_under_a_block_of_mail_headers_goes(block, end):
    """Outlook marks an earlier mail by nothing else."""
    text = f"First\n  second\n\n{block}\n\nold words".replace("\n", end)
    assert f"First{end}  second" == own_words(text)


@pytest.mark.parametrize(
    "line",
    [
        "-----Original Message-----",
        "----- Oprindelig meddelelse -----",
        "-----Ursprüngliche Nachricht-----",
        "-------- Message d'origine --------",
    ],
)
def test_what_stands_under_original_message_goes(line):
    """Older programs and phones write this line."""
    assert "ok" == own_words(f"ok\n\n{line}\nanything")


def test_answers_between_the_quoted_lines_stay():
    """Some people answer point by point."""
    text = "On 3 May 2024 Help wrote:\n> size?\nlarge\n>colour?\nred"
    assert "large\nred" == own_words(text)


@pytest.mark.parametrize(
    "text",
    [
        "> all\n> quoted",
        "On 3 May 2024, at 10:12, Help wrote:\nnothing but this",
        "On Monday my mother wrote:\nI want to send it back",
        "Den 3. maj skrev jeg til jer:\nhvor er min pakke?",
        "Yesterday I wrote at 10:12:\nplease answer <h@x.example>",
        "Hi\nFrom: Paris\nTo: Berlin\nDate: 3 May\ncan I change it?",
        "oh no\n>:(\n>50 of them",
        "see below\n---------- Forwarded message ---------\n" + HEADERS["en"] + "\n\nwords",
        "no marks at all\n\n",
        "",
    ],
)
def test_what_is_not_surely_a_quote_stays_as_it_is(text):
    """Losing a customer's words is worse than sending a quote twice."""
    assert text == own_words(text)


@pytest.mark.parametrize("text", [*ATTRIBUTIONS, *HEADERS.values(), "a\n > b", "--- Original besked ---"])
def test_every_kind_of_quote_has_a_mark(text):
    """Only texts with a mark are looked at one by one."""
    assert matches(pa.array([text]), QUOTE_MARK).all()


@pytest.mark.parametrize(
    "text",
    [
        "\n" * 200_000 + "x",
        "From: \n" * 30_000,
        "On 1:\n" * 60_000,
        "> \n" * 60_000,
        "On 10:12 wrote" * 30_000,
    ],
)
@pytest.mark.timeout(20)
def test_a_text_made_to_stall_the_search_does_not(text):
    """Strangers write the texts."""
    assert len(own_words(text)) <= len(text)


def test_quotes_are_stripped_only_when_the_job_says_so_and_counted(normalize):
    """The default keeps them, for the platform may be meant to show whole mails."""
    rows = [{"body": "yes\n\n> sure?"}, {"body": "> cited only"}, {"body": "plain"}]
    assert {} == normalize(*rows).changed
    done = normalize(*rows, text={"quoted_replies": "strip"})
    assert ["yes", "> cited only", "plain"] == done.messages["text"].to_pylist()
    assert {"quotes_stripped": 1} == done.changed
