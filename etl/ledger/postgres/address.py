"""Where a ledger is in PostgreSQL: the database as libpq names it, and a schema for each target."""

import hashlib
import re
from dataclasses import dataclass
from typing import Final

from psycopg import Error
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from etl.errors import UsageError

_NAME_BYTES: Final = 63
"""The longest name that PostgreSQL keeps whole."""

_SECRETS: Final = ("password", "sslpassword", "passfile", "oauth_client_secret")


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """One target's ledger in a database."""

    url: str
    """As the job names it, without a password: libpq finds that itself."""
    schema: str

    @property
    def key(self) -> int:
        """Return the key of the advisory lock: 64 bits, signed."""
        digest = hashlib.blake2b(f"etl ledger {self.schema}".encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big", signed=True)

    def conninfo(self, **more: str | int) -> str:
        """Return what to connect with; what the URL says itself stands."""
        stated = conninfo_to_dict(self.url)
        return make_conninfo(self.url, **{name: value for name, value in more.items() if name not in stated})

    def __str__(self) -> str:
        """Return it for people."""
        stated = {name: value for name, value in conninfo_to_dict(self.url).items() if name not in _SECRETS}
        host = stated.get("host") or stated.get("hostaddr") or stated.get("service") or "local socket"
        return f"{self.schema} in database {stated.get('dbname', 'of the account')} on {host}"


def address(url: str, *, target: str) -> Address:
    """Return where a target's ledger is.

    Raises:
        UsageError: libpq can't read the URL.
    """
    try:
        conninfo_to_dict(url)
    except Error:
        # Not chained: libpq repeats the URL.
        raise UsageError(
            "`ledger` in the job is no URL of PostgreSQL",
            hint='write it as ledger = "postgresql://user@host:5432/database"',
        ) from None
    return Address(url=url, schema=schema_name(target))


def schema_name(target: str) -> str:
    """Return the schema of a target: readable, and another one for another target."""
    digest = hashlib.blake2b(target.encode(), digest_size=6).hexdigest()
    words = re.sub(r"[^a-z0-9]+", "_", target.split("://", 1)[-1].lower()).strip("_")
    return f"etl_{words[: _NAME_BYTES - len(digest) - 5]}_{digest}"
