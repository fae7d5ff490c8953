"""One comparison from empty to judged: the face of this package."""

from pathlib import Path
from types import TracebackType
from typing import Final, Literal, Self

from etl.verify.database import Database
from etl.verify.matching import match
from etl.verify.ours import Ours
from etl.verify.theirs import Theirs
from etl.verify.verdicts import Verdicts

# 128 bits of it: a text can't be made so that it passes for another one.
_DIGESTS: Final = {
    "exact": "CREATE MACRO digest(t) AS unhex(substr(sha256(t), 1, 32))",
    "spaces": r"""
        CREATE MACRO digest(t) AS
        unhex(substr(sha256(trim(regexp_replace(nfc_normalize(t), '\s+', ' ', 'g'))), 1, 32))
    """,
}


class Comparison:
    """The tables of one comparison; nothing of them outlives it.

    Raises:
        InputError: by whatever works on them; the disk is full, or the memory limit is too low.

    Attributes:
        ours: takes the ledger and its plans.
        theirs: takes the report.
        verdicts: says what came of it.
    """

    def __init__(self, folder: Path, *, memory_limit_mb: int, text: Literal["spaces", "exact"]) -> None:
        self._database = Database(folder, memory_limit_mb=memory_limit_mb)
        self._database.run(_DIGESTS[text])
        self.ours = Ours(self._database)
        self.theirs = Theirs(self._database)
        self.verdicts = Verdicts(self._database)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.close()

    def match(self) -> None:
        """Match messages with rows; both sides are complete by now."""
        match(self._database)
