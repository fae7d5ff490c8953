"""Earlier mails quoted in a reply, found by the marks that mail programs leave; nothing is guessed.

Each line is looked at a bounded number of times: strangers write the texts. (`mail-parser-reply` was
tried: 20,000 line breaks kept it busy for 25 seconds, and it cut lists that begin with `From:`.)
"""

import re
from typing import Final

_LOOK_AHEAD: Final = 8
_LONGEST_LINE: Final = 400
_WRAPPED_LINES: Final = 3

_VERB: Final = "wrote|skrev|schrieb|schreef|a écrit|ha scritto|escribió|escreveu"
_ORIGINAL: Final = (
    "original message|oprindelig meddelelse|oprindelig besked|original besked|ursprüngliche nachricht"
    "|originalnachricht|message d.origine|message original|messaggio originale|mensaje original"
    "|ursprungligt meddelande|opprinnelig melding|oorspronkelijk bericht"
)
_FORWARD: Final = (
    "forwarded message|videresendt (?:meddelelse|besked)|weitergeleitete (?:nachricht|e-mail)"
    "|message transféré|messaggio inoltrato|mensaje reenviado|vidarebefordrat meddelande"
)
_FROM: Final = "from|fra|från|von|van|de|da|expéditeur|mittente"
_SENT: Final = (
    "sent|date|sendt|dato|gesendet|datum|envoyé|envoyé le|inviato|data|enviado|fecha|skickat|verzonden"
)
_SUBJECT: Final = "subject|emne|betreff|objet|oggetto|asunto|ämne|onderwerp"

QUOTE_MARK: Final = (
    rf"(?im)^[ \t]{{0,3}}>|\b(?:{_VERB})\b|^[ \t>]*-{{2,}} ?(?:{_ORIGINAL})|^[ \t*]*(?:{_FROM})[ *\x{{A0}}]*:"
)
"""What every text with a quote has, for RE2; many without one have it too."""

_QUOTED: Final = re.compile(r"[ \t]{0,3}>(?:[>\s]|$)")
_QUOTED_ON: Final = re.compile(r"[ \t]{0,3}>")
_ORIGINAL_LINE: Final = re.compile(rf"[ \t>]*-{{2,}}\s?(?:{_ORIGINAL})\s?-{{2,}}", re.IGNORECASE)
_HEADERS: Final = tuple(
    re.compile(rf"[ \t*]*(?:{words})[ *\xa0]*:", re.IGNORECASE) for words in (_FROM, _SENT, _SUBJECT)
)
_FORWARD_LINE: Final = re.compile(rf"[^\n]{{0,40}}(?:{_FORWARD})", re.IGNORECASE)
_RULE: Final = re.compile(r"\s*[_-]{5,}\s*")
_BEGINS: Final = re.compile(
    r"[ \t]*(?:On|Den|Am|Le|Il|El|Op|Em)\b|.*<[^<>@\s]+@[^<>\s]+>|[a-zæøåöäü]{3,4}\.? \d"
)
_SAYS: Final = re.compile(rf"\b(?:{_VERB})\b(?! (?:jeg|jag|ich|ik)\b)", re.IGNORECASE)
_SELF: Final = re.compile(r"\bI (?:also )?wrote\b")
_DIGIT: Final = re.compile(r"\d")
_CERTAIN: Final = re.compile(r"\d{1,2}[:.h]\d{2}|@")


def own_words(text: str) -> str:
    """Return a reply without the mails it quotes; a text of nothing but quotes stays as it is.

    Under `… wrote:` only the lines behind `>` go, so answers between them stay; where no line has a `>`,
    everything goes, as it does under `Original Message` and under a block of mail headers. A mail that was
    forwarded stays.
    """
    lines = text.split("\n")
    kept: list[str] = []
    position, quoting = 0, False
    while position < len(lines):
        if _earlier_mail(lines, position):
            break
        introduced = _attribution(lines, position)
        behind = _next_written(lines, position + introduced)
        if introduced and behind < len(lines) and _QUOTED_ON.match(lines[behind]):
            position, quoting = behind, True
            continue
        if introduced and _CERTAIN.search(" ".join(lines[position : position + introduced])):
            break
        # Before any quote is seen, `>:(` and `>50` are somebody's own.
        if (_QUOTED_ON if quoting else _QUOTED).match(lines[position]):
            quoting = True
        else:
            kept.append(lines[position])
        position += 1
    if len(kept) == len(lines):
        return text
    while kept and (not kept[-1].strip() or _RULE.fullmatch(kept[-1])):
        kept.pop()
    words = "\n".join(kept).strip("\r\n")
    return words if words.strip() else text


def _attribution(lines: list[str], position: int) -> int:
    """Return how many lines say who wrote the quote that follows; mail programs wrap them."""
    if len(lines[position]) > _LONGEST_LINE or not lines[position].strip():
        return 0
    for count in range(1, _WRAPPED_LINES + 1):
        piece = lines[position : position + count]
        if len(piece) < count or not piece[-1].strip() or len(piece[-1]) > _LONGEST_LINE:
            return 0
        if piece[-1].rstrip().endswith(":"):
            said = " ".join(piece)
            sure = _BEGINS.match(said) and _SAYS.search(said) and _DIGIT.search(said)
            return count if sure and not _SELF.search(said) else 0
    return 0


def _earlier_mail(lines: list[str], position: int) -> bool:
    if len(lines[position]) > _LONGEST_LINE:
        return False
    if _ORIGINAL_LINE.match(lines[position]):
        return True
    first, *others = _HEADERS
    if not first.match(lines[position]) or _forwarded(lines, position):
        return False
    block = lines[position + 1 : position + _LOOK_AHEAD]
    return all(any(header.match(line) for line in block) for header in others)


def _forwarded(lines: list[str], position: int) -> bool:
    """Return whether the mail below is what the writer wants to show."""
    above = lines[max(0, position - _WRAPPED_LINES) : position]
    return any(_FORWARD_LINE.match(line) for line in above)


def _next_written(lines: list[str], position: int) -> int:
    """Return the next line with words, at most two blank ones farther."""
    for ahead in range(position, min(position + _WRAPPED_LINES, len(lines))):
        if lines[ahead].strip():
            return ahead
    return len(lines)
