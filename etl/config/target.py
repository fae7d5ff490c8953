"""Where the messages go."""

from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from etl.config.values import Table

DEFAULT_PATH: Final = "/webbot/api/webchat/bot/{deployment_id}/messages/"
"""The newest of the three documented paths (platform fact S2c)."""


def check_base_url(url: str) -> None:
    """Check an address that credentials are sent to.

    Raises:
        ValueError: it is none, holds more than an address, or is plain http to another machine.
    """
    parts = urlsplit(url)
    _ = parts.port  # raises when it is none
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("base_url must be an https address, such as https://app.certainly.io")
    if parts.scheme == "http" and not is_loopback(url):
        raise ValueError("base_url must be https; plain http is for loopback only")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("base_url must hold no user, password, query or fragment")


def is_loopback(url: str) -> bool:
    """Return whether `url` points at this machine, where http without TLS is allowed."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Target(Table):
    """Where the messages go. One target owns one ledger."""

    deployment_id: Annotated[str, Field(min_length=1, pattern=r"^[A-Za-z0-9_-]+$")]
    """The `id` in the widget's embed script (a UUID); not the bot id of the builder's address bar."""
    base_url: str = "https://app.certainly.io"
    """The API's address: https, or http on loopback."""
    path: str = DEFAULT_PATH
    """The whole path, `{deployment_id}` replaced; keep the final slash."""
    auth_scheme: Annotated[str, Field(pattern=r"^[A-Za-z0-9._~+-]+$")] = "bearer"
    """The word before the token; the documented example writes it in lower case."""
    token_env: str = "ETL_TOKEN"  # noqa: S105  the name of a variable, no token
    """The environment variable that holds the Chat API token."""
    token_file: Path | None = None
    """A file that holds it instead; refused when others can read it."""
    token_keyring: str | None = None
    """The service name in the system's keyring that holds it instead (user name: the deployment id)."""
    ca_file: Path | None = None
    """Extra certificate authorities, PEM."""
    transport: Literal["own", "httpx"] = "own"
    """What carries the requests: `own` keeps connections for a moment and is fast, `httpx` opens one for
    each message. Both say of every failure whether the message may have been taken."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        check_base_url(self.base_url)
        if "{deployment_id}" not in self.path or not self.path.startswith("/"):
            raise ValueError("path must begin with / and hold {deployment_id}")
        if not self.path.endswith("/"):
            raise ValueError("path must end with /: without it the API redirects, which loses the message")
        if self.token_file is not None and self.token_keyring is not None:
            raise ValueError("token_file and token_keyring exclude each other")
        return self

    @property
    def url(self) -> str:
        """Return the address that messages are posted to."""
        return self.base_url.rstrip("/") + self.path.replace("{deployment_id}", self.deployment_id)
