"""What a run says when its ledger is gone."""

import os
import sys
from contextlib import suppress

from etl.pipeline.runs import _say


def test_outcome_is_kept_although_nobody_reads_that_it_was(monkeypatch):
    """The thread that keeps it would die of a closed terminal, and everybody who waits for it would hang."""
    read, write = os.pipe()
    os.close(read)
    gone = os.fdopen(write, "w", buffering=1)
    monkeypatch.setattr(sys, "stderr", gone)
    _say("an outcome that the ledger could not take")
    monkeypatch.undo()
    with suppress(BrokenPipeError):
        gone.close()
