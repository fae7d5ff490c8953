"""A scanner for what must appear in no file and no output: tokens and message texts."""

from collections.abc import Iterable
from pathlib import Path

TEXT_HOLDERS = ("messages.parquet", "sandbox.sqlite", "history.csv")
"""The plan, the stand-in's own store and the test's input hold texts by design."""


def leaks(folder: Path, outputs: Iterable[str], secrets: Iterable[str]) -> list[str]:
    """Return each place that holds one of the secrets, in UTF-8, UTF-16 or hex."""
    needles = {
        form
        for secret in secrets
        for form in (secret.encode(), secret.encode("utf-16-le"), secret.encode().hex().encode())
    }
    found = [f"output {number}" for number, text in enumerate(outputs) if _holds(text.encode(), needles)]
    for path in sorted(folder.rglob("*")):
        holder = any(path.name.startswith(name) for name in TEXT_HOLDERS)
        if path.is_file() and not holder and _holds(path.read_bytes(), needles):
            found.append(str(path.relative_to(folder)))
    return found


def _holds(data: bytes, needles: Iterable[bytes]) -> bool:
    return any(needle in data for needle in needles)
