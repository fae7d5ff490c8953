"""The address of a database as a job may name it: whole, and without a secret."""

from typing import Final
from urllib.parse import parse_qsl, urlsplit

_SCHEMES: Final = ("postgresql", "postgres")
_SECRETS: Final = frozenset({"password", "sslpassword", "oauth_client_secret"})


def ledger_problems(url: str | None) -> list[str]:
    """Return what is wrong with `ledger`, without its text, which may hold a password. Pure."""
    if url is None:
        return []
    try:
        parts = urlsplit(url)
        secret = parts.password is not None or _SECRETS & {name for name, _ in parse_qsl(parts.query)}
    except ValueError:
        return ["ledger is no URL: write postgresql://user@host:5432/database"]
    if parts.scheme not in _SCHEMES:
        return [
            "ledger must begin with postgresql:// (a ledger in a file needs no setting: it is in `state`)"
        ]
    if secret:
        return ["ledger must not hold a password: set PGPASSWORD, or keep it in ~/.pgpass (chmod 600)"]
    return []
