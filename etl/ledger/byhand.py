"""The record of messages sent by hand: beside the ledger, since they belong to no plan.

JSON lines, one when a message is about to leave and one when its outcome is known, each durable before the
next step; a message with the first line only is of unknown fate. Ids, users and times, no text.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from etl.ledger.lock import sync_folder, unusable

_FLAGS: Final = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW


@dataclass(frozen=True, slots=True, kw_only=True)
class SentByHand:
    """A message that was about to leave, whatever came of it."""

    key: str
    """Its id as it was sent, in hex."""
    user: str
    at_seconds: int
    """Its time, Unix seconds."""


def append(path: Path, line: Mapping[str, str | int | None]) -> None:
    """Add one line, durable on return. The folder must be there.

    Raises:
        LedgerError: it can't be written.
    """
    try:
        descriptor = os.open(path, _FLAGS, 0o600)
        with os.fdopen(descriptor, "ab") as file:
            file.write(json.dumps(line).encode() + b"\n")
            file.flush()
            os.fsync(descriptor)
        sync_folder(path.parent)
    except OSError as error:
        raise unusable(path, error) from error


def read(path: Path) -> Iterator[SentByHand]:
    """Yield what a record holds; a line that a crash has torn is none.

    Raises:
        LedgerError: it can't be read.
    """
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise unusable(path, error) from error
    for line in lines:
        with suppress(ValueError, KeyError, TypeError):
            told = json.loads(line)
            if told["event"] == "intent":
                at_seconds = int(datetime.fromisoformat(told["at"]).timestamp())
                yield SentByHand(key=told["id"], user=told["user"], at_seconds=at_seconds)
