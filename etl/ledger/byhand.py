"""The record of messages sent by hand: beside the ledger, since they belong to no plan.

JSON lines, one when a message is about to leave and one when its outcome is known, each durable before the
next step; a message with the first line only is of unknown fate. Ids, users and times, no text.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from etl.ledger.lock import sync_folder, unusable

_FLAGS: Final = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW


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
