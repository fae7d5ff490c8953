"""Which languages texts are in, by the optional package py3langid; never more than a statistic."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

SAMPLE: Final = 1_000
"""Texts that are enough for a share within about 3 %."""
_SHOWN: Final = 6


def language_shares(texts: Sequence[str]) -> dict[str, float] | None:
    """Return the shares of six languages and of `other`, most common first; None without the package."""
    try:
        from py3langid.langid import classify  # noqa: PLC0415  an extra, 0.2 s
    except ImportError:
        return None
    counts = Counter(str(classify(text)[0]) for text in texts).most_common()
    shown = {name: count / len(texts) for name, count in counts[:_SHOWN]}
    rest = sum(count for _, count in counts[_SHOWN:])
    return {**shown, **({"other": rest / len(texts)} if rest else {})}
