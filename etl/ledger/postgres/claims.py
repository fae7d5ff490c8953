"""Names that one process holds at a time, wherever it runs: the database knows who is alive."""

import hashlib

from etl.ledger.postgres.address import address
from etl.ledger.postgres.connection import connect
from etl.ledger.postgres.failures import translated


class Claims:
    """One process's names, beside the ledger of a target; they are free when it ends, however it does."""

    def __init__(self, url: str, *, target: str) -> None:
        """Connect to the ledger's database.

        Raises:
            LedgerError: it can't be used.
        """
        self._address = address(url, target=target)
        with translated(self._address):
            self._connection = connect(self._address, role="plan")

    def take(self, name: str) -> bool:
        """Take a name until the end; return whether nobody else holds it.

        Raises:
            LedgerError: the database can't be used.
        """
        digest = hashlib.blake2b(f"etl claim {self._address.schema} {name}".encode(), digest_size=8).digest()
        key = int.from_bytes(digest, "big", signed=True)
        with translated(self._address):
            row = self._connection.execute("SELECT pg_try_advisory_lock(%s::bigint)", (key,)).fetchone()
        return bool(row and row[0])

    def close(self) -> None:
        """Free all names."""
        self._connection.close()
